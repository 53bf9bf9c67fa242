// The fields of FitOptions by their names, so that spec files, keys of stored runs and the metadata of model files need
// no lists of their own. Adding a field of FitOptions means one line in option_fields.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sextant/options.h"

namespace sextant {

// A named value: of an option, or of a parameter of an experiment.
using NamedValue = std::variant<bool, std::int64_t, double, std::string>;

// What a field takes.
enum class FieldKind { truth, whole_number, number, name };

struct OptionField {
  std::string_view name;  // as in FitOptions: "first_layer_decay"
  FieldKind kind;
  bool (*given)(const FitOptions&);      // false for an optional field without a value
  NamedValue (*get)(const FitOptions&);  // its value; only when given
  void (*set)(FitOptions&,
              const NamedValue& value);  // whole numbers serve as numbers; throws InvalidArgument otherwise
};

// All fields but the seed, the subspace and the calibration share (which experiments have no use for), in the order of
// FitOptions. `lambda`, a list, counts as given when it holds one value.
[[nodiscard]] const std::vector<OptionField>& option_fields();
// The field of that name, or null.
[[nodiscard]] const OptionField* find_option_field(std::string_view name);

// "true or false", "a whole number", "a number", "a name in quotes".
[[nodiscard]] const char* expectation(FieldKind kind);

// "true", "42", "0.1" (the shortest text that reads back to the same number), "ridge".
[[nodiscard]] std::string text_of(const NamedValue& value);

}  // namespace sextant
