// Thin verbs over BLAS and LAPACK for row-major views. Private to the library: no public header includes this.
//
// All run on one BLAS thread (see parallel.h), so their bits do not depend on the number of threads: OpenBLAS's
// threaded gemm, gemv and eigen-solvers do not promise that.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "sextant/matrix.h"

namespace sextant {

// As Matrix, MatrixView and MatrixSpan, in double or single precision (sextant/precision.h).
template <class Scalar>
using MatrixOf = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class Scalar>
using ViewOf = Eigen::Ref<const MatrixOf<Scalar>>;
template <class Scalar>
using SpanOf = Eigen::Ref<MatrixOf<Scalar>>;

}  // namespace sextant

namespace sextant::linalg {

enum class Op { none, transpose };

// C = alpha·op(A)·op(B) + beta·C.
void gemm(Op op_A, Op op_B, double alpha, const MatrixView& A, const MatrixView& B, double beta, MatrixSpan C);
void gemm(Op op_A, Op op_B, float alpha, const ViewOf<float>& A, const ViewOf<float>& B, float beta, SpanOf<float> C);

// C += alpha·AB for a B of few columns, as heads are: one column at a time, A read but not copied.
void add_product(double alpha, const MatrixView& A, const MatrixView& B, MatrixSpan C);

// Upper triangle of C = alpha·AᵀA + beta·C (A n×m, C m×m).
void syrk_upper(double alpha, const MatrixView& A, double beta, MatrixSpan C);
void syrk_upper(float alpha, const ViewOf<float>& A, float beta, SpanOf<float> C);

// Copies the upper triangle onto the lower one.
void mirror_upper(MatrixSpan C);

struct SymmetricEigen {
  Vector values;   // ascending
  Matrix vectors;  // column j belongs to values[j], with its canonical sign (canonical_sign.h)
};

// Eigen-decomposition of a symmetric matrix of which only the upper triangle is read, by divide and conquer (dsyevd).
// Throws NumericalError, naming `what`, when an entry is not finite or LAPACK does not converge. Cost about 4/3·m³ to
// 9·m³.
[[nodiscard]] SymmetricEigen symmetric_eigen(Matrix A, const char* what);

// The largest eigenvalue of a symmetric matrix (dsyevr), without eigenvectors; 0 of an empty one. As symmetric_eigen,
// at about 4/3·m³.
[[nodiscard]] double largest_eigenvalue(Matrix A, const char* what);

// Cholesky's factorisation A = LLᵀ of a symmetric m×m matrix (dpotrf), at m³/3.
class Cholesky {
 public:
  // Only A's upper triangle is read. Nothing when A is not positive definite to working precision. Throws as
  // symmetric_eigen.
  [[nodiscard]] static std::optional<Cholesky> of(Matrix A, const char* what);
  // A⁻¹C, L⁻¹C and L⁻ᵀC for C m×c, and CL⁻ᵀ for C c×m. Cost 2·m²·c, the others m²·c.
  [[nodiscard]] Matrix solve(Matrix C) const { return from_left_transposed(from_left(std::move(C))); }
  [[nodiscard]] Matrix from_left(Matrix C) const;
  [[nodiscard]] Matrix from_left_transposed(Matrix C) const;
  [[nodiscard]] Matrix from_right_transposed(Matrix C) const;
  // An estimate of 1/(‖A‖₁‖A⁻¹‖₁) (dpocon), seldom more than three times too large; 1 of an empty A. Cost a few m².
  [[nodiscard]] double reciprocal_condition() const;

 private:
  Cholesky(Matrix factor, double norm) : factor_(std::move(factor)), norm_(norm) {}
  Matrix factor_;  // upper triangle: Lᵀ
  double norm_;    // ‖A‖₁
};

// A symmetric m×m matrix as A = QBQᵀ with a band matrix B: one reduction (4/3·m³, all of it matrix products, where
// eigenvectors cost several times that), and then (A + λI)⁻¹C = Q(B + λI)⁻¹QᵀC for as many λ as wanted at m·band² each.
class BandForm {
 public:
  // Only the upper triangle is read. Throws NumericalError, naming `what`, when an entry is not finite.
  BandForm(Matrix A, const char* what);
  // QᵀC and QC for C m×c. Cost 2·m²·c.
  [[nodiscard]] Matrix rotate(const Matrix& C) const { return apply(C, 'T'); }
  [[nodiscard]] Matrix rotate_back(const Matrix& C) const { return apply(C, 'N'); }
  // (B + shift·I)⁻¹ C; nothing when B + shift·I is not positive definite to working precision.
  [[nodiscard]] std::optional<Matrix> solve(double shift, const Matrix& C) const;

 private:
  using ColumnMajor = Eigen::MatrixXd;
  [[nodiscard]] Matrix apply(const Matrix& C, char transpose) const;

  Index width_;        // of the band below the diagonal
  Matrix reflectors_;  // read column-major: block reflectors of Q below the band
  Vector scales_;      // their factors
  ColumnMajor band_;   // (width + 1)×m, LAPACK's lower band storage
};

// "OpenBLAS 0.3.21 … core type Zen; small products by LIBXSMM 1.17 for hsw", as they describe themselves.
[[nodiscard]] std::string blas_description();

}  // namespace sextant::linalg
