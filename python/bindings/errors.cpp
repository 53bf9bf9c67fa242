// The library's exceptions as Python's, with the same sentence: InvalidArgument and DataError are ValueError, IoError
// is OSError, NumericalError is sextant.NumericalError, an ArithmeticError, and Cancelled is KeyboardInterrupt.
#include <exception>

#include "bindings.h"
#include "sextant/error.h"

namespace py = pybind11;

namespace sextant::python {

namespace {

PyObject* numerical_error = nullptr;  // the module holds it

void translate(std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const IoError& error) {
    PyErr_SetString(PyExc_OSError, error.what());
  } catch (const NumericalError& error) {
    PyErr_SetString(numerical_error, error.what());
  } catch (const Cancelled& error) {
    PyErr_SetString(PyExc_KeyboardInterrupt, error.what());
  } catch (const Error& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  }
}

}  // namespace

void bind_errors(py::module_& module) {
  const py::exception<NumericalError> type(module, "NumericalError", PyExc_ArithmeticError);
  type.attr("__module__") = "sextant";
  type.attr("__doc__") = "A factorisation failed or a result is not finite.";
  numerical_error = type.ptr();
  py::register_exception_translator(&translate);
}

}  // namespace sextant::python
