#include "core/linalg.h"

#include <cblas.h>
#include <fmt/core.h>
#include <lapacke.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "core/blas_kernels.h"
#include "core/canonical_sign.h"
#include "core/parallel.h"
#include "core/small_kernels.h"
#include "sextant/error.h"

// LAPACK's reduction of a symmetric matrix to band form (A. Haidar, H. Ltaief, J. Dongarra, SC 2011), which LAPACKE has
// no wrapper for.
extern "C" void dsytrd_sy2sb_(const char* uplo, const int* n, const int* kd, double* a, const int* lda, double* ab,
                              const int* ldab, double* tau, double* work, const int* lwork, int* info,
                              std::size_t uplo_length);

namespace sextant::linalg {
namespace {

// All products are made below, so that this comes before any.
[[maybe_unused]] const bool kernels_chosen = (choose_kernels(), true);

// BLAS integers are 32-bit here, ours 64-bit.
int blas_int(Index value) {
  if (value > std::numeric_limits<int>::max())
    throw InvalidArgument(fmt::format("matrix product: a dimension of {} is more than BLAS can index", value));
  return static_cast<int>(value);
}

template <class View>
int leading_dimension(const View& A) {
  return blas_int(std::max<Index>(1, A.outerStride()));
}

void check_finite(const Matrix& A, const char* what) {
  for (Index i = 0; i < A.rows(); ++i)
    if (!A.row(i).tail(A.cols() - i).allFinite())
      throw NumericalError(
          fmt::format("{}: the {}×{} matrix to decompose holds a value that is not finite", what, A.rows(), A.cols()));
}

CBLAS_TRANSPOSE blas_op(Op op) { return op == Op::none ? CblasNoTrans : CblasTrans; }

template <class Blas, class Scalar>
void product(Blas blas, Op op_A, Op op_B, Scalar alpha, const ViewOf<Scalar>& A, const ViewOf<Scalar>& B, Scalar beta,
             SpanOf<Scalar>& C) {
  const Index inner = op_A == Op::none ? A.cols() : A.rows();
  eigen_assert(inner == (op_B == Op::none ? B.rows() : B.cols()));
  if (C.rows() == 0 || C.cols() == 0) return;
  blas(CblasRowMajor, blas_op(op_A), blas_op(op_B), blas_int(C.rows()), blas_int(C.cols()), blas_int(inner), alpha,
       A.data(), leading_dimension(A), B.data(), leading_dimension(B), beta, C.data(), leading_dimension(C));
}

template <class Blas, class Scalar>
void outer_product(Blas blas, Scalar alpha, const ViewOf<Scalar>& A, Scalar beta, SpanOf<Scalar>& C) {
  if (C.rows() == 0) return;
  blas(CblasRowMajor, CblasUpper, CblasTrans, blas_int(C.rows()), blas_int(A.rows()), alpha, A.data(),
       leading_dimension(A), beta, C.data(), leading_dimension(C));
}

}  // namespace

void gemm(Op op_A, Op op_B, double alpha, const MatrixView& A, const MatrixView& B, double beta, MatrixSpan C) {
  product(cblas_dgemm, op_A, op_B, alpha, A, B, beta, C);
}

void gemm(Op op_A, Op op_B, float alpha, const ViewOf<float>& A, const ViewOf<float>& B, float beta, SpanOf<float> C) {
  product(cblas_sgemm, op_A, op_B, alpha, A, B, beta, C);
}

void add_product(double alpha, const MatrixView& A, const MatrixView& B, MatrixSpan C) {
  eigen_assert(A.cols() == B.rows());
  if (B.cols() > 4) return gemm(Op::none, Op::none, alpha, A, B, 1.0, C);
  if (A.rows() == 0 || A.cols() == 0) return;
  for (Index c = 0; c < B.cols(); ++c)
    cblas_dgemv(CblasRowMajor, CblasNoTrans, blas_int(A.rows()), blas_int(A.cols()), alpha, A.data(),
                leading_dimension(A), B.data() + c, leading_dimension(B), 1.0, C.data() + c, leading_dimension(C));
}

void syrk_upper(double alpha, const MatrixView& A, double beta, MatrixSpan C) {
  outer_product(cblas_dsyrk, alpha, A, beta, C);
}

void syrk_upper(float alpha, const ViewOf<float>& A, float beta, SpanOf<float> C) {
  outer_product(cblas_ssyrk, alpha, A, beta, C);
}

void mirror_upper(MatrixSpan C) { C.triangularView<Eigen::StrictlyLower>() = C.transpose(); }

SymmetricEigen symmetric_eigen(Matrix A, const char* what) {
  const SingleThreadedBlas guard;
  SymmetricEigen result;
  const Index m = A.rows();
  result.values.resize(m);
  if (m == 0) return result;
  check_finite(A, what);
  // Read column-major, the upper triangle of a row-major matrix is the lower one, and eigenvectors come out as rows.
  const int info =
      LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', blas_int(m), A.data(), leading_dimension(A), result.values.data());
  if (info != 0)
    throw NumericalError(fmt::format("{}: the eigen-decomposition of a {}×{} matrix did not converge", what, m, m));
  set_row_signs(A);
  result.vectors = A.transpose();
  return result;
}

double largest_eigenvalue(Matrix A, const char* what) {
  const SingleThreadedBlas guard;
  const int m = blas_int(A.rows());
  if (m == 0) return 0.0;
  check_finite(A, what);
  Vector values(m);
  int found = 0;
  std::vector<int> support(2);
  const int info = LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'N', 'I', 'L', m, A.data(), leading_dimension(A), 0.0, 0.0, m, m,
                                  0.0, &found, values.data(), nullptr, 1, support.data());
  if (info != 0 || found != 1)
    throw NumericalError(fmt::format("{}: the largest eigenvalue of a {}×{} matrix did not converge", what, m, m));
  return values[0];
}

