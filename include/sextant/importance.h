// How much each input matters to a model: the diagonal of its gradient outer product A on standardised inputs,
//
//   importance_j = A_jj / tr A = E Σ_t (∂f_t/∂z_j)² / E Σ_t ‖∇f_t‖²,
//
// the share of the mean squared gradient that lies along input j, over the training rows: derivative-based global
// sensitivity (Sobol and Kucherenko 2009; "activity scores" of all directions, Constantine and Diaz 2017). Shares, not
// their roots, because shares add up: a text column's is the sum of its indicators'. It says what this model's
// prediction varies with, not what causes the target; of inputs that move together, any may carry what all share.
#pragma once

#include <string>
#include <vector>

#include "sextant/model.h"

namespace sextant {

struct Importance {
  std::vector<std::string> inputs;   // the d kept ones, indicators one by one
  Vector by_input;                   // d shares ≥ 0, sum 1 (all 0 for a constant model)
  std::vector<std::string> columns;  // of the table, in the model's order
  Vector by_column;                  // their shares; 0 for a column left out because it never varied
};
[[nodiscard]] Importance importance(const Model& model);

// The same of any A (d×d, on the model's kept inputs), for instance a bootstrap replicate's. Throws InvalidArgument
// when A has another shape.
[[nodiscard]] Importance importance(const Model& model, const Matrix& A);

// The same of A = BᵀB, B with d columns.
[[nodiscard]] Importance importance_of_factor(const Model& model, const Matrix& B);

}  // namespace sextant
