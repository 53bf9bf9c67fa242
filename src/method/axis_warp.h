// Coordinates of single inputs in which a predictor varies evenly: where it is steep along an input, the input is drawn
// out, where it is flat, drawn together; so that a step becomes one, and an input that says nothing a point.
//
// Between knots t_j0 < … < t_jB, quantiles of input j,
//   u_j(t_jb) − u_j(t_j,b−1) = max( (g_jb / max g)^p, least ),
//   g_jb = mean of Σ_t (f_t(x | x_j = t_jb) − f_t(x | x_j = t_j,b−1))² over rows x in the interval and those beside it.
// For small intervals g_jb is (t_jb − t_j,b−1)² E[‖∂_j f‖² | x_j], so that this is the diagonal of the gradient outer
// product (refine.h), resolved along each input: with p = ½ a distance along an axis is how much f changes, root mean
// square; p = 1 trusts what was found more. Source: the outer product's power as in Radhakrishnan, Beaglehole, Pandit
// and Belkin, Science 383 (2024); along each input it is new here. Private to the method layer.
#pragma once

#include "sextant/context.h"
#include "sextant/feature_map.h"
#include "sextant/row_source.h"
#include "sextant/warp.h"

namespace sextant {

// Where the coordinates start.
enum class AxisStart {
  values,  // the inputs as they are
  ranks    // the share of rows below
};

// d functions, increasing and linear between at most 33 knots, those of a lift into 32 intervals (lift.h); constant
// beyond the rows. One pass.
[[nodiscard]] Warp first_axis_warp(const RowSource& rows, AxisStart start, const Context& context);

// The next, from a predictor aᵀφ with a kernel in the norm of city blocks at centres in the coordinates of `warp`, and
// the rows as they are. Cost 512·P·(d + 3dk) multiply-adds and 512·P·d exponentials. Throws InvalidArgument for another
// kernel.
[[nodiscard]] Warp next_axis_warp(const Warp& warp, const KernelSections& sections, const Matrix& a,
                                  const RowSource& rows, double power, const Context& context);
[[nodiscard]] double axis_warp_cost(Index centres, Index inputs, Index targets);  // multiply-adds of that

}  // namespace sextant
