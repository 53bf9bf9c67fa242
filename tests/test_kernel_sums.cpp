// Oracle: the sums written out with the C library's functions; double precision for single.
#include <gtest/gtest.h>

#include <cmath>

#include "passes/kernel_sums.h"
#include "sextant/random.h"

using namespace sextant;

namespace {

Matrix drawn(Index rows, Index cols, std::uint64_t seed) {
  return Stream(seed, Purpose::inputs).normal_matrix(rows, cols);
}

std::vector<Kernel> kernels() {
  std::vector<Kernel> all = {{.kind = KernelKind::gaussian, .bandwidth = 1.5},
                             {.kind = KernelKind::laplace, .bandwidth = 2},
                             {.kind = KernelKind::city_block, .bandwidth = 3}};
  for (const double exponent : {0.05, 0.5, 1.0, 1.4, 1.9, 2.0})
    all.push_back({.kind = KernelKind::exponential, .bandwidth = 2.5, .exponent = exponent});
  return all;
}

double value(const Kernel& kernel, const Vector& difference) {
  const bool blocks = kernel.kind == KernelKind::city_block;
  const double u = (blocks ? difference.lpNorm<1>() : difference.norm()) / kernel.bandwidth;
  if (kernel.kind == KernelKind::gaussian) return std::exp(-u * u / 2);
  return std::exp(-std::pow(u, kernel.kind == KernelKind::exponential ? kernel.exponent : 1));
}

Matrix sums_of(const Kernel& kernel, const Matrix& X, const Matrix& centres, const Matrix& a) {
  Matrix F = Matrix::Zero(X.rows(), a.cols());
  for (Index i = 0; i < X.rows(); ++i)
    for (Index j = 0; j < centres.rows(); ++j) F.row(i) += value(kernel, X.row(i) - centres.row(j)) * a.row(j);
  return F;
}

double difference(const Matrix& A, const Matrix& B) { return (A - B).cwiseAbs().maxCoeff(); }

}  // namespace

// About the numbers of centres and coordinates that are summed together; some queries are centres.
TEST(KernelSums, AreTheDefinition) {
  for (const Kernel& kernel : kernels())
    for (const Index q : {1, 3, 4, 9})
      for (const Index m : {1, 127, 128, 300})
        for (const Index k : {1, 3}) {
          const Matrix centres = drawn(m, q, 1).array() + 5;
          Matrix X = drawn(7, q, 2).array() + 5;
          X.row(3) = centres.row(m / 2);
          const Matrix a = drawn(m, k, 3);
          const Matrix before = drawn(7, k, 4);
          const Matrix expected = before - 2 * sums_of(kernel, X, centres, a);
          const double size = a.cwiseAbs().colwise().sum().maxCoeff();
          ASSERT_TRUE(KernelSums::serve(kernel, q));
          Matrix F = before;
          KernelSums(kernel, centres, a, Precision::float64).add(X, -2, F);
          EXPECT_LT(difference(F, expected), 1e-14 * (2 + size)) << kernel.exponent << ' ' << q << ' ' << m;
          F = before;
          KernelSums(kernel, centres, a, Precision::float32).add(X, -2, F);
          EXPECT_LT(difference(F, expected), 2e-6 * (2 + size)) << kernel.exponent << ' ' << q << ' ' << m;
        }
}

// A trend is a linear function, of whichever sums; far away nothing else is left.
TEST(KernelSums, OfATrendAreLinearFarAway) {
  const Kernel kernel{.kind = KernelKind::exponential, .bandwidth = 2, .exponent = 1.4, .trend = 0.3};
  Kernel without = kernel;
  without.trend = 0;
  for (const Index q : {3, 70}) {
    const Matrix centres = drawn(300, q, 1).array() + 0.5;
    const Matrix a = drawn(300, 2, 3);
    Matrix X = drawn(5, q, 2);
    X.row(4) *= 100;
    const Matrix expected = sums_of(without, X, centres, a) + 0.3 * X * (centres.transpose() * a);
    Matrix F = Matrix::Zero(5, 2);
    if (KernelSums::serve(kernel, q))
      KernelSums(kernel, centres, a, Precision::float64).add(X, 1, F);
    else
      add_kernel_outputs(kernel, X, centres, a, 1, F);
    EXPECT_LT(difference(F, expected), 1e-10 * expected.cwiseAbs().maxCoeff()) << q;
  }
}

