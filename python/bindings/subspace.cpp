// Measures of subspaces and the classical reductions.
#include "sextant/subspace.h"

#include <string>

#include "bindings.h"
#include "rows.h"
#include "run.h"
#include "sextant/dimension_reduction.h"

namespace sextant::python {

void bind_subspace(py::module_& module) {
  module.def("principal_angles", &principal_angles, py::arg("U"), py::arg("V"));
  module.def("overlap", &overlap, py::arg("U"), py::arg("V"));
  module.def(
      "spectrum",
      [](const Matrix& A) {
        if (A.rows() != A.cols())
          throw py::value_error(fmt::format("A: a {}×{} matrix given, expected a square one", A.rows(), A.cols()));
        Spectrum result = spectrum(A);
        return py::make_tuple(std::move(result.values), std::move(result.directions));
      },
      py::arg("A"));
  module.def(
      "first_layer_spectrum",
      [](const Matrix& W) {
        Spectrum result = first_layer_spectrum(W);
        return py::make_tuple(std::move(result.values), std::move(result.directions));
      },
      py::arg("W"));
  module.def(
      "estimate_rank",
      [](const Vector& values) {
        const RankEstimate found = estimate_rank(values);
        return py::make_tuple(found.rank, found.ratio, found.share);
      },
      py::arg("spectrum"));
  module.def(
      "reduced_directions",
      [](const Rows& rows, const std::string& reduction, Index slices, bool residuals, const Run& run) {
        const ReductionOptions options{reduction_named(reduction), slices, residuals};
        options.check();
        ReducedDirections found =
            run_with(run, [&](const Context& context) { return reduced_directions(rows.source(), options, context); });
        return py::make_tuple(std::move(found.eigenvalues), std::move(found.directions));
      },
      py::arg("rows"), py::arg("reduction"), py::arg("slices"), py::arg("residuals"), py::arg("run"));
}

}  // namespace sextant::python
