#include "sextant/class_probabilities.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "sextant/error.h"

namespace sextant {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// log log(1 + exp(u)): u as u → −∞, log u as u → ∞.
double log_softplus(double u) {
  if (u < -36) return u;  // log(1 + e) = e up to rounding
  return std::log(u > 36 ? u : std::log1p(std::exp(u)));
}

// ℓ(f), n×k. Outputs of absurd size are cut, so that their differences stay finite.
Matrix logits(double softness, const Matrix& F) {
  constexpr double most = 1e100;
  const Matrix f = F.cwiseMax(-most).cwiseMin(most);
  if (std::isinf(softness)) return f;
  return (f / softness).unaryExpr([](double u) { return log_softplus(u); });
}

// log Σ_c exp(row_c)
double log_sum_exp(const Eigen::Ref<const Eigen::RowVectorXd>& row) {
  const double top = row.maxCoeff();
  return top + std::log((row.array() - top).exp().sum());
}

// Mean log-loss as a function of β = 1/T, and its first two derivatives: the mean over rows of
// log Σ_c exp(βℓ_c) − βy·ℓ,   p·ℓ − y·ℓ   and   p·ℓ² − (p·ℓ)².
struct Loss {
  double value = 0;
  double slope = 0;
  double curvature = 0;
};

Loss loss_at(double beta, const Matrix& L, const Matrix& Y, const Vector& w) {
  Loss sum;
  Eigen::RowVectorXd p(L.cols());
  for (Index i = 0; i < L.rows(); ++i) {
    if (!(w[i] > 0)) continue;
    const double top = beta * L.row(i).maxCoeff();
    p = (beta * L.row(i).array() - top).exp();
    const double total = p.sum();
    p /= total;
    const double own = Y.row(i).dot(L.row(i));
    const double mean = p.dot(L.row(i));
    sum.value += w[i] * (top + std::log(total) - beta * own);
    sum.slope += w[i] * (mean - own);
    sum.curvature += w[i] * p.dot((L.row(i).array() - mean).square().matrix());
  }
  const double n = w.sum();
  return {sum.value / n, sum.slope / n, sum.curvature / n};
}

// The β with the least loss: where the slope, which ascends, crosses 0.
double best_beta(const Matrix& L, const Matrix& Y, const Vector& w) {
  double low = 1e-3;
  double high = 1e3;
  double beta = 1;
  for (int step = 0; step < 100; ++step) {
    const Loss at = loss_at(beta, L, Y, w);
    if (step == 0 && at.slope == 0 && at.curvature == 0) return 1;  // outputs are equal in every row
    (at.slope > 0 ? high : low) = beta;
    double next = beta - at.slope / at.curvature;
    // Every third step halves the bracket, so that it ends whatever the curvature.
    if (step % 3 == 2 || !(next > low && next < high)) next = std::sqrt(low * high);
    const bool settled = std::abs(next - beta) <= 1e-9 * beta;
    beta = next;
    if (settled || high <= (1 + 1e-9) * low) break;
  }
  return beta;
}

Index largest(const Matrix& P, Index row) {
  Index at = 0;
  P.row(row).maxCoeff(&at);
  return at;
}

}  // namespace

Matrix log_probabilities(const ClassLink& link, const Matrix& F) {
  Matrix L = logits(link.softness, F) / link.temperature;
  for (Index i = 0; i < L.rows(); ++i) {
    const double top = L.row(i).maxCoeff();  // first, so that differences stay finite
    L.row(i).array() -= top;
    L.row(i).array() -= log_sum_exp(L.row(i));
  }
  return L;
}

Matrix probabilities(const ClassLink& link, const Matrix& F) {
  Matrix P = log_probabilities(link, F).array().exp();
  for (Index i = 0; i < P.rows(); ++i) P.row(i) /= P.row(i).sum();
  return P;
}

ClassLink calibrate(const HeldOut& held_out) {
  const Index k = held_out.F.cols();
  const auto n = static_cast<double>((held_out.w.array() > 0).count());
  if (k < 2 || n == 0) throw DataError("calibrate: no held-out row, or fewer than 2 classes, expected some of each");
  const double others = 1 / (n + 2);
  const Matrix Y =
      held_out.Y.unaryExpr([&](double y) { return y * (1 - others) + (1 - y) * others / static_cast<double>(k - 1); });
  ClassLink best;
  double least = infinity;
  for (const double softness : std::array{infinity, 0.2, 0.1, 0.05, 0.02, 0.005, 0.001}) {
    const Matrix L = logits(softness, held_out.F);
    const double beta = best_beta(L, Y, held_out.w);
    const double loss = loss_at(beta, L, Y, held_out.w).value;
    if (!(loss < (1 - 1e-7) * least) && std::isfinite(least)) continue;  // ties, and what rounding makes, to the larger
    least = loss;
    best = {1 / beta, softness};
  }
  return best;
}

ClassScores class_scores(const Matrix& log_p, const Matrix& Y, const Vector& w) {
  ClassScoreSum sum;
  sum.add(log_p, Y, w);
  return sum.scores();
}

void ClassScoreSum::add(const Matrix& log_p, const Matrix& Y, const Vector& w) {
  for (Index i = 0; i < log_p.rows(); ++i) {
    if (!(w[i] > 0)) continue;
    const Index own = largest(Y, i);
    ++n;
    weight += w[i];
    if (largest(log_p, i) == own) right += w[i];
    loss -= w[i] * log_p(i, own);
  }
}

ClassScores ClassScoreSum::scores() const {
  if (n == 0) throw DataError("data: no row is left, expected at least one with a positive weight");
  return {n, right / weight, loss / weight};
}

}  // namespace sextant
