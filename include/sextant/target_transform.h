// Monotone transforms of a target: what is learned is u = T(y), and predictions are T⁻¹ of outputs, so that they and
// their errors stay in the target's own unit. Skewed targets (prices, concentrations) are easier to learn so.
//
//   log    T(y) = log(y − c). c = 0 where all training targets are above 0 and the largest is at least 10 times the
//          smallest. Else c makes the quantiles at 10, 50 and 90 % symmetric,
//              c = (q₁₀q₉₀ − q₅₀²)/(q₁₀ + q₉₀ − 2q₅₀)      (as for a shifted log-normal; Aitchison and Brown 1957),
//          between y_min − 10 R and y_min − R/100, R = y_max − y_min; y_min − 10 R, nearly a line, where they are not
//          skewed to the right.
//   rank   Normal scores: z = Φ⁻¹(share of the weight below y, half of that at y) at the training targets, thinned to
//          at most about 1000 knots evenly in z; linear between them, and beyond the ends with the mean slope of all.
//
// T is strictly ascending and continuous on all numbers, so T⁻¹ is its exact inverse. Where the logarithm ends, both
// are lines: below a thousandth of the smallest training value of y − c, and above e times the largest, so that an
// output far outside is a prediction somewhat outside, never an infinite one.
#pragma once

#include <string>
#include <vector>

#include "sextant/context.h"
#include "sextant/row_source.h"

namespace sextant {

enum class TransformKind {
  none,
  log,
  rank,
  automatic  // of options only: the best on held-out rows of the others (transform_choice.h)
};

struct TargetTransform {
  TransformKind kind = TransformKind::none;  // never automatic
  double shift = 0;                          // of log: c
  double low = 1;                            // of log: the smallest training value of y − c, > 0
  double high = 1;                           // of log: the largest
  Vector y;                                  // of rank: at least 2 knots, strictly ascending
  Vector z;                                  // of rank: their scores, strictly ascending

  // T(y) for a finite y: finite.
  [[nodiscard]] double operator()(double value) const;
  // T⁻¹(u): finite for a finite u (cut at the largest double); what is not finite stays so.
  [[nodiscard]] double inverse(double u) const;
};

// Learned from the training targets `y` with weights w; rows of weight 0 do not count. `none` where nothing varies, or
// the range is beyond double precision.
[[nodiscard]] TargetTransform learn_transform(TransformKind kind, const Vector& y, const Vector& w);

// One per target of the source, from a regular sample of about 2¹⁸ rows with each target's extremes. Costs a reading.
[[nodiscard]] std::vector<TargetTransform> learn_transforms(const RowSource& source,
                                                            const std::vector<TransformKind>& kinds,
                                                            const Context& context);

// What --target-transform says: one kind for all targets, or one per target.
struct TransformKinds {
  std::vector<TransformKind> kinds = {TransformKind::none};

  [[nodiscard]] bool any() const;  // whether some are not none
  // One per target. Throws InvalidArgument when there are neither 1 nor `targets`.
  [[nodiscard]] std::vector<TransformKind> of(Index targets) const;
};

[[nodiscard]] std::string name(TransformKind kind);           // "none", "log", "rank", "auto"
[[nodiscard]] std::string name(const TransformKinds& kinds);  // "log", "log,none"
// From names separated by commas; throws InvalidArgument that lists the known ones.
[[nodiscard]] TransformKinds transform_kinds_named(const std::string& names);

}  // namespace sextant
