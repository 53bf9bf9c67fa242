#include <fmt/core.h>

#include <cmath>
#include <limits>

#include "core/linalg.h"
#include "passes/executor.h"
#include "sextant/error.h"
#include "sextant/passes.h"

namespace sextant {

Moments moments(const RowSource& source, const Context& context) {
  const Index d = source.inputs();
  const Index k = source.targets();
  constexpr double inf = std::numeric_limits<double>::infinity();
  Vector low = Vector::Constant(d + k, inf);
  Vector high = Vector::Constant(d + k, -inf);
  Vector pivot;  // the first row that counts
  Vector sum = Vector::Zero(d + k);
  OuterProductSum products(d + k, context.thread_count());
  Index rows = 0;
  Matrix V;
  const double n = for_each_block(source, context, "moments", [&](Block& block) {
    V.resize(block.rows(), d + k);
    V << block.X, block.Y;
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(block.w[i] > 0)) {
        V.row(i).setZero();
        continue;
      }
      ++rows;
      low = low.cwiseMin(V.row(i).transpose());
      high = high.cwiseMax(V.row(i).transpose());
      if (pivot.size() == 0) pivot = V.row(i);
      V.row(i) -= pivot.transpose();
      sum += block.w[i] * V.row(i).transpose();
    }
    scale_rows(V, block.w);
    products.add(V);
  });

  const Vector shift = sum / n;  // mean − pivot
  Matrix covariance = products.take(1.0 / n);
  covariance -= shift * shift.transpose();
  const Vector mean = pivot + shift;
  if (!covariance.allFinite() || !mean.allFinite())
    throw NumericalError("moments: a mean or variance overflows a double; rescale the columns with huge values");
  Moments result;
  result.rows = rows;
  result.n = n;
  result.x_mean = mean.head(d);
  result.y_mean = mean.tail(k);
  result.xx = covariance.topLeftCorner(d, d);
  result.xy = covariance.topRightCorner(d, k);
  result.yy = covariance.bottomRightCorner(k, k);
  result.x_min = low.head(d);
  result.x_max = high.head(d);
  result.y_min = low.tail(k);
  result.y_max = high.tail(k);
  return result;
}

Vector input_means(const RowSource& source, const Context& context) {
  Vector sum = Vector::Zero(source.inputs());
  Vector count = Vector::Zero(source.inputs());
  for_each_block(source, context, "means", [&](Block& block) {
    for (Index i = 0; i < block.rows(); ++i) {
      for (Index j = 0; j < block.X.cols(); ++j) {
        if (std::isnan(block.X(i, j))) continue;
        sum[j] += block.w[i] * block.X(i, j);
        count[j] += block.w[i];
      }
    }
  });
  for (Index j = 0; j < count.size(); ++j)
    if (!(count[j] > 0))
      throw DataError(fmt::format("data: {} has no value in any training row", source.input_label(j)));
  return sum.cwiseQuotient(count);
}

Ranges projection_ranges(const RowSource& source, const MatrixView& U, const Context& context) {
  Ranges ranges{Vector::Constant(U.rows(), std::numeric_limits<double>::infinity()), {}};
  ranges.high = -ranges.low;
  Matrix Z;
  for_each_block(source, context, "ranges", [&](Block& block) {
    Z.resize(block.rows(), U.rows());
    linalg::gemm(linalg::Op::none, linalg::Op::transpose, 1.0, block.X, U, 0.0, Z);
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(block.w[i] > 0)) continue;
      ranges.low = ranges.low.cwiseMin(Z.row(i).transpose());
      ranges.high = ranges.high.cwiseMax(Z.row(i).transpose());
    }
  });
  return ranges;
}

}  // namespace sextant
