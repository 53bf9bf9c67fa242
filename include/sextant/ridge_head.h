// The head: ridge regression on features for a whole path of λ from one eigen-decomposition.
//
//   minimise (1/n)‖y − Φa‖² + (λ/2)‖a‖²  ⇒  a(λ) = (ΦᵀΦ + (nλ/2) I)⁻¹ Φᵀy.
//
// With (2/n)ΦᵀΦ = V diag(s) Vᵀ and c = (2/n)VᵀΦᵀy it is a(λ) = V diag(1/(s + λ)) c (primal). With fewer rows than
// features (2/n)ΦΦᵀ = Q diag(s) Qᵀ gives a(λ) = ΦᵀQ diag(1/(s + λ)) (2/n)Qᵀy (dual). Either way a(λ) = B diag(1/(s +
// λ)) c. Eigenvalues are clamped at 0: condition numbers reach 10²⁰.
//
// scikit-learn's Ridge has alpha = nλ/2 with fit_intercept=False.
#pragma once

#include <vector>

#include "sextant/options.h"
#include "sextant/passes.h"

namespace sextant {

struct RidgeHead {
  Vector s;      // p eigenvalues, ≥ 0
  Matrix basis;  // B, m×p
  Matrix c;      // p×k

  // From the sums, cost m³. Throws NumericalError when the sums are not finite.
  [[nodiscard]] static RidgeHead primal(const FeatureSums& sums);
  // From the rows, cost n³ + n²·m.
  [[nodiscard]] static RidgeHead dual(const FeatureRows& rows);

  // The heads of all λ (≥ 0, or ∞ for the zero head): m×(L·k), column l·k + t for λ_l and target t. With λ = 0 the
  // minimum-norm least squares: directions with s ≤ 10⁻¹³·s_max·max(m, p) are left out. Cost m·p·L·k.
  //
  // Head::gradient_descent gives the iterate after T = 5/(ηλ) steps of size η = 1/(s_max + λ) from a = 0. Each step
  // multiplies the error along an eigenvector by 1 − η(s + λ), so the iterate is ridge times 1 − (1 − η(s + λ))^T per
  // eigenvector: T may be huge at no cost. (λ = 0, where T is infinite, is its limit.)
  [[nodiscard]] Matrix path(const std::vector<double>& lambda, Head head = Head::ridge) const;
};

// The head of `map` on these rows for every λ, dual if there are fewer rows than features, else primal.
[[nodiscard]] Matrix fit_heads(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                               const std::vector<double>& lambda, Head head, const Context& context);

// The candidate with the smallest risk; among those within 10⁻⁷ of it (relative), the last, which is the largest: so
// ties, and differences that rounding alone makes, go to the larger λ. Throws NumericalError when no risk is finite.
[[nodiscard]] Index best_candidate(const VectorView& risks);

}  // namespace sextant
