#include "sextant/link_expansion.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "sextant/error.h"
#include "sextant/hermite.h"

namespace sextant {
namespace {

struct Moments {
  Vector coefficients;
  double second_moment = 0;
};

Moments integrate(const std::function<double(double)>& g, int K, int nodes) {
  const Quadrature rule = gauss_hermite(nodes);
  Moments moments{Vector::Zero(K + 1), 0};
  Vector he(K + 1);
  for (Index i = 0; i < rule.nodes.size(); ++i) {
    const double value = g(rule.nodes(i));
    if (!std::isfinite(value))
      throw InvalidArgument(
          fmt::format("expand_link: g({:.6g}) is {}, expected a finite number", rule.nodes(i), value));
    normalised_hermites(rule.nodes(i), std::span(he.data(), static_cast<std::size_t>(he.size())));
    // √weight is shared between the two factors: far out g² alone may overflow.
    const double root = std::sqrt(rule.weights(i));
    const double scaled = root * value;
    moments.coefficients += scaled * (root * he);
    moments.second_moment += scaled * scaled;
  }
  return moments;
}

}  // namespace

LinkExpansion expand_link(const std::function<double(double)>& g, int K, int nodes) {
  if (!g) throw InvalidArgument("expand_link: g is empty, expected a function");
  if (K < 0 || K > max_hermite_degree)
    throw InvalidArgument(fmt::format("expand_link: K = {} given, expected 0 to {}", K, max_hermite_degree));
  if (nodes < 2 * (K + 1) || nodes > 200)
    throw InvalidArgument(
        fmt::format("expand_link: nodes = {} given, expected 2(K + 1) = {} to 200", nodes, 2 * (K + 1)));
  const Moments fine = integrate(g, K, nodes);
  const Moments coarse = integrate(g, K, nodes / 2);
  LinkExpansion expansion;
  expansion.coefficients = fine.coefficients;
  expansion.errors = (fine.coefficients - coarse.coefficients).cwiseAbs();
  expansion.second_moment = fine.second_moment;
  expansion.tail = std::max(0.0, fine.second_moment - fine.coefficients.squaredNorm());
  expansion.nodes = nodes;
  return expansion;
}

HermiteTarget LinkExpansion::target(const TargetOptions& options, double negligible) const {
  if (!(negligible >= 0 && negligible < 1))
    throw InvalidArgument(
        fmt::format("link expansion: negligible = {} given, expected at least 0 and below 1", negligible));
  HermiteTarget target{draw_directions(1, options.d, options.orientation, options.seed), {}};
  for (Index k = 0; k < coefficients.size(); ++k)
    if (std::abs(coefficients(k)) > std::max(negligible * std::sqrt(second_moment), errors(k)))
      target.terms.push_back({coefficients(k), {static_cast<int>(k)}});
  if (target.terms.empty()) target.terms.push_back({0.0, {0}});
  return target;
}

}  // namespace sextant
