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

Matrix feature_combination(const RowSource& source, const FeatureMap& map, const MatrixView& C,
                           const Context& context) {
  const Index P = width(map);
  const Tiles columns = column_tiles(P);
  Matrix sum = Matrix::Zero(P, C.cols());
  Matrix Phi;
  Index done = 0;
  for_each_block(source, context, "head", [&](Block& block) {
    // A few strips at a time: P may be far more than the units.
    const Tiles strips = row_strips(block.rows());
    for (Index strip = 0; strip < strips.count(); ++strip) {
      const Index first = strips.first(strip);
      Phi.resize(strips.length(strip), P);
      features(map, block.X.middleRows(first, strips.length(strip)), Phi);
      parallel_tiles(context.thread_count(), columns.count(), [&](Index tile) {
        linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0,
                     Phi.middleCols(columns.first(tile), columns.length(tile)),
                     C.middleRows(done + first, strips.length(strip)), 1.0,
                     sum.middleRows(columns.first(tile), columns.length(tile)));
      });
    }
    done += block.rows();
  });
  return sum;
}

}  // namespace sextant
