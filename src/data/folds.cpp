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
    : RowView(source), folds_(folds), fold_(fold), side_(side), rows_(0) {
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

std::vector<Index> stratified_folds(const std::vector<Index>& classes, Index count, std::uint64_t seed,
                                    Purpose purpose) {
  if (count < 2) throw InvalidArgument(fmt::format("folds: {} given, expected at least 2", count));
  std::map<Index, std::vector<std::size_t>> rows_of;
  for (std::size_t i = 0; i < classes.size(); ++i) rows_of[classes[i]].push_back(i);
  const Stream random(seed, purpose);
  std::uint64_t run = 0;
  std::vector<Index> sizes(static_cast<std::size_t>(count), 0);
  std::vector<Index> folds(classes.size());
  for (const auto& [name, rows] : rows_of) {
    for (std::size_t first = 0; first < rows.size(); first += static_cast<std::size_t>(count), ++run) {
      std::vector<Index> order = random.permutation(run * static_cast<std::uint64_t>(count), count);
      const std::size_t here = std::min(rows.size() - first, order.size());
      if (here < order.size())
        std::ranges::stable_sort(order, {}, [&](Index fold) { return sizes[static_cast<std::size_t>(fold)]; });
      for (std::size_t t = 0; t < here; ++t) {
        folds[rows[first + t]] = order[t];
        ++sizes[static_cast<std::size_t>(order[t])];
      }
    }
  }
  return folds;
}

std::vector<Index> stratified_grouped_folds(const std::vector<Index>& groups, const std::vector<Index>& classes,
                                            Index count, std::uint64_t seed, Purpose purpose) {
  struct Group {
    std::map<Index, Index> rows_of;  // class → its rows
    Index rows = 0;
    std::uint64_t key = 0;
    double share = 0;  // Σ of those that it has of its classes
  };
  std::map<Index, Group> by_name;
  std::map<Index, Index> all;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (groups[i] < 0) continue;
    Group& group = by_name[groups[i]];
    ++group.rows;
    if (classes[i] < 0) continue;
    ++group.rows_of[classes[i]];
    ++all[classes[i]];
  }
  (void)grouped_folds(groups, count, seed, purpose);  // throws what it throws
  const Stream random(seed, purpose);
  std::vector<std::pair<Index, Group*>> order;
  for (auto& [name, group] : by_name) {
    group.key = random.bits(order.size());
    for (const auto& [of, rows] : group.rows_of)
      group.share += static_cast<double>(rows) / static_cast<double>(all[of]);
    order.emplace_back(name, &group);
  }
  std::ranges::sort(order, {}, [](const auto& each) {
    const Group& group = *each.second;
    return std::tuple(-group.share, -group.rows, group.key, each.first);
  });
  const std::vector<Index> folds = random.permutation(std::uint64_t{1} << 60U, count);  // beyond the groups' draws
  struct Placed {
    std::map<Index, Index> rows_of;
    Index rows = 0;
  };
  std::vector<Placed> placed(static_cast<std::size_t>(count));  // in fold folds[j]
  std::map<Index, Index> placed_of;                             // class → its rows in all of them
  const auto n = static_cast<double>(groups.size());
  std::map<Index, Index> fold_of;
  for (const auto& [name, group] : order) {
    const auto cost = [&, of_group = group](std::size_t j) {
      Index alone = 0;  // classes that would stay in this fold alone
      double growth = static_cast<double>(placed[j].rows) * static_cast<double>(of_group->rows) / (n * n);
      for (const auto& [of, rows] : of_group->rows_of) {
        const auto found = placed[j].rows_of.find(of);
        const Index here = found == placed[j].rows_of.end() ? 0 : found->second;
        if (here > 0 && here == placed_of[of]) ++alone;
        const auto whole = static_cast<double>(all[of]);
        growth += static_cast<double>(here) * static_cast<double>(rows) / (whole * whole);
      }
      return std::tuple(alone, growth, placed[j].rows);
    };
    std::size_t best = 0;
    for (std::size_t j = 1; j < placed.size(); ++j)
      if (cost(j) < cost(best)) best = j;
    placed[best].rows += group->rows;
    for (const auto& [of, rows] : group->rows_of) {
      placed[best].rows_of[of] += rows;
      placed_of[of] += rows;
    }
    fold_of[name] = folds[best];
  }
  std::vector<Index> result;
  result.reserve(groups.size());
  for (const Index group : groups) result.push_back(group < 0 ? -1 : fold_of.at(group));
  return result;
}

}  // namespace sextant
