// What kernels of the distance do with the products of points, a row of them at a time. Private.
//
// These take most of a kernel matrix's time: they are compiled for AVX2 and AVX-512 as well as for any processor, with
// elementary functions of vectors.
#pragma once

#include <optional>

#include "sextant/kernel.h"
#include "sextant/matrix.h"

namespace sextant::distance_loops {

// A kernel of the distance as exp(−(scale·‖x − z‖²)^half), or as exp(−scale·‖x − z‖₁), half = 1; nothing where it is
// none.
struct DistanceKernel {
  Norm norm;
  double scale;
  double half;
};
[[nodiscard]] std::optional<DistanceKernel> of_distance(const Kernel& kernel);

// Whether ‖x − z‖² from the squared lengths and the product is mostly rounding, and must be summed over the
// differences: Laplace's kernel takes its root.
[[nodiscard]] inline bool cancels(double square, double x, double z) { return !(square > 1e-4 * (x + z)); }

// s_j ← ‖x − z_j‖₁ for d coordinates x_l and z_l of `cols` centres, one coordinate after the other.
void city_block_distances(Index cols, Index d, const double* x, const double* z, double* s);

// G_l += Σ_j c_j sign(z_lj − x_l), centres laid out like that: −∂/∂x_l of Σ_j c_j ‖x − z_j‖₁.
void add_city_block_slopes(Index cols, Index d, const double* x, const double* z, const double* c, double* G);

// s_j ← x + z_j − 2 s_j of products s_j. Whether any of them cancels.
[[nodiscard]] bool squared_distances(Index cols, double x, const double* z, double* s);

// s_j ← exp(−(scale·s_j)^half) of squared distances s_j ≥ 0.
void exponentials(Index cols, double scale, double half, double* s);

// s_j ← c_j·2p_j exp(−p_j)·half/s_j with p_j = (scale·s_j)^half, 0 where s_j = 0: c_j times minus the derivative by
// half the squared distance. Returns their sum.
double exponential_slopes(Index cols, double scale, double half, const double* c, double* s);

// So many centres at a time, whose coordinates a core's first cache holds.
inline constexpr Index centres_together = 128;
// Coordinates come in fours, those that are missing are 0.
inline constexpr Index coordinates_together = 4;

// sums_it += Σ_j a_tj exp(−(‖x_i − z_j‖²)^half), or a_tj exp(−‖x_i − z_j‖₁), for centres_together centres j, with
// coordinates z q×centres and heads a k×centres; x rows×q, sums rows×k. The exponentials are in single or double
// precision as x and z are, and their sums in double. What one row gets does not depend on the others.
template <class Scalar>
void add_kernel_sums(Norm norm, Index rows, Index q, const Scalar* x, const Scalar* z, double half, Index k,
                     const double* a, double* sums);

}  // namespace sextant::distance_loops
