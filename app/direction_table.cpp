#include "direction_table.h"

#include <fmt/core.h>

#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "sextant/error.h"
#include "sextant/table.h"

namespace sextant::app {

Matrix read_directions(const std::string& path, const std::vector<std::string>& inputs) {
  TableOptions options;
  const std::unordered_set<std::string_view> wanted(inputs.begin(), inputs.end());
  options.choose = [&wanted](const std::vector<std::string>& names) {
    std::vector<ColumnUse> uses;
    for (const std::string& name : names) uses.push_back(wanted.count(name) > 0 ? ColumnUse::number : ColumnUse::skip);
    return uses;
  };
  const auto table = open_table(path, options);
  Matrix cells;
  table->read(0, table->rows(), cells);
  std::unordered_map<std::string_view, Index> places;
  for (const Column& column : table->columns()) places.emplace(column.name, static_cast<Index>(places.size()));
  Matrix U(table->rows(), static_cast<Index>(inputs.size()));
  for (Index j = 0; j < U.cols(); ++j) {
    const std::string& input = inputs[static_cast<std::size_t>(j)];
    const auto at = places.find(input);
    if (at == places.end()) throw DataError(fmt::format("{}: there is no column for the input '{}'", path, input));
    U.col(j) = cells.col(at->second);
  }
  for (Index i = 0; i < U.rows(); ++i) {
    if (U.row(i).hasNaN()) throw DataError(fmt::format("{}: {} has a missing value", path, table->where(i)));
    if (U.row(i).isZero(0.0))
      throw DataError(fmt::format("{}: {} is 0 in every input, expected a direction", path, table->where(i)));
  }
  return U;
}

}  // namespace sextant::app
