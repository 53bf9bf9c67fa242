#include "sextant/scaling.h"

#include <fmt/core.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/fingerprint.h"
#include "data/level_fingerprint.h"
#include "sextant/error.h"

namespace sextant {
namespace {

// Each column of A between its limits, if there are any. NaN stays.
void clamp_columns(const Vector& low, const Vector& high, Matrix& A) {
  for (Index j = 0; j < low.size(); ++j)
    for (double& value : A.col(j)) value = std::clamp(value, low[j], high[j]);
}

// What the other cells of a scaled row say of its implausible ones. `unknown`: those and the missing ones, all at their
// means now; only the implausible ones are replaced.
void fill_implausible(const Scaling& scaling, const std::vector<Index>& implausible, const std::vector<Index>& unknown,
                      Eigen::Ref<Eigen::RowVectorXd> z) {
  const Vector mean = (scaling.x_fill - scaling.x_mean).cwiseQuotient(scaling.x_scale);
  Vector known = z.transpose() - mean;
  known(unknown).setZero();
  const Vector pull = scaling.x_precision(unknown, Eigen::all) * known;
  const Eigen::LLT<Matrix> own(scaling.x_precision(unknown, unknown));
  Vector filled = mean;
  filled(unknown) -= own.solve(pull);
  for (const Index j : implausible)
    if (std::isfinite(filled[j]))
      z[j] = std::clamp(filled[j], (scaling.x_low[j] - scaling.x_mean[j]) / scaling.x_scale[j],
                        (scaling.x_high[j] - scaling.x_mean[j]) / scaling.x_scale[j]);
}

}  // namespace

Scaling Scaling::identity(Index inputs, Index targets) {
  Scaling scaling;
  scaling.kept.resize(static_cast<std::size_t>(inputs));
  std::iota(scaling.kept.begin(), scaling.kept.end(), Index{0});
  scaling.x_fill = Vector::Zero(inputs);
  scaling.x_mean = Vector::Zero(inputs);
  scaling.x_scale = Vector::Ones(inputs);
  scaling.y_mean = Vector::Zero(targets);
  scaling.y_scale = Vector::Ones(targets);
  return scaling;
}

Scaling Scaling::of_all_inputs() const {
  Scaling result = *this;
  result.levels = nullptr;
  return result;
}

void Scaling::apply(const MatrixView& X, Matrix& Z) const {
  if (levels) {
    Matrix all;
    levels->append(X, all);
    return scale(all, Z);
  }
  scale(X, Z);
}

void Scaling::scale(const MatrixView& X, Matrix& Z) const {
  Z.resize(X.rows(), inputs());
  const bool clips = x_low.size() > 0;
  const bool doubts = x_least.size() > 0;
  std::vector<Index> implausible;  // cells of a row
  std::vector<Index> unknown;
  for (Index i = 0; i < X.rows(); ++i) {
    implausible.clear();
    unknown.clear();
    for (Index j = 0; j < Z.cols(); ++j) {
      double x = X(i, kept[static_cast<std::size_t>(j)]);
      const bool is_implausible = doubts && (x < x_least[j] || x > x_most[j]);
      if (is_implausible) implausible.push_back(j);
      if (is_implausible || std::isnan(x)) {
        unknown.push_back(j);
        x = x_fill[j];
      }
      if (clips) x = std::clamp(x, x_low[j], x_high[j]);
      Z(i, j) = (x - x_mean[j]) / x_scale[j];
    }
    if (!implausible.empty() && x_precision.size() > 0) fill_implausible(*this, implausible, unknown, Z.row(i));
  }
}

Matrix Scaling::scaled_targets(const Matrix& Y) const {
  Matrix U = Y;
  clamp_columns(y_low, y_high, U);
  for (std::size_t t = 0; t < y_transforms.size(); ++t)
    if (y_transforms[t].kind != TransformKind::none)
      for (double& u : U.col(static_cast<Index>(t))) u = y_transforms[t](u);
  return (U.rowwise() - y_mean.transpose()).array().rowwise() / y_scale.transpose().array();
}

Matrix Scaling::own_units(const Matrix& F) const {
  Matrix Y = (F * y_scale.asDiagonal()).rowwise() + y_mean.transpose();
  for (std::size_t t = 0; t < y_transforms.size(); ++t)
    if (y_transforms[t].kind != TransformKind::none)
      for (double& y : Y.col(static_cast<Index>(t))) y = y_transforms[t].inverse(y);
  return Y;
}

Matrix Scaling::predictions(const Matrix& F) const {
  Matrix Y = own_units(F);
  clamp_columns(prediction_low, prediction_high, Y);
  return Y;
}

Vector Scaling::predictions(const Vector& f, Index target) const {
  Vector y = f.array() * y_scale[target] + y_mean[target];
  const auto t = static_cast<std::size_t>(target);
  if (!y_transforms.empty() && y_transforms[t].kind != TransformKind::none)
    for (double& each : y) each = y_transforms[t].inverse(each);
  if (prediction_low.size() > 0) y = y.cwiseMax(prediction_low[target]).cwiseMin(prediction_high[target]);
  return y;
}

ScaledSource::ScaledSource(const RowSource& source, Scaling scaling) : RowView(source), scaling_(std::move(scaling)) {
  const Index all = source.inputs() + (scaling_.levels ? scaling_.levels->width() : 0);
  if (!scaling_.kept.empty() && scaling_.kept.back() >= all)
    throw InvalidArgument(
        fmt::format("scaling: the data has {} inputs, expected at least {}", all, scaling_.kept.back() + 1));
  if (source.targets() != scaling_.targets())
    throw InvalidArgument(
        fmt::format("scaling: the data has {} targets, expected {}", source.targets(), scaling_.targets()));
}

std::string ScaledSource::input_label(Index j) const {
  const Index at = scaling_.kept[static_cast<std::size_t>(j)];
  if (at < source_.inputs()) return source_.input_label(at);
  return scaling_.levels->label(
      at - source_.inputs(), [&](Index input) { return source_.input_label(input); },
      [&](Index target) { return source_.target_label(target); });
}

std::uint64_t ScaledSource::find_fingerprint() const {
  Fingerprint fingerprint;
  fingerprint.mix("scaled");
  fingerprint.mix(source_.fingerprint());
  fingerprint.mix(static_cast<Index>(scaling_.kept.size()));
  for (const Index j : scaling_.kept) fingerprint.mix(j);
  for (const Vector* each :
       {&scaling_.x_fill, &scaling_.x_mean, &scaling_.x_scale, &scaling_.y_mean, &scaling_.y_scale, &scaling_.x_low,
        &scaling_.x_high, &scaling_.x_least, &scaling_.x_most, &scaling_.y_low, &scaling_.y_high})
    fingerprint.mix(*each);
  fingerprint.mix(scaling_.x_precision);
  if (scaling_.levels) mix_levels(*scaling_.levels, fingerprint);
  for (const TargetTransform& transform : scaling_.y_transforms) {
    fingerprint.mix(static_cast<std::uint64_t>(transform.kind));
    for (const double number : {transform.shift, transform.low, transform.high}) fingerprint.mix(number);
    fingerprint.mix(transform.y);
    fingerprint.mix(transform.z);
  }
  return fingerprint.value();
}

void ScaledSource::read(Index first, Index count, Block& block) const {
  source_.read(first, count, raw_);
  scaling_.apply(raw_.X, block.X);
  block.Y = scaling_.scaled_targets(raw_.Y);
  block.w = raw_.w;
}

}  // namespace sextant
