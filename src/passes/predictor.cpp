#include "sextant/predictor.h"

#include "passes/executor.h"

namespace sextant {

Matrix outputs(const LinearPart& linear, const std::vector<Predictor>& predictors, const MatrixView& X,
               const Context& context) {
  Matrix F(X.rows(), linear.alpha.size());
  const Tiles strips = feature_strips(X.rows());
  parallel_tiles(context.thread_count(), strips.count(), [&](Index strip) {
    const auto x = X.middleRows(strips.first(strip), strips.length(strip));
    auto f = F.middleRows(strips.first(strip), strips.length(strip));
    f = linear(x);
    Matrix z;
    for (const Predictor& predictor : predictors) {
      if (predictor.lift) predictor.lift->apply(x, z);
      const MatrixView inputs = predictor.lift ? MatrixView(z) : MatrixView(x);
      add_outputs(predictor.map, inputs, predictor.a, predictor.weight, f);
    }
  });
  return F;
}

}  // namespace sextant
