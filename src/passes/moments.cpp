#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>

#include "core/linalg.h"
#include "core/wide_loops.h"
#include "passes/executor.h"
#include "sextant/error.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

// Adds rows of positive weight to each column's least and largest entry, and to its Σ w (x − origin).
struct ColumnSums {
  SEXTANT_ALWAYS_INLINE void run(Index rows, Index cols, const double* __restrict x, Index stride,
                                 const double* __restrict w, const double* __restrict origin, double* __restrict low,
                                 double* __restrict high, double* __restrict sum) {
    for (Index i = 0; i < rows; ++i, x += stride) {
      const double weight = w[i];
      if (!(weight > 0)) continue;
      for (Index j = 0; j < cols; ++j) {
        low[j] = x[j] < low[j] ? x[j] : low[j];
        high[j] = x[j] > high[j] ? x[j] : high[j];
        sum[j] += weight * (x[j] - origin[j]);
      }
    }
  }
};

// v_ij = √w_i (x_ij − origin_j), rounded at the end; 0 for rows without weight.
struct Shift {
  template <class Scalar>
  SEXTANT_ALWAYS_INLINE void run(Index rows, Index cols, const double* __restrict x, Index x_stride,
                                 const double* __restrict root_w, const double* __restrict origin, Scalar* __restrict v,
                                 Index v_stride) {
    for (Index i = 0; i < rows; ++i, x += x_stride, v += v_stride) {
      const double factor = root_w[i];
      for (Index j = 0; j < cols; ++j) v[j] = static_cast<Scalar>(factor > 0 ? factor * (x[j] - origin[j]) : 0.0);
    }
  }
};

// Whether the errors of single precision, some 1e-7 of the standard deviations, are small beside what is done with the
// covariance: its correlations are far from singular, and none of it is what a large shift has left.
bool single_precision_serves(const Matrix& covariance, const Vector& shift) {
  constexpr double enough_is_left = 0.01;
  constexpr double far_from_singular = 1e-4;
  const auto variance = covariance.diagonal().array();
  if (!(variance > enough_is_left * (variance + shift.array().square())).all()) return false;
  const Vector scale = variance.rsqrt();
  const auto factor = linalg::Cholesky::of(scale.asDiagonal() * covariance * scale.asDiagonal(), "moments");
  return factor && factor->reciprocal_condition() > far_from_singular;
}

// Nothing if the products are in single precision and that does not serve.
template <class Scalar>
std::optional<Moments> moments_with(const RowSource& source, Index blocks_per_run, const Context& context) {
  const Index d = source.inputs();
  const Index k = source.targets();
  constexpr double inf = std::numeric_limits<double>::infinity();
  Vector low = Vector::Constant(d + k, inf);
  Vector high = Vector::Constant(d + k, -inf);
  Vector pivot = Vector::Zero(d + k);  // the first row that counts
  Vector sum = Vector::Zero(d + k);
  OuterProducts<Scalar> products(panel_columns<Scalar>(d + k), context.thread_count(), blocks_per_run);
  Index counted = 0;
  std::array<Panels<Scalar>, items_in_flight> V;  // of the blocks in flight: rows×(d + k), √w ((x, y) − pivot)
  const Tiles strips = row_strips(largest_block(source, context));
  const Tiles columns = column_tiles(d);  // of X; those of Y are one more tile

  const auto prepare = [&](BlockInFlight& block) {
    const Block& rows = block.rows;
    V[block.slot].resize(rows.rows(), products.columns());
    counted += (rows.w.array() > 0).count();
  };
  const auto shift_rows = [&](const BlockInFlight& block, Index strip) {
    const Tiles here = row_strips(block.rows.rows());
    if (strip >= here.count()) return;
    const Index first = here.first(strip);
    const Index length = here.length(strip);
    const Vector root_w = block.rows.w.segment(first, length).cwiseMax(0.0).cwiseSqrt();
    Panels<Scalar>& shifted = V[block.slot];
    const auto shift = [&](const MatrixView& M, Index at) {
      shifted.visit_columns(at, M.cols(), [&](Index p, Index c, Index j, Index cols) {
        auto v = shifted[p].block(first, c, length, cols);
        run_wide<Shift>(length, cols, M.data() + j, M.outerStride(), root_w.data(), pivot.data() + at + j, v.data(),
                        v.outerStride());
      });
    };
    shift(block.rows.X.middleRows(first, length), 0);
    shift(block.rows.Y.middleRows(first, length), d);
  };
  // Columns M of a block, of which the first has place `at` among all.
  const auto add_columns = [&](const Vector& w, const MatrixView& M, Index at) {
    run_wide<ColumnSums>(M.rows(), M.cols(), M.data(), M.outerStride(), w.data(), pivot.data() + at, low.data() + at,
                         high.data() + at, sum.data() + at);
  };
  const auto add = [&](const BlockInFlight& block, Index tile) {
    if (tile < products.tiles()) {
      products.add(block.number, V[block.slot], tile);
      return;
    }
    const Index at = tile - products.tiles();
    const Block& rows = block.rows;
    if (at < columns.count())
      add_columns(rows.w, rows.X.middleCols(columns.first(at), columns.length(at)), columns.first(at));
    else
      add_columns(rows.w, rows.Y, d);
  };
  Pass pass(source, context, "moments");
  pass.sums(products);
  pass.sums(sum);
  pass.minima(low);
  pass.maxima(high);
  pass.counts(counted);
  pass.pivots_on(
      [&](const Block& rows, Index i, Index) { pivot << rows.X.row(i).transpose(), rows.Y.row(i).transpose(); });
  const double n = pass.run(prepare, {{strips.count(), lane_of_strips, shift_rows},
                                      {products.tiles() + columns.count() + 1, lane_of_sums, add}});

  const Vector shift = sum / n;  // mean − pivot
  Matrix covariance = products.take(1.0 / n);
  covariance -= shift * shift.transpose();
  const Vector mean = pivot + shift;
  if (std::is_same_v<Scalar, float> &&
      !(covariance.allFinite() && single_precision_serves(covariance.topLeftCorner(d, d), shift.head(d))))
    return std::nullopt;
  if (!covariance.allFinite() || !mean.allFinite())
    throw NumericalError("moments: a mean or variance overflows a double; rescale the columns with huge values");
  Moments result;
  result.rows = counted;
  result.n = n;
  result.x_mean = mean.head(d);
  result.y_mean = mean.tail(k);
  result.xx = covariance.topLeftCorner(d, d);
  result.xx_diag = result.xx.diagonal();
  result.xy = covariance.topRightCorner(d, k);
  result.yy = covariance.bottomRightCorner(k, k);
  result.x_min = low.head(d);
  result.x_max = high.head(d);
  result.y_min = low.tail(k);
  result.y_max = high.tail(k);
  return result;
}

}  // namespace

