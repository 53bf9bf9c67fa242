// Targets far outside the rest, drawn in before anything is learned from them. Private to the method layer.
//
// Targets are clamped to their limits (winsorise.h) first. Where that changes any, a smooth fit says better than the
// targets' own range which of them are wild: kernel ridge regression f on 500 centres, its λ by leave-one-out. With the
// leverages h of its rows,
//
//   f₋ᵢ = y − (y − f)/max(1 − h, 0.05),   r = y₀ − f₋ᵢ,   s = 1.4826·median |r|,   y ← f₋ᵢ + clamp(r, −8s, 8s),
//
// y₀ the clamped target, three times, with one factorisation (Huber's estimate by pseudo-values; Huber 1981, 7.3). A
// target beyond its limits that is more than 8s off says nothing: y ← f₋ᵢ. The clamp is all where drawing in does not
// lower the mean |r| over all rows: then the rows far off belong to a steep part of the function, and their neighbours
// miss them.
#pragma once

#include <vector>

#include "sextant/context.h"
#include "sextant/scaling.h"
#include "sextant/winsorise.h"

namespace sextant {

// The targets that are learned from as other values than the table's, in their own units. `scaling`: of the inputs,
// with the targets' limits; its means, scales and transforms of targets are not used. For one process. Cost: two
// readings of the rows, and 500 centres on at most 8 000 of them; rows beyond are compared with f itself.
[[nodiscard]] std::vector<DrawnTarget> drawn_targets(const RowSource& rows, const Scaling& scaling,
                                                     const Context& context);

}  // namespace sextant
