// How training rows are divided into rows to learn from and rows to choose by (docs/method.md, "Choosing λ").
//
// At random, by folds.h, and where targets are classes each class evenly; by group, so that rows of one group stay on
// one side, where the source has groups; or in time, where options.ordered says that rows come in its order: then no
// rows are learned from that lie after those chosen by.
#pragma once

#include <memory>
#include <vector>

#include "sextant/folds.h"
#include "sextant/options.h"
#include "sextant/row_source.h"

namespace sextant {

// Rows to learn from and rows to choose by; no stage that learns on the first may see the second.
struct Split {
  const RowSource* train = nullptr;
  const RowSource* validation = nullptr;
  // What the two point to, unless the caller owns it.
  std::unique_ptr<RowSource> own_train;
  std::unique_ptr<RowSource> own_validation;
};

// One split: a share of the rows is held out. At random one fold of round(1/share); with groups the fold of
// min(round(1/share), number of groups) whose size is nearest to an even share; ordered the last round(share·n) rows.
// The source must outlive it. Throws InvalidArgument when options.ordered is given with groups, DataError when there is
// only one group.
[[nodiscard]] Split hold_out(const RowSource& data, double share, const FitOptions& options, Purpose purpose);

// The largest options.folds that `data` allows: one per row or group, or one per row but the first where ordered.
[[nodiscard]] Index most_folds(const RowSource& data, const FitOptions& options);

// With `validation` one split, of these two; else options.validation_share of the rows held out, or each of
// options.folds in turn (at most one per row). K ordered folds are windows that expand: of K + 1 equal blocks of rows,
// fold j is chosen by on block j + 1 and learned from on all blocks before. The sources must outlive the splits. Throws
// DataError when `validation` has other inputs or targets, there are fewer than 2 rows to divide, or fewer groups or
// blocks than folds; InvalidArgument when folds are given together with validation rows, or as hold_out does.
[[nodiscard]] std::vector<Split> make_splits(const RowSource& data, const RowSource* validation,
                                             const FitOptions& options);

}  // namespace sextant
