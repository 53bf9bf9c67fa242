// How to run: threads, block size, progress. Passed to everything that works for long. Nothing here changes a result
// beyond rounding, and the number of threads not even that.
#pragma once

#include <functional>
#include <string_view>

#include "sextant/matrix.h"

namespace sextant {

class Checkpoint;
class Ranks;

struct Progress {
  std::string_view stage;  // "gradient", "features", …
  double fraction = 0;     // of this stage, in [0, 1]
};

struct Context {
  int threads = 0;          // ≥ 1, or 0 for all cores
  Index block_rows = 1024;  // rows per block of a pass; ≥ 1
  // Called between blocks, from the calling thread; returning false cancels the work, which then throws Cancelled.
  std::function<bool(const Progress&)> progress = {};
  // The processes that share the work (ranks.h), this one among them; null for this one alone.
  Ranks* ranks = nullptr;
  // Where long work keeps what it has found and takes it from (checkpoint.h); null: nowhere.
  Checkpoint* checkpoint = nullptr;

  // Throws InvalidArgument naming the field, its value and the rule.
  void check() const;
  // The number of threads to use: `threads`, or the cores that this process may run on.
  [[nodiscard]] int thread_count() const;
  // Tells `progress`, if there is one; throws Cancelled when it returns false.
  void report(std::string_view stage, double fraction) const;
};

}  // namespace sextant
