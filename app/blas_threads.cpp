#include "blas_threads.h"

extern "C" {
void openblas_set_num_threads(int count) __attribute__((weak));
int blas_thread_shutdown_() __attribute__((weak));
}

namespace sextant::app {

void end_blas_threads() {
  if (openblas_set_num_threads == nullptr || blas_thread_shutdown_ == nullptr) return;
  openblas_set_num_threads(1);  // else the next to set a number starts them again
  blas_thread_shutdown_();
}

}  // namespace sextant::app
