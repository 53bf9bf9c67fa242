#include "sextant/ridge_head.h"

#include <cmath>
#include <limits>
#include <utility>

#include "core/linalg.h"
#include "core/parallel.h"
#include "sextant/error.h"

namespace sextant {

RidgeHead RidgeHead::primal(const FeatureSums& sums) {
  auto eigen = linalg::symmetric_eigen(2.0 * sums.gram, "ridge head");
  RidgeHead head;
  head.s = eigen.values.cwiseMax(0.0);
  head.basis = std::move(eigen.vectors);
  head.c = 2.0 * head.basis.transpose() * sums.moment;
  return head;
}

RidgeHead RidgeHead::dual(const FeatureRows& rows) {
  const SingleThreadedBlas guard;
  const Index n = rows.Phi.rows();
  Matrix K(n, n);
  linalg::gemm(linalg::Op::none, linalg::Op::transpose, 2.0 / rows.n, rows.Phi, rows.Phi, 0.0, K);
  const auto eigen = linalg::symmetric_eigen(std::move(K), "ridge head");
  RidgeHead head;
  head.s = eigen.values.cwiseMax(0.0);
  head.basis.resize(rows.Phi.cols(), n);
  linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0, rows.Phi, eigen.vectors, 0.0, head.basis);
  head.c = (2.0 / rows.n) * eigen.vectors.transpose() * rows.R;
  return head;
}

Matrix RidgeHead::path(const std::vector<double>& lambda, Head head) const {
  const SingleThreadedBlas guard;
  const Index p = s.size();
  const Index k = c.cols();
  const double s_max = p == 0 ? 0.0 : s.maxCoeff();
  const double rounding = 1e-13 * s_max * static_cast<double>(std::max(p, basis.rows()));
  Matrix filtered(p, static_cast<Index>(lambda.size()) * k);
  for (std::size_t l = 0; l < lambda.size(); ++l) {
    Vector filter(p);
    const double eta = 1.0 / (s_max + lambda[l]);
    const double steps = lambda[l] > 0 ? 5.0 / (eta * lambda[l]) : std::numeric_limits<double>::infinity();
    for (Index i = 0; i < p; ++i) {
      const double denominator = s[i] + lambda[l];
      const bool left_out = std::isinf(denominator) || (lambda[l] == 0.0 && s[i] <= rounding);
      filter[i] = left_out ? 0.0 : 1.0 / denominator;
      if (head == Head::gradient_descent && !left_out && lambda[l] > 0)
        filter[i] *= -std::expm1(steps * std::log1p(-std::min(1.0, eta * denominator)));
    }
    filtered.middleCols(static_cast<Index>(l) * k, k) = filter.asDiagonal() * c;
  }
  Matrix a(basis.rows(), filtered.cols());
  linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, basis, filtered, 0.0, a);
  if (!a.allFinite())
    throw NumericalError("ridge head: a coefficient is not finite; λ may be too small for these data");
  return a;
}

Matrix fit_heads(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                 const std::vector<double>& lambda, Head head, const Context& context) {
  if (source.rows() < width(map)) return RidgeHead::dual(feature_rows(source, linear, map, context)).path(lambda, head);
  const FeatureSums sums = feature_sums(source, linear, map, context);
  context.report("head", 0.0);
  Matrix a = RidgeHead::primal(sums).path(lambda, head);
  context.report("head", 1.0);
  return a;
}

Index best_candidate(const VectorView& risks) {
  double least = std::numeric_limits<double>::infinity();
  for (const double risk : risks)
    if (risk < least) least = risk;
  if (std::isinf(least)) throw NumericalError("validation: no candidate has a finite error");
  Index best = 0;
  for (Index i = 0; i < risks.size(); ++i)
    if (risks[i] <= least + 1e-7 * std::abs(least)) best = i;
  return best;
}

}  // namespace sextant
