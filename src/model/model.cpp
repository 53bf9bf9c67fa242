#include "sextant/model.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "core/from_first_rank.h"
#include "core/parallel.h"
#include "model/checks.h"
#include "model/class_weighting.h"
#include "passes/executor.h"
#include "sextant/automatic.h"
#include "sextant/error.h"
#include "sextant/footprint.h"
#include "sextant/option_fields.h"
#include "sextant/splits.h"
#include "sextant/transform_choice.h"
#include "sextant/version.h"
#include "sextant/winsorise.h"

namespace sextant {

static auto parts(Intervals& intervals) {
  return std::tie(intervals.rows, intervals.set_aside, intervals.level, intervals.radius);
}

namespace {

Model assemble(Trained trained, const RowSource& data, const Encoding& encoding, const FitOptions& options,
               const Context& context, const Vector& class_factors = {}) {
  Model model;
  if (options.task == Task::classification)
    model.classification = classification_of(data, trained.held_out, class_factors, context);
  model.encoding = encoding;
  model.scaling = std::move(trained.scaling);
  if (model.scaling.levels && model.scaling.levels->of_targets.empty()) {
    LevelEncoding named = *model.scaling.levels;
    named.of_targets = encoding.output_names();
    model.scaling.levels = std::make_shared<const LevelEncoding>(std::move(named));
  }
  model.linear = std::move(trained.linear);
  model.predictors = std::move(trained.predictors);
  model.gradient_outer_product = std::move(trained.gradient_outer_product);
  model.gradient_factor = std::move(trained.gradient_factor);
  model.ranges = model.gradient_factor.size() > 0
                     ? direction_ranges(data, model.scaling, factor_spectrum(model.gradient_factor), context)
                     : direction_ranges(data, model.scaling, model.gradient_outer_product, context);
  model.x_min = std::move(trained.x_min);
  model.x_max = std::move(trained.x_max);
  model.drawn_targets = std::move(trained.drawn_targets);
  model.contradicted = std::move(trained.contradicted);
  model.options = options;
  model.rows = trained.rows;
  model.validation = std::move(trained.validation);
  model.selection = std::move(trained.selection);
  if (!model.classification) model.intervals = calibrate_intervals(trained.held_out, false);
  // Whoever may not pass rows on must not find them in a file: no model is better than that one.
  const auto holds_rows = [](const Predictor& predictor) { return stores_training_rows(predictor); };
  if (!options.training_rows && std::ranges::any_of(model.predictors, holds_rows))
    throw Error(
        "fit: internal error: training-rows is false and the model that was learned holds rows of the table, so there "
        "is "
        "none; please report this");
  model.version = version();
  return model;
}

void check_task(const Encoding& encoding, const FitOptions& options, const char* where) {
  const auto most = static_cast<std::size_t>(TableOptions{}.max_classes);
  if (encoding.classes.size() > most)
    throw DataError(
        fmt::format("{}: the target is of {} classes, expected at most {}", where, encoding.classes.size(), most));
  if ((options.task == Task::classification) == !encoding.classes.empty()) return;
  throw InvalidArgument(encoding.classes.empty()
                            ? fmt::format("{}: the task is classification and the encoding has no classes", where)
                            : fmt::format("{}: the target is a class, expected the task classification", where));
}

// The rows to learn from and, with a calibration share, those set aside, which only `calibrate` sees.
class CalibrationSplit {
 public:
  CalibrationSplit(const RowSource& data, const FitOptions& options) : data_(data) {
    if (!options.calibration_share) return;
    options.check();
    split_ = hold_out(data, *options.calibration_share, options, Purpose::calibration);
    if (split_.train->rows() < 2 || split_.validation->rows() < 1)
      throw DataError(fmt::format(
          "fit: {} rows to learn from and {} set aside to calibrate intervals by, expected at least 2 and 1; "
          "use more rows or no calibration share",
          split_.train->rows(), split_.validation->rows()));
  }

