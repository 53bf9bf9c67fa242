// Oracles: scikit-learn's Ridge and KernelRidge (fixtures/ridge.json and kernel_ridge.json, written by the scripts
// beside them); the normal equations by LDLT; Eigen's complete orthogonal decomposition; gradient descent as a loop.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "json_matrix.h"
#include "message_of.h"
#include "sextant/error.h"
#include "sextant/network.h"
#include "sextant/ridge_head.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

// Features and residuals of all rows, each times √w_i.
struct FeatureRows {
  double n = 0;
  Matrix Phi;
  Matrix R;
};

FeatureRows weighted_rows(const Matrix& Phi, const Matrix& Y, const Vector& w) {
  const Vector root = w.cwiseSqrt();
  return {w.sum(), root.asDiagonal() * Phi, root.asDiagonal() * Y};
}

FeatureSums sums_of(const FeatureRows& rows) {
  return {rows.n, rows.Phi.transpose() * rows.Phi / rows.n, rows.Phi.transpose() * rows.R / rows.n};
}

Matrix primal_path(const FeatureRows& rows, const std::vector<double>& lambda, Head head = Head::ridge) {
  return RidgeHead::primal(sums_of(rows)).path(lambda, head);
}

Matrix dual_path(const FeatureRows& rows, const std::vector<double>& lambda, Head head = Head::ridge) {
  const Matrix C = RidgeHead::dual({rows.n, rows.Phi * rows.Phi.transpose(), rows.R, Vector::Ones(rows.Phi.rows())})
                       .path(lambda, head);
  return rows.Phi.transpose() * C;
}

FeatureRows random_feature_rows(Index n, Index m, Index k, std::uint64_t seed) {
  Vector w = Vector::Ones(n);
  for (Index i = 0; i < n; ++i) w[i] = 2 * Stream(seed, Purpose::noise).uniform(static_cast<std::uint64_t>(i));
  return weighted_rows(normals(n, m, seed, 1).cwiseMax(0.0), normals(n, k, seed, 2), w);
}

// (ΦᵀΦ/n + λ/2) a = Φᵀy/n.
Eigen::MatrixXd by_normal_equations(const FeatureRows& rows, double lambda) {
  const FeatureSums sums = sums_of(rows);
  const Eigen::MatrixXd A =
      Eigen::MatrixXd(sums.gram) + lambda / 2 * Eigen::MatrixXd::Identity(sums.gram.rows(), sums.gram.rows());
  return A.ldlt().solve(Eigen::MatrixXd(sums.moment));
}

double objective(const FeatureRows& rows, const Matrix& a, double lambda) {
  return (rows.R - rows.Phi * a).squaredNorm() / rows.n + lambda / 2 * a.squaredNorm();
}

}  // namespace

TEST(RidgeHead, SameBitsForAnyNumberOfThreads) {
  const FeatureRows rows = random_feature_rows(150, 90, 2, 31);
  const RidgeHead head = RidgeHead::primal(sums_of(rows));
  std::vector<double> lambda = lambda_grid();
  lambda.push_back(std::numeric_limits<double>::infinity());
  const Matrix one = head.path(lambda);
  for (const int threads : {2, 5}) EXPECT_EQ(head.path(lambda, Head::ridge, threads), one);
}

TEST(RidgeHead, AgreesWithScikitLearn) {
  std::ifstream file(SEXTANT_FIXTURES "/ridge.json");
  ASSERT_TRUE(file) << "fixtures/ridge.json cannot be opened";
  const auto cases = nlohmann::json::parse(file);
  bool wide = false;
  bool tall = false;
  for (const auto& entry : cases) {
    const auto weights = entry.at("w").get<std::vector<double>>();
    const Vector w = Eigen::Map<const Vector>(weights.data(), static_cast<Index>(weights.size()));
    const FeatureRows rows = weighted_rows(matrix_from(entry.at("Phi")), matrix_from(entry.at("Y")), w);
    wide = wide || rows.Phi.rows() < rows.Phi.cols();
    tall = tall || rows.Phi.rows() > rows.Phi.cols();
    std::vector<double> lambda;
    for (const auto& head : entry.at("heads")) lambda.push_back(head.at("lambda"));
    const Matrix primal = primal_path(rows, lambda);
    const Matrix dual = dual_path(rows, lambda);
    for (std::size_t l = 0; l < lambda.size(); ++l) {
      const Matrix expected = matrix_from(entry.at("heads")[l].at("a"));
      EXPECT_LT(relative_error(primal.middleCols(2 * static_cast<Index>(l), 2), expected), 1e-8) << lambda[l];
      EXPECT_LT(relative_error(dual.middleCols(2 * static_cast<Index>(l), 2), expected), 1e-8) << lambda[l];
    }
  }
  EXPECT_TRUE(wide && tall);
}

