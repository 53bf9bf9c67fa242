// Oracles: sums written out with loops; Eigen; eigenvalues in closed form.
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "core/linalg.h"
#include "message_of.h"
#include "sextant/error.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;
using linalg::gemm;
using linalg::Op;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// A block at (2, 3) of a larger matrix, so that rows lie further apart than they are long.
struct Framed {
  Matrix whole;
  Index rows;
  Index cols;
  Framed(Index r, Index c, std::uint64_t seed) : whole(normals(r + 5, c + 7, seed)), rows(r), cols(c) {}
  [[nodiscard]] auto block() { return whole.block(2, 3, rows, cols); }
};

}  // namespace

TEST(Linalg, ProductsOfBlocks) {
  const std::vector<Index> sizes = {1, 2, 7, 8, 9, 65};
  std::uint64_t seed = 0;
  for (const Index n : sizes) {
    for (const Index m : sizes) {
      for (const Index inner : {Index{0}, Index{1}, Index{8}, Index{67}}) {
        for (const Op op_A : {Op::none, Op::transpose}) {
          for (const Op op_B : {Op::none, Op::transpose}) {
            ++seed;
            Framed A(op_A == Op::none ? n : inner, op_A == Op::none ? inner : n, 3 * seed);
            Framed B(op_B == Op::none ? inner : m, op_B == Op::none ? m : inner, 3 * seed + 1);
            Framed C(n, m, 3 * seed + 2);
            Matrix expected = C.whole;
            for (Index i = 0; i < n; ++i) {
              for (Index j = 0; j < m; ++j) {
                double sum = 0;
                for (Index l = 0; l < inner; ++l)
                  sum += (op_A == Op::none ? A.block()(i, l) : A.block()(l, i)) *
                         (op_B == Op::none ? B.block()(l, j) : B.block()(j, l));
                expected(2 + i, 3 + j) = 1.5 * sum - 0.5 * C.block()(i, j);
              }
            }
            gemm(op_A, op_B, 1.5, A.block(), B.block(), -0.5, C.block());
            ASSERT_LT(relative_error(C.whole, expected), 1e-14 * static_cast<double>(inner + 8)) << n << ' ' << m;
            C.block() = expected.block(2, 3, n, m);
            ASSERT_EQ(C.whole, expected) << "written outside the block";
          }
        }
      }
    }
  }
}

TEST(Linalg, BetaZeroOverwritesWhatIsThere) {
  Matrix C = Matrix::Constant(3, 3, not_a_number);
  gemm(Op::none, Op::none, 1.0, normals(3, 2, 1), normals(2, 3, 2), 0.0, C);
  EXPECT_TRUE(C.allFinite());
  C.setConstant(not_a_number);
  linalg::syrk_upper(1.0, normals(2, 3, 1), 0.0, C);
  linalg::mirror_upper(C);
  EXPECT_TRUE(C.allFinite());
}

TEST(Linalg, UpperTriangleOfOuterProducts) {
  for (const Index n : {1, 2, 7, 8, 9, 130}) {
    for (const Index m : {1, 2, 7, 8, 9, 65}) {
      Framed A(n, m, 5);
      Framed C(m, m, 6);
      Matrix expected = C.whole;
      const Eigen::MatrixXd block = A.block();
      const Eigen::MatrixXd product = 2.0 * block.transpose() * block + 3.0 * Eigen::MatrixXd(C.block());
      expected.block(2, 3, m, m).triangularView<Eigen::Upper>() = product;
      linalg::syrk_upper(2.0, A.block(), 3.0, C.block());
      EXPECT_LT(relative_error(C.whole, expected), 1e-14 * static_cast<double>(n + 8));
      for (Index i = 0; i < m; ++i)
        for (Index j = 0; j < i; ++j) EXPECT_EQ(C.block()(i, j), expected(2 + i, 3 + j)) << "below the diagonal";
      linalg::mirror_upper(C.block());
      EXPECT_EQ(Matrix(C.block()), Matrix(C.block().transpose()));
    }
  }
}

TEST(Linalg, EigenvectorsRebuildTheMatrix) {
  for (const Index m : {1, 2, 3, 8, 33, 70, 150}) {
    const Matrix B = normals(m, m, 7);
    const Matrix A = B + B.transpose();
    Matrix upper = A;
    upper.triangularView<Eigen::StrictlyLower>().setConstant(not_a_number);  // never read
    const auto eigen = linalg::symmetric_eigen(upper, "test");
    const Matrix rebuilt = eigen.vectors * eigen.values.asDiagonal() * eigen.vectors.transpose();
    EXPECT_LT(relative_error(rebuilt, A), 1e-13);
    EXPECT_LT(relative_error(Matrix(eigen.vectors.transpose() * eigen.vectors), Matrix(Matrix::Identity(m, m))), 1e-13);
    for (Index i = 1; i < m; ++i) EXPECT_LE(eigen.values[i - 1], eigen.values[i]);
  }
  EXPECT_EQ(linalg::symmetric_eigen(Matrix(0, 0), "test").values.size(), 0);
}

