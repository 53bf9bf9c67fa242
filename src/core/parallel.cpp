#include "core/parallel.h"

#include <cblas.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>

namespace sextant {
namespace {

std::mutex guard_mutex;
int guards = 0;
int threads_found = 1;

}  // namespace

SingleThreadedBlas::SingleThreadedBlas() {
  const std::scoped_lock lock(guard_mutex);
  if (guards++ > 0) return;
  threads_found = openblas_get_num_threads();
  openblas_set_num_threads(1);
}

SingleThreadedBlas::~SingleThreadedBlas() {
  const std::scoped_lock lock(guard_mutex);
  if (--guards == 0) openblas_set_num_threads(threads_found);
}

void parallel_tiles(int threads, Index tiles, const std::function<void(Index)>& work) {
  const SingleThreadedBlas guard;
  std::exception_ptr failure;
  std::mutex failure_mutex;
  std::atomic<bool> failed = false;
  const int team = static_cast<int>(std::clamp<Index>(tiles, 1, threads));
#pragma omp parallel for schedule(dynamic, 1) num_threads(team) if (team > 1)
  for (Index tile = 0; tile < tiles; ++tile) {
    if (failed) continue;
    try {
      work(tile);
    } catch (...) {
      const std::scoped_lock lock(failure_mutex);
      if (!failed.exchange(true)) failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace sextant