RC_GTEST_PROP(RidgeHead, PrimalIsDual, ()) {
  const Index n = *rc::gen::inRange<Index>(1, 40);
  const Index m = *rc::gen::inRange<Index>(1, 40);
  const Index k = *rc::gen::inRange<Index>(1, 4);
  const FeatureRows rows = random_feature_rows(n, m, k, *rc::gen::inRange<std::uint64_t>(0, 10'000));
  const std::vector<double> lambda = {1e-3, 0.1, 3, 1e4};
  const Matrix primal = primal_path(rows, lambda);
  const Matrix dual = dual_path(rows, lambda);
  RC_ASSERT(primal.rows() == m);
  RC_ASSERT(primal.cols() == 4 * k);
  for (Index l = 0; l < 4; ++l) {
    const Matrix expected = by_normal_equations(rows, lambda[static_cast<std::size_t>(l)]);
    RC_ASSERT(relative_error(primal.middleCols(l * k, k), expected) < 1e-10);
    RC_ASSERT(relative_error(dual.middleCols(l * k, k), expected) < 1e-10);
  }
}

TEST(RidgeHead, MinimisesTheObjective) {
  const FeatureRows rows = random_feature_rows(30, 8, 1, 4);
  for (const double lambda : {1e-3, 0.5, 10.0}) {
    const Matrix a = primal_path(rows, {lambda});
    const double least = objective(rows, a, lambda);
    for (Index j = 0; j < 8; ++j) {
      for (const double step : {-1e-3, 1e-3}) {
        Matrix moved = a;
        moved(j, 0) += step;
        EXPECT_GT(objective(rows, moved, lambda), least);
      }
    }
  }
}

TEST(RidgeHead, LargeLambdaIsTheZeroHead) {
  for (const auto& [n, m] : std::vector<std::pair<Index, Index>>{{20, 6}, {6, 20}}) {
    const FeatureRows rows = random_feature_rows(n, m, 2, 5);
    for (const auto& path_of : {primal_path, dual_path}) {
      const Matrix path = path_of(rows, {1e6, 1e12, inf}, Head::ridge);
      EXPECT_EQ(path.rightCols(2), Matrix::Zero(m, 2));
      EXPECT_LT(path.middleCols(2, 2).cwiseAbs().maxCoeff(), 1e-11);
      // a → (2/λ) Φᵀy/n.
      EXPECT_LT(relative_error(Matrix(path.middleCols(2, 2) * 1e12), Matrix(2 * sums_of(rows).moment)), 1e-9);
      EXPECT_EQ(path_of(rows, {inf}, Head::gradient_descent), Matrix::Zero(m, 2));
    }
  }
}

TEST(RidgeHead, LambdaZeroIsTheMinimumNormSolution) {
  for (const auto& [n, m] : std::vector<std::pair<Index, Index>>{{30, 6}, {6, 30}, {12, 12}}) {
    FeatureRows rows = random_feature_rows(n, m, 2, 6);
    // Dependent features as well: the second repeats the first.
    rows.Phi.col(1) = rows.Phi.col(0);
    const Eigen::MatrixXd expected =
        Eigen::MatrixXd(rows.Phi).completeOrthogonalDecomposition().solve(Eigen::MatrixXd(rows.R));
    for (const Head kind : {Head::ridge, Head::gradient_descent}) {
      EXPECT_LT(relative_error(primal_path(rows, {0.0}, kind), expected), 1e-7) << n << ' ' << m;
      EXPECT_LT(relative_error(dual_path(rows, {0.0}, kind), expected), 1e-7) << n << ' ' << m;
    }
  }
}

TEST(RidgeHead, FeaturesThatAreAllZero) {
  FeatureRows rows = random_feature_rows(5, 4, 1, 7);
  rows.Phi.setZero();
  for (const Head kind : {Head::ridge, Head::gradient_descent}) {
    EXPECT_EQ(primal_path(rows, {0.0, 1.0, inf}, kind), Matrix::Zero(4, 3));
    EXPECT_EQ(dual_path(rows, {0.0, 1.0, inf}, kind), Matrix::Zero(4, 3));
  }
}

TEST(RidgeHead, GradientDescentIsTheLoop) {
  for (const auto& [n, m] : std::vector<std::pair<Index, Index>>{{50, 8}, {8, 20}}) {
    FeatureRows rows = random_feature_rows(n, m, 2, 8);
    for (Index j = 0; j < m; ++j) rows.Phi.col(j) *= std::pow(0.5, static_cast<double>(j));  // eigenvalues around λ
    const FeatureSums sums = sums_of(rows);
    const Vector s =
        Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(2 * sums.gram, Eigen::EigenvaluesOnly).eigenvalues();
    const double s_max = s[s.size() - 1];
    const double lambda = s_max / 199;  // T = 5·(s_max + λ)/λ = 1000 steps
    const double eta = 1 / (s_max + lambda);
    Matrix a = Matrix::Zero(m, 2);
    for (int step = 0; step < 1000; ++step) a -= eta * (2 * (sums.gram * a - sums.moment) + lambda * a);
    const Matrix ridge = RidgeHead::primal(sums).path({lambda});
    for (const auto& path_of : {primal_path, dual_path}) {
      const Matrix found = path_of(rows, {lambda}, Head::gradient_descent);
      EXPECT_LT(relative_error(found, a), 1e-10);
      EXPECT_GT(relative_error(found, ridge), 1e-5);           // it is not ridge itself,
      EXPECT_LT((found - ridge).norm() / ridge.norm(), 2e-3);  // but near it
    }
  }
}

TEST(RidgeHead, GradientDescentIsFiniteOverTheWholeGrid) {
  const FeatureRows rows = random_feature_rows(40, 12, 1, 9);
  const RidgeHead head = RidgeHead::primal(sums_of(rows));
  const Matrix descent = head.path(lambda_grid(), Head::gradient_descent);
  const Matrix ridge = head.path(lambda_grid(), Head::ridge);
  EXPECT_TRUE(descent.allFinite());
  // Where λ is far below every eigenvalue, T is so large that descent has arrived; nowhere is it off by more than e^−5.
  EXPECT_LT((descent - ridge).norm(), std::exp(-5) * ridge.norm());
  EXPECT_LT(relative_error(descent.col(0), ridge.col(0)), 1e-12);
}

TEST(RidgeHead, FitHeadsTakesTheSmallerForm) {
  for (const Index n : {15, 39, 40, 41, 90}) {  // m = 40
    const Rows rows = random_rows(n, 5, 2, 10);
    const LinearPart linear = random_linear(5, 2, 1);
    const FeatureMap map = random_network(40, 5, true, 2);
    const Context context = run_with(2, 16);
    const Matrix found = fit_heads(rows.source(), linear, map, {1e-2, 1}, Head::ridge, context);
    Matrix Phi(n, 40);
    features(map, rows.X, Phi);
    const FeatureRows feature = weighted_rows(Phi, rows.Y - linear(rows.X), rows.w);
    for (Index l = 0; l < 2; ++l)
      EXPECT_LT(relative_error(found.middleCols(2 * l, 2), by_normal_equations(feature, l == 0 ? 1e-2 : 1.0)), 1e-9)
          << n;
  }
}

TEST(RidgeHead, KernelHeadsAgreeWithScikitLearn) {
  std::ifstream file(std::string(SEXTANT_FIXTURES) + "/kernel_ridge.json");
  const auto fixture = nlohmann::json::parse(file);
  const Matrix X = matrix_from(fixture.at("X"));
  const Matrix T = matrix_from(fixture.at("T"));
  const double d = static_cast<double>(X.cols());
  int compared = 0;
  for (const auto& entry : fixture.at("cases")) {
    const auto& parameters = entry.at("parameters");
    KernelSections sections;
    sections.centres = X;
    if (entry.at("kernel") == "polynomial") {
      if (parameters.at("gamma") != 1 / d || parameters.at("coef0") != 1.0) continue;
      sections.kernel = {.kind = KernelKind::polynomial, .degree = parameters.at("degree")};
    } else if (entry.at("kernel") == "gaussian") {
      sections.kernel = {.kind = KernelKind::gaussian,
                         .bandwidth = std::sqrt(0.5 / parameters.at("gamma").get<double>())};
    } else {
      sections.kernel = {.kind = KernelKind::laplace, .bandwidth = parameters.at("L")};
    }
    const auto weights = entry.at("w").get<std::vector<double>>();
    const Rows rows{X, matrix_from(fixture.at("Y")), Eigen::Map<const Vector>(weights.data(), X.rows())};
    std::vector<double> lambda;
    for (const auto& head : entry.at("heads")) lambda.push_back(head.at("lambda"));
    const Matrix a = fit_heads(rows.source(), LinearPart::zero(X.cols(), 2), sections, lambda, Head::ridge, {});
    for (std::size_t l = 0; l < lambda.size(); ++l) {
      Matrix F = Matrix::Zero(T.rows(), 2);
      add_outputs(sections, T, a.middleCols(2 * static_cast<Index>(l), 2), 1.0, F);
      EXPECT_LT(relative_error(F, matrix_from(entry.at("heads")[l].at("predictions"))), 1e-8)
          << entry.at("kernel") << parameters << ' ' << lambda[l];
      ++compared;
    }
  }
  EXPECT_GE(compared, 30);
}

TEST(RidgeHead, KernelFormIsThePrimalForm) {
  // A linearised network of 24 units and 6 inputs has 192 features: more than the rows, or fewer.
  const FitOptions options{.method = Method::ntk, .width = 24, .seed = 1};
  const FeatureMap map = linearised_network(options, 6);
  const LinearPart linear = random_linear(6, 2, 1);
  for (const Index n : {40, 191, 192, 300}) {
    const Rows rows = random_rows(n, 6, 2, 13);
    const Matrix found = fit_heads(rows.source(), linear, map, {1e-3, 0.1}, Head::ridge, run_with(2, 64));
    Matrix Phi(n, 192);
    features(map, rows.X, Phi);
    const FeatureRows feature = weighted_rows(Phi, rows.Y - linear(rows.X), rows.w);
    for (Index l = 0; l < 2; ++l)
      EXPECT_LT(relative_error(found.middleCols(2 * l, 2), by_normal_equations(feature, l == 0 ? 1e-3 : 0.1)), 1e-9)
          << n;
  }
}

TEST(RidgeHead, KernelOfOtherRowsIsRefused) {
  const Rows rows = random_rows(10, 3, 1, 14);
  const KernelSections sections{{}, normals(9, 3, 1)};
  EXPECT_EQ(message_of<InvalidArgument>(
                [&] { (void)fit_heads(rows.source(), random_linear(3, 1, 1), sections, {1.0}, Head::ridge, {}); }),
            "ridge head: the kernel has 9 centres, expected the 10 rows it is fitted on");
}

// The band form, where most λ are far below the rounding of K, and the eigenvalues give the same predictions.
TEST(RidgeHead, BandEigenvaluesAndFactorisationsAgree) {
  for (const Index m : {1, 2, 3, 31, 32, 33, 34, 64, 65, 97, 200}) {
    const FeatureRows rows = random_feature_rows(2 * m + 3, m, 2, 15);
    const RidgeHead head = RidgeHead::primal(sums_of(rows));
    const std::vector<double> lambda = {1e-4, 1e-2, 1, inf};
    std::vector<double> with_zero = lambda;  // λ = 0 takes the eigenvalues for all
    with_zero.push_back(0.0);
    const Matrix by_eigenvalues = head.path(with_zero).leftCols(8);
    EXPECT_LT(relative_error(head.path(lambda), by_eigenvalues), 1e-11) << m;
    for (std::size_t l = 0; l < 3; ++l) {  // few λ have a factorisation each
      const Matrix alone = by_eigenvalues.middleCols(2 * static_cast<Index>(l), 2);
      EXPECT_LT(relative_error(head.path({lambda[l]}), alone), 1e-11) << m;
    }
  }
  // K = 10⁶·11ᵀ has rank 1 and rounding of 10⁻⁹: for λ far below it no factorisation succeeds, and eigenvalues serve.
  RidgeHead flat{1e6 * Matrix::Ones(40, 40), Matrix::Ones(40, 1), {}};
  EXPECT_EQ(flat.path({1e-13, 1.0}), Matrix(flat.path({1e-13, 1.0, 0.0}).leftCols(2)));
  EXPECT_EQ(flat.path({1e-13, 1.0, 2.0, 4.0}).leftCols(2), Matrix(flat.path({1e-13, 1.0, 0.0}).leftCols(2)));
  EXPECT_NEAR(flat.path({1e-13, 1.0}).col(1).sum(), 40 / (1 + 4e7), 1e-13);
}

TEST(RidgeHead, WhatIsNotFiniteIsAnError) {
  FeatureSums sums = sums_of(random_feature_rows(10, 3, 1, 11));
  sums.gram(0, 1) = std::nan("");
  EXPECT_EQ(message_of<NumericalError>([&] { (void)RidgeHead::primal(sums).path({1.0}); }),
            "ridge head: the 3×3 matrix to decompose holds a value that is not finite");
  FeatureRows huge = random_feature_rows(10, 3, 1, 12);
  huge.R.setConstant(1e308);
  huge.Phi *= 1e-5;
  EXPECT_NE(message_of<NumericalError>([&] { (void)dual_path(huge, {1e-10}); }).find("not finite"), std::string::npos);
}

TEST(RidgeHead, TiesGoToTheLargerCandidate) {
  const auto best = [](std::vector<double> risks) {
    return best_candidate(Eigen::Map<const Vector>(risks.data(), static_cast<Index>(risks.size())));
  };
  EXPECT_EQ(best({3, 1, 2}), 1);
  EXPECT_EQ(best({1, 1, 1}), 2);
  EXPECT_EQ(best({1, 1 + 5e-8, 2}), 1);
  EXPECT_EQ(best({1, 1 + 5e-7, 2}), 0);
  EXPECT_EQ(best({1 + 5e-8, 3, 1, 4}), 2);
  EXPECT_EQ(best({0, 0, 1}), 1);
  EXPECT_EQ(best({inf, 5, std::nan("")}), 1);
  EXPECT_EQ(best({7}), 0);
  EXPECT_EQ(message_of<NumericalError>([&] {
              (void)best({inf, std::nan("")});
            }),
            "validation: no candidate has a finite error");
}

// Nyström's approximation with every row as a landmark is kernel ridge itself.
TEST(RidgeHead, AllRowsAsLandmarksAreKernelRidge) {
  for (const bool weighted : {false, true}) {
    Rows rows = random_rows(60, 3, 2, 21, weighted);
    if (weighted) rows.w.array() += 0.2;  // else a row of weight 0 is a landmark here and nothing there: the same f
    const Kernel kernel{.kind = KernelKind::exponential, .bandwidth = 2, .exponent = 1.2};
    const Matrix S = normals(2, 3, 22) + normals(2, 3, 23);
    KernelSections whole{kernel, rows.X * S.transpose(), S};
    KernelSections landmarks = whole;
    landmarks.landmarks = true;
    const LinearPart linear = random_linear(3, 2, 24);
    const std::vector<double> lambda = {1e-3, 1e-1, 10, inf};
    const MemorySource source = rows.source();
    const Matrix a = fit_heads(source, linear, whole, lambda, Head::ridge, run_with(1, 16));
    const Matrix b = fit_heads(source, linear, landmarks, lambda, Head::ridge, run_with(1, 16));
    const Matrix X = normals(40, 3, 25);
    Matrix Phi(40, 60);
    features(whole, X, Phi);
    for (Index l = 0; l < 4; ++l)
      EXPECT_LT(relative_error(Matrix(Phi * b.middleCols(2 * l, 2)), Matrix(Phi * a.middleCols(2 * l, 2))), 1e-6)
          << weighted << ' ' << l;
  }
}

// With fewer, a minimises (1/n) Σ w (r − aᵀφ)² + (λ/2) aᵀK_cc a: the gradient there is 0.
TEST(RidgeHead, LandmarksMinimiseWithTheKernelsNorm) {
  const Rows rows = random_rows(80, 3, 1, 26);
  KernelSections sections{{.kind = KernelKind::exponential, .bandwidth = 1.5, .exponent = 1}, normals(12, 3, 27)};
  sections.landmarks = true;
  const LinearPart linear = random_linear(3, 1, 28);
  Matrix Phi(80, 12);
  features(sections, rows.X, Phi);
  Matrix K(12, 12);
  kernel_matrix(sections.kernel, sections.centres, sections.centres, K);
  const Matrix r = rows.Y - linear(rows.X);
  for (const double lambda : {1e-2, 1.0}) {
    const Matrix a = fit_heads(rows.source(), linear, sections, {lambda}, Head::ridge, run_with(1, 16));
    const Matrix slope = Phi.transpose() * rows.w.asDiagonal() * (Phi * a - r) / rows.w.sum() + lambda / 2 * K * a;
    EXPECT_LT(slope.cwiseAbs().maxCoeff(), 1e-7) << lambda;
  }
}

// Sums in single precision: λ below what rounding makes of K acts as that, so heads do not blow up; the oracle is the
// head of that λ itself.
TEST(RidgeHead, SinglePrecisionHasALeastLambda) {
  const Rows rows = random_rows(300, 4, 2, 29);
  const FeatureMap map = random_network(60, 4, true, 29);
  const FeatureSums sums = feature_sums(rows.source(), random_linear(4, 2, 29), map, run_with(1), Precision::float32);
  const RidgeHead exact = RidgeHead::primal(sums);
  const RidgeHead single = RidgeHead::primal(sums, Precision::float32);
  EXPECT_EQ(exact.least_lambda, 0);
  EXPECT_EQ(single.least_lambda, std::ldexp(single.K.trace(), -23));
  const double least = single.least_lambda;
  EXPECT_EQ(single.path({0, least / 2, 4 * least}), exact.path({least, least, 4 * least}));
}
