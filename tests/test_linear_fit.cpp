// Oracles: Eigen's QR on the rows themselves; errors of each candidate by going over the rows.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <limits>

#include "sextant/linear_fit.h"
#include "test_support.h"

using namespace sextant;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

Moments moments_of(const Rows& rows) { return moments(rows.source(), run_with(1, 64)); }

// Weighted least squares with an intercept by QR: row 0 is α, the others β.
Matrix by_qr(const Rows& rows) {
  Eigen::MatrixXd A(rows.count(), rows.X.cols() + 1);
  A << Vector::Ones(rows.count()), rows.X;
  const Vector root = rows.w.cwiseSqrt();
  return (root.asDiagonal() * A).colPivHouseholderQr().solve(Eigen::MatrixXd(root.asDiagonal() * rows.Y));
}

double risk(const Rows& rows, const Vector& prediction, Index target) {
  return rows.w.dot((rows.Y.col(target) - prediction).cwiseAbs2()) / rows.w.sum();
}

}  // namespace

TEST(LinearFit, LeastSquaresAgainstQr) {
  for (const Index d : {1, 2, 7, 8, 9, 30}) {
    Rows rows = random_rows(120, d, 2, static_cast<std::uint64_t>(d));
    rows.X.col(0) *= 50;
    rows.X.col(d - 1).array() += 20;
    const Matrix expected = by_qr(rows);
    const LinearPart linear = fit_linear(moments_of(rows), Preprocess::linear, Vector::Zero(2));
    EXPECT_LT(relative_error(linear.beta, Matrix(expected.bottomRows(d))), 1e-10) << d;
    EXPECT_LT(relative_error(linear.alpha, Vector(expected.row(0))), 1e-10) << d;
  }
}

// With a condition number of 10, and of 10⁹: with eigenvalues that may have to be dropped, rounding counts that much
// more.
TEST(LinearFit, EpsilonIsRidgeOnCentredRows) {
  for (const double scale : {1.0, 3e4}) {
    const double close = scale == 1.0 ? 1e-12 : 1e-6;
    Rows rows = random_rows(90, 6, 2, 3);
    rows.X.col(4) *= scale;
    const Vector mean_x = rows.X.transpose() * rows.w / rows.w.sum();
    const Vector mean_y = rows.Y.transpose() * rows.w / rows.w.sum();
    const Matrix X = rows.X.rowwise() - mean_x.transpose();
    const Matrix Y = rows.Y.rowwise() - mean_y.transpose();
    const Vector epsilon = Eigen::Vector2d(0.3, 20);  // one per target
    const LinearPart linear = fit_linear(moments_of(rows), Preprocess::linear, epsilon);
    for (Index t = 0; t < 2; ++t) {
      const Eigen::MatrixXd S =
          X.transpose() * rows.w.asDiagonal() * X / rows.w.sum() + epsilon[t] * Eigen::MatrixXd::Identity(6, 6);
      const Vector c = X.transpose() * rows.w.asDiagonal() * Y.col(t) / rows.w.sum();
      const Vector beta = S.ldlt().solve(c);
      EXPECT_LT((linear.beta.col(t) - beta).norm(), close * beta.norm());
      EXPECT_NEAR(linear.alpha[t], mean_y[t] - beta.dot(mean_x), close);
    }
  }
}

TEST(LinearFit, TheStepSeesNoChanceCorrelation) {
  const Vector validated = Eigen::Vector2d(100, 0.5);
  // The first target is even in every input; the second has a linear part.
  for (const Index n : {29, 300}) {
    Rows rows{normals(n, 5, 1), Matrix(n, 2), Vector::Ones(n)};
    rows.Y.col(0) = rows.X.col(0).cwiseAbs();
    rows.Y.col(1) = rows.X.col(0) + rows.X.col(1).cwiseAbs();
    const Vector found = step_epsilon(moments_of(rows), validated);
    EXPECT_EQ(found[0], n < 30 ? 100 : 0.0);  // too few rows to tell
    EXPECT_EQ(found[1], 0.5);
    // Equal columns are one direction: four more change nothing.
    Rows wide = rows;
    wide.X.resize(n, 9);
    wide.X << rows.X, rows.X.leftCols(4);
    EXPECT_EQ(step_epsilon(moments_of(wide), validated), found);
  }
}

TEST(LinearFit, CollinearAndConstantColumnsAreDropped) {
  const Rows plain = random_rows(80, 4, 1, 5);
  Rows rows = plain;
  rows.X.resize(80, 7);
  rows.X << plain.X, plain.X.col(0), 2 * plain.X.col(1) - plain.X.col(2), Vector::Constant(80, 3);
  const Moments train = moments_of(rows);
  const LinearPart linear = fit_linear(train, Preprocess::linear, Vector::Zero(1));
  const LinearPart expected = fit_linear(moments_of(plain), Preprocess::linear, Vector::Zero(1));
  EXPECT_LT(relative_error(linear(rows.X), expected(plain.X)), 1e-9);
  // The minimum-norm solution: equal columns share their weight, constant ones get none.
  EXPECT_NEAR(linear.beta(0, 0), linear.beta(4, 0), 1e-9);
  EXPECT_NEAR(linear.beta(6, 0), 0, 1e-9);
  const Eigen::MatrixXd centred = rows.w.cwiseSqrt().asDiagonal() * (rows.X.rowwise() - train.x_mean.transpose());
  const Vector y = rows.w.cwiseSqrt().cwiseProduct((rows.Y.col(0).array() - train.y_mean[0]).matrix());
  const Vector minimum_norm = centred.completeOrthogonalDecomposition().solve(y);
  EXPECT_LT((linear.beta.col(0) - minimum_norm).norm(), 1e-9 * minimum_norm.norm());
}

