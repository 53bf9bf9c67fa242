// Oracles: closed forms of He_0 … He_6, moments of N(0, 1) ((2j − 1)!!), orthonormality, central differences.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sextant/error.h"
#include "sextant/hermite.h"

using namespace sextant;

namespace {

// Abramowitz and Stegun, table 22.12 (in He form).
double printed_hermite(int k, double z) {
  switch (k) {
    case 0:
      return 1;
    case 1:
      return z;
    case 2:
      return z * z - 1;
    case 3:
      return z * z * z - 3 * z;
    case 4:
      return std::pow(z, 4) - 6 * z * z + 3;
    case 5:
      return std::pow(z, 5) - 10 * std::pow(z, 3) + 15 * z;
    default:
      return std::pow(z, 6) - 15 * std::pow(z, 4) + 45 * z * z - 15;
  }
}

}  // namespace

TEST(Hermite, PrintedPolynomials) {
  for (int k = 0; k <= 6; ++k)
    for (double z = -4; z <= 4; z += 0.37)
      EXPECT_NEAR(hermite(k, z), printed_hermite(k, z), 1e-12 * std::pow(4 + std::abs(z), k)) << k << ' ' << z;
}

TEST(Hermite, NormalisedIsDividedByRootFactorial) {
  for (int k = 0; k <= max_hermite_degree; ++k) {
    for (double z = -7; z <= 7; z += 1.3) {
      const double expected = hermite(k, z) * std::exp(-0.5 * std::lgamma(k + 1.0));
      EXPECT_NEAR(normalised_hermite(k, z), expected, 1e-11 * (1 + std::abs(expected))) << k << ' ' << z;
      std::vector<double> he(static_cast<std::size_t>(k) + 1);
      normalised_hermites(z, he);
      EXPECT_EQ(he.back(), normalised_hermite(k, z));
    }
  }
}

TEST(Hermite, DerivativesAgainstCentralDifferences) {
  const double h = 1e-5;
  for (int k = 0; k <= 12; ++k) {
    for (double z = -3; z <= 3; z += 0.7) {
      const double slope = (normalised_hermite(k, z + h) - normalised_hermite(k, z - h)) / (2 * h);
      const double exact = normalised_hermite_derivative(k, z);
      EXPECT_NEAR(exact, slope, 1e-6 * (1 + std::abs(exact))) << k << ' ' << z;
      EXPECT_NEAR(hermite_derivative(k, z), exact * std::sqrt(std::tgamma(k + 1.0)),
                  1e-12 * (1 + std::abs(hermite_derivative(k, z))));
    }
  }
}

TEST(Hermite, AtZero) {
  const std::vector<double> expected = {1, 0, -1, 0, 3, 0, -15, 0, 105};
  for (int k = 0; k <= 8; ++k) EXPECT_EQ(hermite_at_zero(k), expected[static_cast<std::size_t>(k)]);
  // Beyond 2⁵³ the two orders of multiplication round differently.
  for (int k = 0; k <= max_hermite_degree; ++k)
    EXPECT_NEAR(hermite_at_zero(k), hermite(k, 0.0), 1e-14 * std::abs(hermite(k, 0.0))) << k;
}

TEST(Hermite, QuadratureGivesMoments) {
  for (const int n : {1, 2, 3, 7, 8, 20, 64, 200}) {
    const Quadrature rule = gauss_hermite(n);
    ASSERT_EQ(rule.nodes.size(), n);
    EXPECT_NEAR(rule.weights.sum(), 1, 1e-13);
    for (int i = 1; i < n; ++i) EXPECT_LT(rule.nodes(i - 1), rule.nodes(i));
    double moment = 1;  // (2j − 1)!!
    for (int j = 1; 2 * j <= std::min(2 * n - 1, 40); ++j) {
      moment *= 2 * j - 1;
      EXPECT_NEAR((rule.weights.array() * rule.nodes.array().pow(2 * j)).sum() / moment, 1, 2e-13) << n << ' ' << j;
    }
  }
}

TEST(Hermite, OrthonormalByQuadrature) {
  // Degree up to 120 needs 61 nodes; a larger rule has to agree.
  for (const int n : {61, 64, 200}) {
    const Quadrature rule = gauss_hermite(n);
    Matrix he(n, max_hermite_degree + 1);
    for (int i = 0; i < n; ++i)
      normalised_hermites(rule.nodes(i), {he.row(i).data(), static_cast<std::size_t>(he.cols())});
    const Matrix gram = he.transpose() * rule.weights.asDiagonal() * he;
    EXPECT_LT((gram - Matrix::Identity(gram.rows(), gram.cols())).cwiseAbs().maxCoeff(), 1e-12) << n;
  }
}

TEST(Hermite, ManyPointsAreEachPoint) {
  const Vector z = Vector::LinSpaced(7, -4.0, 5.0);
  for (const Index degrees : {0, 1, 2, 9}) {
    Matrix he(degrees, 7);
    normalised_hermites(z, he);
    for (Index j = 0; j < 7; ++j)
      for (Index k = 0; k < degrees; ++k) EXPECT_EQ(he(k, j), normalised_hermite(static_cast<int>(k), z[j]));
  }
}

TEST(Hermite, RulesAreChecked) {
  for (const int k : {-1, 61}) {
    EXPECT_THROW((void)hermite(k, 0.5), InvalidArgument);
    EXPECT_THROW((void)hermite_derivative(k, 0.5), InvalidArgument);
    EXPECT_THROW((void)normalised_hermite(k, 0.5), InvalidArgument);
    EXPECT_THROW((void)normalised_hermite_derivative(k, 0.5), InvalidArgument);
    EXPECT_THROW((void)hermite_at_zero(k), InvalidArgument);
  }
  std::vector<double> room(62);
  EXPECT_THROW(normalised_hermites(0.5, room), InvalidArgument);
  EXPECT_THROW((void)gauss_hermite(0), InvalidArgument);
  EXPECT_THROW((void)gauss_hermite(201), InvalidArgument);
  try {
    (void)hermite(-1, 0.0);
    FAIL();
  } catch (const InvalidArgument& error) {
    EXPECT_STREQ(error.what(), "hermite: k = -1 given, expected 0 to 60");
  }
  Matrix many(62, 1);
  EXPECT_THROW(normalised_hermites(Vector::Zero(1), many), InvalidArgument);
}
