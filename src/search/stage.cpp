#include "search/stage.h"

#include <fmt/core.h>

#include <cmath>
#include <limits>
#include <utility>

#include "core/from_first_rank.h"
#include "method/wide_linear.h"
#include "passes/parts.h"
#include "sextant/error.h"
#include "sextant/ridge_head.h"
#include "sextant/row_ranges.h"

namespace sextant {

LinearPart mean_alone(const Moments& moments) {
  LinearPart linear = LinearPart::zero(moments.x_mean.size(), moments.y_mean.size());
  linear.alpha = moments.y_mean;
  return linear;
}

LinearPart least_squares(const LearningRows& rows, const Context& context) {
  return from_first_rank(context, [&](const Context& own) {
    return rows.moments->xx.size() == 0 ? fit_linear(WideRows(*rows.train, own), rows.epsilon)
                                        : fit_linear(*rows.moments, Preprocess::linear, rows.epsilon);
  });
}

Stage plain_stage(const LearningRows& rows, LinearPart linear) {
  Stage stage{linear, {}, {}, linear, rows.train, rows.held_out, rows.moments, nullptr, {}, {}, {}};
  return stage;
}

Stage warped_stage(const LearningRows& rows, Warp warp) {
  Stage stage = plain_stage(rows, mean_alone(*rows.moments));
  const auto warped = [&](const RowSource& source) -> std::unique_ptr<RowSource> {
    auto view = std::make_unique<WarpedSource>(source, warp);
    if (source.rows() > few_rows) return view;
    return std::make_unique<GatheredSource>(*view);
  };
  stage.own_train = warped(*rows.train);
  stage.train = stage.own_train.get();
  if (rows.held_out != nullptr) {
    stage.own_held_out = warped(*rows.held_out);
    stage.held_out = stage.own_held_out.get();
  }
  stage.warp = std::move(warp);
  return stage;
}

Stage lifted_stage(const LearningRows& rows, Index intervals, const Context& context) {
  Stage stage{mean_alone(*rows.moments),
              learn_lift(*rows.train, intervals, context),
              {},
              {},
              nullptr,
              nullptr,
              nullptr,
              nullptr,
              {},
              {},
              {}};
  stage.pass_linear = LinearPart::zero(stage.lift->coordinates(), rows.moments->y_mean.size());
  const auto lifted = [&](const RowSource& source) -> std::unique_ptr<RowSource> {
    auto view = std::make_unique<LiftedSource>(source, stage.linear, *stage.lift);
    if (source.rows() > few_rows) return view;
    return std::make_unique<GatheredSource>(*view);
  };
  stage.own_train = lifted(*rows.train);
  stage.train = stage.own_train.get();
  stage.plain_train = rows.train;
  stage.own_moments = std::make_unique<Moments>(moments(*stage.train, context));
  stage.moments = stage.own_moments.get();
  if (rows.held_out != nullptr) {
    stage.own_held_out = lifted(*rows.held_out);
    stage.held_out = stage.own_held_out.get();
  }
  return stage;
}

Path head_path(const Stage& stage, FeatureMap map, const std::vector<double>& lambda, const Vector& square_units,
               const Context& context) {
  return head_path(HeadTask{*stage.train, stage.pass_linear}, *stage.held_out, std::move(map), lambda, square_units,
                   context);
}

Matrix head_at(const Stage& stage, const FeatureMap& map, const Vector& lambda, const Context& context) {
  return head_at(HeadTask{*stage.train, stage.pass_linear}, map, lambda, context);
}

void hold_back(const LearningRows& rows, const LinearPart& linear, const FitOptions& options, Predictor& predictor) {
  if (options.extrapolate_or_default()) return;
  const Vector low = rows.moments->y_min - beyond_targets * (rows.moments->y_max - rows.moments->y_min);
  const Vector high = rows.moments->y_max + beyond_targets * (rows.moments->y_max - rows.moments->y_min);
  const bool alone = linear.beta.isZero(0.0);
  predictor.low = low - (alone ? linear.alpha : high);
  predictor.high = high - (alone ? linear.alpha : low);
}

Matrix outer_product(const Stage& stage, const FeatureMap& map, const Matrix& a, const Context& context) {
  // Of many targets, some rows show where their sum varies.
  constexpr Index most_gradients = 1'000'000;
  const RowSource& train = *stage.train;
  const Index most = std::max<Index>(1000, most_gradients / std::max<Index>(1, train.targets()));
  if (train.rows() <= most || train.targets() <= 64)
    return gradient_outer_product(train, stage.pass_linear, map, a, context);
  RowRanges some;
  const Index stride = (train.rows() + most - 1) / most;
  for (Index i = 0; i < train.rows(); i += stride) some.add(i);
  return gradient_outer_product(RangeSource(train, some), stage.pass_linear, map, a, context);
}

const std::vector<double>& path_of(const FitOptions& options) {
  return options.lambda.empty() ? lambda_grid() : options.lambda;
}

std::vector<double> thinned(const std::vector<double>& lambda, std::size_t stride) {
  if (lambda.size() <= 12) return lambda;
  std::vector<double> some;
  for (std::size_t l = 0; l < lambda.size(); l += stride) some.push_back(lambda[l]);
  if (some.back() != lambda.back()) some.push_back(lambda.back());
  return some;
}

StageRound round_report(const std::string& stage, Index round, double error, const Spectrum& now,
                        const std::optional<Spectrum>& before) {
  StageRound report{stage, round, error, {}, std::numeric_limits<double>::quiet_NaN()};
  report.spectrum = now.values.head(std::min<Index>(10, now.values.size()));
  if (!before || !(now.values[0] > 0)) return report;
  const Index r = std::max<Index>(1, estimate_rank(now.values).rank);
  if (r < now.values.size() && before->values[0] > 0)
    report.angle = principal_angles(before->directions.topRows(r), now.directions.topRows(r)).maxCoeff();
  return report;
}

std::string lambda_list(const Vector& lambda) {
  std::string text;
  for (const double value : lambda) text += fmt::format("{}{:.2g}", text.empty() ? "" : ", ", value);
  return lambda.size() > 3 ? "λ per target" : "λ = " + text;
}

}  // namespace sextant
