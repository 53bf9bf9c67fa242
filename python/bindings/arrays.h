// NumPy arrays as the library's views, without a copy: float64, rows one after the other. What is neither is refused
// here; the package's Python side converts it first (python/sextant/_rows.py).
#pragma once

#include <fmt/core.h>
#include <pybind11/eigen.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "sextant/matrix.h"

namespace sextant::python {

namespace py = pybind11;

using Array = py::array_t<double, py::array::c_style>;

// An n×d array as it lies in memory; `array` must outlive the view.
inline Eigen::Map<const Matrix> matrix_view(const Array& array, const char* name) {
  if (array.ndim() != 2)
    throw py::value_error(fmt::format("{}: an array of {} dimensions given, expected 2", name, array.ndim()));
  return {array.data(), array.shape(0), array.shape(1)};
}

inline Eigen::Map<const Vector> vector_view(const Array& array, const char* name) {
  if (array.ndim() != 1)
    throw py::value_error(fmt::format("{}: an array of {} dimensions given, expected 1", name, array.ndim()));
  return {array.data(), array.shape(0)};
}

}  // namespace sextant::python
