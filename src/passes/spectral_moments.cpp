#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "core/linalg.h"
#include "passes/executor.h"
#include "sextant/error.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

// Standard deviations of the residuals y − βᵀx about their means; 1 where there is nothing left.
Vector residual_scales(const LinearPart& linear, const Moments& m) {
  Vector scales(m.y_mean.size());
  for (Index t = 0; t < scales.size(); ++t) {
    const auto beta = linear.beta.col(t);
    const double variance = m.yy(t, t) - 2.0 * beta.dot(m.xy.col(t)) + beta.dot(m.xx * beta);
    scales[t] = variance > 0 ? std::sqrt(variance) : 1.0;
  }
  return scales;
}

double transformed(double u, LabelTransform transform) {
  return transform == LabelTransform::clipped ? std::clamp(u, -2.0, 2.0) : std::min(std::abs(u), 2.5);
}

}  // namespace

std::vector<Matrix> spectral_moments(const RowSource& source, const LinearPart& linear, const Moments& of_rows,
                                     LabelTransform transform, const Context& context) {
  const Index d = source.inputs();
  const Index k = source.targets();
  const Vector scales = residual_scales(linear, of_rows);
  // Residuals of the mean, so that T is about the middle of the residuals.
  const Vector centre = of_rows.y_mean - linear.alpha - linear.beta.transpose() * of_rows.x_mean;
  // Σ w T (x − x̄)(x − x̄)ᵀ as the difference of two sums of outer products: rows with T > 0 and rows with T < 0.
  std::vector<OuterProductSum> above;
  std::vector<OuterProductSum> below;
  for (Index t = 0; t < k; ++t) {
    above.emplace_back(d, context.thread_count());
    below.emplace_back(d, context.thread_count());
  }
  Vector sum = Vector::Zero(k);
  Matrix positive;
  Matrix negative;
  Pass pass(source, context, "spectral moments");
  for (Index t = 0; t < k; ++t) {
    pass.sums(above[static_cast<std::size_t>(t)]);
    pass.sums(below[static_cast<std::size_t>(t)]);
  }
  pass.sums(sum);
  pass.depends_on(linear);
  pass.depends_on(scales);
  pass.depends_on(centre);
  pass.depends_on(of_rows.x_mean);
  pass.depends_on(static_cast<double>(transform));
  const double n = pass.run([&](Block& block, Index) {
    const Matrix R = block.Y - linear(block.X);
    const Matrix centred = block.X.rowwise() - of_rows.x_mean.transpose();
    for (Index t = 0; t < k; ++t) {
      Vector T(block.rows());
      for (Index i = 0; i < T.size(); ++i)
        T[i] = block.w[i] > 0 ? block.w[i] * transformed((R(i, t) - centre[t]) / scales[t], transform) : 0.0;
      sum[t] += T.sum();
      positive.resize((T.array() > 0).count(), d);
      negative.resize((T.array() < 0).count(), d);
      Index p = 0;
      Index q = 0;
      for (Index i = 0; i < T.size(); ++i) {
        if (T[i] > 0) positive.row(p++) = std::sqrt(T[i]) * centred.row(i);
        if (T[i] < 0) negative.row(q++) = std::sqrt(-T[i]) * centred.row(i);
      }
      above[static_cast<std::size_t>(t)].add(positive);
      below[static_cast<std::size_t>(t)].add(negative);
    }
  });
  std::vector<Matrix> result;
  for (Index t = 0; t < k; ++t) {
    const auto at = static_cast<std::size_t>(t);
    result.push_back(above[at].take(1.0 / n) - below[at].take(1.0 / n) - (sum[t] / n) * of_rows.xx);
  }
  return result;
}

namespace {

constexpr double linear_to_rounding = 1e-12;  // of the variance

// Rows first … first + rows − 1 of `all`, those of weight 0 set to 0 as a pass does with X.
Matrix rows_of(const Matrix& all, Index first, const Vector& w) {
  Matrix part = all.middleRows(first, w.size());
  for (Index i = 0; i < w.size(); ++i)
    if (!(w[i] > 0)) part.row(i).setZero();
  return part;
}

// Adds row by row what work(strip's rows, sum) makes of each strip, in the strips' order whichever thread made them.
void add_by_strips(Index rows, int threads, Matrix& sums, const std::function<void(Index, Index, MatrixSpan)>& work) {
  const Tiles strips = row_strips(rows);
  std::vector<Matrix> parts(static_cast<std::size_t>(strips.count()), Matrix::Zero(sums.rows(), sums.cols()));
  parallel_tiles(threads, strips.count(), [&](Index strip) {
    work(strips.first(strip), strips.length(strip), parts[static_cast<std::size_t>(strip)]);
  });
  for (const Matrix& part : parts) sums += part;
}

}  // namespace

