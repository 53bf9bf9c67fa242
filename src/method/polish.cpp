#include "sextant/polish.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "core/from_first_rank.h"
#include "core/linalg.h"
#include "core/ties.h"
#include "sextant/error.h"
#include "sextant/linear_fit.h"
#include "sextant/subspace.h"

namespace sextant {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// C^{-1/2} U with C = UΣUᵀ, so that z = Ux has unit covariance; directions in which the rows hardly vary are dropped.
Matrix normalised(const Matrix& U, const Matrix& covariance) {
  const auto eigen = linalg::symmetric_eigen(U * covariance * U.transpose(), "polish");
  const Index r = eigen.values.size();
  const double top = r > 0 ? eigen.values[r - 1] : 0.0;
  if (!(top > 0)) throw InvalidArgument("polish: the directions to start from vary in no row, expected some that do");
  const Index kept = (eigen.values.array() > 1e-12 * top).count();
  const Matrix V = eigen.vectors.rightCols(kept);
  const Vector root = eigen.values.tail(kept).cwiseSqrt().cwiseInverse();
  // The symmetric root moves U least; with dependent rows a basis of what is left.
  if (kept == r) return V * root.asDiagonal() * V.transpose() * U;
  return root.asDiagonal() * V.transpose() * U;
}

// The link of z = Ux, for all z.
HermiteFeatures unbounded_link(const Matrix& U, const Vector& x_mean, int degree) {
  const Index r = U.rows();
  return {U, U * x_mean, Vector::Constant(r, -infinity), Vector::Constant(r, infinity), degree};
}

// The same as a function of z, which the Gauss–Newton passes want.
HermiteFeatures of_z(const HermiteFeatures& link) {
  HermiteFeatures inner = link;
  inner.U = Matrix::Identity(link.U.rows(), link.U.rows());
  return inner;
}

HermiteFeatures bounded(HermiteFeatures link, const RowSource& rows, const Context& context) {
  const Ranges ranges = projection_ranges(rows, link.U, context);
  link.low = ranges.low - link.c;
  link.high = ranges.high - link.c;
  return link;
}

// (1/n) Σ w r² over all targets, from moments.
double residual_square(const Moments& m, const LinearPart& linear) {
  double sum = 0;
  for (Index t = 0; t < m.y_mean.size(); ++t) {
    const auto beta = linear.beta.col(t);
    const double mean = m.y_mean[t] - linear.alpha[t] - beta.dot(m.x_mean);
    sum += m.yy(t, t) - 2.0 * beta.dot(m.xy.col(t)) + beta.dot(m.xx * beta) + mean * mean;
  }
  return std::max(0.0, sum);
}

struct Projected {
  HermiteFeatures link;
  Matrix a;
  double objective = infinity;
};

// The head projected out: J(U) = r̄² − tr(mᵀa) at a = (G + λ/2 I)⁻¹ m.
class HeadProjection {
 public:
  HeadProjection(const RowSource& rows, const Moments& of_rows, const LinearPart& linear, const PolishOptions& options,
                 const Context& context)
      : rows_(rows),
        of_rows_(of_rows),
        linear_(linear),
        options_(options),
        context_(context),
        residual_(residual_square(of_rows, linear)) {}

  [[nodiscard]] Projected at(const Matrix& U) const {
    const Matrix unit = from_first_rank(context_, [&] { return normalised(U, of_rows_.xx); });
    Projected result{unbounded_link(unit, of_rows_.x_mean, options_.degree), {}, infinity};
    FeatureSums sums = feature_sums(rows_, linear_, result.link, context_);
    if (!sums.gram.allFinite() || !sums.moment.allFinite())
      throw NumericalError("polish: a power of a projection overflows; an input has values far outside the others");
    sums.gram.diagonal().array() += options_.ridge / 2;
    std::tie(result.a, result.objective) = from_first_rank(context_, [&]() -> std::pair<Matrix, double> {
      const auto factor = linalg::Cholesky::of(std::move(sums.gram), "polish");
      if (!factor) return {Matrix(), infinity};
      const Matrix a = factor->solve(sums.moment);
      return {a, std::max(0.0, residual_ - sums.moment.cwiseProduct(a).sum())};
    });
    return result;
  }

