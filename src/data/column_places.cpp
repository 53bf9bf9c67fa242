#include "data/column_places.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "data/excerpt.h"
#include "sextant/error.h"

namespace sextant {

std::vector<std::string> names_of(const std::vector<Column>& columns) {
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.name);
  return names;
}

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 8;
  std::vector<std::string> quoted;
  for (std::size_t i = 0; i < std::min(shown, names.size()); ++i) quoted.push_back(excerpt(names[i]));
  if (names.size() <= shown) return fmt::format("{}", fmt::join(quoted, ", "));
  return fmt::format("{}, … ({} in all)", fmt::join(quoted, ", "), names.size());
}

Index find_column_at(const std::vector<std::string>& names, const Places& places, const std::string& wanted,
                     const std::string& option) {
  const Index by_name = places.find(wanted);
  if (by_name >= 0) return by_name;
  Index number = 0;
  const auto [end, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
  if (error == std::errc() && end == wanted.data() + wanted.size() && number >= 1 &&
      number <= static_cast<Index>(names.size()))
    return number - 1;
  throw InvalidArgument(fmt::format("{}: there is no column {}, expected one of {} or a number from 1 to {}", option,
                                    excerpt(wanted), listed(names), names.size()));
}

}  // namespace sextant
