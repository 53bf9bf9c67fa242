# LIBXSMM comes with pkg-config files alone. Defines the target LibXsmm::LibXsmm and LibXsmm_VERSION. Version 2 has another
# interface.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_LIBXSMM QUIET libxsmm)
endif()
find_path(LibXsmm_INCLUDE libxsmm.h HINTS ${PC_LIBXSMM_INCLUDE_DIRS})
find_library(LibXsmm_LIBRARY xsmm HINTS ${PC_LIBXSMM_LIBRARY_DIRS})
set(LibXsmm_VERSION ${PC_LIBXSMM_VERSION})

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibXsmm REQUIRED_VARS LibXsmm_LIBRARY LibXsmm_INCLUDE
                                  VERSION_VAR LibXsmm_VERSION HANDLE_VERSION_RANGE)
if(LibXsmm_FOUND AND NOT TARGET LibXsmm::LibXsmm)
  find_package(Threads REQUIRED)
  add_library(LibXsmm::LibXsmm INTERFACE IMPORTED)
  target_include_directories(LibXsmm::LibXsmm SYSTEM INTERFACE ${LibXsmm_INCLUDE})
  target_link_libraries(LibXsmm::LibXsmm INTERFACE ${LibXsmm_LIBRARY} Threads::Threads ${CMAKE_DL_LIBS} rt m)
endif()
