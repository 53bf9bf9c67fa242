// A fitted model: what it needs to read a table, scale it, predict and explain, and how it came to be.
//
//   f(x) = T⁻¹( mean_y + scale_y·( α + βᵀz + Σ_p weight_p · a_pᵀ φ_p(z) ) ),   z = the scaled kept inputs of x, T the
// targets' transforms (Scaling::y_transforms), mostly the identity; z of inputs between their limits, and f held back
// to its own, where the model does not extrapolate (FitOptions::extrapolate).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sextant/class_probabilities.h"
#include "sextant/class_report.h"
#include "sextant/context.h"
#include "sextant/direction_ranges.h"
#include "sextant/encoding.h"
#include "sextant/intervals.h"
#include "sextant/linear_part.h"
#include "sextant/options.h"
#include "sextant/predictor.h"
#include "sextant/scaling.h"
#include "sextant/subspace.h"
#include "sextant/train.h"

namespace sextant {

// What a model of a class has beside its outputs.
struct Classification {
  ClassLink link;        // from outputs to probabilities, calibrated on held-out rows
  Vector frequencies;    // k: of the classes in the table it was fitted on, (n_c + 1)/(n + k)
  ClassScores held_out;  // on the rows that `link` was calibrated on: two numbers, so hardly too good
  ClassScores majority;  // there, of the most frequent class (accuracy) and of the frequencies (log-loss)
  // What a row of each class was made to count, k, if classes were weighted; else empty. All above is then of the
  // weighted population.
  Vector weights = {};
  ClassReport report = {};                        // there, class by class; empty in files of earlier versions
  std::optional<ThresholdAdvice> threshold = {};  // of two classes, and rows that count as much as each other
};

struct Model {
  Encoding encoding;
  Scaling scaling;
  LinearPart linear;
  std::vector<Predictor> predictors;
  Matrix gradient_outer_product;  // A over the training rows, on scaled kept inputs and targets; of wide tables 0×0
  Matrix gradient_factor;         // instead: B q×d with A = BᵀB, leading directions (gradient_factor of passes.h)
  Vector x_min;                   // training range of the kept inputs, between their limits, in their own units
  Vector x_max;
  std::vector<Index> drawn_targets;        // per target: how many training rows' were learned from as another value
  std::vector<Contradicted> contradicted;  // rows beside those, that nothing was learned from
  DirectionRanges ranges;                  // of the rows it was fitted on, held-out ones included
  FitOptions options;
  bool transferred = false;  // the first layer was learned on another task
  Index rows = 0;            // training rows with positive weight
  Validation validation;
  std::optional<Classification> classification;  // of a model of a class
  Selection selection;
  Intervals intervals;  // calibrated on held-out rows
  std::string version;  // of the library that made it

