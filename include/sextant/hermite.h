// Probabilists' Hermite polynomials and Gauss–Hermite quadrature for N(0, 1).
//
//   He_0 = 1, He_1 = z, He_{k+1}(z) = z He_k(z) − k He_{k−1}(z),   He_k' = k He_{k−1},   E He_j He_k = k! [j = k],
//   he_k = He_k/√k!,  √(k+1) he_{k+1}(z) = z he_k(z) − √k he_{k−1}(z),   he_k' = √k he_{k−1},   E he_j he_k = [j = k].
//
// The three-term recurrences are stable where the polynomials oscillate and where they grow, so they are all that is
// needed. Source: Abramowitz and Stegun, Handbook of Mathematical Functions, §22 (there He_k).
//
// Degrees run from 0 to 60: √60! and He_60 over any range of normal draws stay far inside double precision, and no
// target of more than a few directions can be learned at such a degree. Functions throw InvalidArgument outside it.
// Cost: O(k) each.
#pragma once

#include <span>

#include "sextant/matrix.h"

namespace sextant {

inline constexpr int max_hermite_degree = 60;

// He_k(z) and its derivative.
[[nodiscard]] double hermite(int k, double z);
[[nodiscard]] double hermite_derivative(int k, double z);

// he_k(z) = He_k(z)/√k! and its derivative.
[[nodiscard]] double normalised_hermite(int k, double z);
[[nodiscard]] double normalised_hermite_derivative(int k, double z);

// he_0(z) … he_{out.size() − 1}(z); out.size() ≤ 61.
void normalised_hermites(double z, std::span<double> out);
// The same at many points: row k of out holds he_k(z_j); out has at most 61 rows and z.size() columns.
void normalised_hermites(const VectorView& z, MatrixSpan out);

// He_k(0): 0 for odd k, (−1)^{k/2} (k − 1)!! for even k.
[[nodiscard]] double hermite_at_zero(int k);

// E g(z) ≈ Σ_i weights_i g(nodes_i) for z ~ N(0, 1); nodes rise and are symmetric about 0, weights sum to 1.
struct Quadrature {
  Vector nodes;
  Vector weights;
};

// The n-point Gauss rule of N(0, 1), 1 ≤ n ≤ 200: exact for polynomials of degree up to 2n − 1. Nodes are the zeros of
// he_n: eigenvalues of the tridiagonal matrix with off-diagonal √1 … √(n−1) (Golub and Welsch, Math. Comp. 23, 1969),
// refined by Newton. Weights are 1/Σ_{k<n} he_k(node)², which keeps the relative precision that squared components of
// eigenvectors lose in the tails. Cost O(n²).
[[nodiscard]] Quadrature gauss_hermite(int n);

}  // namespace sextant
