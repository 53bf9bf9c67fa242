// How sure a model's directions and importances are: the bootstrap (Efron 1979). Each replicate resamples the rows,
// learns again with the model's own choices (refit of model.h: options, seed, ε and λ; nothing is chosen anew), and
// its directions are compared with the model's.
//
// With V r×d the model's leading directions and V_b a replicate's, the replicate is first turned within its own
// subspace onto the model's, by the rotation Q that makes ‖V − QV_b‖ smallest (Procrustes: Q = PRᵀ where
// V V_bᵀ = PSRᵀ); for r = 1 that is the sign. So an interval of a weight says how the subspace varies, not how a basis
// of it does. Intervals are percentiles. They leave out what the random first layer does (replicates share it) and what
// the choice of λ does, and hold as n grows with d fixed; with n near d² the estimate's own bias, which they do not
// know of, is as large as its spread.
#pragma once

#include <cstdint>

#include "sextant/importance.h"
#include "sextant/model.h"

namespace sextant {

struct BootstrapOptions {
  Index replicates = 50;  // B, at least 2/(1 − level)
  double level = 0.9;     // of the intervals, in (0, 1)
  Index rank = 0;         // r: 1 ≤ r < d, or 0 for as many as stand out in the model's spectrum
  std::uint64_t seed = 0;

  // Throws InvalidArgument naming the field, its value and the rule.
  void check() const;
};

struct Bootstrap {
  BootstrapOptions options;
  Matrix directions;       // r×d: the model's, V
  Matrix directions_low;   // r×d: ends of the intervals of its weights
  Matrix directions_high;  //
  Importance importance;   // the model's
  Importance importance_low;
  Importance importance_high;
  Matrix angles;            // B×r: principal angles between V and V_b, ascending in each row, in radians
  double angle_median = 0;  // of the largest angle
  double angle_most = 0;    // its 95 % quantile
};

// `data`: the rows that the model was trained on, read through its encoding. Throws InvalidArgument for options that
// break their rules, when no few directions stand out and `rank` is not given, and what refit throws; DataError when
// the model is constant. Cost: B fits without validation.
[[nodiscard]] Bootstrap bootstrap(const Model& model, const RowSource& data, const BootstrapOptions& options = {},
                                  const Context& context = {});

}  // namespace sextant
