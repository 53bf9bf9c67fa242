// Widths of values with weights that a few wild ones do not move. Private to the method layer and the search.
#pragma once

#include "sextant/matrix.h"

namespace sextant {

// The least value that values of at least `share` of the weight do not exceed. At least one value.
[[nodiscard]] double weighted_quantile(const Vector& values, const Vector& w, double share);
[[nodiscard]] double weighted_median(const Vector& values, const Vector& w);

// 1.4826·median |values|: the standard deviation of normal ones about 0.
[[nodiscard]] double spread(const Vector& values, const Vector& w);

// The standard deviation of residuals as wide as their middle and their shoulders say, but not the last 5 %:
// max over q of quantile_q |r| / quantile_q |N(0, 1)|, q = ½, .9, .95. Residuals of a steep function have a sharp
// middle.
[[nodiscard]] double residual_scale(const Vector& r, const Vector& w);

}  // namespace sextant
