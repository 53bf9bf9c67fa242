#include "core/linalg.h"

#include <cblas.h>
#include <fmt/core.h>
#include <lapacke.h>

#include <limits>
#include <utility>

#include "core/parallel.h"
#include "sextant/error.h"

namespace sextant::linalg {
namespace {

// BLAS integers are 32-bit here, ours 64-bit.
int blas_int(Index value) {
  if (value > std::numeric_limits<int>::max())
    throw InvalidArgument(fmt::format("matrix product: a dimension of {} is more than BLAS can index", value));
  return static_cast<int>(value);
}

int leading_dimension(const MatrixView& A) { return blas_int(std::max<Index>(1, A.outerStride())); }

CBLAS_TRANSPOSE blas_op(Op op) { return op == Op::none ? CblasNoTrans : CblasTrans; }

}  // namespace

void gemm(Op op_A, Op op_B, double alpha, const MatrixView& A, const MatrixView& B, double beta, MatrixSpan C) {
  const Index inner = op_A == Op::none ? A.cols() : A.rows();
  eigen_assert(inner == (op_B == Op::none ? B.rows() : B.cols()));
  if (C.rows() == 0 || C.cols() == 0) return;
  cblas_dgemm(CblasRowMajor, blas_op(op_A), blas_op(op_B), blas_int(C.rows()), blas_int(C.cols()), blas_int(inner),
              alpha, A.data(), leading_dimension(A), B.data(), leading_dimension(B), beta, C.data(),
              leading_dimension(C));
}

void syrk_upper(double alpha, const MatrixView& A, double beta, MatrixSpan C) {
  if (C.rows() == 0) return;
  cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, blas_int(C.rows()), blas_int(A.rows()), alpha, A.data(),
              leading_dimension(A), beta, C.data(), leading_dimension(C));
}

void mirror_upper(MatrixSpan C) { C.triangularView<Eigen::StrictlyLower>() = C.transpose(); }

SymmetricEigen symmetric_eigen(Matrix A, const char* what) {
  const SingleThreadedBlas guard;
  SymmetricEigen result;
  const Index m = A.rows();
  result.values.resize(m);
  if (m == 0) return result;
  if (!A.triangularView<Eigen::Upper>().toDenseMatrix().allFinite())
    throw NumericalError(fmt::format("{}: the {}×{} matrix to decompose holds a value that is not finite", what, m, m));
  // Read column-major, the upper triangle of a row-major matrix is the lower one, and eigenvectors come out as rows.
  const int info =
      LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'L', blas_int(m), A.data(), leading_dimension(A), result.values.data());
  if (info != 0)
    throw NumericalError(fmt::format("{}: the eigen-decomposition of a {}×{} matrix did not converge", what, m, m));
  result.vectors = A.transpose();
  return result;
}

std::string blas_description() {
  return fmt::format("{}, core type {}", openblas_get_config(), openblas_get_corename());
}

}  // namespace sextant::linalg
