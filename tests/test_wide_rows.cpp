// Oracles: the primal algebra with the d×d covariance (linear_fit.h, passes.h); ridge and kernel ridge regressions
// solved again without each row; the lasso's optimality conditions; plain least squares; planted functions.
#include <gtest/gtest.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "method/wide_forward.h"
#include "method/wide_kernel.h"
#include "method/wide_lasso.h"
#include "method/wide_linear.h"
#include "method/wide_link.h"
#include "method/wide_pls.h"
#include "method/wide_rows.h"
#include "sextant/linear_fit.h"
#include "sextant/passes.h"
#include "test_support.h"

using namespace sextant;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// A row-centred copy of those of positive weight, and their weights of sum 1, by the definitions.
struct Centred {
  Matrix X;
  Matrix Y;
  Vector w;
};
Centred centred(const Rows& rows) {
  std::vector<Index> kept;
  for (Index i = 0; i < rows.count(); ++i)
    if (rows.w[i] > 0) kept.push_back(i);
  Centred c{rows.X(kept, Eigen::all), rows.Y(kept, Eigen::all), rows.w(kept)};
  c.w /= c.w.sum();
  c.X.rowwise() -= (c.w.transpose() * c.X).eval();
  c.Y.rowwise() -= (c.w.transpose() * c.Y).eval();
  return c;
}

// f at row `out` of a ridge regression with a constant on features Φ, learned from the other rows.
double from_others(const Matrix& Phi, const Vector& y, const Vector& w, double lambda, Index out) {
  const Index p = Phi.cols();
  Eigen::MatrixXd A = Eigen::MatrixXd::Zero(p + 1, p + 1);
  Vector b = Vector::Zero(p + 1);
  A.topLeftCorner(p, p).diagonal().setConstant(lambda);
  for (Index i = 0; i < Phi.rows(); ++i) {
    if (i == out) continue;
    Vector x(p + 1);
    x << Phi.row(i).transpose(), 1.0;
    A += w[i] * x * x.transpose();
    b += w[i] * y[i] * x;
  }
  const Vector solved = A.fullPivLu().solve(b);
  return Phi.row(out).dot(solved.head(p)) + solved[p];
}

}  // namespace

TEST(WideRows, MarginalMomentsAreThoseOfTheCovariance) {
  const Rows rows = random_rows(40, 7, 2, 1);
  for (const Index block : {7, 1024}) {
    const Moments whole = moments(rows.source(), run_with(1, block));
    const Moments found = marginal_moments(rows.source(), run_with(2, block));
    EXPECT_EQ(found.xx.size(), 0);
    EXPECT_EQ(found.rows, whole.rows);
    EXPECT_LT(relative_error(found.x_mean, whole.x_mean), 1e-13);
    EXPECT_LT(relative_error(found.xx_diag, whole.xx.diagonal()), 1e-12);
    EXPECT_LT(relative_error(found.xy, whole.xy), 1e-12);
    EXPECT_LT(relative_error(found.yy, whole.yy), 1e-12);
    EXPECT_EQ(found.x_min, whole.x_min);
    EXPECT_EQ(found.y_max, whole.y_max);
  }
}

TEST(WideRows, CoordinatesOfTheSpanKeepDistancesAndSecondMoments) {
  const Rows rows = random_rows(24, 60, 1, 2);
  const WideRows wide(rows.source(), run_with(1));
  const Centred c = centred(rows);
  ASSERT_EQ(wide.rows(), c.X.rows());
  EXPECT_EQ(wide.rank(), wide.rows() - 1);
  EXPECT_LT(relative_error(wide.Xt.transpose(), c.X), 1e-13);
  EXPECT_LT(relative_error(wide.Z * wide.Z.transpose(), c.X * c.X.transpose()), 1e-11);
  EXPECT_LT(relative_error(wide.Z.transpose() * wide.w.asDiagonal() * wide.Z, Matrix(wide.values.asDiagonal())), 1e-11);
  // z(x) of the rows themselves.
  EXPECT_LT(relative_error(c.X * wide.from_span(Matrix::Identity(wide.rank(), wide.rank())), wide.Z), 1e-10);
}

TEST(WideRows, AreTheSameForAnyNumberOfThreads) {
  const Rows rows = random_rows(150, 300, 1, 3);
  const WideRows one(rows.source(), run_with(1));
  const WideRows four(rows.source(), run_with(4));
  EXPECT_EQ(one.Xt, four.Xt);
  EXPECT_EQ(one.Z, four.Z);
}

