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

Split grouped_split(const RowSource& data, const std::vector<Index>& fold_of_row, Index fold) {
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

}  // namespace

Split hold_out(const RowSource& data, double share, const FitOptions& options, Purpose purpose) {
  const Index n = data.rows();
  const std::vector<Index> groups = groups_of(data, options);
  if (options.ordered) {
    const auto held_out = static_cast<Index>(std::lround(share * static_cast<double>(n)));
    return ordered_split(data, n - std::clamp<Index>(held_out, 1, std::max<Index>(1, n - 1)), n);
  }
  const Index parts = std::clamp<Index>(std::lround(1.0 / share), 2, std::max<Index>(2, n));
  if (groups.empty()) return random_split(data, {options.seed, parts, purpose}, 0);
  const Index folds = std::min(parts, count_groups(groups));
  const std::vector<Index> fold_of_row = grouped_folds(groups, folds, options.seed, purpose);
  return grouped_split(data, fold_of_row, most_even(fold_of_row, folds));
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
  if (!groups.empty()) {
    const std::vector<Index> fold_of_row = grouped_folds(groups, K, options.seed, Purpose::folds);
    for (Index fold = 0; fold < K; ++fold) splits.push_back(grouped_split(data, fold_of_row, fold));
    return splits;
  }
  const Folds folds{options.seed, std::min(K, n), Purpose::folds};
  for (Index fold = 0; fold < folds.count; ++fold) splits.push_back(random_split(data, folds, fold));
  return splits;
}

}  // namespace sextant
