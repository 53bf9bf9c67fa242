// Synthetic multi-index models: targets that are polynomials of a few directions of Gaussian inputs, given by their
// Hermite coefficients, so that moments, Hessian and population gradient are known exactly.
//
// Source: A. Damian, J. D. Lee, M. Soltanolkotabi, Neural Networks can Learn Representations with Gradient Descent,
// COLT 2022 (DLS22). Notation: x ∈ R^d, f*(x) = g(Ux), U r×d with orthonormal rows, z = Ux ∈ R^r, κ = ‖H^†‖/√r.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sextant/matrix.h"
#include "sextant/row_source.h"

namespace sextant {

// Which U a target gets.
enum class Orientation {
  axis,    // u_j = e_j
  random,  // uniformly random orthonormal rows
};

// U r×d with orthonormal rows, 1 ≤ r ≤ d. `random` is the Gram–Schmidt basis of the rows of an r×d matrix of standard
// normals from Stream(seed, Purpose::directions): the Q of its QR factorisation with the signs that make R's diagonal
// positive, so it is unique, and its first rows do not depend on r
// (beyond rounding). Cost O(r²d). Throws InvalidArgument.
[[nodiscard]] Matrix draw_directions(Index r, Index d, Orientation kind, std::uint64_t seed);

// c · he_{k_1}(z_1) ⋯ he_{k_r}(z_r), he_k = He_k/√k!.
struct HermiteTerm {
  double coefficient = 0;    // c; finite
  std::vector<int> degrees;  // k_1 … k_r, each ≥ 0, their sum at most 60
};

// f*(x) = g(Ux), g a sum of terms. The products of he are orthonormal under x ~ N(0, I_d), so E f*² = Σ c².
struct HermiteTarget {
  Matrix U;                        // r×d, orthonormal rows
  std::vector<HermiteTerm> terms;  // at least one; no degrees twice

  // Throws InvalidArgument naming what breaks its rule. Members below throw the same, and when a shape does not fit.
  void check() const;

  [[nodiscard]] Index directions() const { return U.rows(); }  // r
  [[nodiscard]] Index inputs() const { return U.cols(); }      // d

  // g at the rows of Z n×r, and ∇g n×r. he_k' = √k he_{k−1}.
  [[nodiscard]] Vector link(const MatrixView& Z) const;
  [[nodiscard]] Matrix link_gradient(const MatrixView& Z) const;
  // f* at the rows of X n×d, and ∇f*(x) = Uᵀ∇g(Ux), n×d. Cost O(n·r·d) beside the terms.
  [[nodiscard]] Vector value(const MatrixView& X) const;
  [[nodiscard]] Matrix gradient(const MatrixView& X) const;