  [[nodiscard]] Index inputs() const { return encoding.inputs(); }
  [[nodiscard]] Index targets() const { return encoding.outputs(); }  // k: one per class where the target is a class
  // Names of the kept inputs: those that columns of W, β and A refer to.
  [[nodiscard]] std::vector<std::string> kept_names() const;
  // Names of the inputs left out because they never vary.
  [[nodiscard]] std::vector<std::string> constant_names() const;
};

// Fits a model to rows read through `encoding` (data.inputs() must be encoding.inputs()). `validation`: rows to choose
// by, or null. Errors and cost: train.h; DataError when a calibration share leaves too few rows.
[[nodiscard]] Model fit(const RowSource& data, const Encoding& encoding, const FitOptions& options = {},
                        const Context& context = {}, const RowSource* validation = nullptr);

// The same for matrices: X n×d, Y n×k, columns named x1 … xd and y1 … yk (y for one). With Task::classification Y is
// n×1 and its distinct values are the classes.
[[nodiscard]] Model fit(const Matrix& X, const Matrix& Y, const FitOptions& options = {}, const Context& context = {});

// Fits a model of a class: label i is row i's class, of at least 2; the classes are the labels in byte order. The task
// need not be given.
[[nodiscard]] Model fit(const Matrix& X, const std::vector<std::string>& labels, const FitOptions& options = {},
                        const Context& context = {});

// Learns new targets on a model's representation (DLS22, Theorem 3): keeps scaling of inputs, W¹ and b, refits the
// linear part and the head. The rows needed do not depend on d (with Preprocess::none). `encoding` must have the
// model's inputs. Options that shape the first layer (method, width, eta, rank, …) are the model's, not `options`'s.
// Throws InvalidArgument when the model has other than one predictor or other inputs.
[[nodiscard]] Model transfer(const Model& model, const RowSource& data, const Encoding& encoding,
                             const FitOptions& options = {}, const Context& context = {},
                             const RowSource* validation = nullptr);

// Learns new targets from what other tasks on the same inputs found, as far as it helps: the automatic method
// (automatic.h) with candidates that keep the sources' directions beside those that start afresh, chosen by held-out
// rows. The inputs are scaled as the first source scales them; directions of several sources are joined by adding their
// A, each divided by its trace. Throws InvalidArgument without sources or when their inputs differ from the encoding's.
[[nodiscard]] Model transfer_directions(const std::vector<Model>& sources, const RowSource& data,
                                        const Encoding& encoding, const FitOptions& options = {},
                                        const Context& context = {}, const RowSource* validation = nullptr);

// Learns the model again from other rows with everything as it was chosen: options, seed, ε, λ, kept inputs and, of a
// transferred model, its first layer. No row is held out, so there are no intervals; what was measured on held-out rows
// is the model's. On the rows that the model was trained on it gives the model again. Throws InvalidArgument when
// `data` has other inputs or targets, or when the model keeps what other tasks found (transfer_directions) in any other
// way than as a first layer; else as fit. Cost: a fit without validation.
[[nodiscard]] Model refit(const Model& model, const RowSource& data, const Context& context = {});

// X n×inputs as EncodedSource gives it (NaN for missing, filled by the training mean) → n×k in the targets' own units;
// of a class the outputs for its indicators, which predict_probabilities makes probabilities of.
// The same bits for any number of threads. Throws InvalidArgument for another number of columns, NumericalError when a
// prediction is not finite (an input of the order of 1e300, say), which names the row, X's first being `first_row`.
[[nodiscard]] Matrix predict(const Model& model, const MatrixView& X, const Context& context = {}, Index first_row = 0);

// Of a model of a class: calibrated probabilities, n×k, rows sum to 1 up to rounding; and the most probable class of
// each row, as its position in encoding.classes. Throw InvalidArgument for a model of numbers, and what `predict`
// throws.
[[nodiscard]] Matrix predict_probabilities(const Model& model, const MatrixView& X, const Context& context = {},
                                           Index first_row = 0);
[[nodiscard]] std::vector<Index> predict_classes(const Model& model, const MatrixView& X, const Context& context = {});
// The same with an interval around every prediction that holds the target of a new row with probability `level`, as far
// as intervals.h says. Throws what predict and half_widths throw, NumericalError when an end overflows.
struct IntervalPrediction {
  Matrix value;  // n×k, as predict
  Matrix low;    // n×k
  Matrix high;   // n×k
};
[[nodiscard]] IntervalPrediction predict_interval(const Model& model, const MatrixView& X, double level,
                                                  const Context& context = {}, Index first_row = 0);

// How well a model predicts rows, per target, in the targets' own units, weighted by the rows' weights.
struct Score {
  std::string target;
  double rmse = 0;
  double mae = 0;
  double r2 = 0;  // 1 − Σ w (y − f)² / Σ w (y − ȳ)²; NaN when the target does not vary over these rows
};
struct Scores {
  Index n = 0;                 // rows with positive weight
  std::vector<Score> targets;  // of the classes' indicators where the target is a class
  // Where it is: of the model, and beside it of the class that was most frequent when it was fitted (accuracy) and of
  // the frequencies then (log-loss).
  std::optional<ClassScores> classes;
  std::optional<ClassScores> majority;
  std::optional<ClassReport> report;
};
[[nodiscard]] Scores evaluate(const Model& model, const RowSource& data, const Context& context = {});

// How well the classes are told apart on rows where `class_at`, one of two, is predicted if its probability is at least
// `threshold`. Throws InvalidArgument as check_threshold, and what predict throws.
[[nodiscard]] ThresholdScore evaluate_threshold(const Model& model, const RowSource& data, double threshold,
                                                Index class_at, const Context& context = {});
// Throws InvalidArgument unless the model is of two classes, class_at one of them and 0 ≤ threshold ≤ 1.
void check_threshold(const Model& model, double threshold, Index class_at);
// The class that a threshold is about unless another is named: the rarer of two when the model was fitted. Throws
// InvalidArgument for a model that is not of two classes.
[[nodiscard]] Index threshold_class(const Model& model);

// How intervals of a level do on rows, per target.
struct IntervalScore {
  double coverage = 0;  // share of the rows, by weight, whose target lies inside, ends included
  double width = 0;     // mean of high − low, in the target's own unit
};
[[nodiscard]] std::vector<IntervalScore> evaluate_intervals(const Model& model, const RowSource& data, double level,
                                                            const Context& context = {});

// The directions in which the model varies, on standardised inputs: eigenvectors of its gradient outer product A. Of a
// wide table's model, those that its gradient_factor holds, q ≤ 64 instead of d.
struct Directions {
  std::vector<std::string> inputs;  // the d kept ones
  Spectrum spectrum;
  RankEstimate rank;
  Vector scale;  // standard deviation of each kept input (1 where inputs were not standardised)
  Vector mean;
};
[[nodiscard]] Directions directions(const Model& model);

}  // namespace sextant
