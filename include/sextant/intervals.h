// Prediction intervals by split conformal inference: how far off a model was on rows that it never saw says how wide an
// interval must be.
//
// With the absolute residuals R_(1) ≤ … ≤ R_(n) of n held-out rows, [f(x) − q, f(x) + q] with q = R_(⌈(n+1)·level⌉)
// holds the target of a new row with probability at least `level`, and at most level + 1/(n+1) where residuals differ,
// whatever the model and the distribution, if the held-out rows and the new one are exchangeable and the model was made
// without them (Vovk, Gammerman and Shafer 2005; Lei, G'Sell, Rinaldo, Tibshirani and Wasserman 2018). That is an
// average over rows: an interval may hold too often here and too rarely there.
//
// With row weights a residual counts by its w_i and the new row by their mean w̄: R_(i) serves levels up to
// Σ_{j≤i} w_(j)/(Σw + w̄), which for equal weights is i/(n + 1).
#pragma once

#include "sextant/matrix.h"
#include "sextant/train.h"

namespace sextant {

// What intervals of any level need, for each of k targets: knots of the quantile function of the absolute residuals. Of
// up to 1000 held-out rows every one is a knot; of more, the 200 largest and 800 at even ranks below, so that the tail
// is exact and elsewhere an interval is too wide by 1/800 in level at most.
struct Intervals {
  Index rows = 0;          // held-out rows with positive weight; 0: there are none, and no intervals
  bool set_aside = false;  // whether nothing else saw them; if not, they chose λ too, and the level is approximate
  Matrix level;            // knots×k: ascending, in (0, 1): the largest level that this knot serves
  Matrix radius;           // knots×k: ascending, ≥ 0, in the targets' own units
};

// From held-out rows and their predictions, in the same units. Cost k·n·log n. Throws NumericalError when a residual is
// not finite.
[[nodiscard]] Intervals calibrate_intervals(const HeldOut& rows, bool set_aside);

// q per target: the smallest knot that serves `level`. Throws InvalidArgument unless 0 < level < 1, or when there are
// too few held-out rows for the level; the message says which level they support.
[[nodiscard]] Vector half_widths(const Intervals& intervals, double level);

}  // namespace sextant
