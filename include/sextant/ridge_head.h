// The head: ridge regression on features for a whole path of λ from one reduction.
//
//   minimise (1/n)‖y − Φa‖² + (λ/2)‖a‖²  ⇒  a(λ) = (ΦᵀΦ + (nλ/2) I)⁻¹ Φᵀy.
//
// With K = (2/n)ΦᵀΦ and c = (2/n)Φᵀy it is a(λ) = (K + λI)⁻¹ c (primal). With fewer rows than features, K = (2/n)ΦΦᵀ
// and c = (2/n)y give the coefficients of the rows, a(λ) = Φᵀ(K + λI)⁻¹ c (dual); of a kernel they are the head itself.
//
// K = QBQᵀ with a band matrix B serves all λ > 0: a(λ) = Q(B + λI)⁻¹Qᵀc, one banded Cholesky factorisation each; up to
// three λ have a factorisation of K + λI each, which is cheaper. Where that breaks down (λ below the rounding of K,
// whose condition number reaches 10²⁰), and for λ = 0 and gradient descent, the eigenvalues s of K serve, clamped at 0.
//
// scikit-learn's Ridge has alpha = nλ/2 with fit_intercept=False, and so has KernelRidge.
#pragma once

#include <vector>

#include "sextant/options.h"
#include "sextant/passes.h"

namespace sextant {

struct RidgeHead {
  Matrix K;       // p×p
  Matrix c;       // p×k
  Vector root_w;  // dual: √w_i by which the rows of K were multiplied; else empty
  // K is known to 2⁻²³·tr K only where its sums were made in single precision. A smaller λ would divide by rounding,
  // and acts as this one; 0 in double precision.
  double least_lambda = 0;

  [[nodiscard]] static RidgeHead primal(FeatureSums sums, Precision precision = Precision::float64);  // p = P
  [[nodiscard]] static RidgeHead dual(PairSums sums);                                                 // p = rows

  // The heads of all λ (≥ 0, or ∞ for the zero head): p×(L·k), column l·k + t for λ_l and target t; in the dual, the
  // rows' coefficients C with a = Φᵀ C. With λ = 0 the minimum-norm least squares: directions with s ≤ 10⁻¹³·s_max·p
  // are left out. Cost 4/3·p³ + (p² + p·band²)·L·k (p³/3·L where L ≤ 3); with eigenvalues up to 9·p³. Throws
  // NumericalError when the sums, or a coefficient, are not finite. The λ share the threads, which change no bits.
  //
  // Head::gradient_descent gives the iterate after T = 5/(ηλ) steps of size η = 1/(s_max + λ) from a = 0. Each step
  // multiplies the error along an eigenvector by 1 − η(s + λ), so the iterate is ridge times 1 − (1 − η(s + λ))^T per
  // eigenvector: T may be huge at no cost. (λ = 0, where T is infinite, is its limit.)
  [[nodiscard]] Matrix path(const std::vector<double>& lambda, Head head = Head::ridge, int threads = 1) const;
};

// The head of `map` on these rows for every λ: P×(L·k). Dual if there are fewer rows than features or they are kernel
// sections, whose centres must be these rows (unless they are landmarks, which are primal, with the kernel's norm in
// place of ‖a‖²); else primal. `precision` is that of the primal sums; pairs of rows are in double precision.
[[nodiscard]] Matrix fit_heads(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                               const std::vector<double>& lambda, Head head, const Context& context,
                               Precision precision = Precision::float64);

// The candidate with the smallest risk; among those within 10⁻⁷ of it (relative), the last, which is the largest: so
// ties, and differences that rounding alone makes, go to the larger λ. Throws NumericalError when no risk is finite.
[[nodiscard]] Index best_candidate(const VectorView& risks);

}  // namespace sextant
