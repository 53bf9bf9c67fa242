// Weights of a mixture by greedy selection with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes, Ensemble
// selection from libraries of models, ICML 2004). Private to the search.
#pragma once

#include <vector>

#include "sextant/matrix.h"

namespace sextant {

// Weights p ≥ 0 of c candidates, of those that count, that sum to 1 or, where none counts, to 0: of `rounds` greedy
// picks the first so many that make pᵀGp least, G = EᵀWE the products of their residuals. Cost rounds·c².
[[nodiscard]] Vector selected_weights(const Matrix& G, const std::vector<bool>& counts, int rounds);

// Drops what hardly counts: each candidate costs time at every prediction.
[[nodiscard]] Vector pruned(Vector weights);

}  // namespace sextant
