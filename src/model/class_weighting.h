// Rows as a model of classes is learned from and chosen by, and what it says of those held out. Private to the model
// layer.
#pragma once

#include <optional>

#include "sextant/class_weights.h"
#include "sextant/context.h"
#include "sextant/intervals.h"
#include "sextant/model.h"
#include "sextant/row_source.h"

namespace sextant {

// Σ w of each class's rows, k, with the number of rows that count. One pass.
struct RowsOfClasses {
  Vector weight;
  Index rows = 0;
};
[[nodiscard]] RowsOfClasses rows_of_classes(const RowSource& data, const Context& context);

// Rows and validation rows, weighted by class where the options say so; both must outlive it. `validation` may be null.
class WeightedRows {
 public:
  WeightedRows(const RowSource& data, const RowSource* validation, const FitOptions& options, const Context& context);

  [[nodiscard]] const RowSource& rows() const { return rows_ ? *rows_ : data_; }
  [[nodiscard]] const RowSource* validation() const { return validation_ ? &*validation_ : validation_rows_; }
  [[nodiscard]] const Vector& factors() const { return factors_; }  // k, or empty

 private:
  const RowSource& data_;
  const RowSource* validation_rows_;
  Vector factors_;
  std::optional<ClassWeightedSource> rows_;
  std::optional<ClassWeightedSource> validation_;
};

// Calibrated on held-out rows, which are weighted by `factors` as `rows`, all rows that are learned from, are.
[[nodiscard]] Classification classification_of(const RowSource& rows, const HeldOut& held_out, const Vector& factors,
                                               const Context& context);

}  // namespace sextant
