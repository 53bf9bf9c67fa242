// Classical sufficient dimension reduction, to compare directions with: no network, only moments of the inputs within
// slices of the target, or weighted by it.
//
// With x̄ and Σ̂ the mean and covariance of the inputs, z = Σ̂^{−1/2}(x − x̄). Each method builds a symmetric candidate
// matrix M in z; an eigenvector v of it is the direction Σ̂^{−1/2}v of x, since vᵀz = (Σ̂^{−1/2}v)ᵀ(x − x̄). Eigenvalues
// of Σ̂ below 10⁻¹⁰ of the largest are dropped, and M lives on the p ≤ d that are left (I is the identity there).
//
// Slice h = 1 … H holds the share p_h of the weight; m_h = E(z | h), B_h = E(zzᵀ | h), V_h = B_h − m_h m_hᵀ, all with
// weights and divided by their sum.
//
//   sir   M = Σ_h p_h m_h m_hᵀ                               K.-C. Li, J. Am. Stat. Assoc. 86 (1991) 316–327
//   save  M = Σ_h p_h (I − V_h)²                             R. D. Cook and S. Weisberg, ibid. 328–332
//   phd   M = (1/n) Σ_i w_i r_i z_i z_iᵀ                     K.-C. Li, J. Am. Stat. Assoc. 87 (1992) 1025–1039
//   directional_regression                                   B. Li and S. Wang, J. Am. Stat. Assoc. 102 (2007) 997–1008
//         M = 2 Σ_h p_h B_h² + 2 S² + 2 tr(S) S − 2 I,  S = Σ_h p_h m_h m_hᵀ,
//         which is Σ_h Σ_l p_h p_l (2I − A_hl)² with A_hl = E((z − z′)(z − z′)ᵀ | h, l) for independent z in h and z′
//         in l. As Σ_h p_h B_h = I, its first and last term are computed as 2 Σ_h p_h (B_h − I)².
//
// For Gaussian x and y = g(Ux) + noise all find directions in the span of U only: sir those along which E(z | y) moves
// (nothing when g is even), save and directional regression also those along which the spread moves, phd those of the
// expected Hessian, M = E ∇²f in z by Stein's lemma (nothing for He_3). phd's r_i are the residuals of the linear fit
// unless told otherwise: for Gaussian x both have the same M, but for skewed x a linear trend adds third moments of z
// to it.
//
// Rows should be many more than inputs, and for save and directional regression the rows of a slice too: with n ≤ d + 1
// linear residuals vanish, and covariances of few rows are far from I whatever the target.
#pragma once

#include <string>
#include <vector>

#include "sextant/context.h"
#include "sextant/row_source.h"

namespace sextant {

enum class Reduction {
  sir,                    // sliced inverse regression
  save,                   // sliced average variance estimation
  phd,                    // principal Hessian directions
  directional_regression  // contrasts of pairs of slices
};

[[nodiscard]] std::string name(Reduction reduction);  // "sir", "save", "phd", "directional-regression"
// From a name; throws InvalidArgument that lists the known ones.
[[nodiscard]] Reduction reduction_named(const std::string& name);

// Slices have about equal weight: with n = Σ w, equal targets lie side by side on [0, n] in ascending order, and those
// whose middle is at c go to slice ⌊Hc/n⌋ + 1 (with 10⁻⁹ for rounding). So equal targets stay together, weight 2 is a
// row twice, and a frequent value can leave slices empty, which then do not count. At most H distinct targets are a
// slice each.
struct ReductionOptions {
  Reduction reduction = Reduction::directional_regression;
  Index slices = 10;      // H ≥ 2; not for phd
  bool residuals = true;  // phd: r = y − ȳ − βᵀ(x − x̄) by least squares; false: r = y − ȳ

  // Throws InvalidArgument naming the field, its value and the rule.
  void check() const;
};

struct ReducedDirections {
  Vector eigenvalues;  // p, of M, descending by size, of two tied the larger first; phd's may be negative
  Matrix directions;   // p×d: row i is Σ̂^{−1/2}v_i, of unit length, with the sign of Spectrum's (subspace.h).
                       // Rows are Σ̂-orthogonal, not orthogonal
  Matrix kernel;       // d×d: M in z, 0 on what was dropped
  Matrix whitening;    // d×d: Σ̂^{−1/2}, 0 on what was dropped
  std::vector<Index> slices;  // per target: how many are not empty; none for phd
  double n = 0;               // Σ w_i
};

// Several targets: M is the mean of the targets' own matrices, each from the target divided by its standard deviation
// (slices do not notice). phd's could cancel, so for several targets it averages |M_t| = (M_t²)^{1/2}, of which no
// eigenvalue is negative; the M of one target is in that target's unit.
//
// Reads the source once for the moments, then per target once (phd) or twice. Cost n·d²/2 for the moments, then per
// target n·d (sir) or n·d²/2 + 3H·d³ at most, and about 9·d³. Memory H·d² beside 2n doubles for one target's slices
// (phd: 2d², no rows). Inputs of very different units should be scaled first (ScaledSource), as Σ̂'s small eigenvalues
// are dropped.
//
// Throws what the source throws, Cancelled, InvalidArgument for options or a source with no target, no input or missing
// cells, DataError when no input varies, a target does not, or fewer rows than slices have a positive weight.
[[nodiscard]] ReducedDirections reduced_directions(const RowSource& source, const ReductionOptions& options,
                                                   const Context& context);

}  // namespace sextant
