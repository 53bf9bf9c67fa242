// Oracles: signs told by eye; the same matrix with rounding in its entries; eigenvectors by Eigen's own solver.
#include <gtest/gtest.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/canonical_sign.h"
#include "core/linalg.h"
#include "sextant/dimension_reduction.h"
#include "sextant/subspace.h"
#include "test_support.h"

using namespace sextant;

namespace {

double sign_of(std::initializer_list<double> entries) {
  Vector v(static_cast<Index>(entries.size()));
  std::copy(entries.begin(), entries.end(), v.begin());
  const double sign = canonical_sign(v);
  EXPECT_EQ(canonical_sign(v.transpose()), sign);
  if (!v.isZero(0.0)) {
    EXPECT_EQ(canonical_sign(-v), -sign);
  }
  return sign;
}

}  // namespace

TEST(CanonicalSign, TheLargestEntryIsPositive) {
  EXPECT_EQ(sign_of({0.1, -3, 2}), -1);
  EXPECT_EQ(sign_of({-0.1, 3, 2}), 1);
  EXPECT_EQ(sign_of({-1e-200}), -1);
  EXPECT_EQ(sign_of({0, 0}), 1);
  EXPECT_EQ(sign_of({}), 1);
  EXPECT_EQ(canonical_sign(Vector::Constant(2, std::numeric_limits<double>::quiet_NaN())), 1);
}

TEST(CanonicalSign, OfEqualEntriesTheFirstCounts) {
  const double half = std::sqrt(0.5);
  for (const double rounding : {0.0, 1e-16, -1e-16, 1e-12, -1e-12}) {
    EXPECT_EQ(sign_of({half, -half * (1 + rounding)}), 1) << rounding;
    EXPECT_EQ(sign_of({0.3, -half, half * (1 + rounding)}), -1) << rounding;
  }
  EXPECT_EQ(sign_of({half, -half * (1 + 1e-8)}), -1);  // more than rounding
}

TEST(CanonicalSign, RowsAreGivenTheirs) {
  Matrix A = (Matrix(3, 2) << -2, 1, 1, 2, 0, 0).finished();
  set_row_signs(A);
  EXPECT_EQ(A, (Matrix(3, 2) << 2, -1, 1, 2, 0, 0).finished());
}

// Everything that gives directions gives them with their canonical signs, and other rows of one span the same basis.
TEST(CanonicalSign, DirectionsHaveIt) {
  const auto expect_signs = [](const Matrix& directions, const char* what) {
    for (Index i = 0; i < directions.rows(); ++i) EXPECT_EQ(canonical_sign(directions.row(i)), 1) << what << ' ' << i;
  };
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Matrix B = normals(7, 7, seed);
    const Matrix A = B.transpose() * B;
    const auto eigen = linalg::symmetric_eigen(A, "test");
    expect_signs(eigen.vectors.transpose(), "eigenvectors");
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> other(A);
    for (Index i = 0; i < 7; ++i) {
      const Vector v = canonical_sign(other.eigenvectors().col(i)) * other.eigenvectors().col(i);
      EXPECT_LT((eigen.vectors.col(i) - v).norm(), 1e-11);
    }
    expect_signs(spectrum(A).directions, "spectrum");
    expect_signs(first_layer_spectrum(B).directions, "first layer");
    const Matrix U = B.topRows(3);
    const Matrix basis = orthonormal_basis(U, "test");
    expect_signs(basis, "basis");
    EXPECT_LT(relative_error(orthonormal_basis((Vector(3) << -2, 1, -3).finished().asDiagonal() * U, "test"), basis),
              1e-14);
    Matrix dependent(4, 7);
    dependent << U, U.row(0) - U.row(1);
    expect_signs(orthonormal_basis(dependent, "test"), "basis of dependent rows");
    const Rows rows = random_rows(300, 4, 1, seed);
    for (const Reduction reduction :
         {Reduction::sir, Reduction::save, Reduction::phd, Reduction::directional_regression})
      expect_signs(reduced_directions(rows.source(), {.reduction = reduction}, run_with(1)).directions, "reduction");
  }
}

// Two rows of one length and a third: the order of the basis is that of the rows, whatever rounding does to lengths.
TEST(CanonicalSign, BasesAreInTheOrderOfTheirRows) {
  const Matrix U = (Matrix(2, 3) << 0.6, 0.8, 0, 0, 0, 1).finished();
  for (const double rounding : {0.0, 1e-15, -1e-15}) {
    Matrix other = U;
    other.row(1) *= 1 + rounding;
    EXPECT_LT((orthonormal_basis(other, "test") - U).cwiseAbs().maxCoeff(), 1e-14) << rounding;
  }
}
