#include "core/parallel.h"

#include <cblas.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <limits>
#include <mutex>
#include <vector>

namespace sextant {
namespace {

std::mutex guard_mutex;
int guards = 0;
int threads_found = 1;

// An exception of a team of threads, kept until all of them have stopped: of the work with the smallest number, which
// does not depend on the threads where work is begun in the order of its numbers.
class Failure {
 public:
  explicit operator bool() const { return number_ < none; }
  // Calls work(), unless work of this or a smaller number has failed before.
  template <class Work>
  void guard(Index number, const Work& work) {
    if (number_ <= number) return;
    try {
      work();
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      if (number_ <= number) return;
      number_ = number;
      first_ = std::current_exception();
    }
  }
  void rethrow() const {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  static constexpr Index none = std::numeric_limits<Index>::max();
  std::atomic<Index> number_ = none;
  std::exception_ptr first_;
  std::mutex mutex_;
};

}  // namespace

SingleThreadedBlas::SingleThreadedBlas() {
  const std::scoped_lock lock(guard_mutex);
  if (guards++ > 0) return;
  threads_found = openblas_get_num_threads();
  if (threads_found != 1) openblas_set_num_threads(1);
}

SingleThreadedBlas::~SingleThreadedBlas() {
  const std::scoped_lock lock(guard_mutex);
  if (--guards == 0 && threads_found != 1) openblas_set_num_threads(threads_found);
}

void parallel_tiles(int threads, Index tiles, const std::function<void(Index)>& work) {
  const SingleThreadedBlas guard;
  Failure failure;
  const int team = static_cast<int>(std::clamp<Index>(tiles, 1, threads));
#pragma omp parallel for schedule(dynamic, 1) num_threads(team) if (team > 1)
  for (Index tile = 0; tile < tiles; ++tile) failure.guard(tile, [&] { work(tile); });
  failure.rethrow();
}

Index parallel_stages(int threads, Index items, const std::function<void(Index, int)>& feed,
                      const std::vector<TiledStage>& stages, const std::function<bool(Index)>& enough) {
  const SingleThreadedBlas guard;
  Failure failure;
  Index widest = 1;
  int lanes = 0;
  for (const TiledStage& stage : stages) {
    widest = std::max(widest, stage.tiles);
    lanes = std::max(lanes, stage.lane + 1);
  }
  // Addresses that stand for what tasks wait for: whatever belongs to the item in a slot, and a tile's turn in a lane.
  [[maybe_unused]] char slots[items_in_flight];
  std::vector<char> turns(static_cast<std::size_t>(lanes * widest));
  const int team = static_cast<int>(std::clamp<Index>(widest, 1, threads));
  // One thread needs no second item in its cache.
  const Index in_flight = team > 1 ? std::min(2 + team / 2, items_in_flight) : 1;
  Index taken = 0;
#pragma omp parallel num_threads(team) if (team > 1)
#pragma omp master
  for (Index item = 0; item < items && !failure && !(enough && enough(item)); taken = ++item) {
    const int slot = static_cast<int>(item % in_flight);
#pragma omp taskwait depend(inout : slots[slot])
    failure.guard(item, [&] { feed(item, slot); });
    for (const TiledStage& stage : stages) {
      for (Index tile = 0; tile < stage.tiles; ++tile) {
        [[maybe_unused]] char* turn = &turns[static_cast<std::size_t>(stage.lane * widest + tile)];
        const TiledStage* const one = &stage;  // the loop's reference is gone when the task runs
        // clang-format off
#pragma omp task default(none) shared(failure) firstprivate(one, item, slot, tile) depend(in : slots[slot]) depend(inout : *turn)
        // clang-format on
        failure.guard(item, [&] { one->work(slot, tile); });
      }
      // Tiles of a stage read the slot; what writes it, though it does nothing, comes after all of them.
#pragma omp task depend(inout : slots[slot])
      {}
    }
  }
  failure.rethrow();
  return taken;
}

}  // namespace sextant