// The second difference matrix has eigenvalues 2 − 2cos(πj/(m+1)) and eigenvectors sin(πij/(m+1)).
TEST(Linalg, EigenvaluesInClosedForm) {
  const Index m = 40;
  Matrix A = 2.0 * Matrix::Identity(m, m);
  for (Index i = 1; i < m; ++i) A(i - 1, i) = A(i, i - 1) = -1;
  const auto eigen = linalg::symmetric_eigen(A, "test");
  for (Index j = 0; j < m; ++j) {
    const double angle = std::numbers::pi * static_cast<double>(j + 1) / static_cast<double>(m + 1);
    EXPECT_NEAR(eigen.values[j], 2 - 2 * std::cos(angle), 1e-14);
    Vector v(m);
    for (Index i = 0; i < m; ++i) v[i] = std::sin(angle * static_cast<double>(i + 1));
    EXPECT_NEAR(std::abs(v.normalized().dot(eigen.vectors.col(j))), 1, 1e-12) << j;
  }
}

TEST(Linalg, TheLargestEigenvalueIsTheLastOfAll) {
  EXPECT_EQ(linalg::largest_eigenvalue(Matrix(0, 0), "test"), 0);
  for (const Index m : {1, 2, 7, 40}) {
    const Matrix X = Stream(static_cast<std::uint64_t>(m), Purpose::inputs).normal_matrix(m, m);
    const Matrix A = X + X.transpose();
    EXPECT_NEAR(linalg::largest_eigenvalue(A, "test"), linalg::symmetric_eigen(A, "test").values[m - 1],
                1e-12 * A.norm());
  }
}

// A = MᵀM: L times what from_left gives is what was given, and Lᵀ likewise; below the diagonal A is not read.
TEST(Linalg, CholeskySolvesItsEquations) {
  for (const Index m : {1, 2, 5, 33, 130}) {
    const Matrix M = normals(m + 10, m, 40 + m);
    const Matrix A = M.transpose() * M;
    Matrix upper = A;
    upper.triangularView<Eigen::StrictlyLower>().setConstant(not_a_number);
    const auto factor = linalg::Cholesky::of(upper, "A");
    ASSERT_TRUE(factor.has_value()) << m;
    const Matrix L = Eigen::LLT<Matrix>(A).matrixL();
    const Matrix C = normals(m, 3, 50 + m);
    const double close = 1e-12 * A.norm();
    EXPECT_LT((A * factor->solve(C) - C).norm(), close) << m;
    EXPECT_LT((L * factor->from_left(C) - C).norm(), close) << m;
    EXPECT_LT((L.transpose() * factor->from_left_transposed(C) - C).norm(), close) << m;
    EXPECT_LT((factor->from_right_transposed(C.transpose()) * L.transpose() - C.transpose()).norm(), close) << m;
  }
  EXPECT_EQ(linalg::Cholesky::of(Matrix(0, 0), "A")->solve(Matrix(0, 2)).cols(), 2);
}

TEST(Linalg, CholeskyKnowsHowFarFromSingularItsMatrixIs) {
  for (const double least : {1.0, 1e-3, 1e-9}) {
    const Matrix Q = Eigen::HouseholderQR<Matrix>(normals(40, 40, 7)).householderQ();
    Vector values = Vector::LinSpaced(40, least, 1.0);
    const Matrix A = Q * values.asDiagonal() * Q.transpose();
    const Matrix inverse = Q * values.cwiseInverse().asDiagonal() * Q.transpose();
    const auto norm = [](const Matrix& M) { return M.cwiseAbs().colwise().sum().maxCoeff(); };
    const double reciprocal = linalg::Cholesky::of(A, "A")->reciprocal_condition();
    EXPECT_GT(reciprocal, 0.999 / (norm(A) * norm(inverse))) << least;
    EXPECT_LT(reciprocal, 3 / (norm(A) * norm(inverse))) << least;
  }
  EXPECT_EQ(linalg::Cholesky::of(Matrix(0, 0), "A")->reciprocal_condition(), 1.0);
}

TEST(Linalg, CholeskyOfAnIndefiniteMatrixIsNothing) {
  Matrix A = Matrix::Identity(4, 4);
  A(1, 3) = A(3, 1) = 2;
  EXPECT_FALSE(linalg::Cholesky::of(A, "A").has_value());
  EXPECT_FALSE(linalg::Cholesky::of(Matrix::Zero(3, 3), "A").has_value());
}

TEST(Linalg, WhatIsNotFiniteIsNamed) {
  for (const double bad :
       {not_a_number, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    Matrix A = Matrix::Identity(3, 3);
    A(0, 2) = bad;
    EXPECT_EQ(message_of<NumericalError>([&] { (void)linalg::symmetric_eigen(A, "ridge head"); }),
              "ridge head: the 3×3 matrix to decompose holds a value that is not finite");
  }
}
