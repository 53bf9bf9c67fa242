// Oracles: the formula of axis_warp.h with the predictor's own outputs at rows moved from knot to knot; quantiles by
// sorting; a planted step, a planted hinge and inputs that say nothing.
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <vector>

#include "message_of.h"
#include "method/axis_warp.h"
#include "sextant/error.h"
#include "sextant/predictor.h"
#include "sextant/refine.h"
#include "sextant/ridge_head.h"
#include "test_support.h"

using namespace sextant;

namespace {

// A kernel of city blocks on warped rows, all of them centres, with its ridge head.
Predictor machine(const Rows& rows, const Warp& warp, double lambda) {
  const MemorySource source(rows.X, rows.Y, rows.w);
  const WarpedSource warped(source, warp);
  KernelSections sections = kernel_along({}, {1, 4, 0, Norm::city_block}, warped, rows.X.rows(), run_with(1));
  Matrix K(rows.X.rows(), rows.X.rows());
  kernel_matrix(sections.kernel, sections.centres, sections.centres, K);
  K.diagonal().array() += lambda;
  Predictor predictor{1.0, sections, K.llt().solve(rows.Y), {}, warp};
  return predictor;
}

Matrix outputs_of(const Predictor& predictor, const Matrix& X) {
  return outputs(LinearPart::zero(X.cols(), predictor.a.cols()), {predictor}, X, run_with(1));
}

// u_j at the knots.
Vector knots_of(const Warp& warp, Index j) {
  const auto at = static_cast<std::size_t>(j);
  return (warp.scores[at].array() - warp.mean[j]) / warp.scale[j];
}

double range(const Warp& warp, Index j) {
  const Vector u = knots_of(warp, j);
  return u[u.size() - 1] - u[0];
}

}  // namespace

TEST(AxisWarp, StartsAtTheValuesOrTheirRanks) {
  Matrix X = normals(400, 3, 1);
  for (double& x : X.col(1)) x = std::floor(x);  // few values
  X.col(2).setConstant(2);
  const Matrix Y = Matrix::Zero(400, 1);
  const MemorySource source(X, Y);
  const Warp values = first_axis_warp(source, AxisStart::values, run_with(1, 64));
  std::vector<double> sorted(X.col(0).begin(), X.col(0).end());
  std::sort(sorted.begin(), sorted.end());
  ASSERT_EQ(values.knots[0].size(), 33);
  for (Index b = 0; b <= 32; ++b) {
    const double at = 399 * static_cast<double>(b) / 32;
    const auto below = static_cast<std::size_t>(at);
    const double above = sorted[std::min<std::size_t>(below + 1, 399)];
    EXPECT_NEAR(values.knots[0][b], sorted[below] + (at - static_cast<double>(below)) * (above - sorted[below]), 1e-14);
  }
  for (Index b = 0; b + 1 < values.knots[1].size(); ++b) EXPECT_EQ(values.knots[1][b + 1] - values.knots[1][b], 1);
  Matrix Z;
  values.apply(X, Z);
  EXPECT_LT((Z.leftCols(2) - X.leftCols(2)).cwiseAbs().maxCoeff(), 1e-14);
  EXPECT_TRUE(Z.col(2).isConstant(Z(0, 2)));
  const Warp ranks = first_axis_warp(source, AxisStart::ranks, run_with(1));
  ranks.apply(X, Z);
  for (Index i = 0; i < 400; ++i) {
    const auto below = std::lower_bound(sorted.begin(), sorted.end(), X(i, 0)) - sorted.begin();
    EXPECT_NEAR(Z(i, 0) / std::sqrt(12.0), static_cast<double>(below) / 399, 1.0 / 32);
  }
}

TEST(AxisWarp, RowsWithoutWeightCountForNothing) {
  Rows rows = random_rows(300, 2, 1, 2, false);
  for (Index i = 200; i < 300; ++i) {
    rows.w[i] = 0;
    rows.X.row(i) *= 50;
  }
  const Warp all = first_axis_warp(MemorySource(rows.X, rows.Y, rows.w), AxisStart::values, run_with(1));
  const Warp some =
      first_axis_warp(MemorySource(rows.X.topRows(200), rows.Y.topRows(200)), AxisStart::values, run_with(1));
  for (std::size_t j = 0; j < 2; ++j) EXPECT_EQ(all.knots[j], some.knots[j]);
}

