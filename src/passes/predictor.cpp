#include "sextant/predictor.h"

#include "passes/executor.h"
#include "passes/prepared_map.h"

namespace sextant {

namespace {

// Rows from which on a first layer is worth copying into panels.
constexpr Index many_rows = 64;

}  // namespace

Matrix outputs(const LinearPart& linear, const std::vector<Predictor>& predictors, const MatrixView& X,
               const Context& context) {
  Matrix F(X.rows(), linear.alpha.size());
  std::vector<PreparedOutputs> prepared;
  if (X.rows() >= many_rows)
    for (const Predictor& predictor : predictors) prepared.emplace_back(predictor.map, predictor.a, predictor.weight);
  const Tiles strips = row_strips(X.rows());
  parallel_tiles(context.thread_count(), strips.count(), [&](Index strip) {
    const auto x = X.middleRows(strips.first(strip), strips.length(strip));
    auto f = F.middleRows(strips.first(strip), strips.length(strip));
    f = linear(x);
    Matrix z;
    Matrix own;
    for (std::size_t p = 0; p < predictors.size(); ++p) {
      const Predictor& predictor = predictors[p];
      if (predictor.lift) predictor.lift->apply(x, z);
      const MatrixView inputs = predictor.lift ? MatrixView(z) : MatrixView(x);
      const auto add_to = [&](MatrixSpan sum) {
        if (prepared.empty())
          add_outputs(predictor.map, inputs, predictor.a, predictor.weight, sum);
        else
          prepared[p].add(inputs, sum);
      };
      if (predictor.low.size() == 0) {
        add_to(f);
        continue;
      }
      own.setZero(f.rows(), f.cols());
      add_to(own);
      for (Index t = 0; t < own.cols(); ++t)
        f.col(t) +=
            own.col(t).cwiseMax(predictor.weight * predictor.low[t]).cwiseMin(predictor.weight * predictor.high[t]);
    }
  });
  return F;
}

}  // namespace sextant
