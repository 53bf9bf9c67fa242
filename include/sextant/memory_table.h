// Tables whose cells lie in memory (arrays and data frames of another language), and rows made of one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sextant/encoding.h"
#include "sextant/row_source.h"
#include "sextant/table.h"

namespace sextant {

// Views cells n×columns.size() where they lie (no copy), so they must outlive the table: numbers, of a text column
// indices of its levels, NaN where a cell is missing. Rows are called "row 1" and on.
class MemoryTable final : public Table {
 public:
  // Throws InvalidArgument for another number of columns and DataError for an infinite cell or one of a text column
  // that is no index of a level. `name` is what messages call the table. Costs a pass over the cells.
  MemoryTable(std::string name, std::vector<Column> columns, Eigen::Map<const Matrix> cells);

  void read(Index first, Index count, Matrix& cells) const override;
  [[nodiscard]] std::vector<MissingCells> missing() const override { return missing_; }
  [[nodiscard]] std::string where(Index row) const override;

 private:
  Eigen::Map<const Matrix> cells_;
  std::vector<MissingCells> missing_;
};

// Rows whose inputs are a table's, read through an encoding, and whose targets, weights and groups lie beside it.
class TableRows final : public RowSource {
 public:
  // `table` and Y n×k must outlive this; w n weights or empty for all 1, n groups ≥ 0 or empty for none. Under
  // Missing::drop, rows with a missing cell get weight 0. Throws what EncodedSource and MemorySource throw.
  TableRows(const Table& table, const Encoding& encoding, Eigen::Map<const Matrix> Y, Vector w = {},
            std::vector<Index> groups = {});

  [[nodiscard]] Index rows() const override { return inputs_.rows(); }
  [[nodiscard]] Index inputs() const override { return inputs_.inputs(); }
  [[nodiscard]] Index targets() const override { return beside_.targets(); }
  [[nodiscard]] bool has_missing() const override { return inputs_.has_missing(); }
  [[nodiscard]] InputKind input_kind(Index j) const override { return inputs_.input_kind(j); }
  [[nodiscard]] std::string input_label(Index j) const override { return inputs_.input_label(j); }
  [[nodiscard]] std::vector<Index> groups() const override { return beside_.groups(); }
  void read(Index first, Index count, Block& block) const override;

 private:
  bool drops_;
  EncodedSource inputs_;
  Matrix none_;  // no inputs of its own
  MemorySource beside_;
  mutable Block part_;
};

}  // namespace sextant
