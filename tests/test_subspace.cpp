// Oracles: planes turned by known angles; Eigen's SVD; the rule of estimate_rank worked out by hand.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <numbers>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/subspace.h"
#include "sextant/synthetic.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;

namespace {

// Rows cos(θ_i) e_i + sin(θ_i) e_{r+i} in R^d: at the angles θ_i from e_1 … e_r.
Matrix turned(const Vector& angles, Index d) {
  const Index r = angles.size();
  Matrix V = Matrix::Zero(r, d);
  for (Index i = 0; i < r; ++i) {
    V(i, i) = std::cos(angles[i]);
    V(i, r + i) = std::sin(angles[i]);
  }
  return V;
}

Matrix random_rotation(Index d, std::uint64_t seed) { return draw_directions(d, d, Orientation::random, seed); }

Vector list(std::initializer_list<double> values) {
  Vector v(static_cast<Index>(values.size()));
  std::copy(values.begin(), values.end(), v.begin());
  return v;
}

}  // namespace

TEST(Subspace, AnglesOfTurnedPlanes) {
  const double right = std::numbers::pi / 2;
  for (const Vector& angles :
       {list({0.3}), list({0.1, 0.7}), list({0, right}), list({1e-9, 1e-4, 1.2}), list({0, 0, 0}), list({right, right}),
        list({std::numbers::pi / 4, 0.785}), list({1e-12, 1e-11, right - 1e-3})}) {
    const Index r = angles.size();
    const Matrix U = Matrix::Identity(r, 2 * r + 1);
    const Vector sorted = [&] {
      Vector v = angles;
      std::sort(v.begin(), v.end());
      return v;
    }();
    const Vector found = principal_angles(U, turned(angles, 2 * r + 1));
    ASSERT_EQ(found.size(), r);
    for (Index i = 0; i < r; ++i) EXPECT_NEAR(found[i], sorted[i], 2e-15 + 1e-14 * sorted[i]) << angles.transpose();
    EXPECT_NEAR(overlap(U, turned(angles, 2 * r + 1)), angles.array().cos().square().mean(), 1e-14);
  }
}

TEST(Subspace, AnglesDependOnSubspacesOnly) {
  const Vector angles = list({1e-9, 0.4, 1.1});
  const Matrix Q = random_rotation(9, 1);
  const Matrix U = Matrix::Identity(3, 9) * Q;
  const Matrix V = turned(angles, 9) * Q;
  // Other rows that span the same: mixed, scaled, and some of them again.
  const Matrix mixed_U = (Matrix(3, 3) << 2, 1, 0, -1, 3, 0.5, 0, 0, 1e-3).finished() * U;
  Matrix mixed_V(5, 9);
  mixed_V << V, V.row(0) + V.row(2), -7 * V.row(1);
  for (const auto& [A, B] : {std::pair{U, V}, {V, U}, {mixed_U, V}, {U, mixed_V}, {mixed_U, mixed_V}}) {
    const Vector found = principal_angles(A, B);
    ASSERT_EQ(found.size(), 3);
    EXPECT_NEAR(found[0], 1e-9, 1e-12);
    EXPECT_NEAR(found[1], 0.4, 1e-12);
    EXPECT_NEAR(found[2], 1.1, 1e-12);
  }
}

TEST(Subspace, SubspacesOfOtherDimensions) {
  // A line inside a plane, a line at 0.3 to a plane, a plane and all of space.
  const Matrix plane = Matrix::Identity(2, 5);
  Matrix line = Matrix::Zero(1, 5);
  line(0, 0) = 3;
  line(0, 1) = -4;
  EXPECT_NEAR(principal_angles(plane, line)[0], 0, 1e-15);
  EXPECT_NEAR(overlap(line, plane), 1, 1e-15);
  line << 0, std::cos(0.3), 0, 0, std::sin(0.3);
  for (const Vector& found : {principal_angles(line, plane), principal_angles(plane, line)}) {
    ASSERT_EQ(found.size(), 1);
    EXPECT_NEAR(found[0], 0.3, 1e-15);
  }
  EXPECT_LT(principal_angles(plane, Matrix::Identity(5, 5)).maxCoeff(), 1e-15);
}

TEST(Subspace, OverlapOfLinesIsTheSquaredProduct) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Matrix u = normals(1, 6, seed, 1);
    const Matrix v = normals(1, 6, seed, 2);
    const double cosine = u.row(0).dot(v.row(0)) / u.norm() / v.norm();
    EXPECT_NEAR(overlap(u, v), cosine * cosine, 1e-14);
  }
}

TEST(Subspace, OverlapOfRandomSubspacesIsMaxOverD) {
  // E‖Π_U Π_V‖² = rq/d for a random V, so the mean over min(r, q) is max(r, q)/d.
  const Index d = 20;
  for (const auto& [r, q] : {std::pair<Index, Index>{1, 1}, {2, 5}, {4, 4}}) {
    double sum = 0;
    double squares = 0;
    const int draws = 400;
    for (int draw = 0; draw < draws; ++draw) {
      const double value = overlap(Matrix::Identity(r, d), normals(q, d, static_cast<std::uint64_t>(draw), 3));
      sum += value;
      squares += value * value;
    }
    const double mean = sum / draws;
    const double error = std::sqrt((squares / draws - mean * mean) / draws);
    EXPECT_NEAR(mean, static_cast<double>(std::max(r, q)) / static_cast<double>(d), 4 * error) << r << ' ' << q;
  }
}

