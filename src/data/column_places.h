// Columns by name, for whatever looks for them. Private to the data layer.
#pragma once

#include <cmath>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sextant/table.h"

namespace sextant {

// Where names are in a list, which must outlive this; one search of the list for all of them.
class Places {
 public:
  explicit Places(const std::vector<std::string>& names) {
    at_.reserve(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) at_.emplace(names[i], static_cast<Index>(i));
  }
  // −1 if it is not there.
  [[nodiscard]] Index find(std::string_view name) const {
    const auto found = at_.find(name);
    return found == at_.end() ? -1 : found->second;
  }

 private:
  std::unordered_map<std::string_view, Index> at_;
};

[[nodiscard]] std::vector<std::string> names_of(const std::vector<Column>& columns);

// At most eight names, quoted, for a message.
[[nodiscard]] std::string listed(const std::vector<std::string>& names);

// find_column of encoding.h, where many are looked for.
[[nodiscard]] Index find_column_at(const std::vector<std::string>& names, const Places& places,
                                   const std::string& wanted, const std::string& option);

// Calls visit(row, cell) for the cells of one column that are not missing, until it returns false.
template <class Visit>
void for_each_cell(const Table& table, Index column, Visit visit) {
  constexpr Index some = 4096;
  Matrix cells;
  for (Index first = 0; first < table.rows(); first += some) {
    table.read(first, std::min(some, table.rows() - first), cells);
    for (Index i = 0; i < cells.rows(); ++i)
      if (!std::isnan(cells(i, column)) && !visit(first + i, cells(i, column))) return;
  }
}

}  // namespace sextant
