#include "method/axis_warp.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/linalg.h"
#include "core/vector_math.h"
#include "data/counting_sample.h"
#include "passes/distance_loops.h"
#include "sextant/error.h"
#include "sextant/lift.h"

namespace sextant {
namespace {

constexpr Index most_intervals = 32;
constexpr Index probed_rows = 512;
constexpr double least = 0.02 / most_intervals;  // of the steepest interval: what is flat may be so by chance

// The interval of knots that x is in, or the nearest.
Index interval_of(const Vector& knots, double x) {
  const Index above = std::upper_bound(knots.begin(), knots.end(), x) - knots.begin();
  return std::clamp<Index>(above - 1, 0, knots.size() - 2);
}

Vector cumulated(const Vector& increments) {
  Vector u(increments.size() + 1);
  u[0] = 0;
  for (Index b = 0; b < increments.size(); ++b) u[b + 1] = u[b] + increments[b];
  return u;
}

}  // namespace

Warp first_axis_warp(const RowSource& rows, AxisStart start, const Context& context) {
  const Index d = rows.inputs();
  Warp warp{WarpKind::slopes, learn_lift(rows, most_intervals, context).knots, {}, Vector::Zero(d), Vector::Ones(d)};
  const double deviations = std::sqrt(12.0);  // of a uniform variable, that its range is
  for (const Vector& knots : warp.knots) {
    const Index intervals = knots.size() - 1;
    warp.scores.push_back(start == AxisStart::values
                              ? knots
                              : cumulated(Vector::Constant(intervals, deviations / static_cast<double>(intervals))));
  }
  return warp;
}

Warp next_axis_warp(const Warp& warp, const KernelSections& sections, const Matrix& a, const RowSource& rows,
                    double power, const Context& context) {
  const auto distance = distance_loops::of_distance(sections.kernel);
  if (!distance || distance->norm != Norm::city_block || sections.S.size() > 0)
    throw InvalidArgument("axis warp: a kernel given that is not one of city blocks on the inputs' own axes");
  const Block probes = counting_sample(rows, probed_rows, context, "inputs");
  Matrix U;
  warp.apply(probes.X, U);
  const Index P = sections.width();
  const Index m = U.rows();
  const Matrix C = sections.centres.transpose();  // d×P
  Matrix D(m, P);
  for (Index i = 0; i < m; ++i)
    distance_loops::city_block_distances(P, C.rows(), U.row(i).data(), C.data(), D.row(i).data());

  std::vector<Vector> g;
  Matrix others(m, P);  // the kernel of all inputs but one
  Matrix slope(P, a.cols());
  for (Index j = 0; j < warp.inputs(); ++j) {
    const auto at = static_cast<std::size_t>(j);
    const Vector u = (warp.scores[at].array() - warp.mean[j]) / warp.scale[j];
    std::vector<std::vector<Index>> in(static_cast<std::size_t>(u.size() - 1));
    for (Index i = 0; i < m; ++i) {
      others.row(i) = (D.row(i) - (U(i, j) - C.row(j).array()).abs().matrix()).cwiseMax(0.0);
      distance_loops::exponentials(P, distance->scale, 1, others.row(i).data());
      in[static_cast<std::size_t>(interval_of(warp.knots[at], probes.X(i, j)))].push_back(i);
    }
    g.emplace_back(Vector::Zero(u.size() - 1));
    for (std::size_t b = 0; b < in.size(); ++b) {
      const auto k = static_cast<Index>(b);
      const Vector step = ((u[k + 1] - C.row(j).array()).abs() * -distance->scale).exp() -
                          ((u[k] - C.row(j).array()).abs() * -distance->scale).exp();
      slope = step.asDiagonal() * a;
      double weight = 0;
      for (std::size_t near = b > 0 ? b - 1 : 0; near < std::min(in.size(), b + 2); ++near) {
        const std::vector<Index>& of = in[near];
        if (of.empty()) continue;
        const Matrix F = others(of, Eigen::all);
        Matrix change(F.rows(), a.cols());
        linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, F, slope, 0.0, change);
        g.back()[k] += probes.w(of).dot(change.rowwise().squaredNorm());
        weight += probes.w(of).sum();
      }
      if (weight > 0) g.back()[k] /= weight;
    }
  }
  double most = 0;
  for (const Vector& of_input : g) most = std::max(most, of_input.maxCoeff());
  Warp next = warp;
  next.mean.setZero();
  next.scale.setOnes();
  if (!(most > 0)) return warp;
  for (std::size_t j = 0; j < g.size(); ++j)
    next.scores[j] = cumulated((g[j] / most).array().pow(power).cwiseMax(least).matrix());
  return next;
}

double axis_warp_cost(Index centres, Index inputs, Index targets) {
  return static_cast<double>(probed_rows) * static_cast<double>(centres) * static_cast<double>(inputs) *
         (1 + exponential_cost + 3 * static_cast<double>(targets));
}

}  // namespace sextant
