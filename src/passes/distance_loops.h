// What kernels of the distance do with the products of points, a row of them at a time. Private.
//
// These take most of a kernel matrix's time: they are compiled for AVX2 and AVX-512 as well as for any processor, with
// elementary functions of vectors.
#pragma once

#include "sextant/matrix.h"

namespace sextant::distance_loops {

// Whether ‖x − z‖² from the squared lengths and the product is mostly rounding, and must be summed over the
// differences: Laplace's kernel takes its root.
[[nodiscard]] inline bool cancels(double square, double x, double z) { return !(square > 1e-4 * (x + z)); }

// s_j ← x + z_j − 2 s_j of products s_j. Whether any of them cancels.
[[nodiscard]] bool squared_distances(Index cols, double x, const double* z, double* s);

// s_j ← exp(−(scale·s_j)^half) of squared distances s_j ≥ 0.
void exponentials(Index cols, double scale, double half, double* s);

// s_j ← c_j·2p_j exp(−p_j)·half/s_j with p_j = (scale·s_j)^half, 0 where s_j = 0: c_j times minus the derivative by
// half the squared distance. Returns their sum.
double exponential_slopes(Index cols, double scale, double half, const double* c, double* s);

}  // namespace sextant::distance_loops
