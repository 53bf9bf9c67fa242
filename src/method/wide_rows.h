// Rows of tables with more inputs than rows, and the algebra of their pairs: everything through the n×n Gram matrix or
// the span of the rows, never through d×d. Private to the method layer.
//
// w sums to 1; X and Y are centred by their weighted means. √W X Xᵀ √W = QΛQᵀ, so that Λ are the covariance's
// eigenvalues, too. The span's coordinates of the rows and of any x,
//   Z = W^{−½} Q Λ^{½},   z(x) = Λ^{−½} Qᵀ √W X (x − x̄),
// have ZᵀWZ = Λ. Eigenvalues below 1e-9 of the largest are dropped.
//
// Memory: n·d + n²; cost n²·d/2 + 9·n³.
#pragma once

#include <vector>

#include "sextant/context.h"
#include "sextant/matrix.h"
#include "sextant/row_source.h"

namespace sextant {

class WideRows {
 public:
  // Rows of positive weight; without `pairs`, Λ, Q and Z stay empty. On one rank. Throws what reading throws, and
  // DataError when no row has a weight.
  WideRows(const RowSource& source, const Context& context, bool pairs = true);

  [[nodiscard]] Index rows() const { return w.size(); }
  [[nodiscard]] Index inputs() const { return Xt.rows(); }
  [[nodiscard]] Index targets() const { return Y.cols(); }
  [[nodiscard]] Index rank() const { return values.size(); }  // r
  // Σ over rows of c_i (x_i − x̄): coefficients of pairs to inputs, n×q → d×q. Cost n·d·q.
  [[nodiscard]] Matrix to_inputs(const Matrix& C) const;
  // Slopes along the span's coordinates to slopes along inputs, r×q → d×q.
  [[nodiscard]] Matrix from_span(const Matrix& C) const;
  // The chosen inputs of the rows, centred: n×m.
  [[nodiscard]] Matrix chosen(const std::vector<Index>& inputs) const;

  Matrix Xt;      // d×n, centred: an input's values lie together
  Vector x_mean;  // d
  Matrix Y;       // n×k, centred
  Vector y_mean;  // k
  Vector w;       // n, sum 1
  Vector values;  // r: Λ, descending
  Matrix Q;       // n×r
  Matrix Z;       // n×r
};

// Multiply-adds of it.
[[nodiscard]] double wide_rows_cost(Index rows, Index inputs);

}  // namespace sextant
