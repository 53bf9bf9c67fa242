#include "sextant/intervals.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "sextant/error.h"

namespace sextant {
namespace {

constexpr Index tail_knots = 200;
constexpr Index even_knots = 800;
constexpr double rounding = 1e-12;  // of sums of weights

// The ranks (from 0) of n sorted residuals that become knots.
std::vector<Index> knot_ranks(Index n) {
  std::vector<Index> ranks;
  if (n <= even_knots + tail_knots) {
    ranks.resize(static_cast<std::size_t>(n));
    std::iota(ranks.begin(), ranks.end(), Index{0});
    return ranks;
  }
  const Index below = n - tail_knots;
  for (Index j = 1; j <= even_knots; ++j) ranks.push_back(j * below / even_knots - 1);
  for (Index rank = below; rank < n; ++rank) ranks.push_back(rank);
  return ranks;
}

// 20/21 → 0.952: never more than it is.
double rounded_down(double level) {
  const double unit = std::pow(10.0, std::max(2.0, std::ceil(-std::log10(1 - level)) + 1));
  return std::floor(level * unit * (1 + rounding)) / unit;
}

}  // namespace

Intervals calibrate_intervals(const HeldOut& held_out, bool set_aside) {
  std::vector<Index> counting;
  for (Index i = 0; i < held_out.w.size(); ++i)
    if (held_out.w[i] > 0) counting.push_back(i);
  Intervals intervals;
  intervals.rows = static_cast<Index>(counting.size());
  intervals.set_aside = set_aside;
  if (counting.empty()) return intervals;
  const Index k = held_out.Y.cols();
  const double sum = held_out.w(counting).sum();
  const double whole = sum + sum / static_cast<double>(counting.size());
  const std::vector<Index> ranks = knot_ranks(intervals.rows);
  intervals.level.resize(static_cast<Index>(ranks.size()), k);
  intervals.radius.resize(static_cast<Index>(ranks.size()), k);
  for (Index t = 0; t < k; ++t) {
    const Vector residual = (held_out.Y.col(t) - held_out.F.col(t)).cwiseAbs();
    for (const Index i : counting)
      if (!std::isfinite(residual[i]))
        throw NumericalError("intervals: a held-out residual is not finite, expected predictions that are");
    std::vector<Index> order = counting;
    std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) { return residual[i] < residual[j]; });
    double below = 0;
    Index rank = 0;
    for (std::size_t at = 0; at < ranks.size(); ++at) {
      for (; rank <= ranks[at]; ++rank) below += held_out.w[order[static_cast<std::size_t>(rank)]];
      intervals.level(static_cast<Index>(at), t) = below / whole;
      intervals.radius(static_cast<Index>(at), t) = residual[order[static_cast<std::size_t>(ranks[at])]];
    }
  }
  return intervals;
}

Vector half_widths(const Intervals& intervals, double level) {
  if (!(level > 0 && level < 1))
    throw InvalidArgument(fmt::format("interval: {} given, expected a level between 0 and 1, 0.9 say", level));
  if (intervals.rows == 0)
    throw InvalidArgument(
        "interval: the model keeps no residuals of held-out rows, expected some; fit it again to have intervals");
  const Index k = intervals.level.cols();
  Vector q(k);
  for (Index t = 0; t < k; ++t) {
    const auto levels = intervals.level.col(t);
    const auto knot =
        std::find_if(levels.begin(), levels.end(), [level](double up_to) { return up_to * (1 + rounding) >= level; });
    if (knot == levels.end())
      throw InvalidArgument(
          fmt::format("interval: {} given, expected at most {}: the model has {} held-out row{} to calibrate by, which "
                      "support no higher level",
                      level, rounded_down(levels[levels.size() - 1]), intervals.rows, intervals.rows == 1 ? "" : "s"));
    q[t] = intervals.radius(knot - levels.begin(), t);
  }
  return q;
}

}  // namespace sextant