  // δ r×d of (H + μ h̄ I) δ = g for several μ from one set of sums.
  class Equations {
   public:
    Equations(const HeadProjection& head, const Projected& now) : head_(head), now_(now), map_(of_z(now.link)) {
      const Index size = now.link.U.size();
      direct_ = size <= head.options_.direct;
      if (direct_) {
        sums_ = gauss_newton_sums(head.rows_, head.linear_, now.link.U, map_, now.a, head.context_);
        mean_diagonal_ = sums_.H.diagonal().mean();
        return;
      }
      gradient_ = gauss_newton_gradient(head.rows_, head.linear_, now.link.U, map_, now.a, head.context_);
      // tr H = (1/n) Σ w ‖D‖²‖x‖², estimated by one product: δᵀHδ/δᵀδ at the gradient would be too large a share of the
      // spectrum, at U itself it is in the middle.
      const Matrix along = product(now.link.U);
      mean_diagonal_ = now.link.U.cwiseProduct(along).sum() / now.link.U.squaredNorm();
    }

    [[nodiscard]] Matrix solve(double mu) const {
      const Index r = now_.link.U.rows();
      const Index d = now_.link.U.cols();
      const double shift = mu * std::max(mean_diagonal_, 1e-300);
      if (direct_) {
        return from_first_rank(head_.context_, [&]() -> Matrix {
          Matrix H = sums_.H;
          H.diagonal().array() += shift;
          const auto factor = linalg::Cholesky::of(std::move(H), "polish");
          if (!factor) return Matrix::Zero(r, d);  // a larger μ will do
          const Matrix delta = factor->solve(sums_.g);
          return Eigen::Map<const Matrix>(delta.data(), r, d);
        });
      }
      // Conjugate gradients (Hestenes and Stiefel 1952).
      Matrix delta = Matrix::Zero(r, d);
      Matrix residual = gradient_;
      Matrix direction = residual;
      double square = residual.squaredNorm();
      const double enough = 1e-4 * square;  // a Gauss–Newton step need not be exact
      for (int i = 0; i < 60 && square > enough; ++i) {
        const Matrix image = product(direction) + shift * direction;
        const double step = square / direction.cwiseProduct(image).sum();
        delta += step * direction;
        residual -= step * image;
        const double next = residual.squaredNorm();
        direction = residual + next / square * direction;
        square = next;
      }
      return delta;
    }

   private:
    [[nodiscard]] Matrix product(const Matrix& delta) const {
      return gauss_newton_product(head_.rows_, now_.link.U, map_, now_.a, delta, head_.context_);
    }

    const HeadProjection& head_;
    const Projected& now_;
    HermiteFeatures map_;
    bool direct_ = true;
    GaussNewtonSums sums_;
    Matrix gradient_;
    double mean_diagonal_ = 0;
  };

  [[nodiscard]] double floor() const { return 1e-13 * residual_; }

 private:
  const RowSource& rows_;
  const Moments& of_rows_;
  const LinearPart& linear_;
  const PolishOptions& options_;
  const Context& context_;
  double residual_;
};

double validated(const Projected& model, const RowSource& rows, const RowSource& held_out, const LinearPart& linear,
                 const Context& context) {
  std::vector<Index> targets(static_cast<std::size_t>(model.a.cols()));
  for (std::size_t t = 0; t < targets.size(); ++t) targets[t] = static_cast<Index>(t);
  return risks(held_out, linear, bounded(model.link, rows, context), model.a, targets, context).square.sum();
}

}  // namespace

void PolishOptions::check() const {
  const auto refuse = [](const char* field, auto value, const char* rule) {
    throw InvalidArgument(fmt::format("{}: {} given, expected {}", field, value, rule));
  };
  if (degree < 1 || degree > 30) refuse("degree", degree, "a whole number from 1 to 30");
  if (!(ridge > 0 && std::isfinite(ridge))) refuse("ridge", ridge, "a number above 0");
  if (steps < 0) refuse("steps", steps, "at least 0");
  if (!(tolerance >= 0)) refuse("tolerance", tolerance, "a number of at least 0");
}

Polished polish(const RowSource& rows, const Moments& of_rows, const LinearPart& linear, const Matrix& U,
                const PolishOptions& options, const Context& context, const RowSource* held_out) {
  options.check();
  const HeadProjection head(rows, of_rows, linear, options, context);
  Projected now = head.at(U);
  if (std::isinf(now.objective)) throw NumericalError("polish: the link's equations are not positive definite");
  const double not_validated = std::numeric_limits<double>::quiet_NaN();
  const auto validation = [&](const Projected& model) {
    return held_out != nullptr ? validated(model, rows, *held_out, linear, context) : not_validated;
  };

  Polished result;
  Projected best = now;
  double least = validation(now);
  double mu = 1e-2;
  while (static_cast<Index>(result.trace.size()) < options.steps && !result.converged) {
    const HeadProjection::Equations equations(head, now);
    Projected next;
    for (int attempt = 0; attempt < 6 && !(next.objective < now.objective); ++attempt) {
      if (attempt > 0) mu *= 4;
      next = head.at(now.link.U + equations.solve(mu));
    }
    if (!(next.objective < now.objective)) {
      result.converged = true;
      break;
    }
    result.converged =
        now.objective - next.objective <= options.tolerance * now.objective || next.objective <= head.floor();
    PolishStep step{next.objective, mu, 0.0, validation(next)};
    step.angle = principal_angles(now.link.U, next.link.U).maxCoeff();
    now = std::move(next);
    mu = std::max(mu / 5, 1e-7);
    result.trace.push_back(step);
    if (held_out == nullptr || clearly_less(step.validation, least)) {
      least = step.validation;
      best = now;
      result.best_step = static_cast<Index>(result.trace.size());
    }
  }
  result.link = bounded(std::move(best.link), rows, context);
  result.a = std::move(best.a);
  result.objective = best.objective;
  return result;
}

