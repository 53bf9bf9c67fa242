// What the text of a CSV cell means.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sextant {

enum class CellKind {
  number,     // finite; underflow reads as the nearest double, possibly 0
  missing,    // empty, or NA, N/A, NaN, null, None in any case
  infinite,   // "inf", "infinity"
  too_large,  // a decimal number beyond the largest double
  other,      // anything else: text
};

struct Cell {
  CellKind kind = CellKind::missing;
  double value = 0;  // of a number
};

// Blanks around are ignored, a leading + is accepted, hexadecimal is not; independent of the locale.
[[nodiscard]] Cell parse_cell(std::string_view text);

// True for text in which missing cells are written.
[[nodiscard]] bool is_missing(std::string_view text);

// True when names look like a row of data: numbers and missing cells only, and at least one number.
[[nodiscard]] bool look_like_data(const std::vector<std::string>& names);

}  // namespace sextant
