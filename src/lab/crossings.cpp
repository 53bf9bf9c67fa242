#include "sextant/crossings.h"

#include <fmt/core.h>

#include <cmath>

#include "sextant/error.h"

namespace sextant {

std::string name(CrossingKind kind) {
  switch (kind) {
    case CrossingKind::crossed:
      return "crossed";
    case CrossingKind::above:
      return "above";
    case CrossingKind::below:
      return "below";
  }
  return "";
}

Crossing crossing(const std::vector<double>& x, const std::vector<double>& y, double level) {
  if (x.size() != y.size())
    throw InvalidArgument(
        fmt::format("crossing: {} values of x and {} of y given, expected as many", x.size(), y.size()));
  if (!(level > 0 && std::isfinite(level)))
    throw InvalidArgument(fmt::format("crossing: the level {} given, expected a number above 0", level));
  for (std::size_t i = 0; i < x.size(); ++i)
    if (!(x[i] > (i > 0 ? x[i - 1] : 0.0) && std::isfinite(x[i])))
      throw InvalidArgument(fmt::format("crossing: x holds {}, expected ascending numbers above 0", x[i]));

  // The first point of the last stretch at or below the level.
  std::size_t first = x.size();
  while (first > 0 && y[first - 1] > 0 && y[first - 1] <= level) --first;
  if (first == x.size()) return {CrossingKind::above, {}};
  if (first == 0) return {CrossingKind::below, {}};
  const double high = y[first - 1];
  if (!(high > level && std::isfinite(high))) return {CrossingKind::crossed, x[first]};  // nothing to interpolate from
  const double share = std::log(high / level) / std::log(high / y[first]);
  return {CrossingKind::crossed, x[first - 1] * std::pow(x[first] / x[first - 1], share)};
}

std::vector<std::optional<double>> local_slopes(const std::vector<double>& d,
                                                const std::vector<std::optional<double>>& x) {
  if (d.size() != x.size())
    throw InvalidArgument(
        fmt::format("local slopes: {} values of d and {} of x given, expected as many", d.size(), x.size()));
  std::vector<std::optional<double>> slopes(d.size());
  for (std::size_t i = 1; i < d.size(); ++i)
    if (x[i - 1] && x[i] && d[i] != d[i - 1]) slopes[i] = std::log(*x[i] / *x[i - 1]) / std::log(d[i] / d[i - 1]);
  return slopes;
}

}  // namespace sextant
