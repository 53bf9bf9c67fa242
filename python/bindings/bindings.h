// The parts of the extension module sextant._core, one file each.
#pragma once

#include <pybind11/pybind11.h>

namespace sextant::python {

void bind_errors(pybind11::module_& module);
void bind_rows(pybind11::module_& module);
void bind_options(pybind11::module_& module);
void bind_model(pybind11::module_& module);
void bind_steps(pybind11::module_& module);
void bind_subspace(pybind11::module_& module);
void bind_synthetic(pybind11::module_& module);
void bind_experiments(pybind11::module_& module);

}  // namespace sextant::python
