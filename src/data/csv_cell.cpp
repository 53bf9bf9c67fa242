#include "data/csv_cell.h"

#include <locale.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

namespace sextant {
namespace {

std::string_view without_blanks(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_missing_marker(std::string_view text) {
  constexpr std::array<std::string_view, 5> markers = {"na", "n/a", "nan", "null", "none"};
  return std::any_of(markers.begin(), markers.end(), [&](std::string_view marker) {
    return std::equal(text.begin(), text.end(), marker.begin(), marker.end(),
                      [](char a, char b) { return lower(a) == b; });
  });
}

// from_chars says of a number outside the doubles only that it is: strtod tells too large from too small.
Cell parse_out_of_range(std::string_view text) {
  static const ::locale_t c_locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
  const double value = ::strtod_l(std::string(text).c_str(), nullptr, c_locale);
  return std::isfinite(value) ? Cell{CellKind::number, value} : Cell{CellKind::too_large, 0};
}

}  // namespace

Cell parse_cell(std::string_view text) {
  text = without_blanks(text);
  if (text.empty()) return {CellKind::missing, 0};
  std::string_view digits = text;
  if (digits[0] == '+' && digits.size() > 1 && digits[1] != '-') digits.remove_prefix(1);

  const char* end = digits.data() + digits.size();
  double value = 0;
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (stop == end && error == std::errc() && std::isfinite(value)) [[likely]]
    return {CellKind::number, value};
  if (stop == end && error == std::errc::result_out_of_range) return parse_out_of_range(digits);
  if (stop == end && error == std::errc() && std::isinf(value)) return {CellKind::infinite, 0};
  return {is_missing_marker(text) ? CellKind::missing : CellKind::other, 0};
}

bool is_missing(std::string_view text) {
  text = without_blanks(text);
  return text.empty() || is_missing_marker(text);
}

bool look_like_data(const std::vector<std::string>& names) {
  bool number = false;
  for (const std::string& name : names) {
    const CellKind kind = parse_cell(name).kind;
    if (kind == CellKind::other) return false;
    number = number || kind != CellKind::missing;
  }
  return number;
}

}  // namespace sextant
