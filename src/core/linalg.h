// Thin verbs over BLAS and LAPACK for row-major views. Private to the library: no public header includes this.
//
// All run on one BLAS thread (see parallel.h), so their bits do not depend on the number of threads: OpenBLAS's
// threaded gemm, gemv and eigen-solvers do not promise that.
#pragma once

#include <string>

#include "sextant/matrix.h"

namespace sextant::linalg {

enum class Op { none, transpose };

// C = alpha·op(A)·op(B) + beta·C.
void gemm(Op op_A, Op op_B, double alpha, const MatrixView& A, const MatrixView& B, double beta, MatrixSpan C);

// Upper triangle of C = alpha·AᵀA + beta·C (A n×m, C m×m).
void syrk_upper(double alpha, const MatrixView& A, double beta, MatrixSpan C);

// Copies the upper triangle onto the lower one.
void mirror_upper(MatrixSpan C);

struct SymmetricEigen {
  Vector values;   // ascending
  Matrix vectors;  // column j belongs to values[j]
};

// Eigen-decomposition of a symmetric matrix of which only the upper triangle is read, by divide and conquer (dsyevd).
// Throws NumericalError, naming `what`, when an entry is not finite or LAPACK does not converge. Cost about 4/3·m³ to
// 9·m³.
[[nodiscard]] SymmetricEigen symmetric_eigen(Matrix A, const char* what);

// "OpenBLAS 0.3.21 … Zen", as BLAS describes itself.
[[nodiscard]] std::string blas_description();

}  // namespace sextant::linalg
