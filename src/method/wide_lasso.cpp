#include "method/wide_lasso.h"

#include <algorithm>
#include <cmath>

#include "core/ties.h"

namespace sextant {
namespace {

constexpr int penalties = 60;
constexpr double decades = 2.5;
constexpr double explained = 0.999;
constexpr double most_inputs = 0.8;  // of the rows
constexpr double tolerance = 1e-8;   // of the target's variance: what the largest step of a sweep may still gain
constexpr int most_sweeps = 400;

class Descent {
 public:
  Descent(const WideRows& rows, const Vector& y, double ratio)
      : rows_(rows), ratio_(ratio), beta_(Vector::Zero(rows.inputs())), wr_(rows.w.cwiseProduct(y)) {
    variance_ = y.dot(wr_);
    square_.resize(rows.inputs());
    for (Index j = 0; j < square_.size(); ++j) square_[j] = rows.Xt.row(j).cwiseAbs2().dot(rows.w);
    correlate();
    most_ = correlation_.size() > 0 ? correlation_.cwiseAbs().maxCoeff() / ratio : 0.0;
  }

  [[nodiscard]] double largest_penalty() const { return most_; }
  [[nodiscard]] const Vector& beta() const { return beta_; }
  // The share of the target's variance that is left.
  [[nodiscard]] double left() const {
    return variance_ > 0 ? wr_.cwiseAbs2().cwiseQuotient(rows_.w).sum() / variance_ : 0.0;
  }

  void solve(double lambda, double before) {
    // The strong rule: what lies below 2λ − λ_before is out, unless the optimality conditions say otherwise.
    std::vector<char> in(static_cast<std::size_t>(beta_.size()), 0);
    std::vector<Index> strong;
    for (Index j = 0; j < beta_.size(); ++j)
      if (beta_[j] != 0 || std::abs(correlation_[j]) >= ratio_ * (2 * lambda - before)) {
        in[static_cast<std::size_t>(j)] = 1;
        strong.push_back(j);
      }
    for (;;) {
      descend(strong, lambda);
      correlate();
      const std::size_t known = strong.size();
      for (Index j = 0; j < beta_.size(); ++j) {
        if (in[static_cast<std::size_t>(j)] || !(std::abs(correlation_[j]) > ratio_ * lambda * (1 + 1e-9))) continue;
        in[static_cast<std::size_t>(j)] = 1;
        strong.push_back(j);
      }
      if (strong.size() == known) return;
    }
  }

 private:
  void correlate() { correlation_.noalias() = rows_.Xt * wr_; }

  // The gain of the step, at least.
  double step(Index j, double lambda) {
    const auto x = rows_.Xt.row(j).transpose();
    const double z = x.dot(wr_) + square_[j] * beta_[j];
    const double size = std::abs(z) - ratio_ * lambda;
    const double curvature = square_[j] + (1 - ratio_) * lambda;
    const double next = size > 0 && curvature > 0 ? std::copysign(size / curvature, z) : 0.0;
    const double by = next - beta_[j];
    if (by == 0) return 0;
    wr_ -= by * x.cwiseProduct(rows_.w);
    beta_[j] = next;
    return curvature * by * by;
  }

  void descend(const std::vector<Index>& strong, double lambda) {
    // All strong inputs, then those that are not 0 until they hardly move, then all again.
    for (int sweep = 0; sweep < most_sweeps; ++sweep) {
      double gain = 0;
      std::vector<Index> active;
      for (const Index j : strong) {
        gain = std::max(gain, step(j, lambda));
        if (beta_[j] != 0) active.push_back(j);
      }
      if (gain <= tolerance * variance_) return;
      for (; sweep < most_sweeps; ++sweep) {
        double of_active = 0;
        for (const Index j : active) of_active = std::max(of_active, step(j, lambda));
        if (of_active <= tolerance * variance_) break;
      }
    }
  }

  const WideRows& rows_;
  double ratio_;
  Vector beta_;
  Vector wr_;  // w∘r
  Vector square_;
  Vector correlation_;
  double variance_ = 0;
  double most_ = 0;
};

SparseVector not_zero(const Vector& beta) {
  SparseVector some;
  for (Index j = 0; j < beta.size(); ++j)
    if (beta[j] != 0) some.emplace_back(j, beta[j]);
  return some;
}

}  // namespace

std::vector<Index> LassoPath::support(Index size) const {
  const SparseVector* found = &beta.back();
  for (const SparseVector& each : beta)
    if (static_cast<Index>(each.size()) >= size) {
      found = &each;
      break;
    }
  std::vector<double> sizes;
  for (const auto& [j, value] : *found) sizes.push_back(-std::abs(value));
  std::vector<Index> inputs;
  for (const std::size_t at : order_with_ties(sizes)) {
    if (static_cast<Index>(inputs.size()) == size) break;
    inputs.push_back((*found)[at].first);
  }
  return inputs;
}

const std::vector<double>& lasso_penalties() {
  static const std::vector<double> all = [] {
    std::vector<double> relative;
    for (int i = 0; i < penalties; ++i) relative.push_back(std::pow(10.0, -decades * i / (penalties - 1)));
    return relative;
  }();
  return all;
}

LassoPath lasso_path(const WideRows& rows, const Vector& y, double ratio, double least) {
  Descent descent(rows, y, ratio);
  LassoPath path;
  double before = descent.largest_penalty();
  bool ended = !(before > 0);
  for (const double relative : lasso_penalties()) {
    if (relative < 1 && relative < least * (1 - 1e-9)) break;
    path.relative.push_back(relative);
    if (ended || relative == 1) {  // at λ_max there is nothing but rounding
      path.beta.push_back(path.beta.empty() ? SparseVector{} : path.beta.back());
      continue;
    }
    const double lambda = relative * descent.largest_penalty();
    descent.solve(lambda, before);
    before = lambda;
    path.beta.push_back(not_zero(descent.beta()));
    ended = descent.left() < 1 - explained ||
            static_cast<double>(path.beta.back().size()) > most_inputs * static_cast<double>(rows.rows());
  }
  return path;
}

double lasso_path_cost(Index rows, Index inputs) {
  const auto n = static_cast<double>(rows);
  constexpr double from_memory = 3;  // products with one vector wait for their matrix
  return from_memory * (2 * penalties * n * static_cast<double>(inputs) + 40 * penalties * n * n / 4);
}

}  // namespace sextant
