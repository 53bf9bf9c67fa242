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

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// `other` is in lower case.
bool equal_in_any_case(std::string_view text, std::string_view other) {
  return std::equal(text.begin(), text.end(), other.begin(), other.end(), [](char a, char b) { return lower(a) == b; });
}

// What a cell holds that is neither empty nor a number.
CellKind kind_of_word(std::string_view text) {
  constexpr std::array<std::string_view, 4> markers = {"na", "n/a", "null", "none"};
  if (equal_in_any_case(text, "nan")) return CellKind::missing;
  return std::any_of(markers.begin(), markers.end(), [&](auto marker) { return equal_in_any_case(text, marker); })
             ? CellKind::marker
             : CellKind::other;
}

// from_chars says of a number outside the doubles only that it is: strtod tells too large from too small.
Cell parse_out_of_range(std::string_view text) {
  static const ::locale_t c_locale = ::newlocale(LC_ALL_MASK, "C", nullptr);
  const double value = ::strtod_l(std::string(text).c_str(), nullptr, c_locale);
  return std::isfinite(value) ? Cell{CellKind::number, value} : Cell{CellKind::too_large, 0};
}

}  // namespace

std::string_view without_blanks(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

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
  return {kind_of_word(text), 0};
}

bool is_missing(std::string_view text) {
  text = without_blanks(text);
  return text.empty() || equal_in_any_case(text, "nan");
}

bool is_marker(std::string_view text) { return kind_of_word(without_blanks(text)) == CellKind::marker; }

bool looks_like_number(std::string_view text) {
  std::string plain;  // without signs of money and blanks of other alphabets
  for (std::size_t at = 0; at < text.size();) {
    constexpr std::array<std::string_view, 4> marks = {"€", "£", "\u00A0", "\u202F"};
    const auto* mark =
        std::find_if(marks.begin(), marks.end(), [&](auto each) { return text.substr(at).starts_with(each); });
    if (mark == marks.end())
      plain += text[at++];
    else
      at += mark->size();
  }
  const auto is = [&](std::size_t at, std::string_view any) { return any.find(plain[at]) != std::string_view::npos; };
  constexpr std::string_view digits = "0123456789";
  bool digit = false;
  for (std::size_t at = 0; at < plain.size(); ++at) {
    const bool exponent = digit && is(at, "eEdD");
    const bool sign = is(at, "+-") && (at == 0 || is(at - 1, "eEdD"));
    if (!exponent && !sign && !is(at, digits) && !is(at, ".,' _%$")) return false;
    digit = digit || is(at, digits);
  }
  return digit && !is(plain.size() - 1, "eEdD+-");
}

bool look_like_data(const std::vector<std::string>& names) {
  bool number = false;
  for (const std::string& name : names) {
    const CellKind kind = parse_cell(name).kind;
    if (kind == CellKind::other) return false;
    number = number || (kind != CellKind::missing && kind != CellKind::marker);
  }
  return number;
}

}  // namespace sextant
