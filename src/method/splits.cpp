#include "sextant/splits.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <utility>

#include "sextant/error.h"
#include "sextant/row_ranges.h"

namespace sextant {
namespace {

template <class Source>
Split owned(std::unique_ptr<Source> train, std::unique_ptr<Source> validation) {
  const RowSource* train_view = train.get();
  const RowSource* validation_view = validation.get();
  return {train_view, validation_view, std::move(train), std::move(validation)};
}

Split random_split(const RowSource& data, const Folds& folds, Index fold) {
  return owned(std::make_unique<FoldSource>(data, folds, fold, FoldSource::Side::outside),
               std::make_unique<FoldSource>(data, folds, fold, FoldSource::Side::inside));
}

// Rows 0 … begin − 1 to train on, begin … end − 1 to choose by.
Split ordered_split(const RowSource& data, Index begin, Index end) {
  RowRanges train;
  train.add(0, begin);
  RowRanges validation;
  validation.add(begin, end - begin);
  return owned(std::make_unique<RangeSource>(data, std::move(train)),
               std::make_unique<RangeSource>(data, std::move(validation)));
}

Split listed_split(const RowSource& data, const std::vector<Index>& fold_of_row, Index fold) {
  RowRanges train;
  RowRanges validation;
  for (std::size_t i = 0; i < fold_of_row.size(); ++i)
    (fold_of_row[i] == fold ? validation : train).add(static_cast<Index>(i));
  return owned(std::make_unique<RangeSource>(data, std::move(train)),
               std::make_unique<RangeSource>(data, std::move(validation)));
}

// The fold whose number of rows is nearest to an even share: one large group must not be what is held out if that can
// be helped.
Index most_even(const std::vector<Index>& fold_of_row, Index folds) {
  std::vector<Index> sizes(static_cast<std::size_t>(folds), 0);
  Index rows = 0;
  for (const Index fold : fold_of_row) {
    if (fold < 0) continue;
    ++sizes[static_cast<std::size_t>(fold)];
    ++rows;
  }
  const auto distance = [&](Index size) { return std::abs(size * folds - rows); };
  return std::min_element(sizes.begin(), sizes.end(), [&](Index a, Index b) { return distance(a) < distance(b); }) -
         sizes.begin();
}

Index count_groups(const std::vector<Index>& groups) {
  std::set<Index> distinct(groups.begin(), groups.end());
  distinct.erase(-1);
  return static_cast<Index>(distinct.size());
}

// Groups, or none, checked against what else divides the rows.
std::vector<Index> groups_of(const RowSource& data, const FitOptions& options) {
  std::vector<Index> groups = data.groups();
  if (groups.empty()) return groups;
  if (options.ordered) throw InvalidArgument("ordered: given together with groups, expected one of the two");
  if (count_groups(groups) < 2)
    throw DataError(
        "fit: every row is of the same group, expected at least 2 groups: one to train on, one to choose by");
  return groups;
}

// Of each row its class, −1 where it does not count; empty where targets are no classes. Costs a reading.
std::vector<Index> classes_of(const RowSource& data, const FitOptions& options) {
  constexpr Index at_once = 1024;
  std::vector<Index> classes;
  if (options.task != Task::classification || options.ordered || data.targets() < 2) return classes;
  Block block;
  for (Index first = 0; first < data.rows(); first += at_once) {
    data.read(first, std::min(at_once, data.rows() - first), block);
    for (Index i = 0; i < block.rows(); ++i) {
      Index at = 0;
      const bool counts = block.w[i] > 0 && block.Y.row(i).maxCoeff(&at) > 0;
      classes.push_back(counts ? at : -1);
    }
  }
  return classes;
}

// The fold of each row by group, by class or by both; empty where rows have neither.
std::vector<Index> folds_of_rows(const std::vector<Index>& groups, const std::vector<Index>& classes, Index folds,
                                 std::uint64_t seed, Purpose purpose) {
  if (groups.empty()) return classes.empty() ? classes : stratified_folds(classes, folds, seed, purpose);
  return classes.empty() ? grouped_folds(groups, folds, seed, purpose)
                         : stratified_grouped_folds(groups, classes, folds, seed, purpose);
}

// The fold that is held out: that with the most classes of which there are rows outside it too, then the most even one.
Index held_out_fold(const std::vector<Index>& fold_of_row, const std::vector<Index>& classes, Index folds) {
  if (classes.empty()) return most_even(fold_of_row, folds);
  const Index k = 1 + *std::ranges::max_element(classes);
  std::vector<std::vector<Index>> rows(static_cast<std::size_t>(folds),
                                       std::vector<Index>(static_cast<std::size_t>(k)));
  std::vector<Index> all(static_cast<std::size_t>(k));
  for (std::size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] < 0 || fold_of_row[i] < 0) continue;
    ++rows[static_cast<std::size_t>(fold_of_row[i])][static_cast<std::size_t>(classes[i])];
    ++all[static_cast<std::size_t>(classes[i])];
  }
  const auto on_both_sides = [&](Index fold) {
    Index count = 0;
    for (std::size_t c = 0; c < all.size(); ++c) {
      const Index inside = rows[static_cast<std::size_t>(fold)][c];
      count += inside > 0 && inside < all[c] ? 1 : 0;
    }
    return count;
  };
  Index most = 0;
  for (Index fold = 0; fold < folds; ++fold) most = std::max(most, on_both_sides(fold));
  Index best = -1;
  Index distance = 0;
  for (Index fold = 0; fold < folds; ++fold) {
    if (on_both_sides(fold) < most) continue;
    const auto size = static_cast<Index>(std::ranges::count(fold_of_row, fold));
    const Index from_even = std::abs(size * folds - static_cast<Index>(fold_of_row.size()));
    if (best < 0 || from_even < distance) {
      best = fold;
      distance = from_even;
    }
  }
  return best;
}

}  // namespace

