#include "passes/principal_rows.h"

#include <algorithm>
#include <cmath>

#include "core/canonical_sign.h"
#include "core/linalg.h"
#include "core/parallel.h"
#include "passes/executor.h"

namespace sextant {
namespace {

Tiles tiles_of(Index rows) { return {rows, 64}; }

}  // namespace

Matrix row_gram(const Matrix& X, const Context& context) {
  const Tiles strips = tiles_of(X.rows());
  Matrix G(X.rows(), X.rows());
  parallel_tiles(context.thread_count(), strips.count(), [&](Index strip) {
    const Index first = strips.first(strip);
    linalg::gemm(linalg::Op::none, linalg::Op::transpose, 1.0, X.middleRows(first, strips.length(strip)),
                 X.bottomRows(X.rows() - first), 0.0, G.block(first, first, strips.length(strip), X.rows() - first));
  });
  linalg::mirror_upper(G);
  return G;
}

Matrix row_products(const Matrix& X, const Matrix& Z, const Context& context) {
  const Tiles strips = tiles_of(X.rows());
  Matrix G(X.rows(), Z.rows());
  parallel_tiles(context.thread_count(), strips.count(), [&](Index strip) {
    const Index first = strips.first(strip);
    linalg::gemm(linalg::Op::none, linalg::Op::transpose, 1.0, X.middleRows(first, strips.length(strip)), Z, 0.0,
                 G.middleRows(first, strips.length(strip)));
  });
  return G;
}

Matrix principal_rows(const Matrix& G, Index most, double negligible, const Context& context) {
  const auto eigen = linalg::symmetric_eigen(row_gram(G, context), "directions");
  const Index n = G.rows();
  const Vector values = eigen.values.reverse().cwiseMax(0.0);
  const double trace = values.sum();
  Index q = 0;
  for (double left = trace; q < std::min(most, n) && left > negligible * trace; ++q) left -= values[q];
  q = std::max<Index>(1, q);
  Matrix B(q, G.cols());
  linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0, eigen.vectors.rowwise().reverse().leftCols(q), G, 0.0, B);
  set_row_signs(B);
  return B;
}

}  // namespace sextant
