// The extension module sextant._core: the library's functions on NumPy arrays. It converts and forwards, nothing more;
// what is pleasant to use, checked and documented lies above it, in python/sextant.
#include "bindings.h"
#include "sextant/version.h"

PYBIND11_MODULE(_core, module) {
  using namespace sextant::python;
  module.attr("__version__") = sextant::version();
  module.def("blas_version", &sextant::blas_version);
  bind_errors(module);
  bind_rows(module);
  bind_options(module);
  bind_model(module);
  bind_steps(module);
  bind_subspace(module);
  bind_synthetic(module);
  bind_experiments(module);
}