TEST(Subspace, BrokenSubspacesAreRefused) {
  const Matrix U = Matrix::Identity(2, 4);
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)principal_angles(U, Matrix::Identity(2, 5)); }),
            "principal angles: U has 4 columns and V has 5, expected as many");
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)principal_angles(U, Matrix::Zero(3, 4)); }),
            "principal angles: V has no row other than 0");
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)principal_angles(Matrix(0, 4), U); }),
            "principal angles: U has no row other than 0");
  Matrix broken = U;
  broken(1, 1) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)overlap(broken, U); }),
            "principal angles: U holds a value that is not finite");
}

TEST(Subspace, SpectrumRebuildsTheMatrix) {
  for (const Index d : {1, 2, 7, 8, 9, 40}) {
    const Matrix B = normals(d, d, 5);
    const Matrix A = B.transpose() * B;
    const Spectrum found = spectrum(A);
    EXPECT_NEAR(found.values.sum(), 1, 1e-14);
    const Matrix rebuilt = found.directions.transpose() * (A.trace() * found.values).asDiagonal() * found.directions;
    EXPECT_LT(relative_error(rebuilt, A), 1e-13);
    EXPECT_LT(relative_error(Matrix(found.directions * found.directions.transpose()), Matrix(Matrix::Identity(d, d))),
              1e-13);
    for (Index i = 0; i < d; ++i) {
      EXPECT_GE(found.values[i], 0);
      if (i > 0) {
        EXPECT_LE(found.values[i], found.values[i - 1]);
      }
      Index largest = 0;
      found.directions.row(i).cwiseAbs().maxCoeff(&largest);
      EXPECT_GT(found.directions(i, largest), 0);
    }
  }
  // Directions are rows, largest first.
  Matrix A = Matrix::Zero(3, 3);
  A.diagonal() << 1, 6, 3;
  const Spectrum diagonal = spectrum(A);
  EXPECT_LT((diagonal.values - list({0.6, 0.3, 0.1})).norm(), 1e-15);
  EXPECT_LT((diagonal.directions - (Matrix(3, 3) << 0, 1, 0, 0, 0, 1, 1, 0, 0).finished()).norm(), 1e-15);
  EXPECT_EQ(spectrum(Matrix::Zero(3, 3)).values, Vector::Zero(3));
  A(1, 2) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(message_of<NumericalError>([&] { (void)spectrum(A); }),
            "spectrum: the 3×3 matrix to decompose holds a value that is not finite");
}

TEST(Subspace, FirstLayerSpectrumIsThatOfTheSingularValues) {
  for (const auto& [m, d] : {std::pair<Index, Index>{30, 5}, {3, 8}}) {
    const Matrix W = normals(m, d, 6);
    const Eigen::JacobiSVD<Eigen::MatrixXd> svd(W, Eigen::ComputeThinV);
    const Vector squares = svd.singularValues().cwiseAbs2();
    const Spectrum found = first_layer_spectrum(W);
    ASSERT_EQ(found.values.size(), d);
    for (Index i = 0; i < squares.size(); ++i) {
      EXPECT_NEAR(found.values[i], squares[i] / squares.sum(), 1e-14);
      EXPECT_NEAR(std::abs(found.directions.row(i).dot(svd.matrixV().col(i))), 1, 1e-12);
    }
    for (Index i = squares.size(); i < d; ++i) EXPECT_NEAR(found.values[i], 0, 1e-15);
  }
}

TEST(Subspace, RankRuleOnCraftedSpectra) {
  const auto expect = [](const Vector& spectrum, Index rank, double ratio, double share) {
    const RankEstimate found = estimate_rank(spectrum);
    EXPECT_EQ(found.rank, rank) << spectrum.transpose();
    EXPECT_NEAR(found.ratio, ratio, 1e-12 * ratio) << spectrum.transpose();
    EXPECT_NEAR(found.share, share, 1e-11) << spectrum.transpose();
  };
  // δ is a thousandth of the sum.
  expect(list({0.99, 0.01, 0, 0}), 1, 0.991 / 0.011, 0.99);
  expect(list({0.5, 0.45, 0.05, 0}), 3, 0.051 / 0.001, 1);
  expect(list({0.5, 0.45, 0.04, 0.01}), 2, 0.451 / 0.041, 0.95);
  expect(list({1, 0, 0}), 1, 1001, 1);
  expect(list({0.25, 0.25, 0.25, 0.25}), 4, 1, 1);  // no gap
  expect(list({0.4, 0.3, 0.2, 0.1}), 4, 1, 1);      // ratios below 2
  expect(list({0.6, 0.28, 0.12}), 3 - 1, 0.281 / 0.121, 0.88);
  expect(list({1}), 1, 1, 1);  // one input: nothing to compare with
  // Ratios between negligible eigenvalues do not count: 1e-5 / 1e-12 is larger than 0.9 / 0.1.
  expect(list({0.9, 0.09999, 1e-5, 1e-12}), 2, (0.09999 + 1e-3 * 1.0) / (1e-5 + 1e-3), 0.99999);
  expect(list({9, 1, 0, 0}), 2, 1.01 / 0.01, 1);  // need not sum to 1
  expect(list({0, 0, 0}), 0, 1, 0);
  expect(Vector(), 0, 1, 0);
}
