#include "sextant/model.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "core/parallel.h"
#include "passes/executor.h"
#include "sextant/automatic.h"
#include "sextant/error.h"
#include "sextant/folds.h"
#include "sextant/version.h"

namespace sextant {
namespace {

Model assemble(Trained trained, const Encoding& encoding, const FitOptions& options) {
  Model model;
  model.encoding = encoding;
  model.scaling = std::move(trained.scaling);
  model.linear = std::move(trained.linear);
  model.predictors = std::move(trained.predictors);
  model.gradient_outer_product = std::move(trained.gradient_outer_product);
  model.x_min = std::move(trained.x_min);
  model.x_max = std::move(trained.x_max);
  model.options = options;
  model.rows = trained.rows;
  model.validation = std::move(trained.validation);
  model.intervals = calibrate_intervals(trained.held_out, false);
  model.selection = std::move(trained.selection);
  model.version = version();
  return model;
}

void check_encoding(const RowSource& data, const Encoding& encoding, const char* where) {
  const auto targets = static_cast<Index>(encoding.targets.size());
  if (data.inputs() != encoding.inputs() || data.targets() != targets)
    throw InvalidArgument(fmt::format("{}: the rows have {} inputs and {} targets, expected the encoding's {} and {}",
                                      where, data.inputs(), data.targets(), encoding.inputs(), targets));
}

// The rows to learn from and, with a calibration share, those set aside, which only `calibrate` sees.
class CalibrationSplit {
 public:
  CalibrationSplit(const RowSource& data, const FitOptions& options) : data_(data) {
    if (!options.calibration_share) return;
    options.check();
    const Folds folds{options.seed, static_cast<Index>(std::lround(1.0 / *options.calibration_share)),
                      Purpose::calibration};
    training_ = std::make_unique<FoldSource>(data, folds, 0, FoldSource::Side::outside);
    set_aside_ = std::make_unique<FoldSource>(data, folds, 0, FoldSource::Side::inside);
    if (training_->rows() < 2 || set_aside_->rows() < 1)
      throw DataError(fmt::format(
          "fit: {} rows to learn from and {} set aside to calibrate intervals by, expected at least 2 and 1; "
          "use more rows or no calibration share",
          training_->rows(), set_aside_->rows()));
  }

  [[nodiscard]] const RowSource& training() const { return training_ ? *training_ : data_; }

  // Replaces the model's intervals by those of the rows set aside, if there are any.
  void calibrate(Model& model, const Context& context) const {
    if (set_aside_) model.intervals = calibrate_intervals(held_out_by(model, context), true);
  }

 private:
  // All rows set aside or, of very many, a regular sample, so that memory does not grow with their number.
  [[nodiscard]] HeldOut held_out_by(const Model& model, const Context& context) const {
    constexpr Index most_rows = 100'000;
    const Index stride = (set_aside_->rows() + most_rows - 1) / most_rows;
    const Index count = (set_aside_->rows() + stride - 1) / stride;
    HeldOut rows{Matrix(count, model.targets()), Matrix(count, model.targets()), Vector(count)};
    Index first = 0;
    Index taken = 0;
    for_each_block(*set_aside_, context, "calibration", [&](Block& block) {
      const Matrix F = predict(model, block.X, context, first);
      for (Index i = (stride - first % stride) % stride; i < block.rows(); i += stride, ++taken) {
        rows.Y.row(taken) = block.Y.row(i);
        rows.F.row(taken) = F.row(i);
        rows.w[taken] = block.w[i];
      }
      first += block.rows();
    });
    return rows;
  }

