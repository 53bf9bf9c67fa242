// Rows of NumPy arrays as a RowSource.
#pragma once

#include <optional>
#include <vector>

#include "arrays.h"
#include "sextant/row_source.h"

namespace sextant::python {

// Holds the arrays X n×d and Y n×k, so that the source, which reads them where they lie, outlives no row.
class Rows {
 public:
  Rows(Array X, Array Y, const std::optional<Array>& weights, const std::optional<std::vector<Index>>& groups)
      : X_(std::move(X)),
        Y_(std::move(Y)),
        source_(matrix_view(X_, "X"), matrix_view(Y_, "y"),
                weights ? Vector(vector_view(*weights, "sample_weight")) : Vector(),
                groups.value_or(std::vector<Index>())) {}

  [[nodiscard]] const MemorySource& source() const { return source_; }

 private:
  Array X_;
  Array Y_;
  MemorySource source_;
};

}  // namespace sextant::python
