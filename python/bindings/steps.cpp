// The single steps of the method, under their names in the library.
#include <string>

#include "bindings.h"
#include "options.h"
#include "rows.h"
#include "run.h"
#include "sextant/linear_fit.h"
#include "sextant/network.h"
#include "sextant/passes.h"
#include "sextant/polish.h"
#include "sextant/refine.h"
#include "sextant/ridge_head.h"
#include "step_docs.h"

namespace sextant::python {
namespace {

// Rows of as many finite inputs as `what` takes, which does not check.
Eigen::Map<const Matrix> inputs_view(const Array& X, Index inputs, const char* what) {
  const auto view = matrix_view(X, "X");
  if (view.cols() != inputs)
    throw py::value_error(fmt::format("{}: {} inputs given, expected {}", what, view.cols(), inputs));
  if (!view.allFinite())
    throw py::value_error(fmt::format("{}: an input is NaN or infinite, expected finite numbers", what));
  return view;
}

// φ(X), n×P.
template <class Map>
Matrix features_of(const Map& map, const Array& array) {
  const auto X = inputs_view(array, map.inputs(), "features");
  return run_with(Run{}, [&](const Context& context) {
    Matrix Phi(X.rows(), map.width());
    by_pieces(X.rows(), "features", context, [&](Index first, Index count) {
      features(map, X.middleRows(first, count), Phi.middleRows(first, count));
    });
    return Phi;
  });
}

template <class Map>
py::class_<Map> bind_map(py::module_& module, const char* name, const char* about) {
  return py::class_<Map>(module, name, about)
      .def_property_readonly("width", &Map::width, "Number of features P.")
      .def_property_readonly("inputs", &Map::inputs, "Number of inputs d.")
      .def("features", &features_of<Map>, py::arg("X"), features_doc);
}

void bind_feature_maps(py::module_& module) {
  bind_map<ReluNetwork>(module, "ReluNetwork", relu_network_doc)
      .def(py::init([](const Matrix& W, const Vector& b) {
             if (W.rows() != b.size())
               throw py::value_error(
                   fmt::format("W: {} rows given, expected as many as biases, {}", W.rows(), b.size()));
             return ReluNetwork{W, b, false};
           }),
           py::arg("W"), py::arg("b"))
      .def_property_readonly("W", &ReluNetwork::first_layer, "The first layer, (m, d).")
      .def_readonly("b", &ReluNetwork::b, "Biases, (m,).");
  bind_map<LinearisedNetwork>(module, "LinearisedNetwork", linearised_network_doc)
      .def_readonly("W", &LinearisedNetwork::W, "The first layer at the start, (m, d).")
      .def_readonly("b", &LinearisedNetwork::b, "Biases at the start, (m,).")
      .def_readonly("a", &LinearisedNetwork::a, "Signs of the second layer, (m,).");
  bind_map<KernelSections>(module, "KernelSections", kernel_sections_doc)
      .def_readonly("centres", &KernelSections::centres, "The centres, (P, q), in the kernel's coordinates.");
  bind_map<HermiteFeatures>(module, "HermiteFeatures", hermite_features_doc)
      .def_readonly("U", &HermiteFeatures::U, "Directions, (r, d), scaled so that each coordinate has unit variance.")
      .def_readonly("c", &HermiteFeatures::c, "Centre of the coordinates, (r,).")
      .def_readonly("degree", &HermiteFeatures::degree, "Largest total degree.");
  bind_map<LeafMachine>(module, "LeafMachine", leaf_machine_doc)
      .def_readonly("S", &LeafMachine::S, "The coordinates, (q, d).")
      .def_property_readonly("leaves", &LeafMachine::leaves, "Number of leaves.");
}

// A representation must have the rows' inputs, and the linear part their inputs and targets: passes do not check.
void check_inputs(const Rows& rows, Index inputs, const char* what) {
  if (inputs != rows.source().inputs())
    throw py::value_error(
        fmt::format("{}: {} inputs given, expected {} as X has", what, inputs, rows.source().inputs()));
}

void check_linear(const Rows& rows, const LinearPart& linear) {
  check_inputs(rows, linear.beta.rows(), "linear");
  if (linear.beta.cols() != rows.source().targets())
    throw py::value_error(
        fmt::format("linear: {} targets given, expected {} as y has", linear.beta.cols(), rows.source().targets()));
}

void bind_linear_part(py::module_& module) {
  py::class_<LinearPart>(module, "LinearPart", linear_part_doc)
      .def(py::init([](const Vector& alpha, const Matrix& beta) {
             if (beta.cols() != alpha.size())
               throw py::value_error(
                   fmt::format("beta: {} columns given, expected one per target, {}", beta.cols(), alpha.size()));
             return LinearPart{alpha, beta};
           }),
           py::arg("alpha"), py::arg("beta"))
      .def_readonly("alpha", &LinearPart::alpha, "α, (k,).")
      .def_readonly("beta", &LinearPart::beta, "β, (d, k).")
      .def(
          "__call__",
          [](const LinearPart& linear, const Array& X) { return linear(inputs_view(X, linear.beta.rows(), "linear")); },
          py::arg("X"), linear_part_call_doc);
  module.def(
      "fit_linear",
      [](const Rows& rows, const std::string& preprocess, double epsilon, const Run& run) {
        return run_with(run, [&](const Context& context) {
          const Vector of_targets = Vector::Constant(rows.source().targets(), epsilon);
          return fit_linear(moments(rows.source(), context), preprocess_named(preprocess), of_targets);
        });
      },
      py::arg("rows"), py::arg("preprocess"), py::arg("epsilon"), py::arg("run"));
}

void bind_networks(py::module_& module) {
  module.def(
      "one_step",
      [](const Rows& rows, const LinearPart& linear, const py::dict& given, const Run& run) {
        check_linear(rows, linear);
        const FitOptions options = options_from(given);
        options.check();
        return run_with(run, [&](const Context& context) { return one_step(rows.source(), linear, options, context); });
      },
      py::arg("rows"), py::arg("linear"), py::arg("options"), py::arg("run"));
  module.def(
      "random_network",
      [](const py::dict& given, Index inputs) {
        const FitOptions options = options_from(given);
        options.check();
        return random_network(options, inputs);
      },
      py::arg("options"), py::arg("inputs"));
  module.def(
      "linearised_network",
      [](const py::dict& given, Index inputs) {
        const FitOptions options = options_from(given);
        options.check();
        return linearised_network(options, inputs);
      },
      py::arg("options"), py::arg("inputs"));
}

void bind_refining(py::module_& module) {
  module.def(
      "gradient_outer_product",
      [](const Rows& rows, const LinearPart& linear, const FeatureMap& map, const Matrix& a, const Run& run) {
        check_linear(rows, linear);
        check_inputs(rows, inputs(map), "map");
        if (a.rows() != width(map) || a.cols() != rows.source().targets())
          throw py::value_error(fmt::format("a: a {}×{} head given, expected {}×{}", a.rows(), a.cols(), width(map),
                                            rows.source().targets()));
        return run_with(run, [&](const Context& context) {
          return gradient_outer_product(rows.source(), linear, map, a, context);
        });
      },
      py::arg("rows"), py::arg("linear"), py::arg("map"), py::arg("a"), py::arg("run"));
  module.def(
      "refined_coordinates",
      [](const Matrix& A, double power) {
        if (A.rows() != A.cols())
          throw py::value_error(fmt::format("A: a {}×{} matrix given, expected a square one", A.rows(), A.cols()));
        return refined_coordinates(A, power);
      },
      py::arg("A"), py::arg("power"));
  module.def(
      "network_along",
      [](const Matrix& S, const Rows& rows, Index width, std::uint64_t seed, Index redraw, const Run& run) {
        check_inputs(rows, S.cols(), "S");
        FitOptions{.width = width}.check();
        if (redraw < 0) throw py::value_error(fmt::format("redraw: {} given, expected at least 0", redraw));
        return run_with(run, [&](const Context& context) {
          return network_along(S, width, moments(rows.source(), context), seed, redraw);
        });
      },
      py::arg("S"), py::arg("rows"), py::arg("width"), py::arg("seed"), py::arg("redraw"), py::arg("run"));
}

void bind_head(py::module_& module) {
  module.def(
      "fit_heads",
      [](const Rows& rows, const LinearPart& linear, const FeatureMap& map, const std::vector<double>& lambda,
         const std::string& head, const Run& run) {
        check_linear(rows, linear);
        check_inputs(rows, inputs(map), "map");
        FitOptions{.lambda = lambda}.check();
        return run_with(run, [&](const Context& context) {
          return fit_heads(rows.source(), linear, map, lambda, head_named(head), context);
        });
      },
      py::arg("rows"), py::arg("linear"), py::arg("map"), py::arg("lambda"), py::arg("head"), py::arg("run"));
  module.def(
      "risks",
      [](const Rows& rows, const LinearPart& linear, const FeatureMap& map, const Matrix& heads, const Run& run) {
        check_linear(rows, linear);
        check_inputs(rows, inputs(map), "map");
        const Index k = rows.source().targets();
        if (heads.rows() != width(map) || k == 0 || heads.cols() % k != 0)
          throw py::value_error(
              fmt::format("heads: a {}×{} matrix given, expected {} rows and a multiple of {} columns", heads.rows(),
                          heads.cols(), width(map), k));
        std::vector<Index> target;
        for (Index column = 0; column < heads.cols(); ++column) target.push_back(column % k);
        return run_with(run, [&](const Context& context) {
          return risks(rows.source(), linear, map, heads, target, context).square;
        });
      },
      py::arg("rows"), py::arg("linear"), py::arg("map"), py::arg("heads"), py::arg("run"));
}

void bind_polishing(py::module_& module) {
  module.def(
      "polish",
      [](const Rows& rows, const LinearPart& linear, const Matrix& U, int degree, double ridge, Index steps,
         double tolerance, const Run& run, const Rows* held_out) {
        check_linear(rows, linear);
        check_inputs(rows, U.cols(), "U");
        if (held_out != nullptr) check_linear(*held_out, linear);
        const RowSource* others = held_out != nullptr ? &held_out->source() : nullptr;
        const PolishOptions options{.degree = degree, .ridge = ridge, .steps = steps, .tolerance = tolerance};
        options.check();
        const Polished result = run_with(run, [&](const Context& context) {
          return polish(rows.source(), moments(rows.source(), context), linear, U, options, context, others);
        });
        Matrix trace(static_cast<Index>(result.trace.size()), 4);
        for (Index i = 0; i < trace.rows(); ++i) {
          const PolishStep& step = result.trace[static_cast<std::size_t>(i)];
          trace.row(i) << step.objective, step.damping, step.angle, step.validation;
        }
        return py::make_tuple(result.link, result.a, result.objective, result.converged, result.best_step, trace);
      },
      py::arg("rows"), py::arg("linear"), py::arg("U"), py::arg("degree"), py::arg("ridge"), py::arg("steps"),
      py::arg("tolerance"), py::arg("run"), py::arg("held_out") = py::none());
  module.def(
      "discovered_starts",
      [](const Rows& rows, const LinearPart& linear, Index r, Index tries, const Run& run) {
        check_linear(rows, linear);
        if (r < 1 || r > rows.source().inputs())
          throw py::value_error(fmt::format("r: {} given, expected 1 to {}", r, rows.source().inputs()));
        if (tries < 1) throw py::value_error(fmt::format("tries: {} given, expected at least 1", tries));
        return run_with(run, [&](const Context& context) {
          return discovered_starts(rows.source(), moments(rows.source(), context), linear, r, tries, context);
        });
      },
      py::arg("rows"), py::arg("linear"), py::arg("r"), py::arg("tries"), py::arg("run"));
}

}  // namespace

void bind_steps(py::module_& module) {
  bind_feature_maps(module);
  bind_linear_part(module);
  bind_networks(module);
  bind_refining(module);
  bind_head(module);
  bind_polishing(module);
}

}  // namespace sextant::python
