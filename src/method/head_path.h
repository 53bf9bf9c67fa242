// Heads on features, and the choice of their λ by held-out rows: the step that Algorithm 1, its comparators, transfer
// and every family of the automatic method share. Private to the method layer and the search.
//
// P features, k targets, L candidates for λ; column l·k + t of heads belongs to λ_l and target t.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sextant/context.h"
#include "sextant/feature_map.h"
#include "sextant/linear_part.h"
#include "sextant/options.h"
#include "sextant/row_source.h"

namespace sextant {

// What heads are learned from, and how.
struct HeadTask {
  const RowSource& train;
  const LinearPart& linear;  // what is taken off the targets first
  Head head = Head::ridge;
  Precision precision = Precision::float64;  // of the features' sums
};

// Heads for the whole path of λ, with their held-out squared errors.
struct Path {
  FeatureMap map;
  Matrix heads;   // P×(L·k)
  Matrix square;  // L×k: Σ w e², own units
  double n = 0;
  std::string failed = {};  // why there are no heads; then no square is finite
};
// square_units: k, what a scaled square is multiplied by to be in the targets' own units. Throws and costs as fit_heads
// of ridge_head.h.
[[nodiscard]] Path head_path(const HeadTask& task, const RowSource& held_out, FeatureMap map,
                             const std::vector<double>& lambda, const Vector& square_units, const Context& context);

struct HeadChoice {
  std::vector<Index> at;  // k positions on the path
  Vector lambda;          // k
  Vector error;           // k: held-out mean square, own units
  Matrix path;            // L×k: the same for every λ
};
// The λ of each target by the error summed over splits; ties go to the larger. Throws NumericalError when a path
// failed.
[[nodiscard]] HeadChoice choose_heads(std::span<const Path> paths, const std::vector<double>& lambda);
[[nodiscard]] Matrix head_on(const Path& path, const HeadChoice& choice);  // P×k
// The head at one λ per target.
[[nodiscard]] Matrix head_at(const HeadTask& task, const FeatureMap& map, const Vector& lambda, const Context& context);

// For one head per target: [0, 1, …, k − 1] `candidates` times.
[[nodiscard]] std::vector<Index> path_targets(Index candidates, Index k);

}  // namespace sextant
