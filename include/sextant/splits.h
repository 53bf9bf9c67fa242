// How training rows are divided into rows to learn from and rows to choose by (docs/method.md, "Choosing λ").
#pragma once

#include <memory>
#include <vector>

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

// With `validation` one split, of these two; else one fold of round(1/validation_share) held out, or each of
// options.folds in turn (at most one per row). The sources must outlive the splits. Throws DataError when `validation`
// has other inputs or targets or there are fewer than 2 rows to divide, InvalidArgument when folds are given together
// with validation rows.
[[nodiscard]] std::vector<Split> make_splits(const RowSource& data, const RowSource* validation,
                                             const FitOptions& options);

}  // namespace sextant
