#include "core/linalg.h"
#include "passes/executor.h"
#include "sextant/passes.h"

namespace sextant {

Matrix first_layer_gradient(const RowSource& source, const LinearPart& linear, const MatrixView& W, const MatrixView& a,
                            const Context& context) {
  using linalg::gemm;
  using linalg::Op;
  const Index h = W.rows();
  const Tiles units = column_tiles(h);
  Matrix G = Matrix::Zero(h, W.cols());
  Matrix Z;  // rows×h: projections, then (a_j·r_i) 1[w_j·x_i ≥ 0]
  Matrix C;  // rows×h: a_j·r_i
  const double n = for_each_block(source, context, "gradient", [&](Block& block) {
    const Matrix R = block.w.asDiagonal() * (block.Y - linear(block.X));
    Z.resize(block.rows(), h);
    C.resize(block.rows(), h);
    parallel_tiles(context.thread_count(), units.count(), [&](Index tile) {
      const Index first = units.first(tile);
      const Index length = units.length(tile);
      auto z = Z.middleCols(first, length);
      auto c = C.middleCols(first, length);
      gemm(Op::none, Op::transpose, 1.0, block.X, W.middleRows(first, length), 0.0, z);
      gemm(Op::none, Op::transpose, 1.0, R, a.middleRows(first, length), 0.0, c);
      z = (z.array() >= 0.0).select(c, 0.0);
      gemm(Op::transpose, Op::none, 1.0, z, block.X, 1.0, G.middleRows(first, length));
    });
  });
  return G / n;
}

}  // namespace sextant
