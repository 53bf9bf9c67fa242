// FitOptions and dictionaries of Python, by the library's own table of fields (option_fields.h).
#pragma once

#include <pybind11/pybind11.h>

#include "sextant/options.h"

namespace sextant::python {

// None stands for an option that is not given. Throws TypeError or ValueError that names the option, what was given and
// what was expected; rules beyond the type are FitOptions::check's.
[[nodiscard]] FitOptions options_from(const pybind11::dict& given);

// All options by name; None for those not given.
[[nodiscard]] pybind11::dict to_dict(const FitOptions& options);

}  // namespace sextant::python