namespace {

// Σ̂^{-1/2}, held away from the inverse of noise: d/n of the mean eigenvalue is what chance alone moves them by.
Matrix held_root(const linalg::SymmetricEigen& covariance, double n) {
  const Vector s = covariance.values.cwiseMax(0.0);
  const double held = std::max(1e-6, 0.1 * static_cast<double>(s.size()) / n) * std::max(s.mean(), 1e-300);
  return covariance.vectors * (s.array() + held).rsqrt().matrix().asDiagonal() * covariance.vectors.transpose();
}

// `spectral`: of each transform, the spectral moments of each target.
std::vector<Matrix> starts_from(const Moments& of_rows, const std::array<const std::vector<Matrix>*, 2>& spectral,
                                Index r, Index tries) {
  const Index d = of_rows.x_mean.size();
  r = std::min(r, d);
  const auto eigen = linalg::symmetric_eigen(of_rows.xx, "discover");
  const Matrix root = held_root(eigen, of_rows.n);

  // Leading directions of the linear relation, one per target at most.
  const Matrix B = root * of_rows.xy;
  const auto linear_eigen = linalg::symmetric_eigen(B.transpose() * B, "discover");
  const Index lines =
      std::min<Index>(r, (linear_eigen.values.array() > 1e-12 * linear_eigen.values.cwiseAbs().maxCoeff()).count());
  const Matrix along = (root * B * linear_eigen.vectors.rightCols(lines).rowwise().reverse()).transpose();

  std::vector<Matrix> starts;
  // Those that vary over the rows: with collinear inputs an eigenvector may lie in what is constant.
  const double least = 1e-12 * of_rows.xx.trace();
  const auto add = [&](const Matrix& U) {
    if ((U * of_rows.xx * U.transpose()).trace() > least * U.squaredNorm()) starts.push_back(U);
  };
  if (lines > 0) add(along);
  for (const std::vector<Matrix>* moments : spectral) {
    Matrix sum = Matrix::Zero(d, d);
    for (const Matrix& M : *moments) {
      const auto found = linalg::symmetric_eigen(root * M * root, "discover");
      sum += found.vectors * found.values.cwiseAbs().asDiagonal() * found.vectors.transpose();
    }
    const auto found = linalg::symmetric_eigen(sum, "discover");
    const auto leading = [&](Index first, Index count) -> Matrix {
      Matrix U(count, d);
      for (Index i = 0; i < count; ++i) U.row(i) = (root * found.vectors.col(d - 1 - first - i)).transpose();
      return U;
    };
    if (r == 1) {
      for (Index i = 0; i < std::min(tries, d); ++i) add(leading(i, 1));
      continue;
    }
    add(leading(0, r));
    if (lines == 0 || lines >= r) continue;
    Matrix both(r, d);
    both << along, leading(0, r - lines);
    add(both);
  }
  if (starts.empty()) add(eigen.vectors.rightCols(r).transpose());  // nothing to go by
  return starts;
}

}  // namespace

std::vector<Matrix> discovered_starts(const RowSource& rows, const Moments& of_rows, const LinearPart& linear, Index r,
                                      Index tries, const Context& context) {
  using enum LabelTransform;
  const std::vector<Matrix> by_size = spectral_moments(rows, linear, of_rows, clipped, context);
  const std::vector<Matrix> by_magnitude = spectral_moments(rows, linear, of_rows, magnitude, context);
  return from_first_rank(context, [&] { return starts_from(of_rows, {&by_size, &by_magnitude}, r, tries); });
}

