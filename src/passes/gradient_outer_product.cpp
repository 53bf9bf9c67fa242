#include "passes/executor.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

// += ∇ of weight·aᵀφ(e(x)) for target t at the rows X.
void add_gradient(const Predictor& predictor, const MatrixView& X, Index t, MatrixSpan G) {
  Matrix lifted;
  if (predictor.lift) predictor.lift->apply(X, lifted);
  const MatrixView inputs = predictor.lift ? MatrixView(lifted) : X;
  Matrix slopes(inputs.rows(), inputs.cols());
  feature_gradient(predictor.map, inputs, predictor.a.col(t), slopes);
  G += predictor.weight * (predictor.lift ? predictor.lift->pull_back(X, slopes) : slopes);
}

}  // namespace

Matrix gradient_outer_product(const RowSource& source, const LinearPart& linear,
                              const std::vector<Predictor>& predictors, const Context& context) {
  const Index d = source.inputs();
  OuterProductSum sum(d, context.thread_count());
  Matrix G;
  const double n = for_each_block(source, context, "directions", [&](Block& block) {
    const Tiles strips = row_strips(block.rows());
    G.resize(block.rows(), d);
    for (Index t = 0; t < source.targets(); ++t) {
      parallel_tiles(context.thread_count(), strips.count(), [&](Index strip) {
        const Index first = strips.first(strip);
        const Index length = strips.length(strip);
        auto g = G.middleRows(first, length);
        g.setZero();
        for (const Predictor& predictor : predictors) add_gradient(predictor, block.X.middleRows(first, length), t, g);
        g.rowwise() += linear.beta.col(t).transpose();
        scale_rows(g, block.w.segment(first, length));
      });
      sum.add(G);
    }
  });
  return sum.take(1.0 / n);
}

Matrix gradient_outer_product(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                              const MatrixView& a, const Context& context) {
  return gradient_outer_product(source, linear, {{1.0, map, a}}, context);
}

}  // namespace sextant
