// The norm of functions f = Σ_j a_j K(·, c_j) in a kernel's own space, ‖f‖² = aᵀK_cc a, as a factor of K_cc. Private to
// the method layer.
#pragma once

#include "core/linalg.h"
#include "sextant/feature_map.h"

namespace sextant {

// K_cc = LLᵀ of m centres, with as much added to its diagonal as rounding needs: near centres are almost dependent.
// Throws NumericalError when nothing serves. Cost m²·q + m³/3.
[[nodiscard]] linalg::Cholesky landmark_norm(const KernelSections& sections);

}  // namespace sextant
