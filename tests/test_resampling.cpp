// Oracles: counts add up to the number of rows; their means and variances over replicates are the multinomial's.
#include <gtest/gtest.h>

#include <cmath>

#include "sextant/resampling.h"
#include "test_support.h"

using namespace sextant;

namespace {

TEST(Resampling, RowsStayAndWeightsAreMultiplied) {
  const Rows rows = random_rows(37, 3, 2, 1);
  const MemorySource source = rows.source();
  const ResampledSource resampled(source, 5, 2);
  const Rows found = read_all(resampled, 10);
  EXPECT_EQ(found.X, rows.X);
  EXPECT_EQ(found.Y, rows.Y);
  const MemorySource unweighted(rows.X, rows.Y);
  const Vector times = read_all(ResampledSource(unweighted, 5, 2), 37).w;
  EXPECT_EQ(times.sum(), 37);
  EXPECT_EQ(found.w, rows.w.cwiseProduct(times));
  EXPECT_NE(times, read_all(ResampledSource(unweighted, 5, 3), 37).w);
  EXPECT_NE(times, read_all(ResampledSource(unweighted, 6, 2), 37).w);
  EXPECT_EQ(times, read_all(ResampledSource(unweighted, 5, 2), 8).w);
}

// Each count has mean 1 and variance 1 − 1/n, over 20 000 of them: standard errors 0 (they sum to n) and about 0.014.
TEST(Resampling, CountsAreMultinomial) {
  const Index n = 50;
  const Matrix X = Matrix::Zero(n, 1);
  const MemorySource source(X, X);
  double square = 0;
  Vector sum = Vector::Zero(n);
  for (Index b = 0; b < 400; ++b) {
    const Vector times = read_all(ResampledSource(source, 1, b), n).w;
    square += (times.array() - 1).square().sum();
    sum += times;
  }
  EXPECT_NEAR(square / (400.0 * static_cast<double>(n)), 0.98, 0.06);
  EXPECT_LT((sum / 400 - Vector::Ones(n)).cwiseAbs().maxCoeff(), 4.5 / std::sqrt(400.0));  // 4.5 deviations, of 50
}

}  // namespace
