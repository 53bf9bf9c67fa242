#include "sextant/option_fields.h"

#include <fmt/core.h>

#include <algorithm>
#include <climits>
#include <optional>
#include <type_traits>

#include "sextant/error.h"

namespace sextant {
namespace {

void read_name(const std::string& text, Task& value) { value = task_named(text); }
void read_name(const std::string& text, TransformKinds& value) { value = transform_kinds_named(text); }
void read_name(const std::string& text, ClassWeights& value) { value = class_weights_named(text); }
void read_name(const std::string& text, Method& value) { value = method_named(text); }
void read_name(const std::string& text, Preprocess& value) { value = preprocess_named(text); }
void read_name(const std::string& text, Discover& value) { value = discover_named(text); }
void read_name(const std::string& text, Precision& value) { value = precision_named(text); }
void read_name(const std::string& text, Head& value) { value = head_named(text); }
void read_name(const std::string& text, NtkScale& value) { value = ntk_scale_named(text); }
void read_name(const std::string& text, NtkBlocks& value) { value = ntk_blocks_named(text); }

// Written as a name.
template <class Value>
constexpr bool is_named = std::is_enum_v<Value> || std::is_same_v<Value, NtkBlocks> ||
                          std::is_same_v<Value, TransformKinds> || std::is_same_v<Value, ClassWeights>;

// What a member holds: Value itself, or Value once it is given (an optional, or a list of one).
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
  using Value = double;
  static bool given(const std::vector<double>& member) { return member.size() == 1; }
  static const Value& value(const std::vector<double>& member) { return member.front(); }
};

template <class Value>
constexpr FieldKind kind_of() {
  if (std::is_same_v<Value, bool>) return FieldKind::truth;
  if (std::is_integral_v<Value>) return FieldKind::whole_number;
  if (std::is_same_v<Value, double>) return FieldKind::number;
  return FieldKind::name;
}

template <class Value>
NamedValue named_value(const Value& value) {
  if constexpr (is_named<Value>)
    return name(value);
  else if constexpr (std::is_integral_v<Value> && !std::is_same_v<Value, bool>)
    return std::int64_t{value};
  else
    return value;
}

template <class Value>
Value from_named(const NamedValue& named) {
  if constexpr (is_named<Value>) {
    if (const auto* text = std::get_if<std::string>(&named)) {
      Value value{};
      read_name(*text, value);
      return value;
    }
  } else if constexpr (std::is_same_v<Value, bool>) {
    if (const auto* truth = std::get_if<bool>(&named)) return *truth;
  } else {
    // Out of range for Value, it must break a rule, not wrap around.
    if (const auto* whole = std::get_if<std::int64_t>(&named))
      return static_cast<Value>(std::is_same_v<Value, int> ? std::clamp<std::int64_t>(*whole, INT_MIN, INT_MAX)
                                                           : *whole);
    if constexpr (std::is_same_v<Value, double>)
      if (const auto* number = std::get_if<double>(&named)) return *number;
  }
  throw InvalidArgument(fmt::format("{} given, expected {}", text_of(named), expectation(kind_of<Value>())));
}

template <auto member>
OptionField field(std::string_view name) {
  using Member = std::remove_cvref_t<decltype(std::declval<FitOptions>().*member)>;
  using Value = typename Held<Member>::Value;
  return {name, kind_of<Value>(), [](const FitOptions& options) { return Held<Member>::given(options.*member); },
          [](const FitOptions& options) { return named_value(Held<Member>::value(options.*member)); },
          [](FitOptions& options, const NamedValue& value) { options.*member = Member{from_named<Value>(value)}; }};
}

}  // namespace

const std::vector<OptionField>& option_fields() {
  static const std::vector<OptionField> fields = {
      field<&FitOptions::task>("task"),
      field<&FitOptions::target_transform>("target_transform"),
      field<&FitOptions::class_weights>("class_weights"),
      field<&FitOptions::method>("method"),
      field<&FitOptions::width>("width"),
      field<&FitOptions::eta>("eta"),
      field<&FitOptions::rank>("rank"),
      field<&FitOptions::first_layer_decay>("first_layer_decay"),
      field<&FitOptions::redraw_biases>("redraw_biases"),
      field<&FitOptions::sample_splitting>("sample_splitting"),
      field<&FitOptions::preprocess>("preprocess"),
      field<&FitOptions::lambda>("lambda"),
      field<&FitOptions::validation_share>("validation_share"),
      field<&FitOptions::folds>("folds"),
      field<&FitOptions::ordered>("ordered"),
      field<&FitOptions::refit>("refit"),
      field<&FitOptions::head>("head"),
      field<&FitOptions::standardise>("standardise"),
      field<&FitOptions::extrapolate>("extrapolate"),
      field<&FitOptions::clip_targets>("clip_targets"),
      field<&FitOptions::compact>("compact"),
      field<&FitOptions::training_rows>("training_rows"),
      field<&FitOptions::leaf_memory>("leaf_memory"),
      field<&FitOptions::level_effects>("level_effects"),
      field<&FitOptions::precision>("precision"),
      field<&FitOptions::symmetric>("symmetric"),
      field<&FitOptions::bias>("bias"),
      field<&FitOptions::ntk_blocks>("ntk_blocks"),
      field<&FitOptions::ntk_scale>("ntk_scale"),
      field<&FitOptions::bandwidth>("bandwidth"),
      field<&FitOptions::degree>("degree"),
      field<&FitOptions::slices>("slices"),
      field<&FitOptions::budget>("budget"),
      field<&FitOptions::discover>("discover"),
      field<&FitOptions::refine_rounds>("refine_rounds"),
      field<&FitOptions::refine_power>("refine_power"),
      field<&FitOptions::redraws>("redraws"),
      field<&FitOptions::lift>("lift"),
      field<&FitOptions::polish_degree>("polish_degree"),
      field<&FitOptions::polish_steps>("polish_steps"),
  };
  return fields;
}

const OptionField* find_option_field(std::string_view name) {
  const auto& fields = option_fields();
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const OptionField& f) { return f.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

const char* expectation(FieldKind kind) {
  switch (kind) {
    case FieldKind::truth:
      return "true or false";
    case FieldKind::whole_number:
      return "a whole number";
    case FieldKind::number:
      return "a number";
    case FieldKind::name:
      return "a name in quotes";
  }
  return "";
}

std::string text_of(const NamedValue& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::string>)
          return held;
        else
          return fmt::format("{}", held);
      },
      value);
}

}  // namespace sextant
