#include <utility>

#include "core/linalg.h"
#include "passes/executor.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

// Φ and the residuals R of a block, rows times √w_i.
void weighted_features(const Block& block, const LinearPart& linear, const FeatureMap& map, int threads, MatrixSpan Phi,
                       MatrixSpan R) {
  const Tiles strips = row_strips(block.rows());
  R = block.Y - linear(block.X);
  scale_rows(R, block.w);
  parallel_tiles(threads, strips.count(), [&](Index strip) {
    const Index first = strips.first(strip);
    const Index length = strips.length(strip);
    auto phi = Phi.middleRows(first, length);
    features(map, block.X.middleRows(first, length), phi);
    scale_rows(phi, block.w.segment(first, length));
  });
}

}  // namespace

FeatureSums feature_sums(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                         const Context& context) {
  const Index m = width(map);
  const Index k = source.targets();
  const int threads = context.thread_count();
  const Tiles units = column_tiles(m);
  OuterProductSum gram(m, threads);
  FeatureSums sums;
  sums.moment = Matrix::Zero(m, k);
  Matrix Phi;
  Matrix R;
  sums.n = for_each_block(source, context, "features", [&](Block& block) {
    Phi.resize(block.rows(), m);
    R.resize(block.rows(), k);
    weighted_features(block, linear, map, threads, Phi, R);
    gram.add(Phi);
    parallel_tiles(threads, units.count(), [&](Index tile) {
      linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0, Phi.middleCols(units.first(tile), units.length(tile)),
                   R, 1.0, sums.moment.middleRows(units.first(tile), units.length(tile)));
    });
  });
  sums.gram = gram.take(1.0 / sums.n);
  sums.moment /= sums.n;
  return sums;
}

FeatureRows feature_rows(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                         const Context& context) {
  FeatureRows all;
  all.Phi.resize(source.rows(), width(map));
  all.R.resize(source.rows(), source.targets());
  Index done = 0;
  all.n = for_each_block(source, context, "features", [&](Block& block) {
    weighted_features(block, linear, map, context.thread_count(), all.Phi.middleRows(done, block.rows()),
                      all.R.middleRows(done, block.rows()));
    done += block.rows();
  });
  return all;
}

}  // namespace sextant