namespace {

constexpr Index most_conditions = 8;  // pairs of a target and a φ

// Of what a link leaves: moments for given z, on whitened inputs.
struct ConditionalMoments {
  std::vector<Matrix> first;   // per target P×d: mean r φ x
  std::vector<Matrix> second;  // of some targets and φ d×d: mean r φ (xxᵀ − I)
};

ConditionalMoments conditional_moments(const RowSource& rows, const Moments& of_rows, const LinearPart& linear,
                                       const Polished& polished, const Matrix& root, const Context& context) {
  constexpr int most_degree = 3;       // of more, the noise of many products would hide what few have to say
  constexpr double deviations = 3;     // of what is left
  constexpr double most_factor = 2.5;  // of a product
  HermiteFeatures products = polished.link;
  products.degree = std::min(products.degree, most_degree);
  const Index P = products.width();
  const Index k = rows.targets();
  const Index asked = std::min(k, most_conditions);  // the first targets
  const Index conditions = std::min(P, most_conditions / asked);
  const double scale = std::sqrt(polished.objective / static_cast<double>(k));
  ConditionalMoments result{std::vector<Matrix>(static_cast<std::size_t>(k), Matrix::Zero(P, rows.inputs())), {}};
  std::vector<double> sums(static_cast<std::size_t>(asked * conditions), 0.0);
  result.second.assign(sums.size(), Matrix::Zero(rows.inputs(), rows.inputs()));
  Block block;
  for (Index first = 0; first < rows.rows(); first += context.block_rows) {
    rows.read(first, std::min(context.block_rows, rows.rows() - first), block);
    Matrix R = block.Y - linear(block.X);
    add_outputs(polished.link, block.X, polished.a, -1.0, R);
    Matrix Phi(block.rows(), P);
    features(products, block.X, Phi);
    Phi = Phi.cwiseMin(most_factor).cwiseMax(-most_factor).eval();
    const Matrix Z = (block.X.rowwise() - of_rows.x_mean.transpose()) * root;
    for (Index t = 0; t < k; ++t) {
      const Vector r = block.w.cwiseProduct(R.col(t).cwiseMin(deviations * scale).cwiseMax(-deviations * scale));
      linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0 / of_rows.n, r.asDiagonal() * Phi, Z, 1.0,
                   result.first[static_cast<std::size_t>(t)]);
      for (Index p = 0; p < conditions && t < asked; ++p) {
        const Vector q = r.cwiseProduct(Phi.col(p)) / of_rows.n;
        const auto at = static_cast<std::size_t>(t * conditions + p);
        sums[at] += q.sum();
        linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0, q.asDiagonal() * Z, Z, 1.0, result.second[at]);
      }
    }
  }
  for (std::size_t at = 0; at < sums.size(); ++at) result.second[at].diagonal().array() -= sums[at];
  return result;
}

}  // namespace

double interaction_cost(Index rows, Index inputs) {
  constexpr double eigenvectors = 4;  // of a d×d matrix, times d³
  const auto d = static_cast<double>(inputs);
  return static_cast<double>(most_conditions + 1) * (static_cast<double>(rows) + eigenvectors * d) * d * d;
}

std::vector<Matrix> interacting_starts(const RowSource& rows, const Moments& of_rows, const LinearPart& linear,
                                       const Polished& polished, Index count, const Context& context) {
  return from_first_rank(context, [&] {
    const auto covariance = linalg::symmetric_eigen(of_rows.xx, "discover");
    const Matrix root = held_root(covariance, of_rows.n);
    const ConditionalMoments of_rest = conditional_moments(rows, of_rows, linear, polished, root, context);
    // The link's own directions, whitened: W = UΣ̂^{1/2}, orthonormal as UΣ̂Uᵀ = I.
    const Matrix W = polished.link.U * covariance.vectors * covariance.values.cwiseMax(0.0).cwiseSqrt().asDiagonal() *
                     covariance.vectors.transpose();
    const Index d = W.cols();
    const Matrix beside = Matrix::Identity(d, d) - W.transpose() * W;
    std::vector<Matrix> starts;
    const auto add = [&](const Matrix& M) {
      const auto found = linalg::symmetric_eigen(beside * M * beside, "discover");
      std::vector<double> size;
      for (const double value : found.values) size.push_back(-std::abs(value));
      const std::vector<std::size_t> order = order_with_ties(size);
      Matrix U(std::min(count, d), d);
      for (Index i = 0; i < U.rows(); ++i)
        U.row(i) = (root * found.vectors.col(static_cast<Index>(order[static_cast<std::size_t>(i)]))).transpose();
      starts.push_back(std::move(U));
    };
    Matrix sum = Matrix::Zero(d, d);
    for (const Matrix& G : of_rest.first) linalg::gemm(linalg::Op::transpose, linalg::Op::none, 1.0, G, G, 1.0, sum);
    add(sum);
    for (const Matrix& M : of_rest.second) add(M);
    return starts;
  });
}

}  // namespace sextant
