// How well a model does on rows: one pass, or one more for what is asked besides.
#include <fmt/core.h>

#include <cmath>
#include <limits>
#include <optional>

#include "model/checks.h"
#include "passes/executor.h"
#include "sextant/error.h"
#include "sextant/model.h"

namespace sextant {
namespace {

void depend_on(Pass& pass, const Model& model) {
  depends_on(pass, model.linear, model.predictors);
  pass.depends_on(model.scaling);
  if (!model.classification) return;
  pass.depends_on(model.classification->frequencies);
  for (const double number : {model.classification->link.temperature, model.classification->link.softness})
    pass.depends_on(number);
}

}  // namespace

Scores evaluate(const Model& model, const RowSource& data, const Context& context) {
  check_encoding(data, model.encoding, "evaluate");
  const Index k = model.targets();
  Scores scores;
  // Sums of e², |e|, y − y₀ and (y − y₀)². The pivot y₀ is the first row that counts: so a mean far from 0 costs no
  // digits, and for a target that does not vary the last two are exactly 0.
  Vector pivot;
  Vector square = Vector::Zero(k);
  Vector absolute = Vector::Zero(k);
  Vector sum = Vector::Zero(k);
  Vector sum_square = Vector::Zero(k);
  ClassScoreSum classes;
  ClassScoreSum majority;
  std::optional<ClassReportSum> report;
  Matrix log_q;  // log of the classes' frequencies, 1×k
  Pass pass(data, context, "evaluate");
  for (Vector* each : {&square, &absolute, &sum, &sum_square}) pass.sums(*each);
  for (ClassScoreSum* scored : {&classes, &majority}) {
    for (double* each : {&scored->weight, &scored->right, &scored->loss}) pass.sums(*each);
    pass.counts(scored->n);
  }
  pass.counts(scores.n);
  pass.pivots_on([&](const Block& block, Index i, Index) { pivot = block.Y.row(i); });
  if (model.classification) {
    report.emplace(model.classification->frequencies);
    pass.sums(report->of_classes);
    pass.sums(report->cells);
    log_q = model.classification->frequencies.array().log().matrix().transpose();
  }
  depend_on(pass, model);
  const double n = pass.run([&](Block& block, Index first_row) {
    const Matrix F = predict(model, block.X, context, first_row);
    const Matrix E = block.Y - F;
    if (model.classification) {
      const Matrix log_p = log_probabilities(model.classification->link, F);
      classes.add(log_p, block.Y, block.w);
      majority.add(log_q.replicate(F.rows(), 1), block.Y, block.w);
      report->add(log_p, block.Y, block.w);
    }
    if (pivot.size() == 0) return;
    const Matrix D = block.Y.rowwise() - pivot.transpose();
    square += E.cwiseAbs2().transpose() * block.w;
    absolute += E.cwiseAbs().transpose() * block.w;
    sum += D.transpose() * block.w;
    sum_square += D.cwiseAbs2().transpose() * block.w;
    scores.n += (block.w.array() > 0).count();
  });
  if (model.classification) {
    scores.classes = classes.scores();
    scores.majority = majority.scores();
    scores.report = report->report();
  }
  const auto names = model.encoding.output_names();
  for (Index t = 0; t < k; ++t) {
    Score score;
    score.target = names[static_cast<std::size_t>(t)];
    score.rmse = std::sqrt(square[t] / n);
    score.mae = absolute[t] / n;
    const double variation = sum_square[t] - sum[t] * sum[t] / n;
    score.r2 = variation > 0 ? 1.0 - square[t] / variation : std::numeric_limits<double>::quiet_NaN();
    scores.targets.push_back(score);
  }
  return scores;
}

std::vector<IntervalScore> evaluate_intervals(const Model& model, const RowSource& data, double level,
                                              const Context& context) {
  check_encoding(data, model.encoding, "evaluate");
  const Index k = model.targets();
  std::vector<IntervalScore> scores(static_cast<std::size_t>(k));
  Pass pass(data, context, "evaluate");
  for (IntervalScore& score : scores) {
    pass.sums(score.coverage);
    pass.sums(score.width);
  }
  const Vector half = model.classification ? Vector() : half_widths(model.intervals, level);
  depend_on(pass, model);
  pass.depends_on(half);
  const double n = pass.run([&](Block& block, Index first_row) {
    const IntervalPrediction predicted = predict_interval(model, block.X, level, context, first_row);
    for (Index t = 0; t < k; ++t) {
      IntervalScore& score = scores[static_cast<std::size_t>(t)];
      for (Index i = 0; i < block.rows(); ++i) {
        const bool inside = predicted.low(i, t) <= block.Y(i, t) && block.Y(i, t) <= predicted.high(i, t);
        score.coverage += inside ? block.w[i] : 0.0;
        score.width += block.w[i] * (predicted.high(i, t) - predicted.low(i, t));
      }
    }
  });
  for (IntervalScore& score : scores) {
    score.coverage /= n;
    score.width /= n;
  }
  return scores;
}

void check_threshold(const Model& model, double threshold, Index class_at) {
  (void)threshold_class(model);
  if (class_at < 0 || class_at >= 2)
    throw InvalidArgument(fmt::format("threshold: class number {} given, expected 0 or 1", class_at));
  if (!(threshold >= 0 && threshold <= 1))
    throw InvalidArgument(fmt::format("threshold: {} given, expected a probability from 0 to 1", threshold));
}

Index threshold_class(const Model& model) {
  if (!model.classification)
    throw InvalidArgument("threshold: the model predicts a number, expected a model of two classes");
  const Classification& classes = *model.classification;
  if (classes.frequencies.size() != 2)
    throw InvalidArgument(
        fmt::format("threshold: the model is of {} classes, expected two: of more, no single threshold decides, and "
                    "the probabilities of each are there to choose by",
                    classes.frequencies.size()));
  if (classes.threshold) return classes.threshold->class_at;
  return rarer_class(classes.frequencies);
}

ThresholdScore evaluate_threshold(const Model& model, const RowSource& data, double threshold, Index class_at,
                                  const Context& context) {
  check_encoding(data, model.encoding, "evaluate");
  check_threshold(model, threshold, class_at);
  ThresholdSum sum;
  Pass pass(data, context, "evaluate");
  for (double* each : {&sum.of_it, &sum.predicted, &sum.right, &sum.all}) pass.sums(*each);
  depend_on(pass, model);
  pass.depends_on(threshold);
  pass.depends_on(static_cast<double>(class_at));
  pass.run([&](Block& block, Index first_row) {
    const Matrix P = predict_probabilities(model, block.X, context, first_row);
    for (Index i = 0; i < P.rows(); ++i)
      if (block.w[i] > 0) sum.add(P(i, class_at), block.Y(i, class_at) > 0.5, block.w[i], threshold);
  });
  return sum.score(threshold);
}

}  // namespace sextant
