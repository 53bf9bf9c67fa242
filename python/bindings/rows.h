// Rows of NumPy arrays as a RowSource.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "arrays.h"
#include "sextant/memory_table.h"
#include "sextant/row_source.h"

namespace sextant::python {

// Columns of an array or data frame whose cells lie in memory, n×columns, some of them perhaps missing (NaN).
class Cells {
 public:
  Cells(Array cells, std::vector<Column> columns, const std::string& name)
      : cells_(std::move(cells)), table_(name, std::move(columns), matrix_view(cells_, "X")) {}
  [[nodiscard]] const MemoryTable& table() const { return table_; }

 private:
  Array cells_;
  MemoryTable table_;
};

// Holds the arrays, so that the source, which reads them where they lie, outlives no row.
class Rows {
 public:
  // X n×d and Y n×k.
  Rows(Array X, Array Y, const std::optional<Array>& weights, const std::optional<std::vector<Index>>& groups)
      : X_(std::move(X)),
        Y_(std::move(Y)),
        source_(std::make_unique<MemorySource>(matrix_view(X_, "X"), matrix_view(Y_, "y"), vector_of(weights),
                                               groups.value_or(std::vector<Index>()))) {}
  // Inputs are read through an encoding.
  Rows(std::shared_ptr<Cells> cells, const Encoding& encoding, Array Y, const std::optional<Array>& weights,
       const std::optional<std::vector<Index>>& groups)
      : Y_(std::move(Y)),
        cells_(std::move(cells)),
        source_(std::make_unique<TableRows>(cells_->table(), encoding, matrix_view(Y_, "y"), vector_of(weights),
                                            groups.value_or(std::vector<Index>()))) {}

  [[nodiscard]] const RowSource& source() const { return *source_; }

 private:
  static Vector vector_of(const std::optional<Array>& weights) {
    return weights ? Vector(vector_view(*weights, "sample_weight")) : Vector();
  }

  Array X_;
  Array Y_;
  std::shared_ptr<Cells> cells_;
  std::unique_ptr<RowSource> source_;
};

}  // namespace sextant::python
