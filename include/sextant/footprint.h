// What a model takes: bytes, the cost of a prediction, and whether rows of the table that it was fitted on are inside.
#pragma once

#include "sextant/model.h"

namespace sextant {

struct Footprint {
  double bytes = 0;            // of the tensors in its file; what several predictors share counts once
  double multiply_adds = 0;    // of one prediction, of many; an exponential counts as exponential_multiply_adds
  bool training_rows = false;  // kernels' centres and leaf machines' rows, in whichever coordinates, are such
};

// An exponential of a power, in vectors.
inline constexpr double exponential_multiply_adds = 60;

// Of leaf machines the cost is the mean over leaves. Cost of this: small, no tensor is copied but leaves' own
// coordinates.
[[nodiscard]] Footprint footprint(const Model& model);

// Of one prediction with a predictor, its lift included.
[[nodiscard]] double multiply_adds(const Predictor& predictor);
// Whether a predictor is made of rows that it was fitted on.
[[nodiscard]] bool stores_training_rows(const Predictor& predictor);

}  // namespace sextant
