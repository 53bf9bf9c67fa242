// What precedes all learning: splits, scaling, the linear part's ε, the errors of the mean and of the linear model. No
// quantity of a split sees its held-out rows. Private to the method layer.
#pragma once

#include <deque>
#include <vector>

#include "method/level_choice.h"
#include "sextant/linear_fit.h"
#include "sextant/scaling.h"
#include "sextant/splits.h"
#include "sextant/train.h"
#include "sextant/winsorise.h"

namespace sextant {

inline constexpr double beyond_targets = 0.1;  // of the training targets' range: as far as predictions may go

// Rows with what scales them, learned from themselves (or, for inputs, given).
struct Prepared {
  Scaling scaling;
  std::vector<DrawnTarget> drawn;  // targets that are learned from as other values
  std::vector<Index> silent;       // the rows of those that say nothing (robust_targets.h)
  Moments raw;                     // in the table's units, all inputs, of what is learned from
  Moments moments;                 // scaled, kept inputs
  TableLimits limits;              // of the columns; empty where nothing is clipped
  // How these rows learn what levels say from each other; null where no inputs are made of levels, or they are given.
  std::shared_ptr<const LevelParts> level_parts = {};
};

// Whether the inputs' covariance, d×d, is formed, or pairs of rows stand for it (wide_rows.h): where a search has more
// inputs than rows, nothing of d×d is ever held. Methods that are one way of learning keep the primal form.
enum class Form { primal, dual };
[[nodiscard]] Form form_of(const RowSource& rows, const FitOptions& options);

// `kept` names the inputs to use (null: those that vary); with `fixed`, the inputs' scaling is given and only the
// targets' is measured. An input of which no row here has a value is 0 throughout, on the scale that `whole`, of all
// training rows, has for it, if given; in the dual form the inputs' limits, which see no target, are those of `whole`.
// `levels`: what inputs are made of levels, learned from these rows (with `fixed`, they are as it says). Throws
// DataError when no input varies.
[[nodiscard]] Prepared prepare(const RowSource& rows, const FitOptions& options, const Scaling* fixed,
                               const std::vector<Index>* kept, const Context& context, Form form,
                               const Prepared* whole = nullptr, const std::vector<LevelSet>& levels = {});

// Rows that are learned from, as the stages see them: their targets drawn in, scaled.
class TrainingRows final : public RowSource {
 public:
  // Both must outlive it.
  TrainingRows(const RowSource& rows, const Prepared& prepared)
      : levels_(prepared.scaling.levels
                    ? std::make_unique<LevelledSource>(rows, prepared.scaling.levels, prepared.level_parts)
                    : nullptr),
        drawn_(levels_ ? *levels_ : rows, prepared.drawn),
        scaled_(drawn_, prepared.scaling.of_all_inputs()) {}

  [[nodiscard]] Index rows() const override { return scaled_.rows(); }
  [[nodiscard]] Index inputs() const override { return scaled_.inputs(); }
  [[nodiscard]] Index targets() const override { return scaled_.targets(); }
  [[nodiscard]] std::string input_label(Index j) const override { return scaled_.input_label(j); }
  [[nodiscard]] std::string target_label(Index t) const override { return scaled_.target_label(t); }
  [[nodiscard]] std::vector<Index> groups() const override { return scaled_.groups(); }
  void read(Index first, Index count, Block& block) const override { scaled_.read(first, count, block); }

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override { return scaled_.fingerprint(); }
  std::unique_ptr<LevelledSource> levels_;
  DrawnTargetsSource drawn_;
  ScaledSource scaled_;
};

// One split's rows as the stages see them: both scaled by what its training rows say.
struct ScaledSplit {
  ScaledSplit(const Split& split, Prepared prepared);

  Prepared prepared;
  std::vector<Index> wild;  // held-out rows with a target or an input far out: nothing is chosen by them
  TrainingRows train;
  WithoutRowsSource scored;
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

// Checks options and data, and prepares. `whole`: all training rows as another partition of them prepared them, if it
// did. Throws as `train` says.
[[nodiscard]] Preparation prepare_training(const RowSource& data, const RowSource* validation_rows,
                                           const FitOptions& options, const Context& context, const Scaling* fixed,
                                           const Prepared* whole = nullptr);

// Everything of a trained model but its linear part, predictors, validation and held-out rows.
[[nodiscard]] Trained described(const RowSource& data, const Prepared& final);

// Held-out rows of one split in memory, scaled: all of few, a regular sample of many, so that what is calibrated on
// them does not grow with n.
struct Sample {
  Matrix X;
  Matrix Y;
  Vector w;           // 0 where a target is beyond its limits
  Matrix own;         // the targets as the table has them
  Vector own_weight;  // the rows' weights as the table has them
};
[[nodiscard]] std::vector<Sample> held_out_samples(const Preparation& preparation, const Context& context);

// A sample's targets in their own units, as the table has them.
[[nodiscard]] Matrix own_targets(const Sample& sample, const Scaling& scaling);

// What the splits' own predictors say of their held-out rows, in the targets' own units. F: per split, rows×k scaled.
[[nodiscard]] HeldOut held_out_of(const Preparation& preparation, const std::vector<Sample>& samples,
                                  const std::vector<Matrix>& F);

}  // namespace sextant
