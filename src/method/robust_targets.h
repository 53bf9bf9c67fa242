// Targets far outside the rest, drawn in before anything is learned from them. Private to the method layer.
//
// Targets are clamped to their limits (winsorise.h) first. Where that changes any, a smooth fit says better than the
// targets' own range which of them are wild: kernel ridge regression f on 500 centres, its λ by leave-one-out. With the
// leverages h of its rows,
//
//   f₋ᵢ = y − (y − f)/max(1 − h, 0.05),   r = y₀ − f₋ᵢ,   s = 1.4826·median |r|,   y ← f₋ᵢ + clamp(r, −8s, 8s),
//
// with |r| of the half per cent of rows between the limits that are furthest off in place of 8s where that is more:
// residuals of a smooth fit have tails of their own. y₀ is the clamped target, three times, with one factorisation
// (Huber's estimate by pseudo-values; Huber 1981, 7.3). A target beyond its limits that is more than 8s off says
// nothing: y ← f₋ᵢ. The limits are for what the fit knows. Where r is not half as widely spread as the targets, it
// would take the function's own tails for wild; where drawing in does not lower the mean |r| over all rows, what is far
// off belongs to a steep part of the function. Then a target stays as it is unless it lies further beyond its limits
// than they are apart, and that counts as the median. A target not so far out where f₋ᵢ is among the 3 % of its own
// largest (smallest) belongs to the function, too. The limits are widened to what stays.
//
// Of 40 to 1500 rows, targets between the limits may mislead, too. Sharper fits, in coordinates they find themselves,
// name candidates, |r| > 5s; each is drawn in, y ← f₋ᵢ, where the other rows j are better predicted without it:
//
//   r_j = e_j/(1 − h_j),   r_j⁽ⁱ⁾ = ((1 − h_i)e_j + H_ji e_i)/((1 − h_j)(1 − h_i) − H_ij H_ji),   f = Hy,   e = y − f,
//   g_j = min(|r_j|, 5s) − min(|r_j⁽ⁱ⁾|, 5s),   t = Σ g_j/√(Σ g_j²),   t > max(1.5, 14 s/|r_i|).
//
// By what belongs to the function others are better predicted. None is asked about where more than 1.5 % of the targets
// are 5 spreads from their median: these have tails of their own; nor about the 5 % of rows furthest from any other.
#pragma once

#include <vector>

#include "sextant/context.h"
#include "sextant/scaling.h"
#include "sextant/winsorise.h"

namespace sextant {

struct RobustTargets {
  std::vector<DrawnTarget> drawn;  // that are learned from as other values than the table's, in their own units
  std::vector<Index> misleading;   // the rows of those that others are better predicted without, ascending
  Vector low;                      // k: the targets' limits, widened to those beyond them that belong to the function
  Vector high;
};

// `scaling`: of the inputs, with the targets' limits; its means, scales and transforms of targets are not used.
// `beyond`: k, which targets are beyond their limits in any row. For one process. Cost: two readings of the rows, and
// 500 centres on at most 8 000 of them; rows beyond are compared with f itself. `doubts`: whether targets between the
// limits may mislead, too; that takes a gradient outer product, d×d.
[[nodiscard]] RobustTargets robust_targets(const RowSource& rows, const Scaling& scaling,
                                           const std::vector<bool>& beyond, const Context& context, bool doubts = true);

}  // namespace sextant
