// How an option is declared: by the member of FitOptions that holds it, and by what the declaration says of it. Private
// to the table of options.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <climits>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "method/option_names.h"
#include "sextant/error.h"
#include "sextant/option_fields.h"

namespace sextant {

// What a member holds: Value itself, or Value once it is given.
template <class Member>
struct Held {
  using Value = Member;
  static bool given(const Member&) { return true; }
  static const Value& value(const Member& member) { return member; }
};
template <class Inner>
struct Held<std::optional<Inner>> {
  using Value = Inner;
  static bool given(const std::optional<Inner>& member) { return member.has_value(); }
  static const Value& value(const std::optional<Inner>& member) { return *member; }
};
template <>
struct Held<std::vector<double>> {
  using Value = std::vector<double>;
  static bool given(const Value& member) { return !member.empty(); }
  static const Value& value(const Value& member) { return member; }
};
template <>
struct Held<Matrix> {
  using Value = Matrix;
  static bool given(const Matrix& member) { return member.size() > 0; }
  static const Matrix& value(const Matrix& member) { return member; }
};

// Values that are written as names.
inline void read_name(const std::string& text, Task& value) { value = task_named(text); }
inline void read_name(const std::string& text, TransformKinds& value) { value = transform_kinds_named(text); }
inline void read_name(const std::string& text, ClassWeights& value) { value = class_weights_named(text); }
inline void read_name(const std::string& text, Method& value) { value = method_named(text); }
inline void read_name(const std::string& text, Preprocess& value) { value = preprocess_named(text); }
inline void read_name(const std::string& text, Discover& value) { value = discover_named(text); }
inline void read_name(const std::string& text, Precision& value) { value = precision_named(text); }
inline void read_name(const std::string& text, Head& value) { value = head_named(text); }
inline void read_name(const std::string& text, NtkScale& value) { value = ntk_scale_named(text); }
inline void read_name(const std::string& text, NtkBlocks& value) { value = ntk_blocks_named(text); }

template <class Value>
concept HasName = requires(const std::string& text, Value& value) {
  read_name(text, value);
};

template <class Value>
constexpr FieldKind kind_of() {
  if constexpr (HasName<Value>) return FieldKind::name;
  if constexpr (std::is_same_v<Value, bool>) return FieldKind::truth;
  if constexpr (std::is_same_v<Value, std::uint64_t>) return FieldKind::seed;
  if constexpr (std::is_integral_v<Value>) return FieldKind::whole_number;
  if constexpr (std::is_same_v<Value, std::vector<double>>) return FieldKind::numbers;
  if constexpr (std::is_same_v<Value, Matrix>) return FieldKind::rows;
  return FieldKind::number;
}

template <class Value>
NamedValue named_value(const Value& value) {
  if constexpr (HasName<Value>) {
    return name(value);
  } else if constexpr (std::is_same_v<Value, Matrix>) {
    std::vector<std::vector<double>> rows;
    for (Index i = 0; i < value.rows(); ++i) {
      rows.emplace_back();
      for (Index j = 0; j < value.cols(); ++j) rows.back().push_back(value(i, j));
    }
    return rows;
  } else if constexpr (kind_of<Value>() == FieldKind::whole_number) {
    return std::int64_t{value};
  } else {
    return value;
  }
}

inline Matrix matrix_of(const std::vector<std::vector<double>>& rows) {
  Matrix matrix(static_cast<Index>(rows.size()), rows.empty() ? 0 : static_cast<Index>(rows.front().size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].size() != rows.front().size()) throw InvalidArgument("rows of different lengths given");
    for (std::size_t j = 0; j < rows[i].size(); ++j) matrix(static_cast<Index>(i), static_cast<Index>(j)) = rows[i][j];
  }
  return matrix;
}

template <class Value>
Value from_named(const NamedValue& named) {
  constexpr FieldKind kind = kind_of<Value>();
  const auto* whole = std::get_if<std::int64_t>(&named);
  const auto* number = std::get_if<double>(&named);
  if constexpr (kind == FieldKind::name) {
    if (const auto* text = std::get_if<std::string>(&named)) {
      Value value{};
      read_name(*text, value);
      return value;
    }
  } else if constexpr (kind == FieldKind::truth) {
    if (const auto* truth = std::get_if<bool>(&named)) return *truth;
  } else if constexpr (kind == FieldKind::seed) {
    if (const auto* seed = std::get_if<std::uint64_t>(&named)) return *seed;
    if (whole != nullptr && *whole >= 0) return static_cast<Value>(*whole);
  } else if constexpr (kind == FieldKind::numbers) {
    if (const auto* list = std::get_if<Value>(&named)) return *list;
    if (number != nullptr) return {*number};
    if (whole != nullptr) return {static_cast<double>(*whole)};
  } else if constexpr (kind == FieldKind::rows) {
    if (const auto* rows = std::get_if<std::vector<std::vector<double>>>(&named)) return matrix_of(*rows);
  } else {
    // Out of range for Value, it must break a rule, not wrap around.
    if (whole != nullptr)
      return static_cast<Value>(std::is_same_v<Value, int> ? std::clamp<std::int64_t>(*whole, INT_MIN, INT_MAX)
                                                           : *whole);
    if constexpr (kind == FieldKind::number)
      if (number != nullptr) return *number;
  }
  throw InvalidArgument(fmt::format("{} given, expected {}", text_of(named), expectation(kind)));
}

// What is said of an option after its name, in any order.
struct Declaration : OptionField {
  Declaration&& means(std::string_view sentence, std::string_view details = {}) && {
    meaning = sentence;
    more = details;
    return std::move(*this);
  }
  Declaration&& within(NumberRange numbers) && {
    range = numbers;
    return std::move(*this);
  }
  // Names that it takes beside numbers, or several of.
  Declaration&& among(std::vector<std::string> names) && {
    choices = std::move(names);
    several = kind == FieldKind::name;
    return std::move(*this);
  }
  Declaration&& with(Task task) && {
    only_of = task;
    return std::move(*this);
  }
  Declaration&& otherwise(std::string_view rule) && {
    unset = rule;
    return std::move(*this);
  }
  Declaration&& of(MethodSet those) && {
    methods = those;
    return std::move(*this);
  }
  Declaration&& kept() && {
    with_kept_layer = true;
    return std::move(*this);
  }
  Declaration&& as(CommandForm command) && {
    form = command;
    return std::move(*this);
  }
};

// `number_named` reads names of numbers, where there are any. Its type says so: under sanitizers an address is no
// constant to compare.
template <auto member, auto number_named = nullptr>
Declaration option(std::string_view name, OptionGroup group) {
  using Member = std::remove_cvref_t<decltype(std::declval<FitOptions>().*member)>;
  using Value = typename Held<Member>::Value;
  Declaration declared;
  declared.name = name;
  declared.group = group;
  declared.kind = kind_of<Value>();
  if constexpr (std::is_enum_v<Value>)
    for (const auto& [value, choice] : names_of<Value>()) declared.choices.emplace_back(choice);
  declared.given = [](const FitOptions& options) { return Held<Member>::given(options.*member); };
  declared.get = [](const FitOptions& options) { return named_value(Held<Member>::value(options.*member)); };
  declared.set = [](FitOptions& options, const NamedValue& value) {
    if constexpr (!std::is_null_pointer_v<decltype(number_named)>)
      if (const auto* text = std::get_if<std::string>(&value)) {
        options.*member = number_named(*text);
        return;
      }
    options.*member = Member(from_named<Value>(value));
  };
  declared.copy = [](const FitOptions& from, FitOptions& to) { to.*member = from.*member; };
  return declared;
}

}  // namespace sextant
