#include "direction_table.h"

#include <fmt/core.h>

#include <algorithm>

#include "sextant/error.h"
#include "sextant/table.h"

namespace sextant::app {

Matrix read_directions(const std::string& path, const std::vector<std::string>& inputs) {
  TableOptions options;
  options.choose = [&inputs](const std::vector<std::string>& names) {
    std::vector<ColumnUse> uses;
    for (const std::string& name : names)
      uses.push_back(std::find(inputs.begin(), inputs.end(), name) == inputs.end() ? ColumnUse::skip
                                                                                   : ColumnUse::number);
    return uses;
  };
  const auto table = open_table(path, options);
  Matrix cells;
  table->read(0, table->rows(), cells);
  Matrix U(table->rows(), static_cast<Index>(inputs.size()));
  for (Index j = 0; j < U.cols(); ++j) {
    const std::string& input = inputs[static_cast<std::size_t>(j)];
    const auto& columns = table->columns();
    const auto at = std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == input; });
    if (at == columns.end()) throw DataError(fmt::format("{}: there is no column for the input '{}'", path, input));
    U.col(j) = cells.col(at - columns.begin());
  }
  for (Index i = 0; i < U.rows(); ++i) {
    if (U.row(i).hasNaN()) throw DataError(fmt::format("{}: {} has a missing value", path, table->where(i)));
    if (U.row(i).isZero(0.0))
      throw DataError(fmt::format("{}: {} is 0 in every input, expected a direction", path, table->where(i)));
  }
  return U;
}

}  // namespace sextant::app