TEST(WideLinear, DualRidgeIsPrimalRidge) {
  for (const Index d : {5, 18, 50}) {
    const Rows rows = random_rows(25, d, 3, 4);
    const Rows others = random_rows(30, d, 3, 5);
    const Context context = run_with(1);
    const Moments train = moments(rows.source(), context);
    const WideRows wide(rows.source(), context);
    const Vector epsilon = Eigen::Vector3d(1e-3, 1.0, infinity);
    const LinearPart primal = fit_linear(train, Preprocess::linear, epsilon);
    const LinearPart dual = fit_linear(wide, epsilon);
    EXPECT_LT(relative_error(dual.beta, primal.beta), 1e-9);
    EXPECT_LT(relative_error(dual.alpha, primal.alpha), 1e-9);
    const LinearPart least = fit_linear(train, Preprocess::linear, Vector::Zero(3));
    EXPECT_LT(relative_error(fit_linear(wide, Vector::Zero(3)).beta, least.beta), 1e-7);
    const Matrix risks = linear_risks(wide, others.source(), context);
    EXPECT_LT(relative_error(risks, linear_risks(train, moments(others.source(), context))), 1e-7);
  }
}

TEST(WideLinear, LeavesEachRowOutAsIfItHadNotBeenThere) {
  const std::vector<double> one = {0.3};
  for (const Index d : {4, 40}) {
    const Rows rows = random_rows(20, d, 1, 6);
    const WideRows wide(rows.source(), run_with(1));
    const Vector y = wide.Y.col(0);
    const Matrix X = wide.Xt.transpose();
    const LeftOut in_span = LooRidge(wide.Z, wide.values, wide.w).best(y, one);
    const LooRidge features(X, wide.w);
    const LeftOut on_inputs = features.best(y, one);
    for (Index i = 0; i < wide.rows(); ++i) {
      const double expected = y[i] - from_others(X, y, wide.w, in_span.lambda, i);
      EXPECT_NEAR(in_span.r[i], expected, 1e-8);
      EXPECT_NEAR(on_inputs.r[i], expected, 1e-8);
    }
    EXPECT_LT(relative_error(Matrix(wide.from_span(in_span.head)), Matrix(features.of_features(on_inputs.head))), 1e-8);
  }
}

TEST(WideLinear, TakesTheRidgeWhoseLeftOutErrorIsLeast) {
  const Rows rows = random_rows(30, 10, 1, 7);
  const WideRows wide(rows.source(), run_with(1));
  const LooRidge ridge(wide.Z, wide.values, wide.w);
  const std::vector<double> path = powers_of_ten(-3, 3, 1);
  ASSERT_EQ(path.size(), 7U);
  double least = infinity;
  for (const double each : path) least = std::min(least, ridge.best(wide.Y.col(0), {each}).error);
  EXPECT_EQ(ridge.best(wide.Y.col(0), path).error, least);
}

TEST(WideKernel, LeavesEachRowOutAsIfItHadNotBeenThere) {
  const Rows rows = random_rows(18, 3, 1, 8);
  const WideRows wide(rows.source(), run_with(1));
  const Matrix U = wide.Xt.transpose();
  const Vector y = wide.Y.col(0);
  const Index n = U.rows();
  const KernelOnRows kernel(U, wide.w, 2.0, 1.0);
  const LeftOut found = kernel.best(y);
  Matrix K(n, n);
  kernel_matrix(kernel.kernel(), U, U, K);
  for (Index out = 0; out < n; ++out) {
    std::vector<Index> others;
    for (Index i = 0; i < n; ++i)
      if (i != out) others.push_back(i);
    // (K + λW⁻¹)a + c1 = y, 1ᵀa = 0.
    Eigen::MatrixXd A = Eigen::MatrixXd::Ones(n, n);
    A.topLeftCorner(n - 1, n - 1) = K(others, others);
    A.topLeftCorner(n - 1, n - 1) += (found.lambda * wide.w(others).cwiseInverse()).asDiagonal();
    A(n - 1, n - 1) = 0;
    Vector b = Vector::Zero(n);
    b.head(n - 1) = y(others);
    const Vector solved = A.fullPivLu().solve(b);
    const double f = K(out, others).dot(solved.head(n - 1)) + solved[n - 1];
    EXPECT_NEAR(found.r[out], y[out] - f, 1e-6);
  }
  // The head of the centres is the one of the features.
  const auto head = kernel.head(found.head);
  const Vector f = (K * head.a).array() + head.constant;
  Eigen::MatrixXd A = Eigen::MatrixXd::Ones(n + 1, n + 1);
  A.topLeftCorner(n, n) = K + Matrix((found.lambda * wide.w.cwiseInverse()).asDiagonal());
  A(n, n) = 0;
  Vector b = Vector::Zero(n + 1);
  b.head(n) = y;
  const Vector solved = A.fullPivLu().solve(b);
  EXPECT_LT((f - (K * solved.head(n) + Vector::Constant(n, solved[n]))).cwiseAbs().maxCoeff(), 1e-6);
}

