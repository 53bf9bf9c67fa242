// Partial least squares of one target (Wold, Martens and Wold 1983) in the span's coordinates of wide rows: with
// E₀ = Z, f₀ = y and for a = 1, 2, …
//   v_a ∝ E_{a−1}ᵀW f_{a−1},  t_a = E_{a−1} v_a,  p_a = E_{a−1}ᵀW t_a/τ_a,  q_a = f_{a−1}ᵀW t_a/τ_a,  τ_a = t_aᵀW t_a,
//   E_a = E_{a−1} − t_a p_aᵀ,  f_a = f_{a−1} − q_a t_a,  coefficients V(PᵀV)⁻¹q of z.
// Private to the method layer.
#pragma once

#include "sextant/matrix.h"

namespace sextant {

// Column a − 1: the coefficients of a components, r×A, for A ≤ `most`; fewer where nothing is left to explain. Z n×r
// and y centred by w. Cost n·r·A.
[[nodiscard]] Matrix pls_coefficients(const Matrix& Z, const Vector& y, const Vector& w, Index most);

}  // namespace sextant
