#include "core/linalg.h"
#include "passes/executor.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

using linalg::gemm;
using linalg::Op;

// z_ij ← (a_j·r_i) 1[z_ij ≥ 0]:  Z rows×u, R rows×k, A k×u.
template <class Scalar>
void mask(SpanOf<Scalar> Z, const ViewOf<Scalar>& R, const ViewOf<Scalar>& A) {
  Eigen::Matrix<Scalar, 1, Eigen::Dynamic> c(A.cols());
  for (Index i = 0; i < Z.rows(); ++i) {
    c.setZero();
    for (Index t = 0; t < R.cols(); ++t) c += R(i, t) * A.row(t);
    // The compiler vectorises this as it stands: both sides are read before either is taken.
    Scalar* z = &Z.coeffRef(i, 0);
    for (Index j = 0; j < Z.cols(); ++j) {
      const Scalar coefficient = c[j];
      z[j] = z[j] >= 0 ? coefficient : Scalar{0};
    }
  }
}

template <class Scalar>
Matrix gradient(const RowSource& source, const LinearPart& linear, const MatrixView& W_start, const MatrixView& a,
                Index blocks_per_run, const Context& context) {
  const MatrixOf<Scalar> W = W_start.cast<Scalar>();        // h×d
  const MatrixOf<Scalar> A = a.transpose().cast<Scalar>();  // k×h
  std::array<MatrixOf<Scalar>, items_in_flight> X;          // of the blocks in flight: rows×d, unless in double
  std::array<MatrixOf<Scalar>, items_in_flight> R;          // rows×k: w_i r_i
  const Tiles units{W.rows(), 256};
  // Few tiles of units would leave threads idle.
  const Index sums = units.count() < 8 ? 4 : 1;
  // Rows whose projections on a tile of units stay in a core's cache between the two products.
  const Index strip = (1 << 16) / units.size;
  MatrixOf<Scalar> Z(sums * units.count() * strip, units.size);
  BlockSum<Scalar> G(W.rows(), W.cols(), blocks_per_run, sums);

  const auto prepare = [&](BlockInFlight& block) {
    const Block& rows = block.rows;
    R[block.slot] = (rows.w.asDiagonal() * (rows.Y - linear(rows.X))).template cast<Scalar>();
    if constexpr (std::is_same_v<Scalar, float>) X[block.slot] = rows.X.template cast<Scalar>();
  };
  const auto add = [&](const BlockInFlight& block, Index tile) {
    const MatrixOf<Scalar>& x = [&]() -> const MatrixOf<Scalar>& {
      if constexpr (std::is_same_v<Scalar, float>)
        return X[block.slot];
      else
        return block.rows.X;
    }();
    const Index first = units.first(tile % units.count());
    const Index length = units.length(tile % units.count());
    G.add(block.number, tile / units.count(), first, 0, length, W.cols(), [&](auto& g) {
      const Tiles strips{x.rows(), strip};
      for (Index at = 0; at < strips.count(); ++at) {
        const auto x_strip = x.middleRows(strips.first(at), strips.length(at));
        auto z = Z.block(tile * strip, 0, strips.length(at), length);
        gemm(Op::none, Op::transpose, Scalar{1}, x_strip, W.middleRows(first, length), Scalar{0}, z);
        mask<Scalar>(z, R[block.slot].middleRows(strips.first(at), strips.length(at)), A.middleCols(first, length));
        gemm(Op::transpose, Op::none, Scalar{1}, z, x_strip, Scalar{1}, g);
      }
    });
  };
  Pass pass(source, context, "gradient");
  pass.sums(G);
  pass.depends_on(linear);
  pass.depends_on(W_start);
  pass.depends_on(a);
  const double n = pass.run(prepare, {{sums * units.count(), lane_of_sums, add}});
  return G.take(1.0 / n);
}

}  // namespace

Matrix first_layer_gradient(const RowSource& source, const LinearPart& linear, const MatrixView& W, const MatrixView& a,
                            const Context& context, Precision precision) {
  const Index run = blocks_per_run(precision);
  return precision == Precision::float64 ? gradient<double>(source, linear, W, a, run, context)
                                         : gradient<float>(source, linear, W, a, run, context);
}

}  // namespace sextant