// A query's sum does not depend on the others, to the bit.
TEST(KernelSums, OfOneQueryAreThoseOfMany) {
  const Matrix centres = drawn(300, 5, 1);
  const Matrix X = drawn(40, 5, 2);
  for (const Precision precision : {Precision::float64, Precision::float32}) {
    const KernelSums sums({.kind = KernelKind::exponential, .exponent = 1.4}, centres, drawn(300, 2, 3), precision);
    Matrix all = Matrix::Zero(40, 2);
    sums.add(X, 0.5, all);
    for (Index i = 0; i < 40; ++i) {
      Matrix one = Matrix::Zero(1, 2);
      sums.add(X.row(i), 0.5, one);
      EXPECT_EQ(one, all.row(i));
    }
  }
}

// Single precision is taken where its error is likely to be small, and then it is: of 200 queries, the largest is
// within four times what is expected of one.
TEST(KernelSums, PrecisionIsChosenByTheLikelyError) {
  for (const double exponent : {1.0, 1.4, 1.9})
    for (const double L : {0.3, 1.0, 3.0}) {
      const Kernel kernel{.kind = KernelKind::exponential, .bandwidth = L, .exponent = exponent};
      const Matrix centres = drawn(1500, 6, 1);
      const double R = std::sqrt(6.0) / L;
      const Matrix a = single_error / (0x1p-25 * std::sqrt(1 + R)) / std::sqrt(1500.0) * drawn(1500, 1, 3);
      const Matrix X = centres.topRows(200) + 0.3 * drawn(200, 6, 4);
      EXPECT_EQ(KernelSums(kernel, centres, 1.3 * a).precision(), Precision::float64);
      EXPECT_EQ(KernelSums(kernel, centres.topRows(500), 0.1 * a.topRows(500)).precision(), Precision::float64);
      const KernelSums sums(kernel, centres, 0.7 * a);
      ASSERT_EQ(sums.precision(), Precision::float32);
      Matrix single = Matrix::Zero(200, 1);
      sums.add(X, 1, single);
      Matrix exact = Matrix::Zero(200, 1);
      KernelSums(kernel, centres, 0.7 * a, Precision::float64).add(X, 1, exact);
      EXPECT_GT(difference(single, exact), 0);
      EXPECT_LT((single - exact).norm() / std::sqrt(200.0), single_error) << exponent << ' ' << L;
      EXPECT_LT(difference(single, exact), 4 * single_error) << exponent << ' ' << L;
    }
}

TEST(KernelSums, FarAwayIsNothingAndWhatIsNoNumberStaysNone) {
  const Matrix centres = drawn(30, 2, 1);
  for (const Kernel& kernel : kernels())
    for (const Precision precision : {Precision::float64, Precision::float32}) {
      if (kernel.exponent == 0.05) continue;  // nothing is far away
      const KernelSums sums(kernel, centres, drawn(30, 1, 3), precision);
      Matrix X(4, 2);
      X << 1e6, 0, 1e200, -1e200, std::numeric_limits<double>::infinity(), 0, std::nan(""), 0;
      Matrix F = Matrix::Zero(4, 1);
      sums.add(X, 1, F);
      EXPECT_LT(F.topRows(3).cwiseAbs().maxCoeff(), 1e-30) << kernel.exponent;
      EXPECT_TRUE(std::isnan(F(3, 0)));
    }
}

// Distances of city blocks are no matrix products: they are summed one by one, however many coordinates there are.
TEST(KernelSums, OfCityBlocks) {
  const Kernel kernel{.kind = KernelKind::city_block, .bandwidth = 40};
  ASSERT_TRUE(KernelSums::serve(kernel, 70));
  const Matrix centres = drawn(700, 70, 1);
  const Matrix X = drawn(9, 70, 2);
  const Matrix a = drawn(700, 2, 3);
  Matrix F = Matrix::Zero(9, 2);
  KernelSums(kernel, centres, a, Precision::float64).add(X, 1, F);
  EXPECT_LT(difference(F, sums_of(kernel, X, centres, a)), 1e-10);
  Matrix by_blocks = Matrix::Zero(9, 2);
  add_kernel_outputs(kernel, X, centres, a, 1, by_blocks);
  EXPECT_LT(difference(by_blocks, F), 1e-11);
}

// More coordinates than are summed one by one, and kernels that are none of the distance.
TEST(KernelSums, OutputsByMatrixProducts) {
  const Matrix centres = drawn(700, 70, 1);
  const Matrix X = drawn(9, 70, 2);
  const Matrix a = drawn(700, 2, 3);
  const Kernel far{.kind = KernelKind::exponential, .bandwidth = 9, .exponent = 1.4};
  EXPECT_FALSE(KernelSums::serve(far, 70));
  EXPECT_FALSE(KernelSums::serve({.kind = KernelKind::polynomial}, 2));
  Matrix F = Matrix::Zero(9, 2);
  add_kernel_outputs(far, X, centres, a, 1, F);
  EXPECT_LT(difference(F, sums_of(far, X, centres, a)), 1e-10);
}
