#include "core/linalg.h"
#include "passes/executor.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

using linalg::gemm;
using linalg::Op;

Matrix projected(const MatrixView& X, const MatrixView& U) {
  Matrix Z(X.rows(), U.rows());
  gemm(Op::none, Op::transpose, 1.0, X, U, 0.0, Z);
  return Z;
}

// Slopes of target t in z, rows×r, times √w.
Matrix weighted_slopes(const FeatureMap& map, const MatrixView& Z, const MatrixView& a, Index t, const Vector& w) {
  Matrix D(Z.rows(), Z.cols());
  feature_gradient(map, Z, a.col(t), D);
  scale_rows(D, w);
  return D;
}

// Errors e_it of a block, rows×k, times √w.
Matrix weighted_errors(const Block& block, const LinearPart& linear, const FeatureMap& map, const MatrixView& Z,
                       const MatrixView& a) {
  Matrix E = block.Y - linear(block.X);
  add_outputs(map, Z, a, -1.0, E);
  scale_rows(E, block.w);
  return E;
}

// Calls add(block, strip's first row, its D, t) for every strip of rows and target; D rows×r, times √w.
template <class Add>
void for_each_slope(const Block& block, const MatrixView& U, const FeatureMap& map, const MatrixView& a, int threads,
                    const Add& add) {
  const Tiles strips = row_strips(block.rows());
  for (Index t = 0; t < a.cols(); ++t)
    parallel_tiles(threads, strips.count(), [&](Index strip) {
      const Index first = strips.first(strip);
      const Index length = strips.length(strip);
      const auto X = block.X.middleRows(first, length);
      add(X, first, weighted_slopes(map, projected(X, U), a, t, block.w.segment(first, length)), t);
    });
}

}  // namespace

GaussNewtonSums gauss_newton_sums(const RowSource& source, const LinearPart& linear, const MatrixView& U,
                                  const FeatureMap& map, const MatrixView& a, const Context& context) {
  const Index r = U.rows();
  const Index d = U.cols();
  const Tiles columns = column_tiles(r * d);
  OuterProductSum products(r * d, context.thread_count());
  GaussNewtonSums sums;
  sums.g = Vector::Zero(r * d);
  Matrix J;  // rows×rd: √w D_it ⊗ x_i
  const double n = for_each_block(source, context, "polish", [&](Block& block) {
    const Matrix E = weighted_errors(block, linear, map, projected(block.X, U), a);
    for (Index t = 0; t < a.cols(); ++t) {
      J.resize(block.rows(), r * d);
      for_each_slope(block, U, map, a.middleCols(t, 1), context.thread_count(),
                     [&](const auto& X, Index first, const Matrix& D, Index) {
                       for (Index i = 0; i < D.rows(); ++i)
                         for (Index l = 0; l < r; ++l) J.row(first + i).segment(l * d, d) = D(i, l) * X.row(i);
                     });
      products.add(J);
      parallel_tiles(context.thread_count(), columns.count(), [&](Index tile) {
        const Index first = columns.first(tile);
        const Index length = columns.length(tile);
        sums.g.segment(first, length) += J.middleCols(first, length).transpose() * E.col(t);
      });
    }
  });
  sums.H = products.take(1.0 / n);
  sums.g /= n;
  return sums;
}

Matrix gauss_newton_product(const RowSource& source, const MatrixView& U, const FeatureMap& map, const MatrixView& a,
                            const MatrixView& delta, const Context& context) {
  Matrix sum = Matrix::Zero(U.rows(), U.cols());
  Matrix C;  // rows×r: D_it (D_itᵀ δ x_i)
  const double n = for_each_block(source, context, "polish", [&](Block& block) {
    for (Index t = 0; t < a.cols(); ++t) {
      C.resize(block.rows(), U.rows());
      for_each_slope(block, U, map, a.middleCols(t, 1), context.thread_count(),
                     [&](const auto& X, Index first, const Matrix& D, Index) {
                       const Vector along = D.cwiseProduct(projected(X, delta)).rowwise().sum();
                       C.middleRows(first, D.rows()) = along.asDiagonal() * D;
                     });
      gemm(Op::transpose, Op::none, 1.0, C, block.X, 1.0, sum);
    }
  });
  return sum / n;
}

Matrix gauss_newton_gradient(const RowSource& source, const LinearPart& linear, const MatrixView& U,
                             const FeatureMap& map, const MatrixView& a, const Context& context) {
  Matrix sum = Matrix::Zero(U.rows(), U.cols());
  Matrix C;  // rows×r: e_it D_it
  const double n = for_each_block(source, context, "polish", [&](Block& block) {
    const Matrix E = weighted_errors(block, linear, map, projected(block.X, U), a);
    for (Index t = 0; t < a.cols(); ++t) {
      C.resize(block.rows(), U.rows());
      for_each_slope(block, U, map, a.middleCols(t, 1), context.thread_count(),
                     [&](const auto&, Index first, const Matrix& D, Index) {
                       C.middleRows(first, D.rows()) = E.col(t).segment(first, D.rows()).asDiagonal() * D;
                     });
      gemm(Op::transpose, Op::none, 1.0, C, block.X, 1.0, sum);
    }
  });
  return sum / n;
}

}  // namespace sextant
