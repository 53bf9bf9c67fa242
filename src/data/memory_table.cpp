#include "sextant/memory_table.h"

#include <fmt/core.h>

#include <cmath>
#include <utility>

#include "data/column_names.h"
#include "data/excerpt.h"
#include "sextant/error.h"

namespace sextant {

MemoryTable::MemoryTable(std::string name, std::vector<Column> columns, Eigen::Map<const Matrix> cells)
    : Table(std::move(name), std::move(columns), cells.rows()), cells_(cells), missing_(columns_.size()) {
  if (cells_.cols() != static_cast<Index>(columns_.size()))
    throw InvalidArgument(fmt::format("{}: {} columns of cells and {} names given, expected as many", path_,
                                      cells_.cols(), columns_.size()));
  for (Index i = 0; i < rows_; ++i) {
    for (Index j = 0; j < cells_.cols(); ++j) {
      const double cell = cells_(i, j);
      const Column& column = columns_[static_cast<std::size_t>(j)];
      if (std::isnan(cell)) {
        MissingCells& missing = missing_[static_cast<std::size_t>(j)];
        if (missing.count++ == 0) missing.first_row = i;
      } else if (std::isinf(cell)) {
        throw DataError(fmt::format("{}: {}, column {}: infinite, expected a finite or missing number", path_, where(i),
                                    excerpt(column.name)));
      } else if (column.kind == ColumnKind::text && !column.too_many_levels &&
                 !(cell >= 0 && cell < static_cast<double>(column.levels.size()) && cell == std::floor(cell))) {
        throw DataError(fmt::format("{}: {}, column {}: {} is no index of its {} levels", path_, where(i),
                                    excerpt(column.name), cell, column.levels.size()));
      }
    }
  }
}

void MemoryTable::read(Index first, Index count, Matrix& cells) const {
  check_rows(*this, first, count);
  cells = cells_.middleRows(first, count);
}

std::string MemoryTable::where(Index row) const { return fmt::format("row {}", row + 1); }

TableRows::TableRows(const Table& table, const Encoding& encoding, Eigen::Map<const Matrix> Y, Vector w,
                     std::vector<Index> groups)
    : drops_(encoding.missing == Missing::drop),
      inputs_(table, encoding, false),
      none_(table.rows(), 0),
      beside_(Eigen::Map<const Matrix>(none_.data(), none_.rows(), 0), Y, std::move(w), std::move(groups)) {}

void TableRows::read(Index first, Index count, Block& block) const {
  beside_.read(first, count, part_);
  inputs_.read(first, count, block);
  block.Y = part_.Y;
  block.w = part_.w;
  if (!drops_) return;
  for (Index i = 0; i < count; ++i) {
    if (!block.X.row(i).hasNaN()) continue;
    // The row takes part in nothing; finite cells keep 0·x from becoming NaN.
    block.w[i] = 0.0;
    block.X.row(i).setZero();
    block.Y.row(i).setZero();
  }
}

}  // namespace sextant
