// One level of threads: tiles run in parallel, BLAS on one thread inside. Private to the library.
#pragma once

#include <functional>

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

}  // namespace sextant
