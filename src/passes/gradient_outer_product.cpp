#include "passes/executor.h"
#include "sextant/passes.h"

namespace sextant {

Matrix gradient_outer_product(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                              const MatrixView& a, const Context& context) {
  const Index d = source.inputs();
  OuterProductSum sum(d, context.thread_count());
  Matrix G;
  const double n = for_each_block(source, context, "directions", [&](Block& block) {
    const Tiles strips = row_strips(block.rows());
    G.resize(block.rows(), d);
    for (Index t = 0; t < a.cols(); ++t) {
      parallel_tiles(context.thread_count(), strips.count(), [&](Index strip) {
        const Index first = strips.first(strip);
        const Index length = strips.length(strip);
        auto g = G.middleRows(first, length);
        feature_gradient(map, block.X.middleRows(first, length), a.col(t), g);
        g.rowwise() += linear.beta.col(t).transpose();
        scale_rows(g, block.w.segment(first, length));
      });
      sum.add(G);
    }
  });
  return sum.take(1.0 / n);
}

}  // namespace sextant
