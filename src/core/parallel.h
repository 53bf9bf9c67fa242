// One level of threads: tiles run in parallel, BLAS on one thread inside. Private to the library.
#pragma once

#include <functional>
#include <vector>

#include "sextant/matrix.h"

namespace sextant {

// Holds BLAS to one thread while any guard lives, then restores what the first one found (NumPy, say, shares the
// process's OpenBLAS). Safe to nest and to use from several threads.
class SingleThreadedBlas {
 public:
  SingleThreadedBlas();
  ~SingleThreadedBlas();
  SingleThreadedBlas(const SingleThreadedBlas&) = delete;
  SingleThreadedBlas& operator=(const SingleThreadedBlas&) = delete;
};

// Calls work(tile) for tile = 0 … tiles−1 on up to `threads` threads, in any order. The first exception is rethrown
// here after all threads have stopped: one that left an OpenMP region would end the process.
void parallel_tiles(int threads, Index tiles, const std::function<void(Index tile)>& work);

// One step of the work on an item (a block of rows, say), in tiles. What tiles of one number do in stages of one lane
// is done in order: of items, and of stages within an item. So a lane may keep a sum per tile.
struct TiledStage {
  Index tiles;
  int lane;
  std::function<void(int slot, Index tile)> work;
};

// At most, on eight threads and more: three on two threads, and one more for every two. On one, an item is done with
// before the next begins.
constexpr int items_in_flight = 6;

// Takes items 0 … items−1 through `stages`, on up to `threads` threads. feed(item, slot) makes an item ready, on the
// calling thread and in order; slot < items_in_flight is a place for what belongs to the item, whose former item is
// through. A stage of an item begins when the item's stage before it is complete, and a tile when it is its turn in its
// lane. There are no other barriers, so that the next item is read while tiles of this one run. Ends before an item of
// which enough(item) says so, asked on the calling thread. Returns how many items went through. Exceptions as in
// parallel_tiles.
Index parallel_stages(int threads, Index items, const std::function<void(Index item, int slot)>& feed,
                      const std::vector<TiledStage>& stages, const std::function<bool(Index item)>& enough = {});

}  // namespace sextant