  [[nodiscard]] const RowSource& training() const { return split_.train != nullptr ? *split_.train : data_; }

  // Replaces the model's intervals by those of the rows set aside, if there are any.
  void calibrate(Model& model, const Context& context) const {
    if (split_.validation != nullptr && !model.classification)
      model.intervals = from_first_rank(
          context, [&](const Context& own) { return calibrate_intervals(held_out_by(model, own), true); });
  }

 private:
  // All rows set aside or, of very many, a regular sample, so that memory does not grow with their number.
  [[nodiscard]] HeldOut held_out_by(const Model& model, const Context& context) const {
    constexpr Index most_rows = 100'000;
    const Index stride = (split_.validation->rows() + most_rows - 1) / most_rows;
    const Index count = (split_.validation->rows() + stride - 1) / stride;
    HeldOut rows{Matrix(count, model.targets()), Matrix(count, model.targets()), Vector(count)};
    Index taken = 0;
    read_blocks(*split_.validation, context, "calibration", [&](Block& block, Index first) {
      const Matrix F = predict(model, block.X, context, first);
      for (Index i = (stride - first % stride) % stride; i < block.rows(); i += stride, ++taken) {
        rows.Y.row(taken) = block.Y.row(i);
        rows.F.row(taken) = F.row(i);
        rows.w[taken] = block.w[i];
      }
    });
    return rows;
  }

