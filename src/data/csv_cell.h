// What the text of a CSV cell means.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sextant {

enum class CellKind {
  number,     // finite; underflow reads as the nearest double, possibly 0
  missing,    // empty, or NaN in any case
  marker,     // NA, N/A, null or None in any case: missing among numbers, a text like any other among texts
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

// True for a cell that is missing in every column: empty, or NaN in any case.
[[nodiscard]] bool is_missing(std::string_view text);

// True for NA, N/A, null or None in any case.
[[nodiscard]] bool is_marker(std::string_view text);

// The text without blanks around it.
[[nodiscard]] std::string_view without_blanks(std::string_view text);

// True for text that somebody else's program may have meant as a number: digits with a comma, separators of thousands,
// another letter for the exponent, a sign of percent or of money.
[[nodiscard]] bool looks_like_number(std::string_view text);

// True when names look like a row of data: numbers and missing cells only, and at least one number.
[[nodiscard]] bool look_like_data(const std::vector<std::string>& names);

}  // namespace sextant
