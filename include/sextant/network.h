// The network at its symmetric start and after its one large gradient step (DLS22, Algorithm 1).
//
//   f(x) = aᵀσ(Wx + b); unit j and its mirror j + m/2 have w' = w, a' = −a, b = b' = 0, so f = 0 at the start;
//   w_j ~ N(0, I_d/d), a_j ∈ {−1, 1}^k.
#pragma once

#include <cstdint>

#include "sextant/context.h"
#include "sextant/feature_map.h"
#include "sextant/linear_part.h"
#include "sextant/options.h"
#include "sextant/row_source.h"

namespace sextant {

// The distinct half of the start: rows j < m/2 of W⁰ and of a.
struct SymmetricStart {
  Matrix W;  // (m/2)×d
  Matrix a;  // (m/2)×k, entries ±1
};
[[nodiscard]] SymmetricStart symmetric_start(Index width, Index inputs, Index targets, std::uint64_t seed);

// η₁ as given, or √d, or √(d·rank).
[[nodiscard]] double step_size(const FitOptions& options, Index inputs);

// The network after one gradient step on its first layer and the redrawing of its biases:
//   W¹ = W⁰ − η₁[∇_W L + λ₁W⁰],  W¹_j = (1 − η₁λ₁) w_j + (2η₁/√k) (1/n) Σ_i (a_j·r_i) x_i 1[w_j·x_i ≥ 0],  b ~ N(0,
//   I_m).
// With λ₁ = 1/η₁ (the default) mirrored rows differ in sign only and the result is a mirrored network; otherwise all m
// rows are stored. One pass, n·d·m multiply-adds. With `symmetric` false all m units are drawn and r is the residual of
// the start's own f⁰(x) = Σ_j a_j σ(w_j·x)/√k too, which is far from 0: an ablation.
[[nodiscard]] ReluNetwork one_step(const RowSource& source, const LinearPart& linear, const FitOptions& options,
                                   const Context& context);

// The network whose first layer is never trained: w_j ~ N(0, I_d/d), each the row of a pair as at the symmetric start
// (all m drawn when it is not symmetric), b ~ N(0, β²I_m), so that the units of a pair differ in their biases. No pass.
[[nodiscard]] ReluNetwork random_network(const FitOptions& options, Index inputs);

// The same inside the span of U's rows (r×d, any basis): w = Πξ/√r with ξ ~ N(0, I_d) and Π the projector onto the
// span. Only the span matters: bases of it give the same rows. Throws InvalidArgument when U spans nothing, has a value
// that is not finite, or another number of columns than `inputs`.
[[nodiscard]] ReluNetwork random_network_within(const Matrix& U, const FitOptions& options, Index inputs);

// The network linearised at its start: W as in random_network, b ~ N(0, β²I_m), a = ±1, mirrored if symmetric.
[[nodiscard]] LinearisedNetwork linearised_network(const FitOptions& options, Index inputs);

}  // namespace sextant
