// A term of a model: a feature map with its head, x ↦ weight · aᵀφ(x), or of lifted or warped inputs,
// x ↦ weight · aᵀφ(e(x)).
#pragma once

#include <optional>
#include <vector>

#include "sextant/context.h"
#include "sextant/feature_map.h"
#include "sextant/lift.h"
#include "sextant/linear_part.h"
#include "sextant/warp.h"

namespace sextant {

// Outputs that are shares of classes: p = softmax(bias + aᵀφ(x)), of which scale ⊙ p counts.
struct ClassShares {
  Vector bias;   // k
  Vector scale;  // k
};

struct Predictor {
  double weight = 1;
  FeatureMap map;
  Matrix a;                       // P×k
  std::optional<Lift> lift = {};  // e, or
  std::optional<Warp> warp = {};  // e; not both
  // k, or empty for none: aᵀφ(x) is held between these, so that one of several terms does not run away where no
  // training row was. Gradients, which are wanted at training rows, do not see them.
  Vector low = {};
  Vector high = {};
  std::optional<ClassShares> shares = {};  // of a head that was learned by log-loss; without limits

  // What φ sees of X: X itself, or e(X), which is put into Z.
  [[nodiscard]] MatrixView map_inputs(const MatrixView& X, Matrix& Z) const;
  // Slopes in what φ sees → slopes in X.
  [[nodiscard]] Matrix pull_back(const MatrixView& X, const MatrixView& G) const;
};

// X n×d → F n×k: α + βᵀx + Σ_p weight_p a_pᵀφ_p(x), a_pᵀφ_p held between its limits, or turned into shares of classes.
// Parallel over strips of rows; the same bits for any number of threads. Leaf machines answer the queries of one leaf
// together, side by side.
[[nodiscard]] Matrix outputs(const LinearPart& linear, const std::vector<Predictor>& predictors, const MatrixView& X,
                             const Context& context);

}  // namespace sextant