TEST(WideKernel, OuterProductInTheSpanIsThatOfAllInputs) {
  const Rows rows = random_rows(24, 40, 1, 9);
  const WideRows wide(rows.source(), run_with(1));
  const KernelGrid grid{{2.0}, {3.0}};
  const KernelFit in_span = best_kernel(wide.Z, wide.Y, wide.w, grid);
  const Matrix X = wide.Xt.transpose();
  const KernelFit on_inputs = best_kernel(X, wide.Y, wide.w, grid);
  EXPECT_NEAR(in_span.error, on_inputs.error, 1e-8);
  const Matrix V = wide.from_span(Matrix::Identity(wide.rank(), wide.rank()));  // d×r, orthonormal columns
  EXPECT_LT(relative_error(V.transpose() * V, Matrix::Identity(wide.rank(), wide.rank())), 1e-10);
  EXPECT_LT(relative_error(V * kernel_outer_product(in_span, wide.Z, wide.w) * V.transpose(),
                           kernel_outer_product(on_inputs, X, wide.w)),
            1e-6);
}

TEST(WideKernel, ManyRowsHaveSomeForCentres) {
  const Rows rows = random_rows(400, 2, 1, 10, false);
  const WideRows wide(rows.source(), run_with(1));
  const Matrix U = wide.Xt.transpose();
  const KernelFit fit = best_kernel(U, wide.Y, wide.w);
  EXPECT_EQ(fit.rows.centres().rows(), most_kernel_centres);
  for (std::size_t i = 0; i < fit.rows.centre_rows().size(); i += 50)
    EXPECT_EQ(fit.rows.centres().row(static_cast<Index>(i)), U.row(fit.rows.centre_rows()[i]));
  EXPECT_LT(fit.error, 0.4);  // noise is 0.09 of 0.5² + 2·(about 1) + 0.09
}

TEST(WideLasso, MeetsItsOptimalityConditions) {
  const Rows rows = random_rows(40, 90, 1, 11);
  const WideRows wide(rows.source(), run_with(1));
  const Vector y = wide.Y.col(0);
  for (const double ratio : {1.0, 0.5}) {
    const LassoPath path = lasso_path(wide, y, ratio);
    ASSERT_EQ(path.beta.size(), path.relative.size());
    EXPECT_TRUE(path.beta.front().empty());  // at λ_max
    const double most = (wide.Xt * wide.w.cwiseProduct(y)).cwiseAbs().maxCoeff() / ratio;
    for (std::size_t l = 1; l < path.beta.size(); l += 7) {
      Vector beta = Vector::Zero(wide.inputs());
      for (const auto& [j, value] : path.beta[l]) beta[j] = value;
      if (path.beta[l] == path.beta[l - 1]) break;  // the path has ended
      const double lambda = path.relative[l] * most;
      const Vector r = y - wide.Xt.transpose() * beta;
      const Vector c = wide.Xt * wide.w.cwiseProduct(r) - lambda * (1 - ratio) * beta;
      for (Index j = 0; j < beta.size(); ++j) {
        if (beta[j] != 0)
          EXPECT_NEAR(c[j], lambda * ratio * (beta[j] > 0 ? 1 : -1), 2e-3 * most);
        else
          EXPECT_LE(std::abs(c[j]), lambda * ratio + 1e-8 * most);
      }
    }
  }
}

TEST(WideLasso, SupportsAreTheLargestCoefficients) {
  LassoPath path{{1, 0.5, 0.25}, {{}, {{3, -2.0}, {7, 1.0}}, {{1, 0.1}, {3, -3.0}, {7, 2.0}, {9, 5.0}}}};
  EXPECT_EQ(path.support(1), (std::vector<Index>{3}));
  EXPECT_EQ(path.support(2), (std::vector<Index>{3, 7}));
  EXPECT_EQ(path.support(3), (std::vector<Index>{9, 3, 7}));
  EXPECT_EQ(path.support(9), (std::vector<Index>{9, 3, 7, 1}));
}