  const RowSource& data_;
  std::unique_ptr<FoldSource> training_;
  std::unique_ptr<FoldSource> set_aside_;
};

Encoding numbered_encoding(Index inputs, Index targets) {
  Encoding encoding;
  for (Index j = 1; j <= inputs; ++j) encoding.columns.push_back({fmt::format("x{}", j), ColumnKind::number, {}});
  for (Index t = 1; t <= targets; ++t) encoding.targets.push_back(targets == 1 ? "y" : fmt::format("y{}", t));
  return encoding;
}

}  // namespace

std::vector<std::string> Model::kept_names() const {
  const auto names = encoding.input_names();
  std::vector<std::string> kept;
  for (const Index j : scaling.kept) kept.push_back(names[static_cast<std::size_t>(j)]);
  return kept;
}

std::vector<std::string> Model::constant_names() const {
  auto names = encoding.input_names();
  for (auto kept = scaling.kept.rbegin(); kept != scaling.kept.rend(); ++kept) names.erase(names.begin() + *kept);
  return names;
}

Model fit(const RowSource& data, const Encoding& encoding, const FitOptions& options, const Context& context,
          const RowSource* validation) {
  check_encoding(data, encoding, "fit");
  const CalibrationSplit rows(data, options);
  Trained trained = is_automatic(options.method)
                        ? train_automatic(rows.training(), validation, options, context)
                        : train(rows.training(), validation, representation(options), options, context);
  Model model = assemble(std::move(trained), encoding, options);
  rows.calibrate(model, context);
  return model;
}

Model fit(const Matrix& X, const Matrix& Y, const FitOptions& options, const Context& context) {
  const MemorySource data(X, Y);
  return fit(data, numbered_encoding(X.cols(), Y.cols()), options, context);
}

Model transfer(const Model& model, const RowSource& data, const Encoding& encoding, const FitOptions& options,
               const Context& context, const RowSource* validation) {
  check_encoding(data, encoding, "transfer");
  if (encoding.input_names() != model.encoding.input_names())
    throw InvalidArgument("transfer: the inputs differ from the model's, expected the same in the same order");
  if (model.predictors.size() != 1)
    throw InvalidArgument(
        fmt::format("transfer: the model averages {} predictors, expected exactly one", model.predictors.size()));
  if (is_kernel(model.options.method))
    throw InvalidArgument(
        fmt::format("transfer: the model is {}, which has no first layer to keep, expected a network; fit the new "
                    "table instead",
                    name(model.options.method)));
  FitOptions head_options = model.options;
  head_options.preprocess = options.preprocess;
  head_options.lambda = options.lambda;
  head_options.validation_share = options.validation_share;
  head_options.folds = options.folds;
  head_options.refit = options.refit;
  head_options.calibration_share = options.calibration_share;
  head_options.head = options.head;
  head_options.standardise = options.standardise;
  head_options.seed = options.seed;
  head_options.sample_splitting = false;  // the features have never seen a label of these rows

  const FeatureMap& map = model.predictors.front().map;
  const Representation kept = [&](const RowSource&, const LinearPart&, const Context&) { return map; };
  const CalibrationSplit rows(data, head_options);
  Model result =
      assemble(train(rows.training(), validation, kept, head_options, context, &model.scaling), encoding, head_options);
  result.transferred = true;
  rows.calibrate(result, context);
  return result;
}

Model refit(const Model& model, const RowSource& data, const Context& context) {
  check_encoding(data, model.encoding, "refit");
  const FitOptions& options = model.options;
  if (is_automatic(options.method) || model.predictors.size() != 1)
    throw InvalidArgument(
        fmt::format("refit: the model was made by {}, whose choices cannot be repeated on other rows, "
                    "expected one of a single way of learning, algorithm-1 say",
                    name(options.method)));
  Trained trained;
  if (model.transferred) {
    const FeatureMap& map = model.predictors.front().map;
    const Representation kept = [&map](const RowSource&, const LinearPart&, const Context&) { return map; };
    trained = retrain(data, model.validation, kept, options, context, nullptr, &model.scaling);
  } else {
    trained = retrain(data, model.validation, representation(options), options, context, &model.scaling.kept);
  }
  Model result = assemble(std::move(trained), model.encoding, options);
  result.transferred = model.transferred;
  return result;
}

Matrix predict(const Model& model, const MatrixView& X, const Context& context, Index first_row) {
  context.check();
  if (X.cols() != model.inputs())
    throw InvalidArgument(fmt::format("predict: {} inputs given, expected {}", X.cols(), model.inputs()));
  Matrix Z;
  model.scaling.apply(X, Z);
  Matrix Y = outputs(model.linear, model.predictors, Z, context);
  Y = (Y * model.scaling.y_scale.asDiagonal()).rowwise() + model.scaling.y_mean.transpose();
  for (Index i = 0; i < Y.rows(); ++i)
    if (!Y.row(i).allFinite())
      throw NumericalError(
          fmt::format("predict: the prediction for row {} overflows; an input is far outside its training range",
                      first_row + i + 1));
  return Y;
}

IntervalPrediction predict_interval(const Model& model, const MatrixView& X, double level, const Context& context,
                                    Index first_row) {
  const Vector q = half_widths(model.intervals, level);
  IntervalPrediction result;
  result.value = predict(model, X, context, first_row);
  result.low = result.value.rowwise() - q.transpose();
  result.high = result.value.rowwise() + q.transpose();
  for (Index i = 0; i < X.rows(); ++i)
    if (!result.low.row(i).allFinite() || !result.high.row(i).allFinite())
      throw NumericalError(fmt::format(
          "predict: an end of the interval for row {} overflows; an input is far outside its training range",
          first_row + i + 1));
  return result;
}

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
  Index first_row = 0;
  const double n = for_each_block(data, context, "evaluate", [&](Block& block) {
    const Matrix E = block.Y - predict(model, block.X, context, first_row);
    first_row += block.rows();
    for (Index i = 0; i < block.rows() && pivot.size() == 0; ++i)
      if (block.w[i] > 0) pivot = block.Y.row(i);
    if (pivot.size() == 0) return;
    const Matrix D = block.Y.rowwise() - pivot.transpose();
    square += E.cwiseAbs2().transpose() * block.w;
    absolute += E.cwiseAbs().transpose() * block.w;
    sum += D.transpose() * block.w;
    sum_square += D.cwiseAbs2().transpose() * block.w;
    scores.n += (block.w.array() > 0).count();
  });
  for (Index t = 0; t < k; ++t) {
    Score score;
    score.target = model.encoding.targets[static_cast<std::size_t>(t)];
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
  Index first_row = 0;
  const double n = for_each_block(data, context, "evaluate", [&](Block& block) {
    const IntervalPrediction predicted = predict_interval(model, block.X, level, context, first_row);
    first_row += block.rows();
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

Directions directions(const Model& model) {
  Directions result;
  result.inputs = model.kept_names();
  result.spectrum = spectrum(model.gradient_outer_product);
  result.rank = estimate_rank(result.spectrum.values);
  result.scale = model.scaling.x_scale;
  result.mean = model.scaling.x_mean;
  return result;
}

}  // namespace sextant