Split hold_out(const RowSource& data, double share, const FitOptions& options, Purpose purpose) {
  const Index n = data.rows();
  const std::vector<Index> groups = groups_of(data, options);
  if (options.ordered) {
    const auto held_out = static_cast<Index>(std::lround(share * static_cast<double>(n)));
    return ordered_split(data, n - std::clamp<Index>(held_out, 1, std::max<Index>(1, n - 1)), n);
  }
  const Index parts = std::clamp<Index>(std::lround(1.0 / share), 2, std::max<Index>(2, n));
  const std::vector<Index> classes = classes_of(data, options);
  if (groups.empty() && classes.empty()) return random_split(data, {options.seed, parts, purpose}, 0);
  const Index folds = groups.empty() ? parts : std::min(parts, count_groups(groups));
  const std::vector<Index> fold_of_row = folds_of_rows(groups, classes, folds, options.seed, purpose);
  return listed_split(data, fold_of_row, held_out_fold(fold_of_row, classes, folds));
}

Index most_folds(const RowSource& data, const FitOptions& options) {
  if (options.ordered) return data.rows() - 1;
  const std::vector<Index> groups = data.groups();
  return groups.empty() ? data.rows() : count_groups(groups);
}

std::vector<Split> make_splits(const RowSource& data, const RowSource* validation, const FitOptions& options) {
  std::vector<Split> splits;
  if (validation != nullptr) {
    if (options.folds)
      throw InvalidArgument(
          fmt::format("folds: {} given together with validation rows, expected one of the two", *options.folds));
    if (validation->inputs() != data.inputs() || validation->targets() != data.targets())
      throw DataError(fmt::format("validation: {} inputs and {} targets, expected {} and {} as in the training rows",
                                  validation->inputs(), validation->targets(), data.inputs(), data.targets()));
    splits.push_back({&data, validation, nullptr, nullptr});
    return splits;
  }
  const Index n = data.rows();
  if (n < 2)
    throw DataError(
        fmt::format("fit: {} row in the table, expected at least 2: one to train on, one to validate on", n));
  if (!options.folds) {
    splits.push_back(hold_out(data, options.validation_share, options, Purpose::folds));
    return splits;
  }
  const std::vector<Index> groups = groups_of(data, options);
  const Index K = *options.folds;
  if (options.ordered) {
    if (n <= K)
      throw DataError(
          fmt::format("folds: {} given for {} rows in order, expected more rows than folds: fold j is chosen "
                      "by block j + 1 of {}",
                      K, n, K + 1));
    const auto block = [&](Index j) { return n * j / (K + 1); };  // where it begins
    for (Index j = 1; j <= K; ++j) splits.push_back(ordered_split(data, block(j), block(j + 1)));
    return splits;
  }
  const Index count = groups.empty() ? std::min(K, n) : K;
  const std::vector<Index> fold_of_row =
      folds_of_rows(groups, classes_of(data, options), count, options.seed, Purpose::folds);
  if (!fold_of_row.empty()) {
    for (Index fold = 0; fold < count; ++fold) splits.push_back(listed_split(data, fold_of_row, fold));
    return splits;
  }
  const Folds folds{options.seed, std::min(K, n), Purpose::folds};
  for (Index fold = 0; fold < folds.count; ++fold) splits.push_back(random_split(data, folds, fold));
  return splits;
}

}  // namespace sextant
