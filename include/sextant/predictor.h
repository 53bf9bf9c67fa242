// A term of a model: a feature map with its head, x ↦ weight · aᵀφ(x).
#pragma once

#include <vector>

#include "sextant/context.h"
#include "sextant/feature_map.h"
#include "sextant/linear_part.h"

namespace sextant {

struct Predictor {
  double weight = 1;
  FeatureMap map;
  Matrix a;  // P×k
};

// X n×d → F n×k: α + βᵀx + Σ_p weight_p a_pᵀφ_p(x). Parallel over strips of rows; the same bits for any number of
// threads.
[[nodiscard]] Matrix outputs(const LinearPart& linear, const std::vector<Predictor>& predictors, const MatrixView& X,
                             const Context& context);

}  // namespace sextant
