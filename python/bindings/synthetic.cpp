// Tables whose directions are known, the same rows as `sextant generate` writes.
#include "sextant/synthetic.h"

#include <string>

#include "arrays.h"
#include "bindings.h"
#include "run.h"
#include "sextant/engineering.h"
#include "sextant/error.h"
#include "sextant/subspace.h"

namespace sextant::python {
namespace {

// X n×d and y n.
py::tuple all_rows(const RowSource& source, const Run& run) {
  Matrix X(source.rows(), source.inputs());
  Vector y(source.rows());
  run_with(run, [&](const Context& context) {
    context.check();
    Block block;
    by_pieces(source.rows(), "generate", context, [&](Index first, Index count) {
      source.read(first, count, block);
      X.middleRows(first, count) = block.X;
      y.segment(first, count) = block.Y.col(0);
    });
    return true;
  });
  return py::make_tuple(std::move(X), std::move(y));
}

SyntheticRows rows_of(Index n, double noise, std::uint64_t seed, Index first_row) {
  SyntheticRows rows{n, noise, seed, first_row};
  rows.check();
  return rows;
}

}  // namespace

void bind_synthetic(py::module_& module) {
  module.def("target_names", &target_names);
  module.def(
      "gaussian_rows",
      [](const std::string& target, Index n, bool random, Index d, Index r, int p, double noise, std::uint64_t seed,
         Index first_row, const Run& run) {
        const HermiteTarget f = target_named(target, r, p, {d, random ? Orientation::random : Orientation::axis, seed});
        py::tuple rows = all_rows(GaussianSource({f}, rows_of(n, noise, seed, first_row)), run);
        return py::make_tuple(rows[0], rows[1], f.U);
      },
      py::arg("target"), py::arg("n"), py::arg("random"), py::arg("d"), py::arg("r"), py::arg("p"), py::arg("noise"),
      py::arg("seed"), py::arg("first_row"), py::arg("run"));
  module.def("engineering_names", [] {
    std::vector<std::string> names;
    for (const EngineeringFunction& function : engineering_functions()) names.push_back(function.name);
    return names;
  });
  module.def(
      "engineering_rows",
      [](const std::string& name, Index n, double noise, std::uint64_t seed, Index first_row, const Run& run) {
        const EngineeringFunction& function = engineering_function(name);
        const ActiveSubspace truth = active_subspace(function, 100'000, 0);
        const Matrix U = truth.directions.topRows(estimate_rank(truth.eigenvalues).rank);
        std::vector<std::string> names;
        for (const EngineeringInput& input : function.inputs) names.push_back(input.name);
        py::tuple rows = all_rows(UniformSource(function, rows_of(n, noise, seed, first_row)), run);
        return py::make_tuple(rows[0], rows[1], U, names, function.output);
      },
      py::arg("name"), py::arg("n"), py::arg("noise"), py::arg("seed"), py::arg("first_row"), py::arg("run"));
}

}  // namespace sextant::python
