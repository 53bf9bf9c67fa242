#include "core/linalg.h"
#include "passes/executor.h"
#include "passes/unit_loops.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

using linalg::Op;
using linalg::panel_product;

// The sums are of Gᵀ, d×h: then units are what the narrow products have few of, throughout.
template <class Scalar>
Matrix gradient(const RowSource& source, const LinearPart& linear, const MatrixView& W_start, const MatrixView& a,
                Index blocks_per_run, const Context& context) {
  const Index d = source.inputs();
  const auto W = in_panels<Scalar>(W_start.transpose());    // d×h
  const MatrixOf<Scalar> A = a.transpose().cast<Scalar>();  // k×h
  const PanelColumns& units = W.columns();
  std::array<MatrixOf<Scalar>, items_in_flight> X;  // of the blocks in flight: rows×d, unless in double
  std::array<MatrixOf<Scalar>, items_in_flight> R;  // rows×k: w_i r_i
  const Tiles strips = row_strips(largest_block(source, context));
  Panels<Scalar> Z(strips.size, units);  // of a strip's rows, panel after panel: each stays in a core's cache
  BlockSum<Scalar> G(d, units, blocks_per_run);

  const auto prepare = [&](BlockInFlight& block) {
    R[block.slot].resize(block.rows.rows(), a.cols());
    if constexpr (std::is_same_v<Scalar, float>) X[block.slot].resize(block.rows.rows(), d);
  };
  const auto make_residuals = [&](const BlockInFlight& block, Index strip) {
    const Tiles here = row_strips(block.rows.rows());
    if (strip >= here.count()) return;
    const Index first = here.first(strip);
    const Index length = here.length(strip);
    const auto x = block.rows.X.middleRows(first, length);
    R[block.slot].middleRows(first, length) =
        (block.rows.w.segment(first, length).asDiagonal() * (block.rows.Y.middleRows(first, length) - linear(x)))
            .template cast<Scalar>();
    if constexpr (std::is_same_v<Scalar, float>) wide::copy(length, d, x.data(), d, X[block.slot].row(first).data(), d);
  };
  const auto add = [&](const BlockInFlight& block, Index p) {
    const MatrixOf<Scalar>& x = [&]() -> const MatrixOf<Scalar>& {
      if constexpr (std::is_same_v<Scalar, float>)
        return X[block.slot];
      else
        return block.rows.X;
    }();
    const Tiles here = row_strips(x.rows());
    for (Index strip = 0; strip < here.count(); ++strip) {
      const auto x_strip = x.middleRows(here.first(strip), here.length(strip));
      auto z = Z[p].topRows(here.length(strip));
      panel_product<Scalar>(Op::none, x_strip, W[p], false, z);
      unit_loops::mask(z.rows(), z.cols(), A.rows(), R[block.slot].row(here.first(strip)).data(),
                       A.data() + units.first(p), A.cols(), z.data());
      panel_product<Scalar>(Op::transpose, x_strip, z, true, G.piece(p, 0, d));
    }
    G.added(block.number, p, 0, d);
  };
  Pass pass(source, context, "gradient");
  pass.sums(G);
  pass.depends_on(linear);
  pass.depends_on(W_start);
  pass.depends_on(a);
  const double n =
      pass.run(prepare, {{strips.count(), lane_of_strips, make_residuals}, {units.count(), lane_of_sums, add}});
  return G.take(1.0 / n).transpose();
}

}  // namespace

Matrix first_layer_gradient(const RowSource& source, const LinearPart& linear, const MatrixView& W, const MatrixView& a,
                            const Context& context, Precision precision) {
  const Index run = blocks_per_run(precision);
  return precision == Precision::float64 ? gradient<double>(source, linear, W, a, run, context)
                                         : gradient<float>(source, linear, W, a, run, context);
}

}  // namespace sextant
