# OpenBLAS through CBLAS, and LAPACKE. Debian's libopenblas exports CBLAS and Fortran LAPACK but not LAPACKE, which is a
# library of its own on top. Defines the target OpenBlasLapacke::OpenBlasLapacke.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_OPENBLAS QUIET openblas)
endif()
find_path(OpenBlasLapacke_CBLAS_INCLUDE cblas.h HINTS ${PC_OPENBLAS_INCLUDE_DIRS} PATH_SUFFIXES openblas-pthread openblas)
find_path(OpenBlasLapacke_LAPACKE_INCLUDE lapacke.h PATH_SUFFIXES openblas lapacke)
find_library(OpenBlasLapacke_BLAS openblas HINTS ${PC_OPENBLAS_LIBRARY_DIRS} PATH_SUFFIXES openblas-pthread)
find_library(OpenBlasLapacke_LAPACKE lapacke)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  OpenBlasLapacke REQUIRED_VARS OpenBlasLapacke_BLAS OpenBlasLapacke_LAPACKE OpenBlasLapacke_CBLAS_INCLUDE
                                OpenBlasLapacke_LAPACKE_INCLUDE)
if(OpenBlasLapacke_FOUND AND NOT TARGET OpenBlasLapacke::OpenBlasLapacke)
  add_library(OpenBlasLapacke::OpenBlasLapacke INTERFACE IMPORTED)
  target_include_directories(OpenBlasLapacke::OpenBlasLapacke SYSTEM INTERFACE ${OpenBlasLapacke_CBLAS_INCLUDE}
                                                                                ${OpenBlasLapacke_LAPACKE_INCLUDE})
  target_link_libraries(OpenBlasLapacke::OpenBlasLapacke INTERFACE ${OpenBlasLapacke_LAPACKE} ${OpenBlasLapacke_BLAS})
endif()
