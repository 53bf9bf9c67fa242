// Oracles: the definition in lift.h with loops; functions that are linear between knots, which a lift makes linear;
// central differences; quantiles of rows counted by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/lift.h"
#include "test_support.h"

using namespace sextant;

namespace {

Lift learned(const Matrix& X, Index intervals) {
  const Matrix Y = Matrix::Zero(X.rows(), 1);
  return learn_lift(MemorySource(X, Y), intervals, run_with(1, 7));
}

}  // namespace

TEST(Lift, CoordinatesAreTheirDefinition) {
  const Matrix X = normals(40, 3, 1);
  const Lift lift = learned(X, 5);
  ASSERT_EQ(lift.coordinates(), 15);
  const Matrix wide = 2 * normals(30, 3, 2);  // beyond the knots too
  Matrix Z;
  lift.apply(wide, Z);
  Index column = 0;
  for (Index j = 0; j < 3; ++j) {
    const Vector& t = lift.knots[static_cast<std::size_t>(j)];
    EXPECT_EQ(t[0], X.col(j).minCoeff());
    EXPECT_EQ(t[5], X.col(j).maxCoeff());
    for (Index s = 0; s < 5; ++s, ++column)
      for (Index i = 0; i < 30; ++i)
        EXPECT_EQ(Z(i, column), std::min(1.0, std::max(0.0, (wide(i, j) - t[s]) / (t[s + 1] - t[s]))));
  }
}

TEST(Lift, FunctionsLinearBetweenKnotsBecomeLinear) {
  // Interpolation of the square at the knots: c_s = t_{s+1}² − t_s².
  const Matrix X = normals(50, 1, 3);
  const Lift lift = learned(X, 8);
  const Vector& t = lift.knots[0];
  Matrix Z;
  const Matrix at = Matrix(t);
  lift.apply(at, Z);
  Vector c(8);
  for (Index s = 0; s < 8; ++s) c[s] = t[s + 1] * t[s + 1] - t[s] * t[s];
  const Vector f = (Z * c).array() + t[0] * t[0];
  EXPECT_LT((f - t.cwiseAbs2()).cwiseAbs().maxCoeff(), 1e-13);
}

TEST(Lift, KnotsAreQuantilesOrLevels) {
  Matrix X(101, 3);
  for (Index i = 0; i < 101; ++i) {
    X(i, 0) = std::pow(static_cast<double>(i), 3);  // quantiles of a rising function are its values at the quantiles
    X(i, 1) = static_cast<double>(i % 3) * 10;      // three levels
    X(i, 2) = 4;                                    // never varies
  }
  const Lift lift = learned(X, 4);
  EXPECT_EQ(lift.knots[0], (Vector(5) << 0, std::pow(25, 3), std::pow(50, 3), std::pow(75, 3), 1e6).finished());
  EXPECT_EQ(lift.knots[1], (Vector(3) << 0, 10, 20).finished());
  Matrix Z;
  lift.apply(X, Z);
  ASSERT_EQ(Z.cols(), 4 + 2 + 1);
  EXPECT_EQ(Z.col(6), Vector::Zero(101));
  // Most rows in one value: quantiles that coincide are one knot.
  Matrix tied = normals(60, 1, 4);
  tied.topRows(50).setConstant(0.25);
  const Vector t = learned(tied, 10).knots[0];
  EXPECT_TRUE(std::is_sorted(t.begin(), t.end()));
  for (Index s = 0; s + 1 < t.size(); ++s) EXPECT_LT(t[s], t[s + 1]);
}

TEST(Lift, RowsOfWeightZeroHaveNoKnots) {
  Rows rows{normals(40, 2, 5), Matrix::Zero(40, 1), Vector::Ones(40)};
  rows.X.row(7).setConstant(1e9);
  rows.w[7] = 0;
  const Lift lift = learn_lift(rows.source(), 6, run_with(1));
  for (const Vector& t : lift.knots) EXPECT_LT(t.maxCoeff(), 1e3);
}

TEST(Lift, PullBackAgainstCentralDifferences) {
  const Matrix X = normals(60, 3, 6);
  const Lift lift = learned(X, 5);
  const Matrix at = 1.5 * normals(50, 3, 7);
  const Vector c = normals(lift.coordinates(), 1, 8);
  const Matrix slopes = lift.pull_back(at, c.transpose().replicate(50, 1));
  const double h = 1e-7;
  Matrix Z;
  for (Index j = 0; j < 3; ++j) {
    Matrix up = at;
    Matrix down = at;
    up.col(j).array() += h;
    down.col(j).array() -= h;
    lift.apply(up, Z);
    const Vector above = Z * c;
    lift.apply(down, Z);
    const Vector difference = (above - Z * c) / (2 * h);
    for (Index i = 0; i < 50; ++i) EXPECT_NEAR(slopes(i, j), difference[i], 1e-5 * (1 + std::abs(difference[i])));
  }
}

TEST(Lift, LiftedRowsAreResidualsAgainstCoordinates) {
  const Rows rows = random_rows(33, 4, 2, 9);
  const LinearPart linear = random_linear(4, 2, 9);
  const MemorySource source = rows.source();
  const Lift lift = learn_lift(source, 3, run_with(1));
  const LiftedSource lifted(source, linear, lift);
  const Rows found = read_all(lifted, 10);
  Matrix Z;
  lift.apply(rows.X, Z);
  EXPECT_EQ(found.X, Z);
  EXPECT_LT(relative_error(found.Y, Matrix(rows.Y - linear(rows.X))), 1e-15);
  EXPECT_EQ(found.w, rows.w);
  EXPECT_EQ(lifted.inputs(), 12);
}

TEST(Lift, WhatDoesNotFitIsRefused) {
  const Rows rows = random_rows(10, 2, 1, 10);
  const MemorySource source = rows.source();
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)learn_lift(source, 0, {}); }),
            "lift: 0 intervals given, expected at least 1");
  EXPECT_EQ(message_of<InvalidArgument>([&] { LiftedSource(source, LinearPart::zero(2, 1), Lift{}); }),
            "lift: the rows have 2 inputs, expected 0");
}
