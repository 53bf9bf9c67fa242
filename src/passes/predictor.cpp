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
    for (std::size_t p = 0; p < predictors.size(); ++p) {
      const Predictor& predictor = predictors[p];
      if (predictor.lift) predictor.lift->apply(x, z);
      const MatrixView inputs = predictor.lift ? MatrixView(z) : MatrixView(x);
      if (prepared.empty())
        add_outputs(predictor.map, inputs, predictor.a, predictor.weight, f);
      else
        prepared[p].add(inputs, f);
    }
  });
  return F;
}

}  // namespace sextant
