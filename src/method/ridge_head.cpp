#include "sextant/ridge_head.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <variant>

#include "core/from_first_rank.h"
#include "core/linalg.h"
#include "core/parallel.h"
#include "core/ties.h"
#include "method/landmark_norm.h"
#include "passes/dependencies.h"
#include "sextant/checkpoint.h"
#include "sextant/error.h"

namespace sextant {

namespace {

// Up to so many λ are factorised one by one, each at a quarter of what the reduction for all costs.
constexpr std::size_t few_candidates = 3;

// By a factorisation for each λ; nothing where one breaks down.
std::optional<Matrix> by_factorisation(const RidgeHead& head, const std::vector<double>& lambda) {
  const Index k = head.c.cols();
  Matrix a = Matrix::Zero(head.c.rows(), static_cast<Index>(lambda.size()) * k);
  for (std::size_t l = 0; l < lambda.size(); ++l) {
    if (std::isinf(lambda[l])) continue;
    Matrix K = head.K;
    K.diagonal().array() += lambda[l];
    const auto factor = linalg::Cholesky::of(std::move(K), "ridge head");
    if (!factor) return std::nullopt;
    a.middleCols(static_cast<Index>(l) * k, k) = factor->solve(head.c);
  }
  return a;
}

// By the band form; nothing where a factorisation breaks down.
std::optional<Matrix> by_band(const RidgeHead& head, const std::vector<double>& lambda, int threads) {
  const Index k = head.c.cols();
  const linalg::BandForm form(head.K, "ridge head");
  const Matrix c = form.rotate(head.c);
  const auto count = static_cast<Index>(lambda.size());
  Matrix a = Matrix::Zero(c.rows(), count * k);
  std::vector<char> broken(lambda.size());
  parallel_tiles(threads, count, [&](Index l) {
    const auto at = static_cast<std::size_t>(l);
    if (std::isinf(lambda[at])) return;
    if (const auto solution = form.solve(lambda[at], c))
      a.middleCols(l * k, k) = *solution;
    else
      broken[at] = 1;
  });
  if (std::ranges::find(broken, 1) != broken.end()) return std::nullopt;
  return form.rotate_back(a);
}

// By the eigenvalues s of K: every λ and head is a filter on them.
Matrix by_eigenvalues(const RidgeHead& ridge, const std::vector<double>& lambda, Head head) {
  const SingleThreadedBlas guard;
  const auto eigen = linalg::symmetric_eigen(ridge.K, "ridge head");
  const Vector s = eigen.values.cwiseMax(0.0);
  const Matrix c = eigen.vectors.transpose() * ridge.c;
  const Index p = s.size();
  const Index k = c.cols();
  const double s_max = p == 0 ? 0.0 : s.maxCoeff();
  const double rounding = 1e-13 * s_max * static_cast<double>(p);
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
  Matrix a(p, filtered.cols());
  linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, eigen.vectors, filtered, 0.0, a);
  return a;
}

}  // namespace

RidgeHead RidgeHead::primal(FeatureSums sums, Precision precision) {
  RidgeHead head{std::move(sums.gram), 2.0 * sums.moment, {}};
  head.K *= 2.0;
  if (precision != Precision::float64) head.least_lambda = std::ldexp(head.K.trace(), -23);
  return head;
}

RidgeHead RidgeHead::dual(PairSums sums) {
  RidgeHead head{std::move(sums.K), (2.0 / sums.n) * sums.R, std::move(sums.root_w)};
  head.K *= 2.0 / sums.n;
  return head;
}

Matrix RidgeHead::path(const std::vector<double>& wanted, Head head, int threads) const {
  std::vector<double> lambda = wanted;
  for (double& value : lambda) value = std::max(value, least_lambda);
  const bool positive = std::all_of(lambda.begin(), lambda.end(), [](double value) { return value > 0; });
  std::optional<Matrix> a;
  if (head == Head::ridge && positive)
    a = lambda.size() <= few_candidates ? by_factorisation(*this, lambda) : by_band(*this, lambda, threads);
  if (!a) a = by_eigenvalues(*this, lambda, head);
  if (root_w.size() > 0) *a = root_w.asDiagonal() * *a;
  if (!a->allFinite())
    throw NumericalError("ridge head: a coefficient is not finite; λ may be too small for these data");
  return *std::move(a);
}

namespace {

Matrix found_heads(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                   const std::vector<double>& lambda, Head head, const Context& context, Precision precision) {
  const auto* sections = std::get_if<KernelSections>(&map);
  const bool kernel = sections != nullptr && !sections->landmarks;
  if (kernel && sections->width() != source.rows())
    throw InvalidArgument(fmt::format("ridge head: the kernel has {} centres, expected the {} rows it is fitted on",
                                      sections->width(), source.rows()));
  const auto solved = [&](const RidgeHead& ridge) {
    context.report("head", 0.0);
    Matrix a = ridge.path(lambda, head, context.thread_count());
    context.report("head", 1.0);
    return a;
  };
  // Pairs of rows are no sum over rows: with ranks, the first does all of it.
  if (kernel || (sections == nullptr && source.rows() < width(map)))
    return from_first_rank(context, [&](const Context& own) -> Matrix {
      const Matrix a = solved(RidgeHead::dual(pair_sums(source, linear, map, own)));
      return kernel ? a : feature_combination(source, map, a, own);
    });
  // The norm aᵀK_cc a of landmarks is ‖Lᵀa‖² with K_cc = LLᵀ: the ridge problem of the features L⁻¹φ, whose head is
  // Lᵀa.
  const auto landmark_head = [&](FeatureSums sums) {
    const linalg::Cholesky norm = landmark_norm(*sections);
    sums.gram = norm.from_right_transposed(norm.from_left(std::move(sums.gram)));
    sums.moment = norm.from_left(std::move(sums.moment));
    return norm.from_left_transposed(solved(RidgeHead::primal(std::move(sums), precision)));
  };
  FeatureSums sums = feature_sums(source, linear, map, context, precision);
  return from_first_rank(context, [&] {
    return sections != nullptr ? landmark_head(std::move(sums)) : solved(RidgeHead::primal(std::move(sums), precision));
  });
}

}  // namespace

Matrix fit_heads(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                 const std::vector<double>& lambda, Head head, const Context& context, Precision precision) {
  const auto find = [&] { return found_heads(source, linear, map, lambda, head, context, precision); };
  if (context.checkpoint == nullptr) return find();
  Dependencies dependencies;
  dependencies.add(linear);
  dependencies.add(map);
  dependencies.add(lambda);
  for (const Index setting : {static_cast<Index>(head), static_cast<Index>(precision), context.block_rows})
    dependencies.add(static_cast<double>(setting));
  Fingerprint key;
  key.mix("heads");
  key.mix(source.fingerprint());
  dependencies.mix_into(key);
  const Index columns = static_cast<Index>(lambda.size()) * source.targets();
  return context.checkpoint->remembered(key.value(), width(map), columns, find);
}

Index best_candidate(const VectorView& risks) {
  double least = std::numeric_limits<double>::infinity();
  for (const double risk : risks)
    if (risk < least) least = risk;
  if (std::isinf(least)) throw NumericalError("validation: no candidate has a finite error");
  Index best = 0;
  for (Index i = 0; i < risks.size(); ++i)
    if (!std::isnan(risks[i]) && !clearly_less(least, risks[i])) best = i;
  return best;
}

}  // namespace sextant
