// The experiments that come with the library (experiments/*.toml) and published values to lay beside them
// (experiments/reference/*.csv), both inside the program.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sextant/experiment.h"
#include "sextant/run.h"

namespace sextant {

struct BuiltinExperiment {
  std::string_view name;  // "figure1"
  std::string_view text;  // TOML
};
[[nodiscard]] const std::vector<BuiltinExperiment>& builtin_experiments();
// The text of one, or nothing.
[[nodiscard]] std::optional<std::string> builtin_experiment(std::string_view name);

// The built-in experiment of that name, or else the spec file of that path. Throws InvalidArgument listing the names
// when it is neither, and what read_spec throws.
[[nodiscard]] Spec find_spec(const std::string& name_or_path, const SpecOptions& options = {});

// One published value: of the grid points whose parameters are `where`.
struct ReferenceValue {
  std::vector<std::pair<std::string, std::string>> where;  // parameter name and its text: {"width", "100"}, {"n", "31"}
  double excess_risk_mean = 0;
  std::optional<double> excess_risk_std = {};  // over seeds; not always published

  [[nodiscard]] bool matches(const Run& run) const;
};
// Throws InvalidArgument when no values of that name are known; the message lists those that are.
[[nodiscard]] const std::vector<ReferenceValue>& reference_values(std::string_view name);

}  // namespace sextant
