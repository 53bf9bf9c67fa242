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
  const Tiles strips = feature_strips(largest_block(source, context));
  OuterProducts<double> sum(d);
  std::array<Matrix, items_in_flight> G;  // of the blocks in flight: rows×d, √w ∇f_t

  std::vector<BlockStage> stages;
  for (Index t = 0; t < source.targets(); ++t) {
    stages.push_back({strips.count(), lane_of_strips, [&, t](const BlockInFlight& block, Index strip) {
                        const Tiles here = feature_strips(block.rows.rows());
                        if (strip >= here.count()) return;
                        const Index first = here.first(strip);
                        const Index length = here.length(strip);
                        const auto x = block.rows.X.middleRows(first, length);
                        auto g = G[block.slot].middleRows(first, length);
                        g.setZero();
                        for (const Predictor& predictor : predictors) add_gradient(predictor, x, t, g);
                        g.rowwise() += linear.beta.col(t).transpose();
                        scale_rows(g, block.rows.w.segment(first, length));
                      }});
    stages.push_back({sum.tiles(), lane_of_sums,
                      [&](const BlockInFlight& block, Index tile) { sum.add(block.number, G[block.slot], tile); }});
  }
  Pass pass(source, context, "directions");
  pass.sums(sum);
  depends_on(pass, linear, predictors);
  const double n = pass.run([&](BlockInFlight& block) { G[block.slot].resize(block.rows.rows(), d); }, stages);
  return sum.take(1.0 / n);
}

Matrix gradient_outer_product(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                              const MatrixView& a, const Context& context) {
  return gradient_outer_product(source, linear, {{1.0, map, a}}, context);
}

}  // namespace sextant
