#include "sextant/folds.h"

#include <fmt/core.h>

#include <algorithm>

#include "sextant/error.h"

namespace sextant {

std::vector<Index> Folds::order(Index run) const {
  return Stream(seed, purpose).permutation(static_cast<std::uint64_t>(run) * static_cast<std::uint64_t>(count), count);
}

FoldSource::FoldSource(const RowSource& source, Folds folds, Index fold, Side side)
    : source_(source), folds_(folds), fold_(fold), side_(side), rows_(0) {
  if (folds.count < 2) throw InvalidArgument(fmt::format("folds: {} given, expected at least 2", folds.count));
  const Index runs = source.rows() / folds.count;
  const auto last = folds.order(runs);
  const auto in_last =
      std::count_if(last.begin(), last.begin() + source.rows() % folds.count, [&](Index f) { return holds(f); });
  rows_ = runs * (side == Side::inside ? 1 : folds.count - 1) + in_last;
}

void FoldSource::read(Index first, Index count, Block& block) const {
  block.resize(count, inputs(), targets());
  const Index K = folds_.count;
  const Index per_run = side_ == Side::inside ? 1 : K - 1;
  // As many runs at a time as make up about one block of the source.
  const Index runs_at_once = std::max<Index>(1, count / K);
  Index run = first / per_run;
  Index skip = first % per_run;  // rows of ours in `run` before the first one wanted
  Index done = 0;
  while (done < count) {
    const Index begin = run * K;
    const Index whole_rows = std::min(runs_at_once * K, source_.rows() - begin);
    source_.read(begin, whole_rows, whole_);
    for (Index at = 0; at < whole_rows && done < count; at += K, ++run) {
      const auto order = folds_.order(run);
      for (Index t = 0; t < std::min(K, whole_rows - at) && done < count; ++t) {
        if (!holds(order[static_cast<std::size_t>(t)])) continue;
        if (skip > 0) {
          --skip;
          continue;
        }
        block.X.row(done) = whole_.X.row(at + t);
        block.Y.row(done) = whole_.Y.row(at + t);
        block.w[done] = whole_.w[at + t];
        ++done;
      }
    }
  }
}

}  // namespace sextant
