#include "method/axis_warp.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/linalg.h"
#include "core/vector_math.h"
#include "passes/distance_loops.h"
#include "sextant/error.h"

namespace sextant {
namespace {

constexpr Index most_intervals = 32;
constexpr Index quantile_rows = 20'000;
constexpr Index probed_rows = 512;
constexpr double least = 0.02 / most_intervals;  // of the steepest interval: what is flat may be so by chance

// Rows that count, a regular sample of at most `most`.
Block sampled(const RowSource& rows, Index most, const Context& context) {
  const Index stride = std::max<Index>(1, (rows.rows() + most - 1) / most);
  Block all;
  std::vector<double> cells;
  std::vector<double> weights;
  Block block;
  for (Index first = 0; first < rows.rows(); first += context.block_rows) {
    rows.read(first, std::min(context.block_rows, rows.rows() - first), block);
    for (Index i = (stride - first % stride) % stride; i < block.rows(); i += stride) {
      if (!(block.w[i] > 0)) continue;
      weights.push_back(block.w[i]);
      cells.insert(cells.end(), block.X.row(i).begin(), block.X.row(i).end());
    }
  }
  const auto count = static_cast<Index>(weights.size());
  all.X = Eigen::Map<const Matrix>(cells.data(), count, rows.inputs());
  all.w = Eigen::Map<const Vector>(weights.data(), count);
  return all;
}

// Values of some rows at equal shares of them, ascending and different; all values where they are few.
Vector quantile_knots(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  std::vector<double> knots(values);
  knots.erase(std::unique(knots.begin(), knots.end()), knots.end());
  if (static_cast<Index>(knots.size()) > most_intervals + 1) {
    knots.clear();
    const std::size_t last = values.size() - 1;
    for (std::size_t b = 0; b <= most_intervals; ++b) knots.push_back(values[last * b / most_intervals]);
    knots.erase(std::unique(knots.begin(), knots.end()), knots.end());
  }
  if (knots.size() < 2) knots = {knots.front(), knots.front() + std::max(1.0, std::abs(knots.front()))};
  return Eigen::Map<const Vector>(knots.data(), static_cast<Index>(knots.size()));
}

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
  const Block some = sampled(rows, quantile_rows, context);
  const Index d = rows.inputs();
  Warp warp{WarpKind::slopes, {}, {}, Vector::Zero(d), Vector::Ones(d)};
  for (Index j = 0; j < d; ++j) {
    std::vector<double> values(some.X.col(j).begin(), some.X.col(j).end());
    if (values.empty()) values.push_back(0);
    const Vector knots = quantile_knots(std::move(values));
    const Index intervals = knots.size() - 1;
    const double deviations = std::sqrt(12.0);  // that a uniform variable ranges over
    warp.scores.push_back(start == AxisStart::values
                              ? knots
                              : cumulated(Vector::Constant(intervals, deviations / static_cast<double>(intervals))));
    warp.knots.push_back(knots);
  }
  return warp;
}

Warp next_axis_warp(const Warp& warp, const KernelSections& sections, const Matrix& a, const RowSource& rows,
                    double power, const Context& context) {
  const auto distance = distance_loops::of_distance(sections.kernel);
  if (!distance || distance->norm != Norm::city_block || sections.S.size() > 0)
    throw InvalidArgument("axis warp: a kernel given that is not one of city blocks on the inputs' own axes");
  const Block probes = sampled(rows, probed_rows, context);
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
