#include "sextant/target_transform.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>

#include "sextant/error.h"

namespace sextant {
namespace {

constexpr double largest = std::numeric_limits<double>::max();

double finite(double value) { return std::clamp(value, -largest, largest); }

// Φ(z) and its inverse, for p in (0, 1).
double normal_share(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }
double normal_score(double p) {
  double low = -9;
  double high = 9;
  for (int halving = 0; halving < 64; ++halving) {
    const double middle = 0.5 * (low + high);
    (normal_share(middle) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

// The piecewise linear function through (from_i, to_i), with the mean slope beyond its ends.
double interpolated(const Vector& from, const Vector& to, double at) {
  const Index last = from.size() - 1;
  if (!(at > from[0])) return to[0] + (at - from[0]) * ((to[last] - to[0]) / (from[last] - from[0]));
  if (!(at < from[last])) return to[last] + (at - from[last]) * ((to[last] - to[0]) / (from[last] - from[0]));
  const Index i = std::upper_bound(from.begin(), from.end(), at) - from.begin() - 1;
  return to[i] + (to[i + 1] - to[i]) * ((at - from[i]) / (from[i + 1] - from[i]));
}

// Distinct values ascending, with their weights.
struct Values {
  std::vector<double> y;
  std::vector<double> w;
};
Values distinct_values(const Vector& y, const Vector& w) {
  std::vector<Index> order;
  for (Index i = 0; i < y.size(); ++i)
    if (w[i] > 0) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](Index i, Index j) { return y[i] < y[j] || (y[i] == y[j] && i < j); });
  Values values;
  for (const Index i : order) {
    if (values.y.empty() || y[i] > values.y.back()) {
      values.y.push_back(y[i]);
      values.w.push_back(0);
    }
    values.w.back() += w[i];
  }
  return values;
}

double quantile(const Values& values, double share) {
  const double total = std::accumulate(values.w.begin(), values.w.end(), 0.0);
  double below = 0;
  for (std::size_t i = 0; i < values.y.size(); ++i) {
    below += values.w[i];
    if (below >= share * total) return values.y[i];
  }
  return values.y.back();
}

TargetTransform log_transform(const Values& values) {
  const double least = values.y.front();
  const double most = values.y.back();
  TargetTransform result;
  result.kind = TransformKind::log;
  if (!(least > 0 && most / least >= 10)) {
    const double range = most - least;
    // About the smallest value, so that a large common offset costs no digits.
    const double q10 = quantile(values, 0.1) - least;
    const double q50 = quantile(values, 0.5) - least;
    const double q90 = quantile(values, 0.9) - least;
    const double skew = q10 + q90 - 2 * q50;
    const double symmetric = skew > 0 ? (q10 * q90 - q50 * q50) / skew : -10 * range;
    result.shift = least + std::clamp(symmetric, -10 * range, -0.01 * range);
  }
  result.low = least - result.shift;
  result.high = most - result.shift;
  if (!(result.low > 0) || !std::isfinite(result.high) || !(result.high > result.low)) return {};
  return result;
}

TargetTransform rank_transform(const Values& values) {
  constexpr double most_knots = 1000;
  const double total = std::accumulate(values.w.begin(), values.w.end(), 0.0);
  std::vector<double> share;  // mid-ranks
  double below = 0;
  for (const double w : values.w) {
    share.push_back(std::clamp((below + 0.5 * w) / total, 1e-15, 1 - 1e-15));
    below += w;
  }
  const double first = normal_score(share.front());
  const double last = normal_score(share.back());
  const double step = (last - first) / most_knots;
  std::vector<double> y = {values.y.front()};
  std::vector<double> z = {first};
  double next = normal_share(first + step);
  for (std::size_t i = 1; i + 1 < share.size(); ++i) {
    if (static_cast<double>(share.size()) > most_knots && share[i] < next) continue;
    const double score = normal_score(share[i]);
    if (!(score > z.back()) || !(score < last)) continue;
    y.push_back(values.y[i]);
    z.push_back(score);
    next = normal_share(score + step);
  }
  if (!(last > z.back()) || !std::isfinite(values.y.back() - values.y.front())) return {};
  y.push_back(values.y.back());
  z.push_back(last);
  TargetTransform result;
  result.kind = TransformKind::rank;
  result.y = Eigen::Map<const Vector>(y.data(), static_cast<Index>(y.size()));
  result.z = Eigen::Map<const Vector>(z.data(), static_cast<Index>(z.size()));
  return result;
}

// Where the logarithm's lines begin.
double log_floor(const TargetTransform& t) { return std::max(1e-3 * t.low, std::numeric_limits<double>::min()); }
double log_top(const TargetTransform& t) { return finite(std::numbers::e * t.high); }

}  // namespace

double TargetTransform::operator()(double value) const {
  switch (kind) {
    case TransformKind::log: {
      const double s = finite(value - shift);
      const double floor = log_floor(*this);
      const double top = log_top(*this);
      if (s < floor) return finite(std::log(floor) + (s - floor) / floor);
      return s > top ? finite(std::log(top) + (s - top) / top) : std::log(s);
    }
    case TransformKind::rank:
      return finite(interpolated(y, z, value));
    default:
      return value;
  }
}

double TargetTransform::inverse(double u) const {
  if (!std::isfinite(u)) return u;
  switch (kind) {
    case TransformKind::log: {
      const double floor = log_floor(*this);
      const double top = log_top(*this);
      if (u < std::log(floor)) return finite(shift + floor * (1 + (u - std::log(floor))));
      return finite(shift + (u > std::log(top) ? top * (1 + (u - std::log(top))) : std::exp(u)));
    }
    case TransformKind::rank:
      return finite(interpolated(z, y, u));
    default:
      return u;
  }
}

TargetTransform learn_transform(TransformKind kind, const Vector& y, const Vector& w) {
  if (kind == TransformKind::none) return {};
  if (kind == TransformKind::automatic)
    throw InvalidArgument("target-transform: auto given where one is to be learned, expected none, log or rank");
  const Values values = distinct_values(y, w);
  if (values.y.size() < 2) return {};
  return kind == TransformKind::log ? log_transform(values) : rank_transform(values);
}

std::vector<TargetTransform> learn_transforms(const RowSource& source, const std::vector<TransformKind>& kinds,
                                              const Context& context) {
  constexpr Index most = Index{1} << 18;
  const Index n = source.rows();
  const Index k = source.targets();
  const Index stride = (n + most - 1) / most;
  std::vector<std::vector<double>> y(static_cast<std::size_t>(k));
  std::vector<double> w;
  // The rows of each target's extremes, which a sample may miss: 2k rows, least and most.
  Matrix extremes = Matrix::Zero(2 * k, k);
  Vector extreme_w = Vector::Zero(2 * k);
  Block block;
  for (Index first = 0; first < n; first += context.block_rows) {
    context.report("targets", static_cast<double>(first) / static_cast<double>(n));
    source.read(first, std::min(context.block_rows, n - first), block);
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(block.w[i] > 0)) continue;
      if ((first + i) % stride == 0) {
        for (Index t = 0; t < k; ++t) y[static_cast<std::size_t>(t)].push_back(block.Y(i, t));
        w.push_back(block.w[i]);
      }
      for (Index t = 0; t < k && stride > 1; ++t)
        for (const Index at : {2 * t, 2 * t + 1}) {
          const bool beyond = at % 2 == 0 ? block.Y(i, t) < extremes(at, t) : block.Y(i, t) > extremes(at, t);
          if (extreme_w[at] > 0 && !beyond) continue;
          extremes.row(at) = block.Y.row(i);
          extreme_w[at] = block.w[i];
        }
    }
  }
  context.report("targets", 1.0);
  std::vector<TargetTransform> transforms;
  for (Index t = 0; t < k; ++t) {
    std::vector<double>& own = y[static_cast<std::size_t>(t)];
    std::vector<double> weights = w;
    for (const Index at : {2 * t, 2 * t + 1}) {
      if (!(extreme_w[at] > 0)) continue;
      own.push_back(extremes(at, t));
      weights.push_back(extreme_w[at]);
    }
    const auto size = static_cast<Index>(own.size());
    transforms.push_back(learn_transform(kinds[static_cast<std::size_t>(t)], Eigen::Map<const Vector>(own.data(), size),
                                         Eigen::Map<const Vector>(weights.data(), size)));
  }
  return transforms;
}

