#include <algorithm>
#include <cmath>

#include "passes/executor.h"
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
  const double n = for_each_block(source, context, "spectral moments", [&](Block& block) {
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

}  // namespace sextant
