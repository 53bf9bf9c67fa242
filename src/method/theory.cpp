#include "sextant/theory.h"

#include <fmt/core.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <cstddef>

#include "sextant/error.h"

namespace sextant {
namespace {

// DLS22's n ∝ d².
constexpr double slope_of_theory = 2;

double real(Index value) { return static_cast<double>(value); }

void check_at_least_one(const char* where, const char* field, Index value) {
  if (value < 1) throw InvalidArgument(fmt::format("{}: {} = {} given, expected at least 1", where, field, value));
}

void check_degree(const char* where, int p, int least) {
  if (p < least) throw InvalidArgument(fmt::format("{}: p = {} given, expected at least {}", where, p, least));
}

// r^p κ^{2p} = (rκ²)^p, the number of features that the head needs.
double feature_count(const Problem& problem) {
  return std::pow(real(problem.r) * problem.kappa * problem.kappa, problem.p);
}

// κ²r.
double curvature(const Problem& problem) { return problem.kappa * problem.kappa * real(problem.r); }

Condition condition_on_inputs(const Problem& problem) {
  return {problem.kappa * std::pow(real(problem.r), 1.5), real(problem.d)};
}

}  // namespace

Index hessian_rank(const HermiteTarget& target) {
  // UHUᵀ has H's eigenvalues other than the zeros that come with d > r.
  const Eigen::MatrixXd C = target.U * target.expected_hessian() * target.U.transpose();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(C, Eigen::EigenvaluesOnly);
  if (eigen.info() != Eigen::Success)
    throw NumericalError("hessian_rank: the expected Hessian's eigenvalues did not converge");
  const Vector values = eigen.eigenvalues().cwiseAbs();
  return (values.array() > 1e-12 * values.maxCoeff()).count();
}

void Problem::check() const {
  check_at_least_one("problem", "d", d);
  if (r < 1 || r > d) throw InvalidArgument(fmt::format("problem: r = {} given, expected 1 to d = {}", r, d));
  check_degree("problem", p, 2);
  if (!(kappa > 0 && std::isfinite(kappa)))
    throw InvalidArgument(fmt::format(
        "problem: kappa = {} given, expected a finite number above 0 (it is infinite when rank H < r)", kappa));
}

Conditions representation_conditions(const Problem& problem, Index n) {
  problem.check();
  check_at_least_one("conditions", "n", n);
  const double d = real(problem.d);
  return {{d * d * curvature(problem), real(n)}, condition_on_inputs(problem)};
}

Theorem1 theorem_1(const Problem& problem, Index n, Index m, bool sample_splitting) {
  Theorem1 result;
  result.conditions = representation_conditions(problem, n);
  check_at_least_one("theorem_1", "m", m);
  const double count = feature_count(problem);
  result.features = std::sqrt((sample_splitting ? 1.0 : real(problem.d)) * count / real(n));
  result.units = std::sqrt(count / real(m));
  result.labels = std::pow(real(n), -0.25);
  result.bound = result.features + result.units + result.labels;
  return result;
}

Theorem2 theorem_2(Index d, int p, double queries) {
  check_at_least_one("theorem_2", "d", d);
  check_degree("theorem_2", p, 1);
  if (!(queries >= 1 && std::isfinite(queries)))
    throw InvalidArgument(
        fmt::format("theorem_2: queries = {} given, expected a finite number of at least 1", queries));
  Theorem2 result;
  result.tolerance_squared = std::pow((std::log(queries) + std::log(real(d))) / real(d), 0.5 * p);
  result.tolerance = std::sqrt(result.tolerance_squared);
  result.samples = std::pow(real(d), 0.5 * p);
  return result;
}

Theorem3 theorem_3(const Problem& problem, Index n, Index m, Index N) {
  Theorem3 result;
  result.conditions = representation_conditions(problem, n);
  check_at_least_one("theorem_3", "m", m);
  check_at_least_one("theorem_3", "N", N);
  result.features = std::sqrt(feature_count(problem) / real(std::min(m, N)));
  result.labels = std::pow(real(N), -0.25);
  result.bound = result.features + result.labels;
  return result;
}

double kernel_samples(Index d, int p) {
  check_at_least_one("kernel_samples", "d", d);
  check_degree("kernel_samples", p, 1);
  return std::pow(real(d), p);
}

void Calibration::check() const {
  if (!(excess_risk > 0 && std::isfinite(excess_risk)))
    throw InvalidArgument(
        fmt::format("calibration: excess_risk = {} given, expected a finite number above 0", excess_risk));
  Problem at = problem;
  at.d = std::max(at.d, at.r);
  at.check();
  check_at_least_one("calibration", "units", units);
  if (crossings.empty()) throw InvalidArgument("calibration: 0 crossings given, expected at least 1");
  Index last = 0;
  for (const MeasuredCrossing& crossing : crossings) {
    if (crossing.d <= last)
      throw InvalidArgument(
          fmt::format("calibration: d = {} given after {}, expected rising numbers of at least 1", crossing.d, last));
    if (!(crossing.samples > 0 && std::isfinite(crossing.samples)))
      throw InvalidArgument(fmt::format("calibration: samples = {} given at d = {}, expected a finite number above 0",
                                        crossing.samples, crossing.d));
    last = crossing.d;
  }
}

Calibration measured_crossings() {
  return {.excess_risk = 0.1,
          .problem = {.d = 10, .r = 1, .p = 4, .kappa = 1},
          .units = 300,
          .crossings = {{10, 4833}, {20, 9080}, {40, 33339}, {80, 142227}}};
}

CrossingEstimate crossing_at(Index d, const Calibration& calibration) {
  calibration.check();
  check_at_least_one("crossing_at", "d", d);
  const std::vector<MeasuredCrossing>& points = calibration.crossings;
  const auto extrapolate = [d](const MeasuredCrossing& from, const char* side) {
    return CrossingEstimate{from.samples * std::pow(real(d) / real(from.d), slope_of_theory), slope_of_theory, true,
                            fmt::format("extrapolated {} the measured range, from d = {} with the theory's slope {:g}",
                                        side, from.d, slope_of_theory)};
  };
  if (d < points.front().d) return extrapolate(points.front(), "below");
  if (d > points.back().d) return extrapolate(points.back(), "above");
  if (points.size() == 1)
    return {points.front().samples, slope_of_theory, false,
            fmt::format("measured at d = {}; the slope is the theory's", d)};
  // The segment that ends at or after d; a measured d is the end of its segment, and the first starts one.
  std::size_t i = 1;
  while (points[i].d < d) ++i;
  const MeasuredCrossing& low = points[i - 1];
  const MeasuredCrossing& high = points[i];
  const double slope = std::log(high.samples / low.samples) / std::log(real(high.d) / real(low.d));
  if (d == low.d || d == high.d)
    return {d == low.d ? low.samples : high.samples, slope, false,
            fmt::format("measured at d = {}; the slope is that between d = {} and {}", d, low.d, high.d)};
  return {low.samples * std::pow(real(d) / real(low.d), slope), slope, false,
          fmt::format("interpolated between the measured d = {} and {}", low.d, high.d)};
}

Plan plan(const Problem& problem, const Calibration& calibration) {
  problem.check();
  calibration.check();
  const Problem& measured = calibration.problem;
  const double d = real(problem.d);
  const double r = real(problem.r);
  Plan result;
  result.samples = crossing_at(problem.d, calibration);
  result.scale = curvature(problem) / curvature(measured);
  result.samples.samples *= result.scale;
  result.units = real(calibration.units) * feature_count(problem) / feature_count(measured);
  result.same_problem = problem.p == measured.p && problem.r == measured.r && problem.kappa == measured.kappa;
  result.kernel_samples = kernel_samples(problem.d, problem.p);
  result.transfer_samples = feature_count(problem);
  result.transfer_units = feature_count(problem);
  result.condition_samples = d * d * curvature(problem);
  result.inputs = condition_on_inputs(problem);
  result.query_lower_bound = theorem_2(problem.d, problem.p, 1).samples;
  result.subspace_parameters = r * (d - r);
  return result;
}

}  // namespace sextant