bool TransformKinds::any() const {
  return std::any_of(kinds.begin(), kinds.end(), [](TransformKind kind) { return kind != TransformKind::none; });
}

std::vector<TransformKind> TransformKinds::of(Index targets) const {
  if (kinds.size() == 1) return std::vector<TransformKind>(static_cast<std::size_t>(targets), kinds.front());
  if (static_cast<Index>(kinds.size()) != targets)
    throw InvalidArgument(
        fmt::format("target-transform: {} given for {} target{}, expected one for all or one for each", kinds.size(),
                    targets, targets == 1 ? "" : "s"));
  return kinds;
}

namespace {

const std::vector<std::pair<TransformKind, std::string>> transform_names = {{TransformKind::none, "none"},
                                                                            {TransformKind::log, "log"},
                                                                            {TransformKind::rank, "rank"},
                                                                            {TransformKind::automatic, "auto"}};

}  // namespace

std::string name(TransformKind kind) {
  for (const auto& [known, text] : transform_names)
    if (known == kind) return text;
  throw InvalidArgument("target-transform: a kind without a name");
}

std::string name(const TransformKinds& kinds) {
  std::string list;
  for (const TransformKind kind : kinds.kinds) list += (list.empty() ? "" : ",") + name(kind);
  return list;
}

TransformKinds transform_kinds_named(const std::string& names) {
  TransformKinds result{{}};
  for (std::size_t at = 0; at <= names.size();) {
    const std::size_t end = std::min(names.find(',', at), names.size());
    const std::string wanted = names.substr(at, end - at);
    const auto known = std::find_if(transform_names.begin(), transform_names.end(),
                                    [&](const auto& named) { return named.second == wanted; });
    if (known == transform_names.end())
      throw InvalidArgument(
          fmt::format("target-transform: '{}' is not known, expected one of none, log, rank, auto", wanted));
    result.kinds.push_back(known->first);
    at = end + 1;
  }
  return result;
}

}  // namespace sextant
