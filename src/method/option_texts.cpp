// What is said of options and of their values, and which of them a method ignores.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "sextant/error.h"
#include "sextant/option_fields.h"

namespace sextant {

bool NumberRange::has(double value) const {
  if (rule.empty()) return true;
  if (!(value >= least) || (above && value == least)) return false;
  return !(most > 0 && value > most) && !(even && std::fmod(value, 2.0) != 0.0);
}

void OptionField::check(const FitOptions& options) const {
  if (range.rule.empty() || !given(options)) return;
  const auto one = [this](auto value, bool finite) {
    const auto number = static_cast<double>(value);
    if (!range.has(number) || (finite && !std::isfinite(number)))
      throw InvalidArgument(fmt::format("{}: {} given, expected {}", dashed(name), value, range.rule));
  };
  const NamedValue value = get(options);
  if (const auto* list = std::get_if<std::vector<double>>(&value)) {
    for (const double each : *list) one(each, false);
  } else if (const auto* whole = std::get_if<std::int64_t>(&value)) {
    one(*whole, true);
  } else {
    one(std::get<double>(value), true);
  }
}

const char* title(OptionGroup group) {
  switch (group) {
    case OptionGroup::data:
      return "Targets and inputs";
    case OptionGroup::model:
      return "Method and model";
    case OptionGroup::split:
      return "Validation";
    case OptionGroup::first_layer:
      return "First layer";
    case OptionGroup::head:
      return "Head";
    case OptionGroup::search:
      return "Search, of auto and its stages";
    case OptionGroup::comparators:
      return "Other methods than algorithm-1";
    case OptionGroup::uncertainty:
      return "Uncertainty";
    case OptionGroup::running:
      return "How to run";
  }
  return "";
}

std::string text_of(MethodSet methods) {
  std::vector<std::string> in;
  std::vector<std::string> out;
  for (const Method method : known_methods()) (methods.has(method) ? in : out).push_back(name(method));
  if (out.empty()) return "all";
  return in.size() > out.size() ? fmt::format("all but {}", fmt::join(out, ", "))
                                : fmt::format("{}", fmt::join(in, ", "));
}

bool OptionField::changed(const FitOptions& options) const {
  static const FitOptions defaults;
  return given(options) && !(given(defaults) && get(defaults) == get(options));
}

namespace {

// "slices: 5 given".
std::string given_of(const OptionField& option, const FitOptions& options) {
  const std::string value = option.kind == FieldKind::rows ? "" : text_of(option.get(options)) + " ";
  return fmt::format("{}: {}given", dashed(option.name), value);
}

}  // namespace

std::string ignored_option(const OptionField& option, const FitOptions& options, const std::vector<Method>& methods) {
  const auto uses = [&](Method method) { return option.methods.has(method); };
  if (!option.changed(options) || std::any_of(methods.begin(), methods.end(), uses)) return {};
  std::vector<std::string> names;
  for (const Method method : methods) names.push_back(name(method));
  const std::string of = text_of(option.methods);
  if (names.size() == 1)
    return fmt::format("{} with {}, which does not use it; methods that do: {}", given_of(option, options), names[0],
                       of);
  return fmt::format("{}, which none of {} uses; methods that do: {}", given_of(option, options),
                     fmt::join(names, ", "), of);
}

std::vector<std::string> ignored_options(const FitOptions& options, const std::vector<Method>& methods) {
  std::vector<std::string> sentences;
  for (const OptionField& option : option_fields())
    if (std::string sentence = ignored_option(option, options, methods); !sentence.empty())
      sentences.push_back(std::move(sentence));
  return sentences;
}

std::vector<std::string> ignored_with_kept_layer(const FitOptions& options) {
  std::vector<std::string> sentences;
  for (const OptionField& option : option_fields())
    if (!option.with_kept_layer && option.changed(options))
      sentences.push_back(
          fmt::format("{} where a first layer is kept, which does not use it", given_of(option, options)));
  return sentences;
}

std::string dashed(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

std::string name(FieldKind kind) {
  switch (kind) {
    case FieldKind::truth:
      return "truth";
    case FieldKind::whole_number:
      return "whole number";
    case FieldKind::number:
      return "number";
    case FieldKind::name:
      return "name";
    case FieldKind::seed:
      return "seed";
    case FieldKind::numbers:
      return "numbers";
    case FieldKind::rows:
      return "rows";
  }
  return "";
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
    case FieldKind::seed:
      return "a whole number of at least 0";
    case FieldKind::numbers:
      return "a number or a list of numbers";
    case FieldKind::rows:
      return "rows of numbers";
  }
  return "";
}

std::string text_of(const NamedValue& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        using Value = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Value, std::string>)
          return held;
        else if constexpr (std::is_same_v<Value, std::vector<double>>)
          return fmt::format("{}", fmt::join(held, ", "));
        else
          return fmt::format("{}", held);
      },
      value);
}

}  // namespace sextant
