# HDF5's C library without MPI, which Debian puts under hdf5/serial. CMake's own FindHDF5 compiles a C program, which a
# C++ project cannot. Defines the target SerialHdf5::SerialHdf5 and SerialHdf5_VERSION.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_search_module(PC_HDF5 QUIET hdf5-serial hdf5)
endif()
find_path(SerialHdf5_INCLUDE_DIR hdf5.h HINTS ${PC_HDF5_INCLUDE_DIRS} PATH_SUFFIXES hdf5/serial)
find_library(SerialHdf5_LIBRARY hdf5 HINTS ${PC_HDF5_LIBRARY_DIRS} PATH_SUFFIXES hdf5/serial)

if(SerialHdf5_INCLUDE_DIR)
  set(version "")
  foreach(part MAJOR MINOR RELEASE)
    file(STRINGS ${SerialHdf5_INCLUDE_DIR}/H5public.h line REGEX "#define H5_VERS_${part}[ \t]")
    string(REGEX MATCH "H5_VERS_${part}[ \t]+([0-9]+)" line "${line}")
    list(APPEND version ${CMAKE_MATCH_1})
  endforeach()
  list(JOIN version "." SerialHdf5_VERSION)
  # A parallel build's headers want MPI's, and its library is another one.
  file(STRINGS ${SerialHdf5_INCLUDE_DIR}/H5pubconf.h parallel REGEX "#define H5_HAVE_PARALLEL 1")
  if(parallel)
    set(SerialHdf5_NOT_FOUND_MESSAGE "${SerialHdf5_INCLUDE_DIR} is of a build with MPI")
    set(SerialHdf5_IS_SERIAL FALSE)
  else()
    set(SerialHdf5_IS_SERIAL TRUE)
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  SerialHdf5 REQUIRED_VARS SerialHdf5_LIBRARY SerialHdf5_INCLUDE_DIR SerialHdf5_IS_SERIAL
  VERSION_VAR SerialHdf5_VERSION REASON_FAILURE_MESSAGE "${SerialHdf5_NOT_FOUND_MESSAGE}")
if(SerialHdf5_FOUND AND NOT TARGET SerialHdf5::SerialHdf5)
  add_library(SerialHdf5::SerialHdf5 INTERFACE IMPORTED)
  target_include_directories(SerialHdf5::SerialHdf5 SYSTEM INTERFACE ${SerialHdf5_INCLUDE_DIR})
  target_link_libraries(SerialHdf5::SerialHdf5 INTERFACE ${SerialHdf5_LIBRARY})
endif()
