// Where a falling curve reaches a level: how many rows n* an excess risk of 0.1 takes, and how n* grows with d.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sextant/experiment.h"

namespace sextant {

enum class CrossingKind {
  crossed,
  above,  // the curve ends above the level: more rows are needed than were tried
  below   // the curve is at or below the level everywhere: fewer rows than were tried would do
};
[[nodiscard]] std::string name(CrossingKind kind);  // "crossed", "above", "below"

struct Crossing {
  CrossingKind kind = CrossingKind::above;
  std::optional<double> x = {};  // from which on the curve stays at or below the level; only when crossed
};
// Of the curve through (x_i, y_i), x ascending and positive, straight in log x and log y between points. Points whose y
// is not a positive number count as above the level. Throws InvalidArgument for x that are not ascending and positive,
// a level that is not positive, or lists of different lengths.
[[nodiscard]] Crossing crossing(const std::vector<double>& x, const std::vector<double>& y, double level);

// Slope of log x* against log d between a point and the one before it; nothing for the first and where either is
// missing.
[[nodiscard]] std::vector<std::optional<double>> local_slopes(const std::vector<double>& d,
                                                              const std::vector<std::optional<double>>& x);

}  // namespace sextant
