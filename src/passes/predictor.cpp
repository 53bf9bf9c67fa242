#include "sextant/predictor.h"

#include "passes/executor.h"
#include "passes/prepared_map.h"

namespace sextant {

namespace {

// Rows from which on a first layer is worth copying into panels.
constexpr Index many_rows = 64;

// F += a predictor's own outputs, weighed already, between its limits.
void add_between_limits(const Predictor& predictor, const Matrix& own, MatrixSpan F) {
  for (Index t = 0; t < own.cols(); ++t)
    F.col(t) += own.col(t).cwiseMax(predictor.weight * predictor.low[t]).cwiseMin(predictor.weight * predictor.high[t]);
}

}  // namespace

MatrixView Predictor::map_inputs(const MatrixView& X, Matrix& Z) const {
  if (!lift && !warp) return X;
  if (lift)
    lift->apply(X, Z);
  else
    warp->apply(X, Z);
  return Z;
}

Matrix Predictor::pull_back(const MatrixView& X, const MatrixView& G) const {
  if (lift) return lift->pull_back(X, G);
  if (warp) return warp->pull_back(X, G);
  return G;
}

Matrix outputs(const LinearPart& linear, const std::vector<Predictor>& predictors, const MatrixView& X,
               const Context& context) {
  Matrix F(X.rows(), linear.alpha.size());
  std::vector<const Predictor*> by_row;
  std::vector<const Predictor*> by_leaf;
  for (const Predictor& predictor : predictors)
    (std::holds_alternative<LeafMachine>(predictor.map) ? by_leaf : by_row).push_back(&predictor);
  std::vector<PreparedOutputs> prepared;
  if (X.rows() >= many_rows)
    for (const Predictor* predictor : by_row) prepared.emplace_back(predictor->map, predictor->a, predictor->weight);
  const Tiles strips = row_strips(X.rows());
  parallel_tiles(context.thread_count(), strips.count(), [&](Index strip) {
    const auto x = X.middleRows(strips.first(strip), strips.length(strip));
    auto f = F.middleRows(strips.first(strip), strips.length(strip));
    f = linear(x);
    Matrix z;
    Matrix own;
    for (std::size_t p = 0; p < by_row.size(); ++p) {
      const Predictor& predictor = *by_row[p];
      const MatrixView inputs = predictor.map_inputs(x, z);
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
      add_between_limits(predictor, own, f);
    }
  });
  Matrix z;
  for (const Predictor* predictor : by_leaf) {
    const auto& machine = std::get<LeafMachine>(predictor->map);
    const Matrix Z = machine.coordinates(predictor->map_inputs(X, z));
    const std::vector<LeafQueries> queries = queries_by_leaf(machine, Z, queries_together);
    const bool limited = predictor->low.size() > 0;
    Matrix own = Matrix::Zero(limited ? F.rows() : 0, F.cols());
    parallel_tiles(context.thread_count(), static_cast<Index>(queries.size()), [&](Index tile) {
      add_leaf_outputs(machine, queries[static_cast<std::size_t>(tile)], Z, predictor->a, predictor->weight,
                       limited ? own : F);
    });
    if (limited) add_between_limits(*predictor, own, F);
  }
  return F;
}

}  // namespace sextant
