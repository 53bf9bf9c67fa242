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
#pragma once

#include <vector>

#include "sextant/context.h"
#include "sextant/scaling.h"
#include "sextant/winsorise.h"

namespace sextant {

struct RobustTargets {
  std::vector<DrawnTarget> drawn;  // that are learned from as other values than the table's, in their own units
  std::vector<Index> silent;       // rows all of whose targets say nothing: what is in their place is the others' word
  Vector low;                      // k: the targets' limits, widened to those beyond them that belong to the function
  Vector high;
};

// `scaling`: of the inputs, with the targets' limits; its means, scales and transforms of targets are not used.
// `beyond`: k, which targets are beyond their limits in any row. For one process. Cost: two readings of the rows, and
// 500 centres on at most 8 000 of them; rows beyond are compared with f itself.
[[nodiscard]] RobustTargets robust_targets(const RowSource& rows, const Scaling& scaling,
                                           const std::vector<bool>& beyond, const Context& context);

}  // namespace sextant
