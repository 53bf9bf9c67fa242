// Kernels K(x, z) for kernel ridge regression: the infinite-width limits of the two-layer ReLU network, and the usual
// ones.
//
// With w ~ N(0, I_d/d) and b ~ N(0, β²) the pair u = w·x + b, v = w·z + b is Gaussian, with s = ‖x‖²/d + β²,
// s' = ‖z‖²/d + β², cos θ = (x·z/d + β²)/√(ss'), and
//   κ₀ = E 1[u ≥ 0] 1[v ≥ 0] = (π − θ)/(2π),   κ₁ = E σ(u)σ(v) = √(ss')/(2π)·(sin θ + (π − θ) cos θ)
// (Y. Cho and L. K. Saul, Kernel Methods for Deep Learning, NIPS 2009).
//
//   arc_cosine   κ₁: random features of infinitely many units
//   ntk          κ₁ + κ₀·(x·z + 1): blocks a, W and b of the linearised network f = m^{−1/2} Σ a_j σ(w_j·x + b_j)
//   polynomial   (1 + x·z/d)^degree
//   gaussian     exp(−‖x − z‖²/(2L²))
//   laplace      exp(−‖x − z‖/L)
//   exponential  exp(−(‖x − z‖/L)^q), 0 < q ≤ 2: between laplace (q = 1) and a gaussian (q = 2)
//   city_block   exp(−‖x − z‖₁/L), ‖x‖₁ = Σ_l |x_l|: a product of laplace kernels of single inputs
//
// To gaussian, laplace and exponential ω x·z may be added, the kernel of linear functions: then what is learned goes on
// along a trend where no row was near, in place of falling to a constant, and the smooth part of it need not be made of
// bumps.
#pragma once

#include "sextant/matrix.h"

namespace sextant {

// Which parameters of the network the tangent kernel differentiates by.
struct NtkBlocks {
  bool a = true;
  bool W = true;
  bool b = true;
};

enum class KernelKind { arc_cosine, ntk, polynomial, gaussian, laplace, exponential, city_block };

struct Kernel {
  KernelKind kind = KernelKind::gaussian;
  double bias = 0;        // β ≥ 0, of arc_cosine and ntk
  NtkBlocks blocks = {};  // of ntk
  int degree = 3;         // ≥ 1, of polynomial
  double bandwidth = 1;   // L > 0, of gaussian, laplace, exponential and city_block
  double exponent = 1;    // q in (0, 2], of exponential
  double trend = 0;       // ω ≥ 0, of gaussian, laplace and exponential
};

// What measures distances: ‖x‖₂, or ‖x‖₁ = Σ_l |x_l|, which knows the inputs' axes.
enum class Norm { euclidean, city_block };

// exp(−(‖x − z‖/L)^exponent) + ω x·z in units of the rows that it is learned on: L = bandwidth times the median
// distance between them, ω = trend over that distance's square. In the norm of city blocks exponent 1, trend 0.
struct KernelShape {
  double exponent = 1;
  double bandwidth = 1;
  double trend = 0;
  Norm norm = Norm::euclidean;

  bool operator==(const KernelShape& other) const = default;
};

// K n×p at the rows of X n×d and Z p×d. Cost n·p·d multiply-adds and a few elementary functions per pair.
void kernel_matrix(const Kernel& kernel, const MatrixView& X, const MatrixView& Z, MatrixSpan K);

// ∇_x Σ_j c_j K(x, z_j) at each row of X: G n×d. Cost 2·n·p·d. Where K(·, z_j) has a cusp, at z_j or on its ray, its
// part in the slope across is taken as 0.
void kernel_gradient(const Kernel& kernel, const MatrixView& X, const MatrixView& Z, const VectorView& c, MatrixSpan G);

}  // namespace sextant
