#include "process.h"

#include <cstdlib>  // says whose C library it is

#ifdef __GLIBC__
#include <malloc.h>
#endif

// Of OpenBLAS; absent from one without threads.
extern "C" {
void openblas_set_num_threads(int count) __attribute__((weak));
int blas_thread_shutdown_() __attribute__((weak));
}

namespace sextant::app {

void prepare_process() {
  if (openblas_set_num_threads != nullptr && blas_thread_shutdown_ != nullptr) {
    openblas_set_num_threads(1);  // else the next to set a number starts them again
    blas_thread_shutdown_();
  }
#ifdef __GLIBC__
  constexpr int of_matrices = 32 << 20;  // bytes: the most that malloc lets be kept
  mallopt(M_MMAP_THRESHOLD, of_matrices);
  mallopt(M_TRIM_THRESHOLD, 8 * of_matrices);
#endif
}

}  // namespace sextant::app
