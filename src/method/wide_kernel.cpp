#include "method/wide_kernel.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/linalg.h"
#include "core/ties.h"

namespace sextant {
namespace {

// The median of ‖u − u'‖² over pairs of at most 256 rows that differ; 1 where none do.
double median_square(const Matrix& U) {
  const Index stride = std::max<Index>(1, U.rows() / 256);
  std::vector<double> squares;
  for (Index i = 0; i < U.rows(); i += stride)
    for (Index j = i + stride; j < U.rows(); j += stride)
      if (const double square = (U.row(i) - U.row(j)).squaredNorm(); square > 0) squares.push_back(square);
  if (squares.empty()) return 1;
  const auto middle = squares.begin() + static_cast<std::ptrdiff_t>(squares.size() / 2);
  std::nth_element(squares.begin(), middle, squares.end());
  return *middle;
}

const std::vector<double>& penalties() {
  static const std::vector<double> all = powers_of_ten(-6, 3, 0.5);
  return all;
}

}  // namespace

KernelOnRows::KernelOnRows(const Matrix& U, const Vector& w, double exponent, double b, std::optional<double> median) {
  constexpr double dropped = 1e-12;
  kernel_.kind = KernelKind::exponential;
  kernel_.exponent = exponent;
  kernel_.bandwidth = std::sqrt(b * median.value_or(median_square(U)));
  const Index n = U.rows();
  if (n <= most_kernel_centres) {
    centres_ = U;
    centre_rows_.resize(static_cast<std::size_t>(n));
    std::iota(centre_rows_.begin(), centre_rows_.end(), Index{0});
    Matrix K(n, n);
    kernel_matrix(kernel_, U, U, K);
    const Vector mean = K * w;
    const Vector root = w.cwiseSqrt();
    Matrix centred = K;
    centred.colwise() -= mean;
    centred.rowwise() -= (mean.array() - w.dot(mean)).matrix().transpose();
    const auto eigen = linalg::symmetric_eigen(root.asDiagonal() * centred * root.asDiagonal(), "kernel");
    const Index kept = std::max<Index>(1, (eigen.values.array() > dropped * eigen.values[n - 1]).count());
    const Vector s = eigen.values.tail(kept).cwiseMax(1e-300);
    const Matrix Q = eigen.vectors.rightCols(kept);
    ridge_.emplace(root.cwiseInverse().asDiagonal() * Q * s.cwiseSqrt().asDiagonal(), s, w);
    to_centres_ = root.asDiagonal() * Q * s.cwiseSqrt().cwiseInverse().asDiagonal();
    to_centres_ -= w * to_centres_.colwise().sum();
    offset_ = to_centres_.transpose() * mean;
    return;
  }
  for (Index i = 0; i < most_kernel_centres; ++i) centre_rows_.push_back(i * n / most_kernel_centres);
  centres_ = U(centre_rows_, Eigen::all);
  Matrix K_mm(centres_.rows(), centres_.rows());
  kernel_matrix(kernel_, centres_, centres_, K_mm);
  const auto eigen = linalg::symmetric_eigen(K_mm, "kernel");
  const Index m = eigen.values.size();
  const Index kept = (eigen.values.array() > dropped * eigen.values[m - 1]).count();
  const Matrix T = eigen.vectors.rightCols(kept) * eigen.values.tail(kept).cwiseSqrt().cwiseInverse().asDiagonal();
  Matrix K(n, m);
  kernel_matrix(kernel_, U, centres_, K);
  Matrix Phi(n, kept);
  linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, K, T, 0.0, Phi);
  const Vector mean = Phi.transpose() * w;
  Phi.rowwise() -= mean.transpose();
  ridge_.emplace(Phi, w);
  to_centres_ = T;
  offset_ = mean;
}

LeftOut KernelOnRows::best(const Vector& y) const {
  LeftOut found = ridge_->best(y, penalties());
  found.head = ridge_->of_features(found.head);
  return found;
}

KernelOnRows::Head KernelOnRows::head(const Vector& of_features) const {
  return {to_centres_ * of_features, -offset_.dot(of_features)};
}

KernelFit best_kernel(const Matrix& U, const Matrix& Y, const Vector& w, const KernelGrid& grid) {
  const double median = median_square(U);
  std::optional<KernelFit> best;
  for (const double exponent : grid.exponents)
    for (const double b : grid.b) {
      KernelFit fit{KernelOnRows(U, w, exponent, b, median), {}, 0};
      for (Index t = 0; t < Y.cols(); ++t) {
        fit.of_target.push_back(fit.rows.best(Y.col(t)));
        fit.error += fit.of_target.back().error / std::max(1e-300, w.dot(Y.col(t).cwiseAbs2()));
      }
      if (!best || clearly_less(fit.error, best->error)) best = std::move(fit);
    }
  return *std::move(best);
}

Matrix kernel_outer_product(const KernelFit& fit, const Matrix& U, const Vector& w) {
  Matrix M = Matrix::Zero(U.cols(), U.cols());
  Matrix G(U.rows(), U.cols());
  for (const LeftOut& each : fit.of_target) {
    kernel_gradient(fit.rows.kernel(), U, fit.rows.centres(), fit.rows.head(each.head).a, G);
    G = (w.cwiseSqrt().asDiagonal() * G).eval();
    linalg::syrk_upper(1.0, G, 1.0, M);
  }
  linalg::mirror_upper(M);
  return M;
}

Matrix next_coordinates(const Matrix& M, Index most) {
  constexpr double blend = 1e-4;
  constexpr double least = 1e-3;
  const Index q = M.rows();
  Matrix blended = M;
  blended.diagonal().array() += blend * M.trace() / static_cast<double>(q);
  const auto eigen = linalg::symmetric_eigen(std::move(blended), "coordinates");
  const Vector e = eigen.values.reverse() / std::max(1e-300, eigen.values[q - 1]);
  const Index kept = std::clamp<Index>((e.array() > least).count(), 1, most);
  return e.head(kept).cwiseMax(0.0).cwiseSqrt().asDiagonal() *
         eigen.vectors.rowwise().reverse().leftCols(kept).transpose();
}

double best_kernel_cost(Index rows, Index coordinates, std::size_t settings) {
  const auto n = static_cast<double>(rows);
  const auto m = static_cast<double>(std::min(rows, most_kernel_centres));
  return static_cast<double>(settings) *
         (n * m * (static_cast<double>(coordinates) + 40) + 4 * m * m * m * (rows > most_kernel_centres ? 2 : 1) +
          (rows > most_kernel_centres ? n * m * m : 0));
}

}  // namespace sextant
