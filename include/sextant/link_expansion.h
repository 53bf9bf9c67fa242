// The Hermite expansion of a link function g: R → R given as code: c_k = E[g(z) he_k(z)], z ~ N(0, 1), k = 0 … K, by
// Gauss–Hermite quadrature, with what the expansion leaves out and how far the quadrature can be trusted.
//
// Source: DLS22 §2 (targets by their Hermite coefficients), Parseval's identity E g² = Σ_{k ≥ 0} c_k². Moments,
// Hessian, κ and information exponent of the expansion are members of the HermiteTarget it turns into (synthetic.h).
#pragma once

#include <functional>

#include "sextant/matrix.h"
#include "sextant/synthetic.h"

namespace sextant {

struct LinkExpansion {
  Vector coefficients;  // c_0 … c_K
  Vector errors;        // |c_k − c_k by the rule of half the nodes|, an estimate of the quadrature's error of c_k
  double second_moment = 0;  // E g², by the same rule
  // E g² − Σ_{k ≤ K} c_k²: what degrees above K carry. Never below 0 (clamped against rounding): the rule's he_0 … he_K
  // are orthonormal in its own discrete measure, so Bessel's inequality holds in it. It is the tail of g itself as far
  // as the errors are small; a link that grows too fast or is rough has errors that say so.
  double tail = 0;
  Index nodes = 0;  // of the rule

  // f*(x) = Σ_k c_k he_k(u·x), u as TargetOptions say. Left out are coefficients with
  // |c_k| ≤ max(negligible·√E g², errors_k): they cannot be told from 0, and a wrong c_1 or c_2 would be a wrong
  // information exponent or rank. Should none remain, the target is the constant 0. Throws InvalidArgument unless
  // 0 ≤ negligible < 1, and what draw_directions throws.
  [[nodiscard]] HermiteTarget target(const TargetOptions& options = {}, double negligible = 1e-10) const;
};

// 0 ≤ K ≤ 60, 2(K + 1) ≤ nodes ≤ 200, so that polynomials of degree up to nodes − 1 − K have exact coefficients by both
// rules. Smooth links of moderate growth converge geometrically; a kink (ReLU) leaves errors that fall like
// 1/nodes (8e-4 in c_0 at 200). Cost: 1.5·nodes evaluations of g, O(nodes² + K·nodes). Throws InvalidArgument when a
// number is out of range, g is empty, or g is not finite at a node (of which the largest is near 2√nodes).
[[nodiscard]] LinkExpansion expand_link(const std::function<double(double)>& g, int K = 20, int nodes = 200);

}  // namespace sextant
