// Refine: features drawn anew along the directions in which the current predictor varies.
//
// The average gradient outer product A = (1/n) Σ ∇f(x_i)∇f(x_i)ᵀ (passes.h) of a fitted predictor gives coordinates
//   Sx,  SᵀS = (A/tr A)^{2q} / tr (A/tr A)^{2q},
// in which the next features are drawn: first-layer rows w = (SᵀS)^{1/2}ξ with ξ ~ N(0, I) and biases as wide as the
// projections, or a kernel of distances ‖S(x − x')‖. Fit, take A, draw again; the best validated round wins. q = 1/2 is
// safer on real tables, q = 1 faster on Gaussian inputs. Sources: DLS22 §7 names training both layers as future work;
// Radhakrishnan, Beaglehole, Pandit and Belkin, Mechanism for feature learning in neural networks and
// backpropagation-free machine learning models, Science 383 (2024), for the kernel.
#pragma once

#include <cstdint>

#include "sextant/context.h"
#include "sextant/feature_map.h"
#include "sextant/lift.h"
#include "sextant/linear_part.h"
#include "sextant/passes.h"
#include "sextant/row_source.h"

namespace sextant {

// S ρ×d from A d×d: rows √share_i v_iᵀ for the eigenvectors v_i of A whose share of the trace of (A/tr A)^{2q} counts
// (above 10⁻¹²), so ρ ≤ d and ‖S‖_F = 1; eigenvalues below 10⁻¹³ of the largest are rounding and count as 0. Any
// rotation of S serves as well: distances and draws do not see it. Throws NumericalError when A holds a value that is
// not finite, InvalidArgument when power ≤ 0. A = 0 gives S = I/√d.
[[nodiscard]] Matrix refined_coordinates(const Matrix& A, double power);

// Where a network's features start: the clipped spectral moments as coordinates (docs/method.md, "Discover").
//   W = Ξ |M|/‖M‖_F, |M| = Σ_t V|Λ|Vᵀ; as coordinates S = |M|/‖M‖_F up to rotation.
[[nodiscard]] Matrix spectral_coordinates(const RowSource& rows, const Moments& of_rows, const LinearPart& linear,
                                          const Context& context);

// m units with rows w = (SᵀS)^{1/2}ξ, ξ ~ N(0, I_d), and biases N(0, 1) times the standard deviation of all projections
// w·x over the rows, from their moments. Draws depend on (seed, redraw) alone, and rows on SᵀS: neither the signs of
// S's rows matter nor the basis that they are where several eigenvalues are nearly equal. Cost 4·m·ρ·d, and 9·ρ³ where
// S's rows are not orthogonal.
[[nodiscard]] ReluNetwork network_along(const Matrix& S, Index width, const Moments& of_rows, std::uint64_t seed,
                                        Index redraw);

// The kernel exp(−(‖S(x − x')‖/L)^q) + ω⟨Sx, Sx'⟩, in the shape's norm, at centres of its own rows: all rows of at most
// `most` positive weight rows, or so many landmarks, a regular sample. An empty S stands for the inputs themselves.
[[nodiscard]] KernelSections kernel_along(const Matrix& S, const KernelShape& shape, const RowSource& rows, Index most,
                                          const Context& context);

// The same on lifted inputs, for rows before the lift and S of its coordinates, of which the kernel takes those that
// have more than 10⁻⁵ of the spread ‖S‖_F², at most 256, rounded to single precision: a lift has twenty coordinates for
// every input, most of which hardly vary, and a model holds S.
[[nodiscard]] KernelSections kernel_along(const Matrix& S, const Lift& lift, const KernelShape& shape,
                                          const RowSource& rows, Index most, const Context& context);

// The median of the distances between some of the rows of X that differ; 1 when none do. Cost 256²/2 distances.
[[nodiscard]] double median_distance(const Matrix& X, Norm norm = Norm::euclidean);

}  // namespace sextant
