#include "data/number_table.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "data/column_names.h"
#include "data/excerpt.h"
#include "sextant/error.h"

namespace sextant {

std::string shape_text(const std::vector<Index>& shape) {
  return fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
}

void check_shape(const std::string& path, const std::vector<Index>& shape) {
  if (shape.size() != 2)
    throw DataError(fmt::format("{}: holds an array of {} dimension{}, shape {}, expected 2 (rows and columns)", path,
                                shape.size(), shape.size() == 1 ? "" : "s", shape_text(shape)));
  if (shape[0] == 0 || shape[1] == 0)
    throw DataError(
        fmt::format("{}: has no {}, its shape is {}", path, shape[0] == 0 ? "rows" : "columns", shape_text(shape)));
  if (shape[1] > max_columns)
    throw DataError(fmt::format("{}: has {} columns, expected at most {}", path, shape[1], max_columns));
}

KeptColumns choose_number_columns(const std::string& path, const std::vector<std::string>& names,
                                  const TableOptions& options, std::string_view format) {
  const std::vector<ColumnUse> uses = choose_columns(options, names);
  KeptColumns kept;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (uses[i] == ColumnUse::skip) continue;
    if (uses[i] == ColumnUse::text || uses[i] == ColumnUse::class_text)
      throw DataError(fmt::format("{}: column {} is to be text, and {} holds only numbers: use a CSV file", path,
                                  excerpt(names[i]), format));
    kept.columns.push_back({names[i], ColumnKind::number, {}});
    kept.positions.push_back(static_cast<Index>(i));
  }
  return kept;
}

NumberTable::NumberTable(std::string path, const std::vector<Index>& shape, KeptColumns kept, Context context)
    : Table(std::move(path), std::move(kept.columns), shape[0]),
      width_(shape[1]),
      positions_(std::move(kept.positions)),
      context_(std::move(context)) {}

void NumberTable::read(Index first, Index count, Matrix& cells) const {
  check_rows(*this, first, count);
  cells.resize(count, static_cast<Index>(positions_.size()));
  read_cells(first, count, cells);
  refuse_infinite(first, cells);
}

std::vector<MissingCells> NumberTable::missing() const {
  if (!missing_.empty()) return missing_;
  constexpr Index block_bytes = Index{1} << 20;
  std::vector<MissingCells> missing(positions_.size());
  const Index block = std::max<Index>(1, block_bytes / (8 * std::max<Index>(1, width_)));
  Matrix cells;
  for (Index first = 0; first < rows_; first += block) {
    context_.report("read", static_cast<double>(first) / static_cast<double>(rows_));
    read(first, std::min(block, rows_ - first), cells);
    for (Index i = 0; i < cells.rows(); ++i)
      for (Index j = 0; j < cells.cols(); ++j)
        if (std::isnan(cells(i, j))) {
          MissingCells& column = missing[static_cast<std::size_t>(j)];
          if (column.count++ == 0) column.first_row = first + i;
        }
  }
  context_.report("read", 1.0);
  missing_ = missing;
  return missing;
}

std::string NumberTable::where(Index row) const { return fmt::format("row {}", row + 1); }

void NumberTable::refuse_infinite(Index first, const Matrix& cells) const {
  const auto infinite = [](double value) { return std::isinf(value); };
  const double* end = cells.data() + cells.size();
  const double* found = std::find_if(cells.data(), end, infinite);
  if (found == end) return;
  const Index at = found - cells.data();
  throw DataError(fmt::format("{}: {}, column {}: infinite, expected a finite or missing number", path_,
                              where(first + at / cells.cols()),
                              excerpt(columns_[static_cast<std::size_t>(at % cells.cols())].name)));
}

}  // namespace sextant
