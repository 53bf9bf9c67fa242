// Which inputs of wide rows a smooth function depends on: one after the other, by what leave-one-out residuals r of a
// kernel ridge on those chosen so far still show,
//
//   score_j = (x_jᵀr)²/‖x_j‖² + (q_jᵀr)²/‖q_j‖²,   q_j = x_j² − (a constant and a multiple of x_j), orthogonal to both,
//   or (p_jaᵀr)²/‖p_ja‖² where that is more,       p_ja = x_j x_a likewise, x_a among the first six chosen,
//
// all products weighted by w. A pair that acts by its product alone shows in neither: argmax |Σ_i w_i y_i x_ij x_ij'|
// over the pairs is another start. Private to the method layer.
#pragma once

#include <vector>

#include "method/wide_rows.h"

namespace sextant {

// In the order chosen, at most `most`. y n, centred. Cost: `most` kernels on few inputs (wide_kernel.h) and 16·n·d
// each. With `pair`, the first two are the best pair of the m inputs with the largest scores, n·m² ≤ n²·d or m ≤ 1 200.
[[nodiscard]] std::vector<Index> forward_selection(const WideRows& rows, const Vector& y, Index most, bool pair);
[[nodiscard]] double forward_selection_cost(Index rows, Index inputs, Index most, bool pair);

// Up to how many inputs from so many rows.
[[nodiscard]] Index most_forward(Index rows);

}  // namespace sextant
