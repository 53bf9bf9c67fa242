#include "sextant/leaf_machine.h"

#include <algorithm>

#include "core/linalg.h"
#include "passes/kernel_sums.h"

namespace sextant {

using linalg::gemm;
using linalg::Op;

Matrix LeafMachine::coordinates(const MatrixView& X) const {
  Matrix Z(X.rows(), S.rows());
  gemm(Op::none, Op::transpose, 1.0, X, S, 0.0, Z);
  return Z;
}

// One term after the other: which side a row is on must not depend on the processor.
Index LeafMachine::leaf_of(const double* z) const {
  const Index nodes = thresholds.size();
  const Index q = directions.cols();
  Index node = 0;
  while (node < nodes) {
    const double* const g = directions.data() + node * q;
    double along = 0;
    for (Index j = 0; j < q; ++j) along += z[j] * g[j];
    node = 2 * node + (along > thresholds[node] ? 2 : 1);
  }
  return node - nodes;
}

Matrix LeafMachine::centres(Index leaf) const {
  const Index begin = first[static_cast<std::size_t>(leaf)];
  Matrix Z(first[static_cast<std::size_t>(leaf) + 1] - begin, rows->cols());
  for (Index i = 0; i < Z.rows(); ++i)
    Z.row(i) = rows->row(members[static_cast<std::size_t>(begin + i)]).cast<double>();
  return local.empty() ? Z : local_coordinates(leaf, Z);
}

Matrix LeafMachine::local_coordinates(Index leaf, const MatrixView& Z) const {
  if (local.empty()) return Z;
  const Matrix& T = local[static_cast<std::size_t>(leaf)];
  Matrix own(Z.rows(), T.rows());
  gemm(Op::none, Op::transpose, 1.0, Z, T, 0.0, own);
  return own;
}

std::vector<LeafQueries> queries_by_leaf(const LeafMachine& machine, const MatrixView& Z, Index most) {
  std::vector<std::vector<Index>> of_leaf(static_cast<std::size_t>(machine.leaves()));
  for (Index i = 0; i < Z.rows(); ++i) of_leaf[static_cast<std::size_t>(machine.leaf_of(Z.row(i).data()))].push_back(i);
  std::vector<LeafQueries> queries;
  for (std::size_t leaf = 0; leaf < of_leaf.size(); ++leaf) {
    const auto& rows = of_leaf[leaf];
    for (std::size_t at = 0; at < rows.size(); at += static_cast<std::size_t>(most)) {
      const std::size_t end = std::min(rows.size(), at + static_cast<std::size_t>(most));
      queries.push_back(
          {static_cast<Index>(leaf),
           {rows.begin() + static_cast<std::ptrdiff_t>(at), rows.begin() + static_cast<std::ptrdiff_t>(end)}});
    }
  }
  return queries;
}

void add_leaf_outputs(const LeafMachine& machine, const LeafQueries& queries, const MatrixView& Z, const MatrixView& a,
                      double factor, MatrixSpan F, std::optional<Precision> precision) {
  const auto& [leaf, rows] = queries;
  const Matrix own = machine.local_coordinates(leaf, Z(rows, Eigen::all));
  const Matrix centres = machine.centres(leaf);
  const auto head = a.middleRows(machine.first[static_cast<std::size_t>(leaf)], centres.rows());
  Matrix f = Matrix::Zero(own.rows(), a.cols());
  if (KernelSums::serve(machine.kernel, own.cols()))
    KernelSums(machine.kernel, centres, head, precision).add(own, factor, f);
  else
    add_kernel_outputs(machine.kernel, own, centres, head, factor, f);
  for (std::size_t i = 0; i < rows.size(); ++i) F.row(rows[i]) += f.row(static_cast<Index>(i));
}

}  // namespace sextant
