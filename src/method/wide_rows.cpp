#include "method/wide_rows.h"

#include <algorithm>
#include <cmath>

#include "core/linalg.h"
#include "core/parallel.h"
#include "passes/executor.h"

namespace sextant {
namespace {

constexpr double dropped = 1e-9;  // of the largest eigenvalue

}  // namespace

WideRows::WideRows(const RowSource& source, const Context& context, bool pairs) {
  const Index d = source.inputs();
  const Index n_all = source.rows();
  Xt.resize(d, n_all);
  Y.resize(n_all, source.targets());
  w.resize(n_all);
  Index n = 0;
  read_blocks(source, context, "rows", [&](Block& block, Index) {
    const Index first = n;
    std::vector<Index> counted;
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(block.w[i] > 0)) continue;
      counted.push_back(i);
      Y.row(n) = block.Y.row(i);
      w[n++] = block.w[i];
    }
    const Tiles columns{d, 64};  // so that both sides of the transposition stay in cache
    parallel_tiles(context.thread_count(), columns.count(), [&](Index tile) {
      for (std::size_t i = 0; i < counted.size(); ++i)
        Xt.block(columns.first(tile), first + static_cast<Index>(i), columns.length(tile), 1) =
            block.X.block(counted[i], columns.first(tile), 1, columns.length(tile)).transpose();
    });
  });
  Y.conservativeResize(n, Eigen::NoChange);
  w.conservativeResize(n);
  if (n < n_all) Xt = Xt.leftCols(n).eval();
  w /= w.sum();
  x_mean.resize(d);
  const Tiles inputs_tiles{d, 1024};
  parallel_tiles(context.thread_count(), inputs_tiles.count(), [&](Index tile) {
    const Index first = inputs_tiles.first(tile);
    for (Index j = first; j < first + inputs_tiles.length(tile); ++j) {
      x_mean[j] = Xt.row(j).dot(w);
      Xt.row(j).array() -= x_mean[j];
    }
  });
  y_mean = Y.transpose() * w;
  Y.rowwise() -= y_mean.transpose();

  if (!pairs) return;
  // The Gram matrix in tiles of its own, inputs added up in their order.
  const Vector root = w.cwiseSqrt();
  Matrix G(n, n);
  const Tiles strips{n, 128};
  parallel_tiles(context.thread_count(), strips.count(), [&](Index strip) {
    const Index first = strips.first(strip);
    linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0, Xt.middleCols(first, strips.length(strip)),
                 Xt.rightCols(n - first), 0.0, G.block(first, first, strips.length(strip), n - first));
  });
  linalg::mirror_upper(G);
  const auto eigen = linalg::symmetric_eigen(root.asDiagonal() * G * root.asDiagonal(), "pairs of rows");
  const Vector all = eigen.values.reverse();
  const Index r = std::max<Index>(all.size() > 0 && all[0] > 0 ? 1 : 0, (all.array() > dropped * all[0]).count());
  values = all.head(r);
  Q = eigen.vectors.rowwise().reverse().leftCols(r);
  Z = root.cwiseInverse().asDiagonal() * Q * values.cwiseSqrt().asDiagonal();
}

Matrix WideRows::to_inputs(const Matrix& C) const {
  Matrix B(inputs(), C.cols());
  linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, Xt, C, 0.0, B);
  return B;
}

Matrix WideRows::from_span(const Matrix& C) const {
  return to_inputs(w.cwiseSqrt().asDiagonal() * (Q * (values.cwiseSqrt().cwiseInverse().asDiagonal() * C)));
}

Matrix WideRows::chosen(const std::vector<Index>& inputs) const { return Xt(inputs, Eigen::all).transpose(); }

double wide_rows_cost(Index rows, Index inputs) {
  const auto n = static_cast<double>(rows);
  return n * n * static_cast<double>(inputs) / 2 + 9 * n * n * n;
}

}  // namespace sextant
