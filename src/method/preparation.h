// What precedes all learning: splits, scaling, the linear part's ε, the errors of the mean and of the linear model. No
// quantity of a split sees its held-out rows. Private to the method layer.
#pragma once

#include <deque>
#include <vector>

#include "sextant/linear_fit.h"
#include "sextant/scaling.h"
#include "sextant/splits.h"
#include "sextant/train.h"

namespace sextant {

// Rows with what scales them, learned from themselves (or, for inputs, given).
struct Prepared {
  Scaling scaling;
  Moments raw;      // in the table's units, all inputs
  Moments moments;  // scaled, kept inputs
};

// `kept` names the inputs to use (null: those that vary); with `fixed`, the inputs' scaling is given and only the
// targets' is measured. An input of which no row here has a value is 0 throughout, on the scale that `all`, the scaling
// of all training rows, has for it, if given. Throws DataError when no input varies.
[[nodiscard]] Prepared prepare(const RowSource& rows, const FitOptions& options, const Scaling* fixed,
                               const std::vector<Index>* kept, const Context& context, const Scaling* all = nullptr);

// One split's rows as the stages see them: both scaled by what its training rows say.
struct ScaledSplit {
  ScaledSplit(const Split& split, Prepared prepared);

  Prepared prepared;
  ScaledSource train;
  ScaledSource held_out;

  // Squared units of the targets: what a mean square on scaled targets is multiplied by to be in their own units.
  [[nodiscard]] Vector square_units() const { return prepared.scaling.y_scale.cwiseAbs2(); }
};

struct Preparation {
  std::vector<Split> splits;
  std::deque<ScaledSplit> scaled;  // one per split; a deque, since sources refer to each other
  Prepared all;                    // every training row
  Validation validation;           // rows, folds, mean, linear, epsilon; the rest is zero, sized for k targets

  // The rows of the final model and what scales them: all training rows, or, without `refit` or with a validation
  // table, those of the first split.
  bool again = false;  // whether they are other rows than a split's, so that stages run again
  [[nodiscard]] const Prepared& final() const { return again ? all : scaled.front().prepared; }
};

// Checks options and data, and prepares. Throws as `train` says.
[[nodiscard]] Preparation prepare_training(const RowSource& data, const RowSource* validation_rows,
                                           const FitOptions& options, const Context& context, const Scaling* fixed);

// Everything of a trained model but its linear part, predictors, validation and held-out rows.
[[nodiscard]] Trained described(const RowSource& data, const Prepared& final);

// Held-out rows of one split in memory, scaled: all of few, a regular sample of many, so that what is calibrated on
// them does not grow with n.
struct Sample {
  Matrix X;
  Matrix Y;
  Vector w;
};
[[nodiscard]] std::vector<Sample> held_out_samples(const Preparation& preparation, const Context& context);

// What the splits' own predictors say of their held-out rows, in the targets' own units. F: per split, rows×k scaled.
[[nodiscard]] HeldOut held_out_of(const Preparation& preparation, const std::vector<Sample>& samples,
                                  const std::vector<Matrix>& F);

}  // namespace sextant