  [[nodiscard]] double second_moment() const;  // E f*² = Σ c²
  [[nodiscard]] int degree() const;            // largest Σ_j k_j with c ≠ 0
  // Smallest Σ_j k_j ≥ 1 with c ≠ 0; 0 for a constant. The first step sees directions only if it is 2 at most.
  [[nodiscard]] int information_exponent() const;
  // H = E ∇²f*(x) = UᵀCU, d×d; only terms of degree 2 count: c he_2(z_j) adds √2 c to C_jj, c z_i z_j adds c to C_ij
  // and C_ji.
  [[nodiscard]] Matrix expected_hessian() const;
  // κ = ‖H^†‖/√r = 1/(√r · smallest |eigenvalue| of C); infinity when H is degenerate (rank H < r, rank counted above
  // 1e-12 of the largest |eigenvalue|).
  [[nodiscard]] double kappa() const;
};

// Where a target lives.
struct TargetOptions {
  Index d = 10;                                 // inputs; ≥ 1 and at least the number of directions
  Orientation orientation = Orientation::axis;  // which U
  std::uint64_t seed = 0;                       // of random directions and of the signs of cross terms
};

// DLS22's source, r = 1: g(z) = He_2(z)/2 + He_p(z)/√(2·p!), 3 ≤ p ≤ 60; for p = 4 He_2/2 + He_4/(4√3). Half the
// variance is quadratic; H = uuᵀ, κ = 1. For p = 4, E f*⁴ = 243 + 108√3 ≈ 430.06, hence large test-set noise.
[[nodiscard]] HermiteTarget source_target(int p, const TargetOptions& options = {});

// DLS22's transfer target (k = 3) and the hard class of its Theorem 2, r = 1: g(z) = He_k(z)/√k!, 1 ≤ k ≤ 60. H = 0
// unless k = 2.
[[nodiscard]] HermiteTarget hermite_target(int k, const TargetOptions& options = {});

// A source of r ≥ 2 directions, degree p, 3 ≤ p ≤ 60:
//   g(z) = Σ_j he_2(z_j)/√(2r) + Σ_{(i,j)} Σ_{a=1}^{p−1} ± he_a(z_i) he_{p−a}(z_j)/√(2T).
// The quadratic part weighs all directions alike, so H = UᵀU/√r and κ = 1; it carries half of the unit variance. Pairs
// (i, j) form the ring j = i + 1 (mod r), a single pair when r = 2, so every direction appears and the cost is O(r·p);
// T is the number of cross terms, and the sign of number t of them, in the order written, is sign t of
// Stream(seed, Purpose::coefficients).
[[nodiscard]] HermiteTarget multi_index_target(Index r, int p, const TargetOptions& options = {});

// The names of the three above: "source", "hermite", "multi-index".
[[nodiscard]] const std::vector<std::string>& target_names();

// The target of that name with r directions and degree p (k of hermite_target). Throws InvalidArgument for an unknown
// name, for r ≠ 1 where the target has one direction, and what the target throws.
[[nodiscard]] HermiteTarget target_named(const std::string& name, Index r, int p, const TargetOptions& options = {});

// E[f*(x) x 1{w·x ≥ 0}] for x ~ N(0, I_d), a d-vector; w ≠ 0 of any norm (only its direction matters). The population
// gradient of DLS22's first step is −2a times it for a network that starts at zero. For unit w and s = Uw, by Stein's
// lemma and E[He_k(v·x) 1{w·x ≥ 0}] = (v·w)^k He_{k−1}(0)/√(2π), a term Π_j He_{k_j}(z_j) of degree k = Σ k_j gives
//   ( Σ_j k_j s^{k−e_j} He_{k−2}(0) u_j + s^k He_k(0) w ) / √(2π),    s^k = Π_j s_j^{k_j},
// where for k = 1 the first sum is u_j/2 (and so is the whole), and for k = 0 it is absent: w/√(2π). For r = 1 this is
// ( k He_{k−2}(0) s^{k−1} u + He_k(0) s^k w ) / √(2π). Exact up to rounding; cost O(terms·r² + r·d).
[[nodiscard]] Vector population_gradient(const HermiteTarget& target, const VectorView& w);

// Which rows of an endless synthetic table to hand out.
struct SyntheticRows {
  Index rows = 1000;       // n ≥ 0
  double noise = 0;        // ς ≥ 0, finite, in the target's own unit: y = f*(x) ± ς
  std::uint64_t seed = 0;  // another seed is another table
  Index first_row = 0;     // ≥ 0; row i handed out is row first_row + i of the table, so that training, hold-out
                           // and test rows can be disjoint parts of one table

  // Throws InvalidArgument naming the field, its value and the rule.
  void check() const;
  // The same, and that the draws of so many columns can still be counted.
  void check_columns(Index columns) const;
  // Throws InvalidArgument unless rows first … first + count − 1 are among those handed out.
  void check_read(Index first, Index count) const;
};

// Rows x ~ N(0, I_d), y_j = f*_j(x) + ε, ε = ±ς equally likely, weights 1. With i counted from the start of the
// table, x_ij is normal draw i·d + j of Stream(seed, Purpose::inputs) and the sign of y_ij's noise is draw i·k + j of
// Stream(seed, Purpose::noise): whatever the blocks, the same rows have the same bits. Nothing is stored, so rows cost
// no memory; reading one costs d normal draws (about 25 ns each) and r·d multiply-adds, and allocates nothing per row.
class GaussianSource final : public RowSource {
 public:
  // At least one target; all have the same U, exactly. Throws InvalidArgument.
  GaussianSource(std::vector<HermiteTarget> targets, const SyntheticRows& options);

  [[nodiscard]] Index rows() const override { return options_.rows; }
  [[nodiscard]] Index inputs() const override { return targets_.front().inputs(); }
  [[nodiscard]] Index targets() const override { return static_cast<Index>(targets_.size()); }
  // Throws InvalidArgument when the rows asked for are not all there.
  void read(Index first, Index count, Block& block) const override;

 private:
  std::vector<HermiteTarget> targets_;
  SyntheticRows options_;
};

}  // namespace sextant
