// Training: from rows to a scaled linear part, a feature map and a head, everything chosen without leaks.
//
// A Representation makes a feature map from training rows: Algorithm 1's one step, or a map kept from another task. The
// rest (scaling, linear part, head, validation, refit) is the same for all.
//
// Validation without leaks: no stage — scaling, α, β, W¹, a — sees a validation row. With a
// hold-out share or K folds, each split runs all stages on its own training rows; λ (and ε of the linear part) minimise
// the summed held-out squared error, per target. Then, with `refit`, all stages run again on all training rows with the
// same seed and choices. Rows of a validation source given separately are never trained on.
#pragma once

#include <functional>

#include "sextant/context.h"
#include "sextant/feature_map.h"
#include "sextant/linear_part.h"
#include "sextant/options.h"
#include "sextant/predictor.h"
#include "sextant/row_source.h"
#include "sextant/scaling.h"
#include "sextant/selection.h"

namespace sextant {

// The feature map learned from scaled training rows and their linear part.
using Representation =
    std::function<FeatureMap(const RowSource& rows, const LinearPart& linear, const Context& context)>;

// What was measured on held-out rows. Errors are mean squares in the targets' own units, of rows whose targets lie
// between their limits where there are some (HeldOut::scored): one wild target would hide all others.
struct Validation {
  Index rows = 0;              // held-out rows with positive weight; in K folds, all rows
  Index folds = 0;             // splits tried: 1 for a share or a table
  Vector mean;                 // k: error of the training mean
  Vector linear;               // k: error of the best linear model
  Vector epsilon;              // k: its ε; what the linear part uses with Preprocess::linear
  std::vector<double> lambda;  // L candidates, ascending
  Matrix path;                 // L×k: error for each of them
  Vector chosen_lambda;        // k
  Vector chosen;               // k: error at the chosen λ
  // Per target: the chosen λ is the smallest or largest finite candidate of several (the optimum may lie beyond).
  std::vector<bool> at_grid_end;
};

// Held-out rows with what was predicted for them by models that never saw them, for whatever is calibrated after the
// choice (intervals, probabilities), in the targets' own units. All held-out rows if they are few, else a regular
// sample of about 20 000 (fewer where there are many inputs).
struct HeldOut {
  Matrix Y;            // rows×k: the targets
  Matrix F;            // rows×k: predictions
  Vector w;            // the rows' weights
  Vector scored = {};  // the same, but 0 for rows with a target beyond the limits that their split's training rows set

  // Per target, the mean square of Y − F over rows that are scored: what choices go by.
  [[nodiscard]] Vector errors() const { return (Y - F).cwiseAbs2().transpose() * scored / scored.sum(); }
};

// A row that the others contradict (docs/method.md, "Targets that mislead"): nothing was learned from it.
struct Contradicted {
  Index row = 0;  // its number, from 0
  Vector y;       // k: its targets
  Vector f;       // k: what is predicted for it, learned from others
};

struct Trained {
  Index rows = 0;  // rows with positive weight that the final model was trained on
  Scaling scaling;
  LinearPart linear;
  std::vector<Predictor> predictors;
  Validation validation;
  HeldOut held_out;
  Selection selection;
  std::vector<Index> constant_inputs;  // inputs left out because they never vary
  Matrix gradient_outer_product;  // A over the training rows, d×d on scaled inputs and targets; of wide tables 0×0
  Matrix gradient_factor;         // instead: B q×d with A = BᵀB (passes.h)
  Vector x_min;  // range of the kept inputs over the training rows, between their limits, in their own units
  Vector x_max;
  std::vector<Index> drawn_targets;        // per target: how many training rows' were learned from as another value
  std::vector<Contradicted> contradicted;  // rows of positive weight beside those, ascending
};

// The matrix that the head is solved from: n×n pairs of training rows when there are fewer of them than features or the
// method is a kernel, else P×P.
struct HeadForm {
  bool pairs = false;
  Index size = 0;
  double bytes = 0;  // it, its copy while it is reduced, and the work space of that
};
[[nodiscard]] HeadForm head_form(const FitOptions& options, Index rows, Index inputs);

// `validation`: rows to choose by, never trained on, or null to hold out part of `data`. With `fixed` (transfer),
// inputs are scaled as it says, and its y_mean and y_scale are ignored. Throws InvalidArgument for options that break
// their rules; DataError when there are fewer than 2 rows to split, a target is constant, no input varies, or the
// validation source has other inputs or targets; and what passes throw. Cost of Algorithm 1 per split: see passes.h;
// one reduction of the matrix of HeadForm.
[[nodiscard]] Trained train(const RowSource& data, const RowSource* validation, const Representation& representation,
                            const FitOptions& options, const Context& context, const Scaling* fixed = nullptr);

// Trains again on other rows with the choices made before: ε and chosen_lambda of `choices`, no splits, nothing held
// out. `kept`: the inputs to use (null: those that vary), so that rows on which one happens to be constant give a model
// of the same shape; `levels`: what makes some of those (null: nothing does); `fixed` as in `train`.
// Trained::validation is `choices`. Throws as `train`, and InvalidArgument when `choices` has another number of
// targets.
[[nodiscard]] Trained retrain(const RowSource& data, const Validation& choices, const Representation& representation,
                              const FitOptions& options, const Context& context,
                              const std::vector<Index>* kept = nullptr, const Scaling* fixed = nullptr,
                              const LevelEncoding* levels = nullptr);

// How options.method makes features. Refers to `options`, which must outlive it. A kernel's centres are the rows
// themselves. Throws InvalidArgument when oracle has no subspace.
[[nodiscard]] Representation representation(const FitOptions& options);

// Algorithm 1: `train` with one_step as representation.
[[nodiscard]] Trained algorithm_1(const RowSource& data, const RowSource* validation, const FitOptions& options,
                                  const Context& context);

}  // namespace sextant