ResponseMoments response_moments(const RowSource& source, const Moments& of_rows, const Matrix& inverse,
                                 const Matrix& responses, const Context& context) {
  const Index d = source.inputs();
  const Index B = responses.cols();
  if (responses.rows() != source.rows() || inverse.rows() != d || inverse.cols() != d)
    throw InvalidArgument(
        fmt::format("response moments: {} responses for {} rows and an inverse of {}×{} for {} inputs, "
                    "expected as many",
                    responses.rows(), source.rows(), inverse.rows(), inverse.cols(), d));
  context.check();
  const int threads = context.thread_count();

  // First reading: Σ w y, Σ w y² and Σ w y (x − x̄), y about the first response that counts.
  Matrix pivot;
  Matrix first_sums = Matrix::Zero(2 + d, B);
  Pass reading(source, context, "responses");
  reading.sums(first_sums);
  reading.depends_on(responses);
  reading.depends_on(of_rows.x_mean);
  reading.pivots_on([&](const Block&, Index, Index row) { pivot = responses.row(row); });
  const double n = reading.run([&](Block& block, Index first) {
    if (pivot.size() == 0) return;
    Matrix Y = rows_of(responses, first, block.w);
    Y.rowwise() -= pivot.row(0);
    const Matrix X = block.X.rowwise() - of_rows.x_mean.transpose();
    add_by_strips(block.rows(), threads, first_sums, [&](Index at, Index length, MatrixSpan sums) {
      const Matrix weighted = block.w.segment(at, length).asDiagonal() * Y.middleRows(at, length);
      sums.row(0) = weighted.colwise().sum();
      sums.row(1) = weighted.cwiseProduct(Y.middleRows(at, length)).colwise().sum();
      linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0, X.middleRows(at, length), weighted, 0.0,
                   sums.bottomRows(d));
    });
  });
  first_sums /= n;
  const Vector shift = first_sums.row(0);         // ȳ − pivot
  const Matrix cross = first_sums.bottomRows(d);  // Σ w (x − x̄) = 0, so the pivot plays no part
  const Matrix beta = inverse * cross;
  Vector s(B);
  std::vector<bool> nothing_left(static_cast<std::size_t>(B));
  for (Index b = 0; b < B; ++b) {
    const double variance = std::max(0.0, first_sums(1, b) - shift[b] * shift[b]);
    const double left = variance - beta.col(b).dot(cross.col(b));
    nothing_left[static_cast<std::size_t>(b)] = left <= linear_to_rounding * variance;
    s[b] = std::sqrt(std::max(left, linear_to_rounding * variance));
  }

  // Second reading: Σ w T, Σ w T² and Σ w T (x − x̄)(x − x̄)ᵀ, columns 0 … B−1 clipped, B … 2B−1 magnitude. Row i of the
  // upper triangle of the sum of outer products is a matrix product of its own: a tile.
  Matrix second_sums = Matrix::Zero(2, 2 * B);
  std::vector<Matrix> triangle;
  for (Index i = 0; i < d; ++i) triangle.emplace_back(Matrix::Zero(2 * B, d - i));
  Pass second_reading(source, context, "permutations");
  second_reading.sums(second_sums);
  for (Matrix& row : triangle) second_reading.sums(row);
  second_reading.depends_on(responses);
  second_reading.depends_on(beta);
  second_reading.depends_on(pivot);
  second_reading.depends_on(of_rows.x_mean);
  second_reading.depends_on(shift);
  second_reading.depends_on(s);
  (void)second_reading.run([&](Block& block, Index first) {
    const Matrix Y = rows_of(responses, first, block.w);
    const Matrix X = block.X.rowwise() - of_rows.x_mean.transpose();
    Matrix T = Matrix::Zero(block.rows(), 2 * B);  // w T
    add_by_strips(block.rows(), threads, second_sums, [&](Index at, Index length, MatrixSpan sums) {
      Matrix R = Y.middleRows(at, length);
      R.rowwise() -= pivot.row(0) + shift.transpose();
      linalg::gemm(linalg::Op::none, linalg::Op::none, -1.0, X.middleRows(at, length), beta, 1.0, R);
      for (Index i = 0; i < length; ++i) {
        const double w = block.w[at + i];
        if (!(w > 0)) continue;
        for (Index b = 0; b < B; ++b) {
          if (nothing_left[static_cast<std::size_t>(b)]) continue;
          const double clipped = transformed(R(i, b) / s[b], LabelTransform::clipped);
          const double magnitude = transformed(R(i, b) / s[b], LabelTransform::magnitude);
          T(at + i, b) = w * clipped;
          T(at + i, B + b) = w * magnitude;
          sums(0, b) += w * clipped;
          sums(0, B + b) += w * magnitude;
          sums(1, b) += w * clipped * clipped;
          sums(1, B + b) += w * magnitude * magnitude;
        }
      }
    });
    parallel_tiles(threads, d, [&](Index i) {
      const Matrix products = X.rightCols(d - i).array().colwise() * X.col(i).array();
      linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0, T, products, 1.0,
                   triangle[static_cast<std::size_t>(i)]);
    });
  });

  ResponseMoments result;
  result.cross = Matrix::Zero(B, d);
  for (Index b = 0; b < B; ++b)
    if (s[b] > 0) result.cross.row(b) = cross.col(b).transpose() / s[b];
  const auto moment = [&](Index column) {
    Matrix M = Matrix::Zero(d, d);
    const double mean = second_sums(0, column) / n;
    const double variance = second_sums(1, column) / n - mean * mean;
    if (!(variance > linear_to_rounding)) return M;
    for (Index i = 0; i < d; ++i)
      M.row(i).tail(d - i) =
          triangle[static_cast<std::size_t>(i)].row(column) / n - mean * of_rows.xx.row(i).tail(d - i);
    M /= std::sqrt(variance);
    linalg::mirror_upper(M);
    return M;
  };
  for (Index b = 0; b < B; ++b) {
    result.clipped.push_back(moment(b));
    result.magnitude.push_back(moment(B + b));
  }
  return result;
}

}  // namespace sextant
