// The paths of the lasso and of the elastic net where inputs outnumber rows, by coordinate descent with warm starts
// (Friedman, Hastie and Tibshirani, J. Stat. Software 33, 2010) on the inputs that the sequential strong rule keeps
// (Tibshirani et al., J. R. Stat. Soc. B 74, 2012), all others checked by the optimality conditions:
//
//   min over β of ½ Σ_i w_i (y_i − x_iᵀβ)² + λ(ρ‖β‖₁ + (1 − ρ)/2 ‖β‖²),
//   c_j = Σ_i w_i x_ij r_i:   c_j − λ(1 − ρ)β_j = λρ·sign β_j where β_j ≠ 0,   |c_j| ≤ λρ elsewhere.
//
// Private to the method layer.
#pragma once

#include <utility>
#include <vector>

#include "method/wide_rows.h"

namespace sextant {

using SparseVector = std::vector<std::pair<Index, double>>;  // ascending inputs, their coefficients

// λ over λ_max: 60, descending from 1 to 10^−2.5.
[[nodiscard]] const std::vector<double>& lasso_penalties();

struct LassoPath {
  std::vector<double> relative;    // λ over λ_max, descending from 1
  std::vector<SparseVector> beta;  // as many; where the path ends early, its last

  // At the first λ with at least `size` inputs, the `size` of the largest coefficients, those first; all where the path
  // has none such.
  [[nodiscard]] std::vector<Index> support(Index size) const;
};

// 60 λ from λ_max down to 10^−2.5 of it, but no further than `least`. Ends early where 0.999 of the target is explained
// or 0.8·n inputs are in. Target y n, centred; `ratio` ρ in (0, 1]. Cost about 60·n·d and n per coordinate step.
[[nodiscard]] LassoPath lasso_path(const WideRows& rows, const Vector& y, double ratio, double least = 0);
[[nodiscard]] double lasso_path_cost(Index rows, Index inputs);

}  // namespace sextant