TEST(LinearFit, FewerRowsThanInputs) {
  const Rows rows = random_rows(5, 12, 1, 6, false);
  const LinearPart linear = fit_linear(moments_of(rows), Preprocess::linear, Vector::Zero(1));
  EXPECT_LT(relative_error(linear(rows.X), rows.Y), 1e-10);  // it interpolates, with a finite β
  const Rows one = random_rows(1, 3, 2, 7, false);
  const LinearPart mean = fit_linear(moments_of(one), Preprocess::linear, Vector::Zero(2));
  EXPECT_EQ(mean.beta, Matrix::Zero(3, 2));
  EXPECT_EQ(mean.alpha, Vector(one.Y.row(0)));
}

TEST(LinearFit, InfiniteEpsilonIsTheMean) {
  const Rows rows = random_rows(50, 4, 2, 8);
  const Rows other = random_rows(70, 4, 2, 9);
  const Moments train = moments_of(rows);
  const LinearPart linear = fit_linear(train, Preprocess::linear, Vector::Constant(2, inf));
  EXPECT_EQ(linear.beta, Matrix::Zero(4, 2));
  EXPECT_EQ(linear.alpha, train.y_mean);
  const Matrix path = linear_risks(train, moments_of(other));
  const Vector mean = mean_risk(train, moments_of(other));
  for (Index t = 0; t < 2; ++t) {
    EXPECT_NEAR(mean[t], risk(other, Vector::Constant(70, train.y_mean[t]), t), 1e-13 * mean[t]);
    EXPECT_NEAR(path(path.rows() - 1, t), mean[t], 1e-13 * mean[t]);
  }
}

TEST(LinearFit, TheGridOfEpsilon) {
  const auto& grid = epsilon_grid();
  ASSERT_EQ(grid.size(), lambda_grid().size() + 1);
  EXPECT_EQ(grid.front(), 0);
  EXPECT_EQ(grid.back(), inf);
  for (std::size_t e = 1; e < grid.size(); ++e) EXPECT_LT(grid[e - 1], grid[e]);
}

TEST(LinearFit, RisksFromMomentsAreThoseOfTheRows) {
  for (const Index n : {6, 200}) {  // fewer rows than inputs, and more
    const Rows rows = random_rows(n, 9, 2, 10, n > 6);
    Rows held_out = random_rows(80, 9, 2, 11);
    held_out.Y.array() += 3;  // another mean than the training rows'
    held_out.X.array() += 0.5;
    const Moments train = moments_of(rows);
    const Matrix path = linear_risks(train, moments_of(held_out));
    ASSERT_EQ(path.rows(), static_cast<Index>(epsilon_grid().size()));
    for (Index e = 0; e < path.rows(); ++e) {
      const LinearPart linear =
          fit_linear(train, Preprocess::linear, Vector::Constant(2, epsilon_grid()[static_cast<std::size_t>(e)]));
      const Matrix prediction = linear(held_out.X);
      for (Index t = 0; t < 2; ++t) {
        const double expected = risk(held_out, prediction.col(t), t);
        EXPECT_NEAR(path(e, t), expected, 1e-11 * expected) << n << ' ' << e;
      }
    }
  }
}

TEST(LinearFit, NoneAndCorrelationAsPrinted) {
  Rows rows = random_rows(60, 5, 2, 12);
  rows.X.array() += 1;  // not centred: β is (1/n) Σ y x all the same
  const Moments train = moments_of(rows);
  const LinearPart none = fit_linear(train, Preprocess::none, Vector::Zero(2));
  EXPECT_EQ(none.alpha, Vector::Zero(2));
  EXPECT_EQ(none.beta, Matrix::Zero(5, 2));
  const LinearPart printed = fit_linear(train, Preprocess::correlation, Vector::Zero(2));
  Vector alpha = Vector::Zero(2);
  Matrix beta = Matrix::Zero(5, 2);
  for (Index i = 0; i < 60; ++i) {
    alpha += rows.w[i] * rows.Y.row(i).transpose() / rows.w.sum();
    beta += rows.w[i] * rows.X.row(i).transpose() * rows.Y.row(i) / rows.w.sum();
  }
  EXPECT_LT(relative_error(printed.alpha, alpha), 1e-13);
  EXPECT_LT(relative_error(printed.beta, beta), 1e-13);
}
