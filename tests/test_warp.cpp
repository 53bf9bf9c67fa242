// Oracles: the formulas of warp.h written out; Φ from the C library; rows given twice for rows of weight two; central
// differences.
#include <gtest/gtest.h>

#include <cmath>

#include "sextant/error.h"
#include "sextant/random.h"
#include "sextant/warp.h"
#include "test_support.h"

using namespace sextant;

namespace {

double share_below(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

Matrix heavy_tails(Index n) {
  Matrix X = Stream(5, Purpose::inputs).normal_matrix(n, 3);
  X.col(1) = X.col(1).array().cube();                // long tails
  for (double& x : X.col(2)) x = std::floor(2 * x);  // few levels
  return X;
}

MemorySource source_of(const Matrix& X, const Matrix& Y, const Vector& w = {}) { return {X, Y, w}; }

}  // namespace

TEST(Warp, HasMeanZeroAndVarianceOneOverItsRows) {
  const Matrix X = heavy_tails(500);
  const Matrix Y = Matrix::Zero(500, 1);
  for (const WarpKind kind : {WarpKind::soft_clip, WarpKind::normal_scores}) {
    const Warp warp = learn_warp(source_of(X, Y), kind, {});
    Matrix Z;
    warp.apply(X, Z);
    for (Index j = 0; j < 3; ++j) {
      EXPECT_NEAR(Z.col(j).mean(), 0, 1e-12) << name(kind);
      EXPECT_NEAR(Z.col(j).squaredNorm() / 500, 1, 1e-12) << name(kind);
    }
  }
}

TEST(Warp, NormalScoresAreThoseOfTheRanks) {
  const Matrix X = heavy_tails(400);
  const Warp warp = learn_warp(source_of(X, Matrix::Zero(400, 1)), WarpKind::normal_scores, {});
  Matrix Z;
  warp.apply(X, Z);
  for (Index j = 0; j < 3; ++j)
    for (Index i = 0; i < 400; i += 37) {
      const auto below = static_cast<double>((X.col(j).array() < X(i, j)).count());
      const auto equal = static_cast<double>((X.col(j).array() == X(i, j)).count());
      const double score = Z(i, j) * warp.scale[j] + warp.mean[j];
      EXPECT_NEAR(share_below(score), (below + equal / 2) / 400, 2e-3);
    }
}

// Two rows of many that happen to be close do not make a cliff of the scores, nor do the gaps of tails.
TEST(Warp, NormalScoresHaveNoCliffs) {
  Matrix X = Stream(6, Purpose::inputs).normal_matrix(5000, 1);
  X(0, 0) = 3.7;
  X(1, 0) = 3.7 + 1e-9;
  const Warp warp = learn_warp(source_of(X, Matrix::Zero(5000, 1)), WarpKind::normal_scores, {});
  const Vector steps = warp.scores[0].tail(warp.scores[0].size() - 1) - warp.scores[0].head(warp.scores[0].size() - 1);
  const Vector gaps = warp.knots[0].tail(steps.size()) - warp.knots[0].head(steps.size());
  EXPECT_LT(steps.cwiseQuotient(gaps).maxCoeff(), 10);  // of normal rows, about 1
  EXPECT_GT(warp.knots[0].size(), 200);
}

TEST(Warp, SoftClipIsTheFormulaAndStaysWithinItsBound) {
  Matrix X(5, 1);
  X << 1, 2, 3, 4, 1e9;  // median 3, quartiles 2 and 4
  const Warp warp = learn_warp(source_of(X, Matrix::Zero(5, 1)), WarpKind::soft_clip, {});
  Matrix Z;
  warp.apply(X, Z);
  for (Index i = 0; i < 5; ++i) {
    const double u = (X(i, 0) - 3) / (2 / 1.349);
    EXPECT_NEAR(Z(i, 0) * warp.scale[0] + warp.mean[0], u / std::sqrt(1 + u * u / 9), 1e-12);
  }
  EXPECT_LE(Z(4, 0) * warp.scale[0] + warp.mean[0], 3);
}

TEST(Warp, NeverDescendsAndIsConstantBeyondTheRows) {
  const Matrix X = heavy_tails(300);
  const Warp warp = learn_warp(source_of(X, Matrix::Zero(300, 1)), WarpKind::normal_scores, {});
  Matrix line(2001, 3);
  for (Index i = 0; i < line.rows(); ++i) line.row(i).setConstant(-100 + 0.1 * static_cast<double>(i));
  Matrix Z;
  warp.apply(line, Z);
  EXPECT_TRUE((Z.bottomRows(2000).array() >= Z.topRows(2000).array()).all());
  EXPECT_EQ(Z(0, 0), Z(1, 0));
  EXPECT_EQ(Z(2000, 0), Z(1999, 0));
}

TEST(Warp, ARowOfWeightTwoIsARowTwice) {
  const Matrix X = heavy_tails(60);
  Vector w = Vector::Ones(60);
  Matrix twice(75, 3);
  twice.topRows(60) = X;
  for (Index i = 0; i < 15; ++i) {
    w[i] = 2;
    twice.row(60 + i) = X.row(i);
  }
  for (const WarpKind kind : {WarpKind::soft_clip, WarpKind::normal_scores}) {
    const Warp weighted = learn_warp(source_of(X, Matrix::Zero(60, 1), w), kind, {});
    const Warp repeated = learn_warp(source_of(twice, Matrix::Zero(75, 1)), kind, {});
    Matrix Z;
    Matrix Z_repeated;
    weighted.apply(X, Z);
    repeated.apply(X, Z_repeated);
    EXPECT_LT((Z - Z_repeated).cwiseAbs().maxCoeff(), 1e-12) << name(kind);
  }
}

TEST(Warp, AnInputThatNeverVariesIsHarmless) {
  Matrix X = Matrix::Constant(20, 1, 7.0);
  for (const WarpKind kind : {WarpKind::soft_clip, WarpKind::normal_scores}) {
    const Warp warp = learn_warp(source_of(X, Matrix::Zero(20, 1)), kind, {});
    Matrix Z;
    warp.apply(X, Z);
    EXPECT_TRUE(Z.isZero(1e-12)) << name(kind);
  }
}

TEST(Warp, PullsSlopesBackByTheChainRule) {
  const Matrix X = heavy_tails(200);
  const Matrix at = Stream(6, Purpose::inputs).normal_matrix(20, 3);
  const Matrix G = Stream(7, Purpose::inputs).normal_matrix(20, 3);
  constexpr double h = 1e-7;
  for (const WarpKind kind : {WarpKind::soft_clip, WarpKind::normal_scores}) {
    const Warp warp = learn_warp(source_of(X, Matrix::Zero(200, 1)), kind, {});
    const Matrix slopes = warp.pull_back(at, G);
    Matrix above;
    Matrix below;
    warp.apply(at.array() + h, above);
    warp.apply(at.array() - h, below);
    const Matrix expected = G.cwiseProduct(above - below) / (2 * h);
    EXPECT_LT((slopes - expected).cwiseAbs().maxCoeff(), 1e-5) << name(kind);
  }
}

TEST(Warp, HasNamesThatReadBack) {
  for (const WarpKind kind : {WarpKind::none, WarpKind::soft_clip, WarpKind::normal_scores})
    EXPECT_EQ(warp_kind_named(name(kind)), kind);
  EXPECT_THROW(static_cast<void>(warp_kind_named("quantile")), InvalidArgument);
}
