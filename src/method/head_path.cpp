#include "method/head_path.h"

#include <algorithm>
#include <utility>

#include "sextant/error.h"
#include "sextant/passes.h"
#include "sextant/ridge_head.h"

namespace sextant {

std::vector<Index> path_targets(Index candidates, Index k) {
  std::vector<Index> targets(static_cast<std::size_t>(candidates * k));
  for (std::size_t c = 0; c < targets.size(); ++c) targets[c] = static_cast<Index>(c) % k;
  return targets;
}

Path head_path(const HeadTask& task, const RowSource& held_out, FeatureMap map, const std::vector<double>& lambda,
               const Vector& square_units, const Context& context) {
  Path path{std::move(map), {}, {}, 0};
  const Index k = square_units.size();
  const auto count = static_cast<Index>(lambda.size());
  path.heads = fit_heads(task.train, task.linear, path.map, lambda, task.head, context, task.precision);
  const Risks risk = risks(held_out, task.linear, path.map, path.heads, path_targets(count, k), context);
  path.n = risk.n;
  path.square = risk.n * Eigen::Map<const Matrix>(risk.square.data(), count, k) * square_units.asDiagonal();
  return path;
}

HeadChoice choose_heads(std::span<const Path> paths, const std::vector<double>& lambda) {
  HeadChoice choice;
  choice.path = Matrix::Zero(paths.front().square.rows(), paths.front().square.cols());
  double n = 0;
  for (const Path& path : paths) {
    if (!path.failed.empty()) throw NumericalError(path.failed);
    choice.path += path.square;
    n += path.n;
  }
  choice.path /= n;
  const Index k = choice.path.cols();
  choice.lambda.resize(k);
  choice.error.resize(k);
  for (Index t = 0; t < k; ++t) {
    choice.at.push_back(best_candidate(choice.path.col(t)));
    choice.lambda[t] = lambda[static_cast<std::size_t>(choice.at.back())];
    choice.error[t] = choice.path(choice.at.back(), t);
  }
  return choice;
}

Matrix head_on(const Path& path, const HeadChoice& choice) {
  const auto k = static_cast<Index>(choice.at.size());
  Matrix a(path.heads.rows(), k);
  for (Index t = 0; t < k; ++t) a.col(t) = path.heads.col(choice.at[static_cast<std::size_t>(t)] * k + t);
  return a;
}

Matrix head_at(const HeadTask& task, const FeatureMap& map, const Vector& lambda, const Context& context) {
  // Each value once: of many targets, most share theirs.
  std::vector<double> values(lambda.begin(), lambda.end());
  std::ranges::sort(values);
  values.erase(std::ranges::unique(values).begin(), values.end());
  const Matrix heads = fit_heads(task.train, task.linear, map, values, task.head, context, task.precision);
  Matrix a(heads.rows(), lambda.size());
  for (Index t = 0; t < lambda.size(); ++t) {
    const Index at = std::ranges::lower_bound(values, lambda[t]) - values.begin();
    a.col(t) = heads.col(at * lambda.size() + t);
  }
  return a;
}

}  // namespace sextant
