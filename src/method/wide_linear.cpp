#include "method/wide_linear.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/linalg.h"
#include "core/ties.h"
#include "passes/executor.h"
#include "sextant/linear_fit.h"

namespace sextant {
namespace {

// 1/(Λ + ε); of ε = 0 the pseudo-inverse.
Vector filter(const Vector& values, double epsilon) {
  constexpr double dropped = 1e-10;
  if (std::isinf(epsilon)) return Vector::Zero(values.size());
  const double floor = values.size() > 0 ? dropped * values[0] : 0.0;
  return (values.array() > floor).select((values.array() + epsilon).inverse(), 0.0);
}

}  // namespace

LinearPart fit_linear(const WideRows& rows, const Vector& epsilon) {
  const Vector root = rows.w.cwiseSqrt();
  const Matrix c = rows.Q.transpose() * (root.asDiagonal() * rows.Y);
  Matrix alpha(rows.rows(), rows.targets());
  for (Index t = 0; t < rows.targets(); ++t)
    alpha.col(t) = root.asDiagonal() * (rows.Q * filter(rows.values, epsilon[t]).cwiseProduct(c.col(t)));
  LinearPart linear{rows.y_mean, rows.to_inputs(alpha)};
  linear.alpha -= linear.beta.transpose() * rows.x_mean;
  return linear;
}

Matrix linear_risks(const WideRows& train, const RowSource& held_out, const Context& context) {
  const auto& grid = epsilon_grid();
  const Index k = train.targets();
  const Vector root = train.w.cwiseSqrt();
  const Matrix c = train.Q.transpose() * (root.asDiagonal() * train.Y);  // r×k
  Matrix sum = Matrix::Zero(static_cast<Index>(grid.size()), k);
  const double n = read_blocks(held_out, context, "validation", [&](Block& block, Index) {
    const Matrix X = block.X.rowwise() - train.x_mean.transpose();
    Matrix pairs(X.rows(), train.rows());
    linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, X, train.Xt, 0.0, pairs);
    const Matrix C = pairs * root.asDiagonal() * train.Q;  // n_h×r
    const Matrix Y = block.Y.rowwise() - train.y_mean.transpose();
    for (Index e = 0; e < sum.rows(); ++e) {
      const Vector by = filter(train.values, grid[static_cast<std::size_t>(e)]);
      const Matrix error = Y - C * (by.asDiagonal() * c);
      sum.row(e) += block.w.transpose() * error.cwiseAbs2();
    }
  });
  return sum / n;
}

LooRidge::LooRidge(const Matrix& Phi, const Vector& w) : w_(w) {
  constexpr double dropped = 1e-12;
  Matrix M(Phi.cols(), Phi.cols());
  linalg::syrk_upper(1.0, w.cwiseSqrt().asDiagonal() * Phi, 0.0, M);
  auto eigen = linalg::symmetric_eigen(std::move(M), "features");
  const Index p = eigen.values.size();
  const Index kept = p == 0 ? 0 : (eigen.values.array() > dropped * eigen.values[p - 1]).count();
  s_ = eigen.values.tail(kept);
  V_ = eigen.vectors.rightCols(kept);
  Psi_.resize(Phi.rows(), kept);
  linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, Phi, V_, 0.0, Psi_);
}

LeftOut LooRidge::best(const Vector& y, const std::vector<double>& relative) const {
  constexpr double least_left = 1e-6;
  const auto n = static_cast<double>(w_.size());
  const Vector c = Psi_.transpose() * w_.cwiseProduct(y);
  const Matrix square = Psi_.cwiseAbs2();
  LeftOut best;
  best.error = std::numeric_limits<double>::infinity();
  best.head = Vector::Zero(s_.size());
  best.r = y;
  for (std::size_t at = relative.size(); at-- > 0;) {
    const double lambda = relative[at] * std::max(1e-300, s_.sum() / n);
    const Vector by = (s_.array() + lambda).inverse();
    const Vector head = by.cwiseProduct(c);
    const Vector left = 1 - w_.array() * (1 + (square * by).array());
    const Vector r = (y - Psi_ * head).cwiseQuotient(left.cwiseMax(least_left));
    const double error = w_.dot(r.cwiseAbs2());
    if (!clearly_less(error, best.error)) continue;
    best = {lambda, error, head, r};
  }
  return best;
}

Vector LooRidge::of_features(const Vector& head) const { return V_.size() > 0 ? Vector(V_ * head) : head; }

std::vector<double> powers_of_ten(double from, double to, double step) {
  std::vector<double> powers;
  for (Index i = 0; from + static_cast<double>(i) * step <= to + 1e-9; ++i)
    powers.push_back(std::pow(10.0, from + static_cast<double>(i) * step));
  return powers;
}

}  // namespace sextant
