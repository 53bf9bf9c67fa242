#include "data/column_names.h"

#include <fmt/core.h>

#include <string_view>
#include <unordered_map>

#include "data/excerpt.h"
#include "sextant/error.h"

namespace sextant {

std::string problem_with_names(const std::vector<std::string>& names) {
  std::unordered_map<std::string_view, std::size_t> seen;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    if (name.empty()) return fmt::format("column {} has no name", i + 1);
    if (name.find('\0') != std::string::npos)
      return fmt::format("the name of column {} holds a NUL character: {}", i + 1, excerpt(name));
    if (!is_utf8(name)) return fmt::format("the name of column {} is not UTF-8 text: {}", i + 1, excerpt(name));
    const auto [other, is_new] = seen.emplace(name, i);
    if (!is_new) return fmt::format("columns {} and {} are both named {}", other->second + 1, i + 1, excerpt(name));
  }
  return {};
}

std::vector<std::string> numbered_names(Index count) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(count));
  for (Index i = 1; i <= count; ++i) names.push_back(fmt::format("x{}", i));
  return names;
}

std::vector<ColumnUse> choose_columns(const TableOptions& options, const std::vector<std::string>& names) {
  if (!options.choose) return std::vector<ColumnUse>(names.size(), ColumnUse::detect);
  std::vector<ColumnUse> uses = options.choose(names);
  if (uses.size() != names.size())
    throw InvalidArgument(
        fmt::format("choose: answered for {} columns, expected {} (one answer per column)", uses.size(), names.size()));
  return uses;
}

void check_rows(const Table& table, Index first, Index count) {
  if (first < 0 || count < 0 || first > table.rows() - count)
    throw InvalidArgument(fmt::format("{}: rows {} to {} asked for, expected rows 0 to {}", table.path(), first,
                                      first + count - 1, table.rows() - 1));
}

}  // namespace sextant
