// What a file is, as the end of its name says.
#pragma once

#include <algorithm>
#include <cctype>
#include <string_view>

namespace sextant {

// Whether a name ends in `ending`, given in lower case, whatever its own case. A name that is only an ending (".csv")
// is that of a hidden file without one.
[[nodiscard]] inline bool ends_in(std::string_view path, std::string_view ending) {
  if (path.size() <= ending.size() || path[path.size() - ending.size() - 1] == '/') return false;
  return std::equal(ending.begin(), ending.end(), path.end() - static_cast<std::ptrdiff_t>(ending.size()),
                    [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

}  // namespace sextant
