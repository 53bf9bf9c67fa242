// Kernel machines on the leaves of a partition: where a kernel of all rows needs n³ operations, machines of some
// hundreds of neighbouring rows each need n, and see the finest structure that the rows show.
//
// A full binary tree halves the rows L times, by the median of their coordinates z = Sx along random directions g
// (rows with z·g ≤ its threshold go left), so that all 2^L leaves have about as many rows. A query is answered by the
// machine of the leaf it falls into, and a machine also learns from some of its neighbours' rows beyond the borders
// (leaf_partition.h), so that it need not extrapolate:
//
//   φ(x) = [K(T_l z, T_l z_i)]_{i ∈ leaf l},  z = Sx, l the leaf of z; 0 for the features of all other leaves
//
// with K = exp(−(‖z − z'‖/L)^q) and, where leaves have coordinates of their own, T_l; else T_l = I.
// Sources: local machines on partitions: Steinwart and Thomann, liquidSVM, 2017; random directions: Dasgupta and
// Freund, Random projection trees, STOC 2008.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "sextant/kernel.h"
#include "sextant/matrix.h"
#include "sextant/precision.h"

namespace sextant {

struct LeafMachine {
  Kernel kernel;                                  // exponential
  Matrix S;                                       // q×d: z = Sx
  std::shared_ptr<const SingleMatrix> rows = {};  // n×q: coordinates of the training rows, kept once for all machines
  Matrix directions;                              // (2^L − 1)×q: g of node i, whose children are 2i + 1 and 2i + 2
  Vector thresholds;                              // 2^L − 1
  std::vector<std::int32_t> members = {};         // P: which of `rows` each feature belongs to, leaf by leaf
  std::vector<Index> first = {0};                 // 2^L + 1: where each leaf's features begin
  std::vector<Matrix> local = {};                 // T_l q'×q of each leaf, or none

  [[nodiscard]] Index leaves() const { return static_cast<Index>(first.size()) - 1; }
  [[nodiscard]] Index width() const { return static_cast<Index>(members.size()); }  // P
  [[nodiscard]] Index inputs() const { return S.cols(); }                           // d
  // X n×d → Z n×q. Cost n·q·d.
  [[nodiscard]] Matrix coordinates(const MatrixView& X) const;
  // The leaf of coordinates z (q of them). Cost L·q.
  [[nodiscard]] Index leaf_of(const double* z) const;
  // T_l z of the training rows that leaf l learns from, one a row, and of queries Z.
  [[nodiscard]] Matrix centres(Index leaf) const;
  [[nodiscard]] Matrix local_coordinates(Index leaf, const MatrixView& Z) const;
};

// So many queries of a leaf are answered at a time that the coordinates of its rows are found once for all of them.
inline constexpr Index queries_together = 512;

// Queries of one leaf.
struct LeafQueries {
  Index leaf;
  std::vector<Index> rows;  // of Z, ascending
};
// Rows Z n×q of coordinates by leaf, the leaves ascending, and at most `most` rows a time.
[[nodiscard]] std::vector<LeafQueries> queries_by_leaf(const LeafMachine& machine, const MatrixView& Z, Index most);

// Rows of F, n×k, that are these queries' += factor·aᵀφ for a head P×k. Exponentials are in single or double
// precision as asked for, or where nothing is said in single precision if its errors are likely to be below 2·10⁻⁵,
// taking the targets' variance for 1 (passes/kernel_sums.h). Cost for each the leaf's rows times 2q + 60 + k.
void add_leaf_outputs(const LeafMachine& machine, const LeafQueries& queries, const MatrixView& Z, const MatrixView& a,
                      double factor, MatrixSpan F, std::optional<Precision> precision = {});

}  // namespace sextant
