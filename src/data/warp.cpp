#include "sextant/warp.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/fingerprint.h"
#include "data/counting_sample.h"
#include "sextant/error.h"
#include "sextant/target_transform.h"

namespace sextant {
namespace {

constexpr double soft_bound = 3;               // c
constexpr double deviations_of_range = 1.349;  // interquartile range of a Gaussian in standard deviations
constexpr Index sample = 20'000;

const std::vector<std::pair<WarpKind, std::string>> warp_names = {{WarpKind::none, "none"},
                                                                  {WarpKind::soft_clip, "soft-clip"},
                                                                  {WarpKind::normal_scores, "normal-scores"},
                                                                  {WarpKind::slopes, "slopes"}};

// Of ascending knots the first, the last, and those with some share of the rows between them: where two of few rows
// happen to be close, the slope between them says nothing.
std::vector<Index> apart(const Vector& knots, const Vector& x, const Vector& w) {
  constexpr double least = 1e-3;
  Vector share = Vector::Zero(knots.size());  // up to each knot
  for (Index i = 0; i < x.size(); ++i) {
    const auto at = std::lower_bound(knots.begin(), knots.end(), x[i]);
    if (at != knots.end()) share[at - knots.begin()] += w[i];
  }
  for (Index at = 1; at < share.size(); ++at) share[at] += share[at - 1];
  share /= w.sum();
  std::vector<Index> kept;
  const Index last = knots.size() - 1;
  for (Index at = 0; at <= last; ++at)
    if (at == 0 || at == last || share[at] - share[kept.back()] >= least) kept.push_back(at);
  // The last interval is no shorter than the others.
  if (kept.size() > 2 && share[last] - share[kept[kept.size() - 2]] < least) kept.erase(kept.end() - 2);
  return kept;
}

// The interval of ascending knots that x is in.
Index interval(const Vector& t, double x) { return std::upper_bound(t.begin(), t.end(), x) - t.begin() - 1; }

double soft_clipped(const Vector& t, double x) {
  const double u = (x - t[0]) / (t[1] - t[0]);
  return u / std::sqrt(1 + u * u / (soft_bound * soft_bound));
}

double soft_slope(const Vector& t, double x) {
  const double u = (x - t[0]) / (t[1] - t[0]);
  return std::pow(1 + u * u / (soft_bound * soft_bound), -1.5) / (t[1] - t[0]);
}

double scored(const Vector& t, const Vector& z, double x) {
  if (!(x > t[0])) return z[0];
  if (!(x < t[t.size() - 1])) return z[z.size() - 1];
  const Index i = interval(t, x);
  return z[i] + (z[i + 1] - z[i]) * ((x - t[i]) / (t[i + 1] - t[i]));
}

double score_slope(const Vector& t, const Vector& z, double x) {
  if (x < t[0] || !(x < t[t.size() - 1])) return 0;
  const Index i = interval(t, x);
  return (z[i + 1] - z[i]) / (t[i + 1] - t[i]);
}

// The values at a quarter, half and three quarters of the weight.
std::array<double, 3> quartiles(const Vector& x, const Vector& w) {
  std::vector<Index> order(static_cast<std::size_t>(x.size()));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  std::sort(order.begin(), order.end(), [&](Index i, Index j) { return x[i] < x[j] || (x[i] == x[j] && i < j); });
  std::array<double, 3> found{};
  double below = 0;
  std::size_t next = 0;
  const double total = w.sum();
  for (const Index i : order) {
    below += w[i];
    while (next < 3 && below >= 0.25 * static_cast<double>(next + 1) * total) found[next++] = x[i];
  }
  while (next < 3 && !order.empty()) found[next++] = x[order.back()];
  return found;
}

double deviation(const Vector& x, const Vector& w) {
  const double mean = x.dot(w) / w.sum();
  return std::sqrt((x.array() - mean).square().matrix().dot(w) / w.sum());
}

}  // namespace

void Warp::apply(const MatrixView& X, Matrix& Z) const {
  Z.resize(X.rows(), X.cols());
  for (Index i = 0; i < X.rows(); ++i)
    for (Index j = 0; j < X.cols(); ++j) {
      const auto at = static_cast<std::size_t>(j);
      const double value =
          kind == WarpKind::soft_clip ? soft_clipped(knots[at], X(i, j)) : scored(knots[at], scores[at], X(i, j));
      Z(i, j) = (value - mean[j]) / scale[j];
    }
}

Matrix Warp::pull_back(const MatrixView& X, const MatrixView& G) const {
  Matrix result(X.rows(), X.cols());
  for (Index i = 0; i < X.rows(); ++i)
    for (Index j = 0; j < X.cols(); ++j) {
      const auto at = static_cast<std::size_t>(j);
      const double slope =
          kind == WarpKind::soft_clip ? soft_slope(knots[at], X(i, j)) : score_slope(knots[at], scores[at], X(i, j));
      result(i, j) = G(i, j) * slope / scale[j];
    }
  return result;
}

std::string name(WarpKind kind) {
  for (const auto& [known, text] : warp_names)
    if (known == kind) return text;
  throw InvalidArgument("warp: a kind without a name");
}

WarpKind warp_kind_named(const std::string& wanted) {
  for (const auto& [kind, text] : warp_names)
    if (text == wanted) return kind;
  throw InvalidArgument(
      fmt::format("warp: '{}' is not known, expected one of none, soft-clip, normal-scores, slopes", wanted));
}

Warp learn_warp(const RowSource& rows, WarpKind kind, const Context& context) {
  if (kind == WarpKind::none || kind == WarpKind::slopes)
    throw InvalidArgument(fmt::format("warp: {} given, which rows alone do not teach", name(kind)));
  const Index d = rows.inputs();
  const Block some = counting_sample(rows, sample, context, "inputs");
  const Matrix& X = some.X;
  const Vector& w = some.w;
  Warp warp{kind, {}, {}, Vector::Zero(d), Vector::Ones(d)};
  for (Index j = 0; j < d; ++j) {
    const Vector x = X.col(j);
    if (kind == WarpKind::soft_clip) {
      const std::array<double, 3> quarters = w.size() > 0 ? quartiles(x, w) : std::array<double, 3>{};
      double width = (quarters[2] - quarters[0]) / deviations_of_range;
      if (!(width > 0) && w.size() > 0) width = deviation(x, w);
      if (!(width > 0)) width = 1;
      warp.knots.push_back(Vector{{quarters[1], quarters[1] + width}});
    } else {
      const TargetTransform ranks = learn_transform(TransformKind::rank, x, w);
      const bool varies = ranks.y.size() >= 2;
      const double only = x.size() > 0 ? x[0] : 0.0;
      const std::vector<Index> kept = apart(ranks.y, x, w);
      warp.knots.push_back(varies ? ranks.y(kept).eval() : Vector{{only, only + std::max(1.0, std::abs(only))}});
      warp.scores.push_back(varies ? ranks.z(kept).eval() : Vector{{0.0, 1.0}});
    }
  }
  if (w.size() == 0) return warp;
  Matrix Z;
  warp.apply(X, Z);
  warp.mean = Z.transpose() * w / w.sum();
  for (Index j = 0; j < d; ++j) {
    const double spread = deviation(Z.col(j), w);
    warp.scale[j] = spread > 0 ? spread : 1.0;
  }
  return warp;
}

WarpedSource::WarpedSource(const RowSource& source, Warp warp) : RowView(source), warp_(std::move(warp)) {
  if (source.inputs() != warp_.inputs())
    throw InvalidArgument(fmt::format("warp: the rows have {} inputs, expected {}", source.inputs(), warp_.inputs()));
}

std::uint64_t WarpedSource::find_fingerprint() const {
  Fingerprint fingerprint;
  fingerprint.mix("warped");
  fingerprint.mix(source_.fingerprint());
  fingerprint.mix(static_cast<std::uint64_t>(warp_.kind));
  for (const auto* each : {&warp_.knots, &warp_.scores})
    for (const Vector& values : *each) fingerprint.mix(values);
  fingerprint.mix(warp_.mean);
  fingerprint.mix(warp_.scale);
  return fingerprint.value();
}

void WarpedSource::read(Index first, Index count, Block& block) const {
  source_.read(first, count, block);
  warp_.apply(block.X, warped_);
  block.X.swap(warped_);
}

}  // namespace sextant
