// The options of a fit, each declared once (src/method/option_fields.cpp): its name, what it takes, what it means and
// which methods use it. From the declarations come the command line with its help, the keys of spec files and of stored
// runs, the metadata of model files, Python's keyword arguments with their docstrings, and docs/options.md.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sextant/options.h"

namespace sextant {

// A named value: of an option, or of a parameter of an experiment. Only options are seeds, lists and lists of rows.
using NamedValue = std::variant<bool, std::int64_t, double, std::string, std::uint64_t, std::vector<double>,
                                std::vector<std::vector<double>>>;

// What a field takes.
enum class FieldKind {
  truth,
  whole_number,
  number,
  name,
  seed,     // a whole number in 0 … 2⁶⁴ − 1
  numbers,  // a number or several
  rows      // of a matrix
};

// What options are about. The order is that in which people read of them.
enum class OptionGroup { data, model, split, first_layer, head, search, comparators, uncertainty, running };

// Methods, as members of a set.
class MethodSet {
 public:
  constexpr MethodSet(std::initializer_list<Method> methods) {
    for (const Method method : methods) bits_ |= bit(method);
  }
  [[nodiscard]] constexpr bool has(Method method) const { return (bits_ & bit(method)) != 0; }
  [[nodiscard]] constexpr MethodSet operator|(MethodSet other) const { return MethodSet(bits_ | other.bits_); }
  [[nodiscard]] constexpr MethodSet operator~() const { return MethodSet(~bits_); }

 private:
  constexpr explicit MethodSet(std::uint32_t bits) : bits_(bits) {}
  static constexpr std::uint32_t bit(Method method) { return std::uint32_t{1} << static_cast<unsigned>(method); }
  std::uint32_t bits_ = 0;
};

// How the command line takes an option.
enum class CommandForm {
  value,   // --budget 60, --refit false
  flag,    // --compact, for true
  denying  // --no-training-rows, for false
};

// Which numbers an option takes; finite, but for lists. Without a rule any.
struct NumberRange {
  double least = 0;
  double most = 0;
  bool above = false;     // `least` itself is not one of them
  bool even = false;      // whole numbers: only even ones
  std::string_view rule;  // in words: "a number above 0"

  [[nodiscard]] bool has(double value) const;
};

struct OptionField {
  std::string_view name;  // as in FitOptions: "first_layer_decay"
  OptionGroup group = OptionGroup::data;
  FieldKind kind = FieldKind::truth;
  std::string_view meaning;          // a sentence without its full stop; of a denying form, of what is then
  std::string_view more;             // what docs/options.md adds to it, in Markdown; may be empty
  std::vector<std::string> choices;  // the names that it takes, of a number beside numbers; empty where any do
  bool several = false;              // whether it takes several of them at once
  NumberRange range;                 // of numbers
  std::string_view unset;            // what holds where it is not given; empty where its default is a value
  MethodSet methods = {};            // that use it
  std::optional<Task> only_of;       // the task that it is of, if it is of one
  bool with_kept_layer = false;      // whether a transfer that keeps a first layer uses it
  CommandForm form = CommandForm::value;
  bool (*given)(const FitOptions&) = nullptr;      // false for an optional field without a value, or an empty list
  NamedValue (*get)(const FitOptions&) = nullptr;  // its value; only when given
  // Whole numbers serve as numbers, a number as a list of one. Throws InvalidArgument for another kind.
  void (*set)(FitOptions&, const NamedValue& value) = nullptr;
  void (*copy)(const FitOptions& from, FitOptions& to) = nullptr;

  // Whether it has another value than its default.
  [[nodiscard]] bool changed(const FitOptions& options) const;
  // Throws InvalidArgument naming the option, its value and the rule, where that is out of range.
  void check(const FitOptions& options) const;
};

// All options, in the order in which keys of stored runs list them.
[[nodiscard]] const std::vector<OptionField>& option_fields();
// The field of that name, or null.
[[nodiscard]] const OptionField* find_option_field(std::string_view name);

// "Validation", "First layer", …: a heading.
[[nodiscard]] const char* title(OptionGroup group);

// "all", "all but oracle", "sir, save".
[[nodiscard]] std::string text_of(MethodSet methods);

// A sentence where the option has another value than its default and none of `methods` uses it, else nothing.
[[nodiscard]] std::string ignored_option(const OptionField& option, const FitOptions& options,
                                         const std::vector<Method>& methods);
// These sentences of all options.
[[nodiscard]] std::vector<std::string> ignored_options(const FitOptions& options, const std::vector<Method>& methods);
// The same where a first layer is kept, which shapes what is learned instead of a method.
[[nodiscard]] std::vector<std::string> ignored_with_kept_layer(const FitOptions& options);

// "first_layer_decay" → "first-layer-decay", as the command line, model files and messages spell it.
[[nodiscard]] std::string dashed(std::string_view name);

// "truth", "whole number", "number", "name", "seed", "numbers", "rows".
[[nodiscard]] std::string name(FieldKind kind);

// "true or false", "a whole number", "a number", "a name in quotes", …
[[nodiscard]] const char* expectation(FieldKind kind);

// "true", "42", "0.1" (the shortest text that reads back to the same number), "ridge", "0.1, 0.2".
[[nodiscard]] std::string text_of(const NamedValue& value);

}  // namespace sextant