std::optional<Cholesky> Cholesky::of(Matrix A, const char* what) {
  const SingleThreadedBlas guard;
  check_finite(A, what);
  const int m = blas_int(A.rows());
  if (m == 0) return Cholesky(std::move(A), 0.0);
  // Read column-major, the upper triangle of a row-major matrix is the lower one.
  const double norm = LAPACKE_dlansy(LAPACK_COL_MAJOR, '1', 'L', m, A.data(), leading_dimension(A));
  if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', m, A.data(), leading_dimension(A)) != 0) return std::nullopt;
  return Cholesky(std::move(A), norm);
}

double Cholesky::reciprocal_condition() const {
  const SingleThreadedBlas guard;
  if (factor_.rows() == 0) return 1.0;
  double reciprocal = 0;
  LAPACKE_dpocon(LAPACK_COL_MAJOR, 'L', blas_int(factor_.rows()), factor_.data(), leading_dimension(factor_), norm_,
                 &reciprocal);
  return reciprocal;
}

namespace {

// C ← op(R)⁻¹C or C op(R)⁻¹ for the upper triangle R of a factor.
Matrix solve_triangle(CBLAS_SIDE side, CBLAS_TRANSPOSE op, const Matrix& R, Matrix C) {
  const SingleThreadedBlas guard;
  if (C.size() > 0)
    cblas_dtrsm(CblasRowMajor, side, CblasUpper, op, CblasNonUnit, blas_int(C.rows()), blas_int(C.cols()), 1.0,
                R.data(), leading_dimension(R), C.data(), leading_dimension(C));
  return C;
}

}  // namespace

Matrix Cholesky::from_left(Matrix C) const { return solve_triangle(CblasLeft, CblasTrans, factor_, std::move(C)); }

Matrix Cholesky::from_left_transposed(Matrix C) const {
  return solve_triangle(CblasLeft, CblasNoTrans, factor_, std::move(C));
}

Matrix Cholesky::from_right_transposed(Matrix C) const {
  return solve_triangle(CblasRight, CblasNoTrans, factor_, std::move(C));
}

namespace {

// Wide enough that each panel's products, which copy all of A, have much to do with it; narrow enough that the banded
// factorisations stay a small part.
Index band_width(Index m) { return std::min<Index>(m < 1024 ? 32 : m < 4096 ? 64 : 128, std::max<Index>(1, m - 1)); }

}  // namespace

BandForm::BandForm(Matrix A, const char* what) : width_(band_width(A.rows())), reflectors_(std::move(A)) {
  const SingleThreadedBlas guard;
  const Index m = reflectors_.rows();
  check_finite(reflectors_, what);
  band_ = ColumnMajor::Zero(width_ + 1, m);
  scales_ = Vector::Zero(m);
  if (m == 0) return;
  const int n = blas_int(m);
  const int kd = blas_int(width_);
  const int lda = leading_dimension(reflectors_);
  const int ldab = kd + 1;
  int info = 0;
  int size = -1;
  double wanted = 0;
  // Read column-major, the upper triangle of a row-major matrix is the lower one.
  dsytrd_sy2sb_("L", &n, &kd, reflectors_.data(), &lda, band_.data(), &ldab, scales_.data(), &wanted, &size, &info, 1);
  std::vector<double> work(static_cast<std::size_t>(std::max(1.0, wanted)));
  size = blas_int(static_cast<Index>(work.size()));
  dsytrd_sy2sb_("L", &n, &kd, reflectors_.data(), &lda, band_.data(), &ldab, scales_.data(), work.data(), &size, &info,
                1);
  if (info != 0) throw NumericalError(fmt::format("{}: a {}×{} matrix could not be reduced to a band", what, m, m));
}

Matrix BandForm::apply(const Matrix& C, char transpose) const {
  const SingleThreadedBlas guard;
  const Index m = reflectors_.rows();
  ColumnMajor rotated = C;
  // Q = Q_1 Q_2 …, Q_i of `width_` reflectors that leave the first (i + 1)·width_ rows alone.
  const Index panels = (std::max<Index>(0, m - width_) + width_ - 1) / width_;
  for (Index at = 0; at < panels; ++at) {
    const Index first = (transpose == 'T' ? at : panels - 1 - at) * width_;
    const Index rows = m - first - width_;
    const Index count = std::min(rows, width_);
    LAPACKE_dormqr(LAPACK_COL_MAJOR, 'L', transpose, blas_int(rows), blas_int(C.cols()), blas_int(count),
                   reflectors_.data() + first * reflectors_.outerStride() + first + width_,
                   leading_dimension(reflectors_), scales_.data() + first, rotated.data() + first + width_,
                   blas_int(std::max<Index>(1, m)));
  }
  return rotated;
}

std::optional<Matrix> BandForm::solve(double shift, const Matrix& C) const {
  const SingleThreadedBlas guard;
  const Index m = reflectors_.rows();
  if (m == 0 || C.cols() == 0) return C;
  ColumnMajor shifted = band_;
  shifted.row(0).array() += shift;
  ColumnMajor solution = C;
  const int info = LAPACKE_dpbsv_work(LAPACK_COL_MAJOR, 'L', blas_int(m), blas_int(width_), blas_int(C.cols()),
                                      shifted.data(), blas_int(width_ + 1), solution.data(), blas_int(m));
  if (info != 0) return std::nullopt;
  return solution;
}

std::string blas_description() {
  const std::string small = small_kernels_description();
  return fmt::format("{}, core type {}{}", openblas_get_config(), kernels_in_use(),
                     small.empty() ? "" : "; small products by " + small);
}

}  // namespace sextant::linalg