Moments moments(const RowSource& source, const Context& context, Precision precision) {
  if (precision != Precision::float64)
    if (auto single = moments_with<float>(source, blocks_per_run(precision), context)) return *std::move(single);
  return moments_with<double>(source, blocks_per_run(Precision::float64), context).value();
}

Moments marginal_moments(const RowSource& source, const Context& context) {
  const Index d = source.inputs();
  const Index k = source.targets();
  constexpr double inf = std::numeric_limits<double>::infinity();
  Vector low = Vector::Constant(d + k, inf);
  Vector high = Vector::Constant(d + k, -inf);
  Vector pivot = Vector::Zero(d + k);  // the first row that counts
  Vector sum = Vector::Zero(d + k);
  Vector square = Vector::Zero(d);
  Matrix cross = Matrix::Zero(k, d);  // Σ w (y − pivot)(x − pivot)ᵀ
  Matrix yy = Matrix::Zero(k, k);
  Index counted = 0;
  Pass pass(source, context, "moments");
  pass.sums(sum);
  pass.sums(square);
  pass.sums(cross);
  pass.sums(yy);
  pass.minima(low);
  pass.maxima(high);
  pass.counts(counted);
  pass.pivots_on(
      [&](const Block& rows, Index i, Index) { pivot << rows.X.row(i).transpose(), rows.Y.row(i).transpose(); });
  const double n = pass.run([&](Block& block, Index) {
    counted += (block.w.array() > 0).count();
    const auto add_columns = [&](const Matrix& M, Index at) {
      run_wide<ColumnSums>(M.rows(), M.cols(), M.data(), M.outerStride(), block.w.data(), pivot.data() + at,
                           low.data() + at, high.data() + at, sum.data() + at);
    };
    add_columns(block.X, 0);
    add_columns(block.Y, d);
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(block.w[i] > 0)) continue;
      const auto x = block.X.row(i).transpose() - pivot.head(d);
      const Vector y = block.Y.row(i).transpose() - pivot.tail(k);
      square.array() += block.w[i] * x.array().square();
      for (Index t = 0; t < k; ++t) cross.row(t) += (block.w[i] * y[t]) * x.transpose();
      yy += block.w[i] * y * y.transpose();
    }
  });
  const Vector shift = sum / n;  // mean − pivot
  Moments result;
  result.rows = counted;
  result.n = n;
  result.x_mean = pivot.head(d) + shift.head(d);
  result.y_mean = pivot.tail(k) + shift.tail(k);
  result.xx_diag = (square / n - shift.head(d).cwiseAbs2()).cwiseMax(0.0);
  result.xy = cross.transpose() / n - shift.head(d) * shift.tail(k).transpose();
  result.yy = yy / n - shift.tail(k) * shift.tail(k).transpose();
  if (!result.x_mean.allFinite() || !result.y_mean.allFinite() || !result.xx_diag.allFinite() ||
      !result.xy.allFinite() || !result.yy.allFinite())
    throw NumericalError("moments: a mean or variance overflows a double; rescale the columns with huge values");
  result.x_min = low.head(d);
  result.x_max = high.head(d);
  result.y_min = low.tail(k);
  result.y_max = high.tail(k);
  return result;
}

Vector input_means(const RowSource& source, const Context& context, const Vector& low, const Vector& high) {
  Vector sum = Vector::Zero(source.inputs());
  Vector count = Vector::Zero(source.inputs());
  Pass pass(source, context, "means");
  pass.sums(sum);
  pass.sums(count);
  pass.depends_on(low);
  pass.depends_on(high);
  pass.run([&](Block& block, Index) {
    for (Index i = 0; i < block.rows(); ++i) {
      for (Index j = 0; j < block.X.cols(); ++j) {
        const double x = block.X(i, j);
        if (std::isnan(x)) continue;
        sum[j] += block.w[i] * (low.size() > 0 ? std::clamp(x, low[j], high[j]) : x);
        count[j] += block.w[i];
      }
    }
  });
  for (Index j = 0; j < count.size(); ++j)
    sum[j] = count[j] > 0 ? sum[j] / count[j] : std::numeric_limits<double>::quiet_NaN();
  return sum;
}

Ranges projection_ranges(const RowSource& source, const MatrixView& U, const Context& context) {
  Ranges ranges{Vector::Constant(U.rows(), std::numeric_limits<double>::infinity()), {}};
  ranges.high = -ranges.low;
  Matrix Z;
  Pass pass(source, context, "ranges");
  pass.minima(ranges.low);
  pass.maxima(ranges.high);
  pass.depends_on(U);
  pass.run([&](Block& block, Index) {
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
