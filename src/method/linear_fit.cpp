#include "sextant/linear_fit.h"

#include <cmath>
#include <optional>
#include <utility>

#include "core/linalg.h"

namespace sextant {
namespace {

constexpr double dropped = 1e-10;  // of the largest eigenvalue of Σ̂

// (Σ̂ + εI)⁻¹ Σ_xy for as many ε as wanted. Eigenvectors cost many times what a Cholesky factor and a band form do, and
// are needed only where Σ̂ may have eigenvalues to drop.
class LeastSquares {
 public:
  explicit LeastSquares(const Moments& train) : train_(train) {
    if (auto factor = linalg::Cholesky::of(train.xx, what);
        factor && factor->reciprocal_condition() > far_from_singular)
      factor_ = std::move(factor);
    else
      spectrum_.emplace(train);
  }

  // Eigenvalues that count.
  [[nodiscard]] Index rank() const {
    return spectrum_ ? (spectrum_->s.array() > spectrum_->floor()).count() : train_.xx.rows();
  }

  // d×k.
  [[nodiscard]] Matrix beta(double epsilon) {
    if (spectrum_) return spectrum_->beta(epsilon);
    if (std::isinf(epsilon)) return Matrix::Zero(train_.xy.rows(), train_.xy.cols());
    if (epsilon == 0) return factor_->solve(train_.xy);
    if (!band_) {
      band_.emplace(train_.xx, what);
      rotated_ = band_->rotate(train_.xy);
    }
    return band_->rotate_back(band_->solve(epsilon, rotated_).value());
  }

 private:
  static constexpr const char* what = "linear fit";
  // Of the reciprocal condition number in the 1-norm, which is at most that of eigenvalues.
  static constexpr double far_from_singular = 1e-8;

  // Σ̂ = V diag(s) Vᵀ and the cross moments in that basis.
  struct Spectrum {
    Vector s;
    Matrix V;
    Matrix c;  // Vᵀ Σ_xy, d×k

    explicit Spectrum(const Moments& train) {
      auto eigen = linalg::symmetric_eigen(train.xx, what);
      s = eigen.values;
      V = std::move(eigen.vectors);
      c = V.transpose() * train.xy;
    }
    // Eigenvalues from here on count.
    [[nodiscard]] double floor() const { return s.size() == 0 ? 0.0 : dropped * std::max(0.0, s[s.size() - 1]); }
    [[nodiscard]] Matrix beta(double epsilon) const {
      const Vector filter = (s.array() > floor()).select((s.array() + epsilon).inverse(), 0.0);
      return V * (filter.asDiagonal() * c);
    }
  };

  const Moments& train_;
  std::optional<linalg::Cholesky> factor_;  // this
  std::optional<Spectrum> spectrum_;        // or this
  std::optional<linalg::BandForm> band_;
  Matrix rotated_;  // Σ_xy in the band form's basis
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
  LeastSquares least_squares(train);
  Matrix of_epsilon;
  for (Index t = 0; t < k; ++t) {
    if (t == 0 || epsilon[t] != epsilon[t - 1]) of_epsilon = least_squares.beta(epsilon[t]);
    linear.beta.col(t) = of_epsilon.col(t);
  }
  linear.alpha = train.y_mean - linear.beta.transpose() * train.x_mean;
  return linear;
}

Vector step_epsilon(const Moments& train, const Vector& epsilon) {
  LeastSquares least_squares(train);
  const double p = static_cast<double>(least_squares.rank());
  const double n = train.n;
  Vector result = epsilon;
  if (n < 6 * p) return result;
  const Matrix beta = least_squares.beta(0.0);
  for (Index t = 0; t < result.size(); ++t) {
    const double explained = beta.col(t).dot(train.xy.col(t));
    if (explained <= 3 * p / n * train.yy(t, t)) result[t] = 0.0;
  }
  return result;
}

Matrix linear_risks(const Moments& train, const Moments& validation) {
  const Index k = train.y_mean.size();
  LeastSquares least_squares(train);
  const auto& grid = epsilon_grid();
  Matrix risks(static_cast<Index>(grid.size()), k);
  for (Index e = 0; e < risks.rows(); ++e) {
    const Matrix beta = least_squares.beta(grid[static_cast<std::size_t>(e)]);
    const Matrix held_out = validation.xx * beta;
    for (Index t = 0; t < k; ++t) {
      // Variance of y − βᵀx over the validation rows, and its mean against the training rows'.
      const double variance =
          validation.yy(t, t) - 2.0 * beta.col(t).dot(validation.xy.col(t)) + beta.col(t).dot(held_out.col(t));
      const double bias = validation.y_mean[t] - train.y_mean[t] - beta.col(t).dot(validation.x_mean - train.x_mean);
      risks(e, t) = std::max(0.0, variance) + bias * bias;
    }
  }
  return risks;
}

Vector mean_risk(const Moments& train, const Moments& validation) {
  return validation.yy.diagonal() + (validation.y_mean - train.y_mean).cwiseAbs2();
}

}  // namespace sextant
