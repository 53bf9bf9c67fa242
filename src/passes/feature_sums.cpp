#include "core/linalg.h"
#include "passes/executor.h"
#include "passes/prepared_map.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

template <class Scalar>
FeatureSums sums_of(const RowSource& source, const LinearPart& linear, const FeatureMap& map, Index blocks_per_run,
                    const Context& context) {
  const Index k = source.targets();
  const PreparedFeatures<Scalar> features_of(map);
  const PanelColumns& columns = features_of.columns();
  std::array<Panels<Scalar>, items_in_flight> Phi;  // of the blocks in flight: rows×m, √w φ
  std::array<MatrixOf<Scalar>, items_in_flight> R;  // rows×k, √w r
  const Tiles strips = row_strips(largest_block(source, context));
  const Tiles panels{columns.count(), std::max<Index>(1, 256 / columns.width)};  // what adds to the moment at once
  OuterProducts<Scalar> gram(columns, context.thread_count(), blocks_per_run);
  BlockSum<Scalar> moment(k, columns, blocks_per_run);  // transposed

  const auto prepare = [&](BlockInFlight& block) {
    R[block.slot].resize(block.rows.rows(), k);
    Phi[block.slot].resize(block.rows.rows(), columns);
  };
  const auto make_features = [&](const BlockInFlight& block, Index strip) {
    const Tiles here = row_strips(block.rows.rows());
    if (strip >= here.count()) return;
    const Index first = here.first(strip);
    const Index length = here.length(strip);
    const auto x = block.rows.X.middleRows(first, length);
    const auto w = block.rows.w.segment(first, length);
    Matrix residuals = block.rows.Y.middleRows(first, length) - linear(x);
    scale_rows(residuals, w);
    R[block.slot].middleRows(first, length) = residuals.template cast<Scalar>();
    features_of(x, Phi[block.slot], first);
    for (Index p = 0; p < columns.count(); ++p) scale_rows<Scalar>(Phi[block.slot][p].middleRows(first, length), w);
  };
  const auto add = [&](const BlockInFlight& block, Index tile) {
    if (tile < gram.tiles()) {
      gram.add(block.number, Phi[block.slot], tile);
      return;
    }
    const Index some = tile - gram.tiles();
    for (Index p = panels.first(some); p < panels.first(some) + panels.length(some); ++p) {
      linalg::panel_product<Scalar>(linalg::Op::transpose, R[block.slot], Phi[block.slot][p], true,
                                    moment.piece(p, 0, k));
      moment.added(block.number, p, 0, k);
    }
  };
  Pass pass(source, context, "features");
  pass.sums(gram);
  pass.sums(moment);
  pass.depends_on(linear);
  pass.depends_on(map);
  FeatureSums sums;
  sums.n = pass.run(
      prepare, {{strips.count(), lane_of_strips, make_features}, {gram.tiles() + panels.count(), lane_of_sums, add}});
  sums.gram = gram.take(1.0 / sums.n);
  sums.moment = moment.take(1.0 / sums.n).transpose();
  return sums;
}

}  // namespace

FeatureSums feature_sums(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                         const Context& context, Precision precision) {
  const Index run = blocks_per_run(precision);
  return precision == Precision::float64 ? sums_of<double>(source, linear, map, run, context)
                                         : sums_of<float>(source, linear, map, run, context);
}

Matrix feature_combination(const RowSource& source, const FeatureMap& map, const MatrixView& C,
                           const Context& context) {
  const Index P = width(map);
  const Tiles columns = column_tiles(P);
  Matrix sum = Matrix::Zero(P, C.cols());
  Matrix Phi;
  Pass pass(source, context, "head");
  pass.sums(sum);
  pass.depends_on(map);
  pass.depends_on(C);
  pass.run([&](Block& block, Index first_row) {
    // A few strips at a time: P may be far more than the units.
    const Tiles strips = row_strips(block.rows());
    for (Index strip = 0; strip < strips.count(); ++strip) {
      const Index first = strips.first(strip);
      Phi.resize(strips.length(strip), P);
      features(map, block.X.middleRows(first, strips.length(strip)), Phi);
      parallel_tiles(context.thread_count(), columns.count(), [&](Index tile) {
        linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0,
                     Phi.middleCols(columns.first(tile), columns.length(tile)),
                     C.middleRows(first_row + first, strips.length(strip)), 1.0,
                     sum.middleRows(columns.first(tile), columns.length(tile)));
      });
    }
  });
  return sum;
}

}  // namespace sextant