// Every other row counts, and of those that are probed none would if they were counted with the others.
TEST(AxisWarp, RowsThatCountAreProbedWhicheverTheyAre) {
  Rows rows = random_rows(1000, 2, 1, 6, false);
  for (Index i = 0; i < 1000; ++i) {
    rows.Y(i, 0) = rows.X(i, 0) > 0 ? 1 : -1;
    rows.w[i] = i % 2 == 1 ? 1 : 0;
  }
  const MemorySource source(rows.X, rows.Y, rows.w);
  const Warp first = first_axis_warp(source, AxisStart::values, run_with(1));
  const Predictor f = machine(rows, first, 0.1);
  const Warp next = next_axis_warp(first, std::get<KernelSections>(f.map), f.a, source, 1.0, run_with(1, 100));
  EXPECT_GT(range(next, 0), 5 * range(next, 1));
}

// Fewer rows than are probed: all of them are.
TEST(AxisWarp, IncrementsAreTheChangesOfThePredictor) {
  const Rows rows = random_rows(150, 3, 2, 3);
  const MemorySource source(rows.X, rows.Y, rows.w);
  const Warp first = first_axis_warp(source, AxisStart::ranks, run_with(1));
  const Predictor f = machine(rows, first, 0.1);
  for (const double power : {0.5, 1.0}) {
    const Warp next = next_axis_warp(first, std::get<KernelSections>(f.map), f.a, source, power, run_with(1, 40));
    std::vector<Vector> g;
    double most = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      const Vector& t = first.knots[j];
      g.emplace_back(Vector::Zero(t.size() - 1));
      for (Index b = 0; b + 1 < t.size(); ++b) {
        double weight = 0;
        for (Index i = 0; i < 150; ++i) {
          const double x = rows.X(i, static_cast<Index>(j));
          const double low = t[std::max<Index>(0, b - 1)];
          const double high = t[std::min(t.size() - 1, b + 2)];
          const bool last = b + 2 >= t.size() - 1;
          if (!(x >= low && (x < high || (last && x == high))) || !(rows.w[i] > 0)) continue;
          Matrix moved(2, 3);
          moved << rows.X.row(i), rows.X.row(i);
          moved(0, static_cast<Index>(j)) = t[b];
          moved(1, static_cast<Index>(j)) = t[b + 1];
          const Matrix F = outputs_of(f, moved);
          g[j][b] += rows.w[i] * (F.row(1) - F.row(0)).squaredNorm();
          weight += rows.w[i];
        }
        g[j][b] /= weight;
      }
      most = std::max(most, g[j].maxCoeff());
    }
    for (Index j = 0; j < 3; ++j) {
      const Vector u = knots_of(next, j);
      for (Index b = 0; b + 1 < u.size(); ++b)
        EXPECT_NEAR(u[b + 1] - u[b], std::max(std::pow(g[static_cast<std::size_t>(j)][b] / most, power), 0.02 / 32),
                    1e-8)
            << j << ' ' << b;
    }
  }
}

// y = 1[x_0 > 0.3] + |x_1|: a step stays short but where it is, a hinge is drawn out on both sides, and what says
// nothing becomes nearly a point.
TEST(AxisWarp, FindsAStep) {
  Rows rows{normals(600, 4, 4), Matrix(600, 1), Vector::Ones(600)};
  for (Index i = 0; i < 600; ++i) rows.Y(i, 0) = (rows.X(i, 0) > 0.3 ? 1.0 : 0.0) + std::abs(rows.X(i, 1)) - 1.2;
  const MemorySource source(rows.X, rows.Y);
  Warp warp = first_axis_warp(source, AxisStart::values, run_with(1));
  for (int round = 0; round < 3; ++round) {
    const Predictor f = machine(rows, warp, 0.01);
    warp = next_axis_warp(warp, std::get<KernelSections>(f.map), f.a, source, 1.0, run_with(1));
  }
  const Vector u = knots_of(warp, 0);
  const Vector& t = warp.knots[0];
  const Index above = std::upper_bound(t.begin(), t.end(), 0.3) - t.begin();
  EXPECT_GT(u[above] - u[above - 1], 0.9 * range(warp, 0));
  const Vector v = knots_of(warp, 1);
  EXPECT_GT(v[8] - v[0], 0.2 * range(warp, 1));
  EXPECT_GT(v[32] - v[24], 0.2 * range(warp, 1));
  for (const Index j : {2, 3}) EXPECT_LT(range(warp, j), 0.1 * range(warp, 0));
}

TEST(AxisWarp, NeedsAKernelOfCityBlocks) {
  const Rows rows = random_rows(20, 2, 1, 5, false);
  const MemorySource source(rows.X, rows.Y);
  const Warp warp = first_axis_warp(source, AxisStart::values, run_with(1));
  const KernelSections sections{{.kind = KernelKind::laplace}, rows.X};
  EXPECT_EQ(message_of<InvalidArgument>(
                [&] { (void)next_axis_warp(warp, sections, Matrix::Ones(20, 1), source, 1, run_with(1)); }),
            "axis warp: a kernel given that is not one of city blocks on the inputs' own axes");
}
