// A term of a model: a feature map with its head, x ↦ weight · aᵀφ(x), or of lifted inputs, x ↦ weight · aᵀφ(e(x)).
#pragma once

#include <optional>
#include <vector>

#include "sextant/context.h"
#include "sextant/feature_map.h"
#include "sextant/lift.h"
#include "sextant/linear_part.h"

namespace sextant {

struct Predictor {
  double weight = 1;
  FeatureMap map;
  Matrix a;  // P×k
  std::optional<Lift> lift = {};
  // k, or empty for none: aᵀφ(x) is held between these, so that one of several terms does not run away where no
  // training row was. Gradients, which are wanted at training rows, do not see them.
  Vector low = {};
  Vector high = {};
};

// X n×d → F n×k: α + βᵀx + Σ_p weight_p a_pᵀφ_p(x), a_pᵀφ_p held between its limits. Parallel over strips of rows; the
// same bits for any number of threads.
// With a lift, φ is a function of the lifted inputs.
[[nodiscard]] Matrix outputs(const LinearPart& linear, const std::vector<Predictor>& predictors, const MatrixView& X,
                             const Context& context);

}  // namespace sextant
