#include "core/linalg.h"
#include "passes/executor.h"
#include "passes/features_in.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

template <class Scalar, class Features>
FeatureSums sums_of(const RowSource& source, const LinearPart& linear, const FeatureMap& map, Index blocks_per_run,
                    const Context& context) {
  const Index m = width(map);
  const Index k = source.targets();
  const Features features_of(map);
  std::array<MatrixOf<Scalar>, items_in_flight> Phi;  // of the blocks in flight: rows×m, √w φ
  std::array<MatrixOf<Scalar>, items_in_flight> R;    // rows×k, √w r
  const Tiles strips = feature_strips(largest_block(source, context));
  const Tiles units = column_tiles(m);
  OuterProducts<Scalar> gram(m, blocks_per_run);
  BlockSum<Scalar> moment(m, k, blocks_per_run);

  const auto prepare = [&](BlockInFlight& block) {
    Matrix residuals = block.rows.Y - linear(block.rows.X);
    scale_rows(residuals, block.rows.w);
    R[block.slot] = residuals.template cast<Scalar>();
    Phi[block.slot].resize(block.rows.rows(), m);
  };
  const auto make_features = [&](const BlockInFlight& block, Index strip) {
    const Tiles here = feature_strips(block.rows.rows());
    if (strip >= here.count()) return;
    const Index first = here.first(strip);
    const Index length = here.length(strip);
    auto phi = Phi[block.slot].middleRows(first, length);
    features_of(block.rows.X.middleRows(first, length), phi);
    scale_rows<Scalar>(phi, block.rows.w.segment(first, length));
  };
  const auto add = [&](const BlockInFlight& block, Index tile) {
    if (tile < gram.tiles()) {
      gram.add(block.number, Phi[block.slot], tile);
      return;
    }
    const Index first = units.first(tile - gram.tiles());
    const Index length = units.length(tile - gram.tiles());
    moment.add(block.number, 0, first, 0, length, k, [&](auto& sum) {
      linalg::gemm(linalg::Op::transpose, linalg::Op::none, Scalar{1}, Phi[block.slot].middleCols(first, length),
                   R[block.slot], Scalar{1}, sum);
    });
  };
  Pass pass(source, context, "features");
  pass.sums(gram);
  pass.sums(moment);
  pass.depends_on(linear);
  pass.depends_on(map);
  FeatureSums sums;
  sums.n = pass.run(
      prepare, {{strips.count(), lane_of_strips, make_features}, {gram.tiles() + units.count(), lane_of_sums, add}});
  sums.gram = gram.take(1.0 / sums.n);
  sums.moment = moment.take(1.0 / sums.n);
  return sums;
}

}  // namespace

FeatureSums feature_sums(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                         const Context& context, Precision precision) {
  const Index run = blocks_per_run(precision);
  return precision == Precision::float64 ? sums_of<double, FeaturesInDouble>(source, linear, map, run, context)
                                         : sums_of<float, FeaturesInSingle>(source, linear, map, run, context);
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
