// Setting the parameters of a run by name, as specs do. Private to the lab.
#pragma once

#include <optional>
#include <string_view>

#include "sextant/run.h"

namespace sextant {

// The kind of a parameter that can be set: those of run_fields(), `label` and `eta_factor`; nothing for an unknown
// name.
[[nodiscard]] std::optional<FieldKind> parameter_kind(std::string_view name);

// Throws InvalidArgument for a value of the wrong kind or an unknown name in it. `eta_factor` reads d and rank, so it
// must be set last.
void set_parameter(Run& run, std::string_view name, const NamedValue& value);

}  // namespace sextant
