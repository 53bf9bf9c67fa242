// Partitions of rows into leaves of neighbours, and the kernel machines on them (leaf_machine.h). Private to the method
// layer.
#pragma once

#include <vector>

#include "sextant/context.h"
#include "sextant/leaf_machine.h"
#include "sextant/predictor.h"
#include "sextant/row_source.h"

namespace sextant {

// Rows that count, in memory. Where rows belong to groups, or come in time order, so it is known here.
struct GatheredRows {
  SingleMatrix X;             // n×d: scaled inputs
  Matrix Y;                   // n×k: scaled targets less their mean
  Vector mean;                // k: of the targets
  Vector w;                   // n: weights, of mean 1
  std::vector<Index> groups;  // n, or none
  bool ordered = false;
};
// The rows of positive weight; every rank reads all of them. Memory 4·n·d + 8·n·(k + 1) bytes.
[[nodiscard]] GatheredRows gather_rows(const RowSource& rows, bool ordered, const Context& context);

// A direction in which some rows Z vary, as N(0, C) for their covariance C: C^½ξ = Z_cᵀε/√N, which depends on no basis
// of eigenvectors. `draw` numbers the draws of a seed.
[[nodiscard]] Vector random_direction(const SingleMatrix& Z, const std::vector<Index>& rows, std::uint64_t seed,
                                      std::uint64_t draw);

// At most `most` rows of X (n×d) that are neighbours in the coordinates Sx: random halves along random directions,
// until they are few. Cost 2n·d.
[[nodiscard]] std::vector<Index> random_leaf(const SingleMatrix& X, const Matrix& S, Index most, std::uint64_t seed,
                                             Index number);

struct PartitionOptions {
  Index most = 2400;     // rows a leaf learns from, at most
  double overlap = 0.1;  // a child has this share of its parent's rows beyond its half
  std::uint64_t seed = 0;
  Index number = 0;  // of the partition
};
// A machine's directions, thresholds and members for coordinates Z n×q: the tree is as deep as leaves of at most
// options.most rows need. Cost n·q per level, on the first rank.
[[nodiscard]] LeafMachine partition(std::shared_ptr<const SingleMatrix> Z, const PartitionOptions& options,
                                    const Context& context);

// Coefficients m×k of (K + λ diag(w)⁻¹) a = Y for K = K(Z, Z); where that is not positive definite to working
// precision, with ten times the λ. Throws NumericalError when none serves. Cost m³/3 + m²·q.
[[nodiscard]] Matrix solve_leaf(const Kernel& kernel, const Matrix& Z, const MatrixView& Y, const VectorView& w,
                                double lambda);

// Of f = Σ_j a_j K(z, z_j), the mean over rows Z_at and sum over targets of ∇f∇fᵀ, in the coordinates of Z.
[[nodiscard]] Matrix leaf_outer_product(const Kernel& kernel, const Matrix& Z_at, const Matrix& Z, const Matrix& a);

struct LeafFit {
  Kernel kernel;
  double lambda = 1e-2;
  Index local_rounds = 0;  // each leaf's coordinates from its own gradient outer product, so many times
  Index every = 1;         // every so manieth leaf alone; the heads of the others are 0
};
// Heads of all leaves, P×k, for targets Y n×k (of the rows that machine.rows holds); fills machine.local. Leaves are
// shared among threads and ranks. Throws as solve_leaf.
[[nodiscard]] Matrix fit_leaves(LeafMachine& machine, const Matrix& Y, const Vector& w, const LeafFit& fit,
                                const Context& context);

// Multiply-adds of a partition of n rows with q coordinates, and of its leaves' heads.
[[nodiscard]] double partition_cost(Index n, Index q, const PartitionOptions& options);

}  // namespace sextant
