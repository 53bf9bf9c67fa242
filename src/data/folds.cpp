#include "sextant/folds.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "core/fingerprint.h"
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

std::uint64_t FoldSource::find_fingerprint() const {
  Fingerprint fingerprint;
  fingerprint.mix("fold");
  fingerprint.mix(source_.fingerprint());
  fingerprint.mix(folds_.seed);
  fingerprint.mix(folds_.count);
  fingerprint.mix(static_cast<std::uint64_t>(folds_.purpose));
  fingerprint.mix(fold_);
  fingerprint.mix(static_cast<std::uint64_t>(side_));
  return fingerprint.value();
}

void FoldSource::read(Index first, Index count, Block& block) const {
  block.resize(count, inputs(), targets());
  const Index K = folds_.count;
  const Index per_run = side_ == Side::inside ? 1 : K - 1;
  // As many runs at a time as make up about one block of the source, but none beyond those that are needed.
  const Index most_runs = std::max<Index>(1, count / K);
  Index run = first / per_run;
  Index skip = first % per_run;  // rows of ours in `run` before the first one wanted
  Index done = 0;
  while (done < count) {
    const Index begin = run * K;
    const Index runs = std::clamp<Index>((skip + count - done + per_run - 1) / per_run, 1, most_runs);
    const Index whole_rows = std::min(runs * K, source_.rows() - begin);
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

std::vector<Index> FoldSource::groups() const {
  const std::vector<Index> all = source_.groups();
  if (all.empty()) return {};
  std::vector<Index> own;
  own.reserve(static_cast<std::size_t>(rows_));
  const auto n = static_cast<Index>(all.size());
  for (Index run = 0; run * folds_.count < n; ++run) {
    const auto order = folds_.order(run);
    const Index begin = run * folds_.count;
    for (Index t = 0; t < std::min(folds_.count, n - begin); ++t)
      if (holds(order[static_cast<std::size_t>(t)])) own.push_back(all[static_cast<std::size_t>(begin + t)]);
  }
  return own;
}

std::vector<Index> grouped_folds(const std::vector<Index>& groups, Index count, std::uint64_t seed, Purpose purpose) {
  if (count < 2) throw InvalidArgument(fmt::format("folds: {} given, expected at least 2", count));
  std::map<Index, Index> sizes;
  for (const Index group : groups)
    if (group >= 0) ++sizes[group];
  if (static_cast<Index>(sizes.size()) < count)
    throw DataError(fmt::format("folds: {} given for {} group{}, expected at most as many folds as groups", count,
                                sizes.size(), sizes.size() == 1 ? "" : "s"));

  struct Group {
    Index name;
    Index size;
    std::uint64_t key;
  };
  const Stream random(seed, purpose);
  std::vector<Group> by_size;
  for (const auto& [name, size] : sizes) by_size.push_back({name, size, random.bits(by_size.size())});
  std::sort(by_size.begin(), by_size.end(), [](const Group& a, const Group& b) {
    return std::tie(b.size, a.key, a.name) < std::tie(a.size, b.key, b.name);
  });
  // Draws beyond those of the groups.
  const std::vector<Index> order = random.permutation(std::uint64_t{1} << 60U, count);
  std::vector<Index> rows(static_cast<std::size_t>(count), 0);  // of fold order[j]
  std::map<Index, Index> fold_of;
  for (const Group& group : by_size) {
    const auto fewest = std::min_element(rows.begin(), rows.end());
    *fewest += group.size;
    fold_of[group.name] = order[static_cast<std::size_t>(fewest - rows.begin())];
  }
  std::vector<Index> folds;
  folds.reserve(groups.size());
  for (const Index group : groups) folds.push_back(group < 0 ? -1 : fold_of.at(group));
  return folds;
}

}  // namespace sextant