  const RowSource& data_;
  Split split_;
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
  const auto targets = encoding.output_names();
  const auto d = static_cast<Index>(names.size());
  const auto at = [](const std::vector<std::string>& list) {
    return [&list](Index j) { return list[static_cast<std::size_t>(j)]; };
  };
  std::vector<std::string> kept;
  for (const Index j : scaling.kept)
    kept.push_back(j < d ? names[static_cast<std::size_t>(j)] : scaling.levels->label(j - d, at(names), at(targets)));
  return kept;
}

std::vector<std::string> Model::constant_names() const {
  const auto names = encoding.input_names();
  std::vector<std::string> constant;
  const auto kinds = encoding.input_kinds();
  for (std::size_t j = 0; j < names.size(); ++j)
    if (kinds[j] != InputKind::code &&
        !std::binary_search(scaling.kept.begin(), scaling.kept.end(), static_cast<Index>(j)))
      constant.push_back(names[j]);
  return constant;
}

Model fit(const RowSource& data, const Encoding& encoding, const FitOptions& options, const Context& context,
          const RowSource* validation) {
  check_encoding(data, encoding, "fit");
  check_task(encoding, options, "fit");
  const CalibrationSplit rows(data, options);
  const WeightedRows weighted(rows.training(), validation, options, context);
  const RowSource& training = weighted.rows();
  const RowSource* const chosen_by = weighted.validation();
  const Training learn = [&](const FitOptions& own) {
    return is_automatic(own.method) ? train_automatic(training, chosen_by, own, context)
                                    : train(training, chosen_by, representation(own), own, context);
  };
  Model model = assemble(train_transformed(training, chosen_by, options, context, nullptr, learn), training, encoding,
                         options, context, weighted.factors());
  rows.calibrate(model, context);
  return model;
}

namespace {

// `labels`: of each row, its position in `classes`.
Model fit_classes(const Matrix& X, const std::vector<Index>& labels, std::vector<std::string> classes, ColumnKind kind,
                  FitOptions options, const Context& context) {
  if (static_cast<Index>(labels.size()) != X.rows())
    throw InvalidArgument(
        fmt::format("data: X has {} rows and there are {} labels, expected as many", X.rows(), labels.size()));
  if (classes.size() < 2)
    throw DataError(fmt::format("fit: the labels hold {} class{}, expected at least 2", classes.size(),
                                classes.size() == 1 ? "" : "es"));
  options.task = Task::classification;
  Encoding encoding = numbered_encoding(X.cols(), 1);
  encoding.class_kind = kind;
  encoding.classes = std::move(classes);
  Matrix Y = Matrix::Zero(X.rows(), encoding.outputs());
  for (Index i = 0; i < Y.rows(); ++i) Y(i, labels[static_cast<std::size_t>(i)]) = 1.0;
  return fit(MemorySource(X, Y), encoding, options, context);
}

// Distinct values ascending, and where each of `labels` is among them.
template <class Label>
std::pair<std::vector<Label>, std::vector<Index>> distinct(const std::vector<Label>& labels) {
  std::vector<Label> classes = labels;
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  std::vector<Index> positions;
  for (const Label& label : labels)
    positions.push_back(std::lower_bound(classes.begin(), classes.end(), label) - classes.begin());
  return {std::move(classes), std::move(positions)};
}

}  // namespace

Model fit(const Matrix& X, const std::vector<std::string>& labels, const FitOptions& options, const Context& context) {
  auto [classes, positions] = distinct(labels);
  return fit_classes(X, positions, std::move(classes), ColumnKind::text, options, context);
}

Model fit(const Matrix& X, const Matrix& Y, const FitOptions& options, const Context& context) {
  if (options.task == Task::classification) {
    if (Y.cols() != 1)
      throw InvalidArgument(fmt::format("fit: {} targets given for classification, expected exactly one", Y.cols()));
    if (!Y.allFinite()) throw InvalidArgument("data: Y holds a value that is not finite");
    const auto [classes, positions] = distinct(std::vector<double>(Y.data(), Y.data() + Y.size()));
    std::vector<std::string> names;
    for (const double value : classes) names.push_back(fmt::format("{}", value + 0.0));  // no −0
    return fit_classes(X, positions, std::move(names), ColumnKind::number, options, context);
  }
  const MemorySource data(X, Y);
  return fit(data, numbered_encoding(X.cols(), Y.cols()), options, context);
}

Model transfer(const Model& model, const RowSource& data, const Encoding& encoding, const FitOptions& options,
               const Context& context, const RowSource* validation) {
  check_encoding(data, encoding, "transfer");
  check_task(encoding, options, "transfer");
  if (encoding.input_names() != model.encoding.input_names())
    throw InvalidArgument("transfer: the inputs differ from the model's, expected the same in the same order");
  if (model.predictors.size() != 1 || model.predictors.front().lift)
    throw InvalidArgument(fmt::format(
        "transfer: the model has {} sets of features, expected one first layer to keep; keep its directions "
        "instead",
        model.predictors.size()));
  if (is_kernel(model.options.method))
    throw InvalidArgument(
        fmt::format("transfer: the model is {}, which has no first layer to keep, expected a network; fit the new "
                    "table instead",
                    name(model.options.method)));
  FitOptions head_options = model.options;
  for (const OptionField& option : option_fields())
    if (option.with_kept_layer) option.copy(options, head_options);
  head_options.sample_splitting = false;  // the features have never seen a label of these rows

  const FeatureMap& map = model.predictors.front().map;
  const Representation kept = [&](const RowSource&, const LinearPart&, const Context&) { return map; };
  const CalibrationSplit rows(data, head_options);
  const WeightedRows weighted(rows.training(), validation, head_options, context);
  const RowSource& training = weighted.rows();
  const RowSource* const chosen_by = weighted.validation();
  const Training learn = [&](const FitOptions& own) {
    return train(training, chosen_by, kept, own, context, &model.scaling);
  };
  Model result = assemble(train_transformed(training, chosen_by, head_options, context, &model.scaling, learn),
                          training, encoding, head_options, context, weighted.factors());
  result.transferred = true;
  rows.calibrate(result, context);
  return result;
}

namespace {

// A of a source on the first one's scaling: ∂/∂z = ∂/∂z_s · scale/scale_s, and nothing along inputs it left out, or
// along those that only one of the two makes of levels.
Matrix rescaled_outer_product(const Model& source, const Model& first) {
  const Scaling& scaling = first.scaling;
  const Index d = scaling.inputs();
  Matrix A = Matrix::Zero(d, d);
  const Matrix& B = source.gradient_factor;
  const Matrix of_source = B.size() > 0 ? Matrix(B.transpose() * B) : source.gradient_outer_product;
  const auto& kept = source.scaling.kept;
  const std::vector<std::string> names = first.kept_names();
  const std::vector<std::string> of_source_names = source.kept_names();
  std::vector<Index> at;  // of each kept input of the source among those of `scaling`, −1 if it is not
  Vector factor(static_cast<Index>(kept.size()));
  for (std::size_t j = 0; j < kept.size(); ++j) {
    Index found = -1;
    if (kept[j] < source.inputs()) {
      const auto same = std::lower_bound(scaling.kept.begin(), scaling.kept.end(), kept[j]);
      if (same != scaling.kept.end() && *same == kept[j]) found = same - scaling.kept.begin();
    } else {
      const auto same = std::ranges::find(names, of_source_names[j]);
      if (same != names.end()) found = same - names.begin();
    }
    at.push_back(found);
    const bool there = found >= 0;
    factor[static_cast<Index>(j)] =
        there ? scaling.x_scale[at.back()] / source.scaling.x_scale[static_cast<Index>(j)] : 0.0;
  }
  for (std::size_t i = 0; i < at.size(); ++i)
    for (std::size_t j = 0; j < at.size(); ++j)
      if (at[i] >= 0 && at[j] >= 0)
        A(at[i], at[j]) = factor[static_cast<Index>(i)] * factor[static_cast<Index>(j)] *
                          of_source(static_cast<Index>(i), static_cast<Index>(j));
  return A;
}

}  // namespace

Model transfer_directions(const std::vector<Model>& sources, const RowSource& data, const Encoding& encoding,
                          const FitOptions& options, const Context& context, const RowSource* validation) {
  if (sources.empty()) throw InvalidArgument("transfer: no source model is given, expected at least one");
  check_encoding(data, encoding, "transfer");
  check_task(encoding, options, "transfer");
  const Model& first = sources.front();
  FitOptions own = options;
  own.method = Method::automatic;
  const CalibrationSplit rows(data, own);
  const WeightedRows weighted(rows.training(), validation, own, context);
  const RowSource& training = weighted.rows();
  const RowSource* const chosen_by = weighted.validation();
  // With more inputs than rows only the sources' predictions are kept: their directions would be candidates of d×d.
  const bool directions_too = training.inputs() <= training.rows();
  const Index d = directions_too ? first.scaling.inputs() : 0;
  SourceTask task{Matrix::Zero(d, d), first.linear, first.predictors};
  // Their outputs are mapped linearly to other targets, which what holds them back would not survive.
  for (Predictor& predictor : task.predictors) predictor.low = predictor.high = {};
  for (const Model& source : sources) {
    if (encoding.input_names() != source.encoding.input_names())
      throw InvalidArgument("transfer: the inputs differ from the model's, expected the same in the same order");
    if (!directions_too) continue;
    const Matrix A = rescaled_outer_product(source, first);
    if (A.trace() > 0) task.gradient_outer_product += A / A.trace();
  }
  const Training learn = [&](const FitOptions& each) {
    return train_automatic(training, chosen_by, each, context, &first.scaling, &task);
  };
  Model result = assemble(train_transformed(training, chosen_by, own, context, &first.scaling, learn), training,
                          encoding, own, context, weighted.factors());
  result.transferred = true;
  rows.calibrate(result, context);
  return result;
}

namespace {

// Those of the rows that the model was not learned from because others contradict them, where they are these again.
std::vector<Index> contradicted_again(const Model& model, const RowSource& data) {
  std::vector<Index> rows;
  Block block;
  for (const Contradicted& each : model.contradicted) {
    if (each.row >= data.rows()) continue;
    data.read(each.row, 1, block);
    if (block.Y.row(0).transpose() == each.y) rows.push_back(each.row);
  }
  return rows;
}

}  // namespace

Model refit(const Model& model, const RowSource& given, const Context& context) {
  check_encoding(given, model.encoding, "refit");
  const WeightedRows weighted(given, nullptr, model.options, context);
  const std::vector<Index> contradicted = contradicted_again(model, weighted.rows());
  const WithoutRowsSource data(weighted.rows(), contradicted);
  // The transforms as they were chosen; each is learned again.
  FitOptions options = model.options;
  if (options.target_transform.any()) {
    options.target_transform = {};
    if (!model.scaling.y_transforms.empty()) options.target_transform.kinds.clear();
    for (const TargetTransform& transform : model.scaling.y_transforms)
      options.target_transform.kinds.push_back(transform.kind);
  }
  Trained trained;
  if (!model.selection.candidates.empty()) {
    trained = retrain_automatic(data, model.validation, model.selection, options, context, &model.scaling.kept,
                                model.scaling.levels.get());
  } else if (model.transferred) {
    const FeatureMap& map = model.predictors.front().map;
    const Representation kept = [&map](const RowSource&, const LinearPart&, const Context&) { return map; };
    trained = retrain(data, model.validation, kept, options, context, nullptr, &model.scaling);
  } else {
    trained = retrain(data, model.validation, representation(options), options, context, &model.scaling.kept, nullptr,
                      model.scaling.levels.get());
  }
  // Probabilities stay calibrated as they were: no row is held out to calibrate them anew.
  FitOptions outputs_alone = options;
  outputs_alone.task = Task::regression;
  outputs_alone.class_weights = {};
  Model result = assemble(std::move(trained), data, model.encoding, outputs_alone, context);
  for (const Contradicted& each : model.contradicted)
    if (std::ranges::binary_search(contradicted, each.row)) result.contradicted.push_back(each);
  result.options = model.options;
  result.classification = model.classification;
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
  Y = model.scaling.predictions(Y);
  for (Index i = 0; i < Y.rows(); ++i)
    if (!Y.row(i).allFinite())
      throw NumericalError(
          fmt::format("predict: the prediction for row {} overflows; an input is far outside its training range",
                      first_row + i + 1));
  return Y;
}

namespace {

const Classification& classification(const Model& model) {
  if (!model.classification)
    throw InvalidArgument("predict: the model predicts a number, expected a model of a class (task classification)");
  return *model.classification;
}

}  // namespace

Matrix predict_probabilities(const Model& model, const MatrixView& X, const Context& context, Index first_row) {
  const ClassLink& link = classification(model).link;
  return probabilities(link, predict(model, X, context, first_row));
}

std::vector<Index> predict_classes(const Model& model, const MatrixView& X, const Context& context) {
  const Matrix log_p = log_probabilities(classification(model).link, predict(model, X, context));
  std::vector<Index> classes(static_cast<std::size_t>(log_p.rows()));
  for (Index i = 0; i < log_p.rows(); ++i) log_p.row(i).maxCoeff(&classes[static_cast<std::size_t>(i)]);
  return classes;
}

IntervalPrediction predict_interval(const Model& model, const MatrixView& X, double level, const Context& context,
                                    Index first_row) {
  if (model.classification)
    throw InvalidArgument(
        "interval: the model predicts a class, expected a number; its probabilities say how sure it is");
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

Directions directions(const Model& model) {
  Directions result;
  result.inputs = model.kept_names();
  if (model.gradient_factor.size() > 0) {
    result.spectrum = factor_spectrum(model.gradient_factor);
    // All other directions have nothing.
    Vector values = Vector::Zero(std::min(result.spectrum.values.size() + 1, model.gradient_factor.cols()));
    values.head(result.spectrum.values.size()) = result.spectrum.values;
    result.rank = estimate_rank(values);
    result.rank.rank = std::min(result.rank.rank, result.spectrum.values.size());
  } else {
    result.spectrum = spectrum(model.gradient_outer_product);
    result.rank = estimate_rank(result.spectrum.values);
  }
  result.scale = model.scaling.x_scale;
  result.mean = model.scaling.x_mean;
  return result;
}

}  // namespace sextant
