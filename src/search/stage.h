// Heads on features of what a linear part leaves, on plain or lifted inputs: the step that networks and kernels share.
// Private to the search.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "method/head_path.h"
#include "search/ground.h"
#include "sextant/lift.h"
#include "sextant/selection.h"
#include "sextant/subspace.h"
#include "sextant/warp.h"

namespace sextant {

// What features see: rows, their linear part, and their lift if there is one.
struct Stage {
  LinearPart linear;          // of the predictor, on plain inputs
  std::optional<Lift> lift;   //
  std::optional<Warp> warp;   // not both
  LinearPart pass_linear;     // what the passes take off: `linear`, or nothing where lifted rows are residuals already
  const RowSource* train;     //
  const RowSource* held_out;  //
  const Moments* moments;     // of train
  const RowSource* plain_train = nullptr;  // the same rows before the lift; null without one
  std::unique_ptr<RowSource> own_train;
  std::unique_ptr<RowSource> own_held_out;
  std::unique_ptr<Moments> own_moments;
};

[[nodiscard]] LinearPart mean_alone(const Moments& moments);
[[nodiscard]] LinearPart least_squares(const LearningRows& rows, const Context& context);  // ridge ε
[[nodiscard]] Stage plain_stage(const LearningRows& rows, LinearPart linear);
[[nodiscard]] Stage warped_stage(const LearningRows& rows, Warp warp);
[[nodiscard]] Stage lifted_stage(const LearningRows& rows, Index intervals, const Context& context);

// Heads on a stage's features (head_path.h).
[[nodiscard]] Path head_path(const Stage& stage, FeatureMap map, const std::vector<double>& lambda,
                             const Vector& square_units, const Context& context);
[[nodiscard]] Matrix head_at(const Stage& stage, const FeatureMap& map, const Vector& lambda, const Context& context);

// Where the model does not extrapolate: holds a link's output, with its linear part, to the range of the training
// targets and a tenth of it on either side; on the residual of a linear model, which may be off by as much, to twice
// that. Of a mixture only the sum would be held back, which one wild term may decide.
void hold_back(const LearningRows& rows, const LinearPart& linear, const FitOptions& options, Predictor& predictor);

[[nodiscard]] Matrix outer_product(const Stage& stage, const FeatureMap& map, const Matrix& a, const Context& context);

[[nodiscard]] const std::vector<double>& path_of(const FitOptions& options);
// Every so manieth λ of a path, and its last; all of one that is short already.
[[nodiscard]] std::vector<double> thinned(const std::vector<double>& lambda, std::size_t stride);

// ---- for reports ----

// After a round with the spectrum of its outer product (and that of the round before).
[[nodiscard]] StageRound round_report(const std::string& stage, Index round, double error, const Spectrum& now,
                                      const std::optional<Spectrum>& before);
[[nodiscard]] std::string lambda_list(const Vector& lambda);

}  // namespace sextant
