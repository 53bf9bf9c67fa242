#include "sextant/linear_fit.h"

#include <cmath>

#include "core/linalg.h"

namespace sextant {
namespace {

constexpr double dropped = 1e-10;  // of the largest eigenvalue of Σ̂

// Σ̂ = V diag(s) Vᵀ and the cross moments in that basis.
struct LeastSquares {
  Vector s;
  Matrix V;
  Matrix c;  // Vᵀ Σ_xy, d×k

  explicit LeastSquares(const Moments& train) {
    auto eigen = linalg::symmetric_eigen(train.xx, "linear fit");
    s = eigen.values;
    V = std::move(eigen.vectors);
    c = V.transpose() * train.xy;
  }

  // Eigenvalues from here on count.
  [[nodiscard]] double floor() const { return s.size() == 0 ? 0.0 : dropped * std::max(0.0, s[s.size() - 1]); }

  [[nodiscard]] Vector beta(double epsilon, Index target) const {
    Vector filtered(s.size());
    for (Index i = 0; i < s.size(); ++i) filtered[i] = s[i] > floor() ? c(i, target) / (s[i] + epsilon) : 0.0;
    return V * filtered;
  }
};

}  // namespace

const std::vector<double>& epsilon_grid() {
  static const std::vector<double> grid = [] {
    std::vector<double> values = lambda_grid();
    values.insert(values.begin(), 0.0);
    return values;
  }();
  return grid;
}

LinearPart fit_linear(const Moments& train, Preprocess preprocess, const Vector& epsilon) {
  const Index d = train.x_mean.size();
  const Index k = train.y_mean.size();
  LinearPart linear = LinearPart::zero(d, k);
  if (preprocess == Preprocess::none) return linear;
  if (preprocess == Preprocess::correlation) {
    linear.alpha = train.y_mean;
    linear.beta = train.xy + train.x_mean * train.y_mean.transpose();
    return linear;
  }
  const LeastSquares least_squares(train);
  for (Index t = 0; t < k; ++t) linear.beta.col(t) = least_squares.beta(epsilon[t], t);
  linear.alpha = train.y_mean - linear.beta.transpose() * train.x_mean;
  return linear;
}

Vector step_epsilon(const Moments& train, const Vector& epsilon) {
  const LeastSquares least_squares(train);
  const double p = static_cast<double>((least_squares.s.array() > least_squares.floor()).count());
  const double n = train.n;
  Vector result = epsilon;
  if (n < 6 * p) return result;
  for (Index t = 0; t < result.size(); ++t) {
    const double explained = least_squares.beta(0.0, t).dot(train.xy.col(t));
    if (explained <= 3 * p / n * train.yy(t, t)) result[t] = 0.0;
  }
  return result;
}

Matrix linear_risks(const Moments& train, const Moments& validation) {
  const Index k = train.y_mean.size();
  const LeastSquares least_squares(train);
  const auto& grid = epsilon_grid();
  Matrix risks(static_cast<Index>(grid.size()), k);
  for (Index e = 0; e < risks.rows(); ++e) {
    for (Index t = 0; t < k; ++t) {
      const Vector beta = least_squares.beta(grid[static_cast<std::size_t>(e)], t);
      // Variance of y − βᵀx over the validation rows, and its mean against the training rows'.
      const double variance =
          validation.yy(t, t) - 2.0 * beta.dot(validation.xy.col(t)) + beta.dot(validation.xx * beta);
      const double bias = validation.y_mean[t] - train.y_mean[t] - beta.dot(validation.x_mean - train.x_mean);
      risks(e, t) = std::max(0.0, variance) + bias * bias;
    }
  }
  return risks;
}

Vector mean_risk(const Moments& train, const Moments& validation) {
  return validation.yy.diagonal() + (validation.y_mean - train.y_mean).cwiseAbs2();
}

}  // namespace sextant