TEST(WidePls, AllComponentsAreLeastSquaresAndTheFirstIsTheCovariance) {
  const Rows rows = random_rows(30, 6, 1, 12);
  const Centred c = centred(rows);
  const Matrix heads = pls_coefficients(c.X, c.Y.col(0), c.w, 6);
  ASSERT_EQ(heads.cols(), 6);
  const Vector least = (c.X.transpose() * c.w.asDiagonal() * c.X)
                           .eval()
                           .fullPivLu()
                           .solve(Vector(c.X.transpose() * c.w.cwiseProduct(c.Y.col(0))));
  EXPECT_LT(relative_error(Matrix(heads.col(5)), Matrix(least)), 1e-8);
  const Vector covariance = c.X.transpose() * c.w.cwiseProduct(c.Y.col(0));
  EXPECT_NEAR(std::abs(heads.col(0).normalized().dot(covariance.normalized())), 1.0, 1e-12);
}

TEST(WidePls, InTheSpanIsThatOfAllInputs) {
  const Rows rows = random_rows(20, 45, 1, 13);
  const WideRows wide(rows.source(), run_with(1));
  const Centred c = centred(rows);
  const Matrix in_span = pls_coefficients(wide.Z, wide.Y.col(0), wide.w, 5);
  const Matrix on_inputs = pls_coefficients(c.X, c.Y.col(0), c.w, 5);
  EXPECT_LT(relative_error(wide.from_span(in_span), on_inputs), 1e-8);
}

TEST(WideForward, FindsCurvedInputsAndAPlantedProduct) {
  Rows rows{normals(150, 300, 14), Matrix(150, 1), Vector::Ones(150)};
  const auto x = [&](Index j) { return rows.X.col(j).array(); };
  const auto found = [&](const Eigen::ArrayXd& y, Index most, bool pair) {
    rows.Y.col(0) = y;
    const WideRows wide(rows.source(), run_with(1));
    std::vector<Index> chosen = forward_selection(wide, wide.Y.col(0), most, pair);
    std::sort(chosen.begin(), chosen.end());
    return chosen;
  };
  EXPECT_EQ(found(x(40).square() + x(41), 2, false), (std::vector<Index>{40, 41}));
  EXPECT_EQ(found(x(7) * x(211), 2, true), (std::vector<Index>{7, 211}));
  // Once one of a product's inputs is known, the other shows by it.
  EXPECT_EQ(found(x(7) + 1.5 * x(7) * x(211), 2, false), (std::vector<Index>{7, 211}));
}

TEST(WideLink, FindsAnIndexAndItsLink) {
  const Matrix X = normals(200, 4, 15);
  const Vector u = Eigen::Vector4d(1, -1, 0.5, 0);
  const Vector w = Vector::Constant(200, 1.0 / 200);
  Vector y = (X * u).array().tanh();
  y.array() -= y.mean();
  const Vector start = u + Vector(Eigen::Vector4d(0.2, 0.3, -0.2, 0.3));
  const IndexLink link = single_index(X, {start}, y, w);
  EXPECT_LT(link.error / w.dot(y.cwiseAbs2()), 1e-2);
  EXPECT_GT(link.map.U.row(0).normalized().dot(u.normalized()), 0.999);
  Matrix Phi(200, link.map.width());
  features(link.map, X, Phi);
  EXPECT_LT((Phi * link.a + Vector::Constant(200, link.constant) - y).norm() / y.norm(), 0.1);
}

TEST(WideRows, GradientFactorIsTheOuterProductsRoot) {
  const Rows rows = random_rows(20, 50, 2, 16);
  const LinearPart linear = random_linear(50, 2, 17);
  const std::vector<Predictor> predictors = {{0.6, random_network(12, 50, false, 18), normals(12, 2, 19), {}}};
  const Matrix A = gradient_outer_product(rows.source(), linear, predictors, run_with(1));
  for (const Index block : {6, 1024}) {
    const Matrix B = gradient_factor(rows.source(), linear, predictors, run_with(2, block));
    EXPECT_LE(B.rows(), 40);
    EXPECT_LT(relative_error(B.transpose() * B, A), 1e-5);  // 10⁻⁶ of the trace may be missing
    const Matrix pairs = B * B.transpose();
    EXPECT_LT((pairs - Matrix(pairs.diagonal().asDiagonal())).cwiseAbs().maxCoeff(), 1e-10 * pairs(0, 0));
  }
}
