// Models: fitting, transfer, files, predictions, and what is inside.
#include "sextant/model.h"

#include <algorithm>
#include <limits>
#include <string>
#include <variant>

#include "bindings.h"
#include "options.h"
#include "rows.h"
#include "run.h"
#include "sextant/footprint.h"
#include "sextant/importance.h"
#include "sextant/model_file.h"
#include "sextant/option_fields.h"

namespace sextant::python {
namespace {

const RowSource* source_of(const Rows* rows) { return rows != nullptr ? &rows->source() : nullptr; }  // of None, null

// predict(rows, context, number of the first) for all rows of X, n×k.
template <class Predict>
Matrix predictions(const Model& model, const Eigen::Map<const Matrix>& X, const Run& run, const Predict& predict) {
  return run_with(run, [&](const Context& context) {
    Matrix all(X.rows(), model.targets());
    by_pieces(X.rows(), "predict", context, [&](Index first, Index count) {
      all.middleRows(first, count) = predict(X.middleRows(first, count), context, first);
    });
    return all;
  });
}

Matrix predict_all(const Model& model, const Array& X, const Run& run) {
  return predictions(model, matrix_view(X, "X"), run, [&](const MatrixView& rows, const Context& context, Index first) {
    return predict(model, rows, context, first);
  });
}

// Of all inputs: the kept ones as the model sees them.
Matrix scaled(const Model& model, const Array& array) {
  const MatrixView X = matrix_view(array, "X");
  if (X.cols() != model.inputs())
    throw InvalidArgument(fmt::format("X: {} columns given, expected the model's {} inputs", X.cols(), model.inputs()));
  Matrix Z;
  model.scaling.apply(X, Z);
  return Z;
}

Matrix probabilities_of_all(const Model& model, const Array& X, const Run& run) {
  return predictions(model, matrix_view(X, "X"), run, [&](const MatrixView& rows, const Context& context, Index first) {
    return predict_probabilities(model, rows, context, first);
  });
}

IntervalPrediction intervals_of_all(const Model& model, const Array& array, double level, const Run& run) {
  const auto X = matrix_view(array, "X");
  return run_with(run, [&](const Context& context) {
    const Matrix room(X.rows(), model.targets());
    IntervalPrediction all{room, room, room};
    by_pieces(X.rows(), "predict", context, [&](Index first, Index count) {
      const IntervalPrediction part = predict_interval(model, X.middleRows(first, count), level, context, first);
      all.value.middleRows(first, count) = part.value;
      all.low.middleRows(first, count) = part.low;
      all.high.middleRows(first, count) = part.high;
    });
    return all;
  });
}

// Columns of numbers and targets by their names; of classes given as numbers, `classes` holds their values.
Encoding encoding_of(const std::vector<std::string>& inputs, const std::vector<std::string>& targets,
                     const std::variant<std::vector<std::string>, std::vector<double>>& classes,
                     const std::string& missing) {
  Encoding encoding;
  encoding.missing = missing_named(missing);
  for (const std::string& name : inputs) encoding.columns.push_back({name, ColumnKind::number, {}});
  encoding.targets = targets;
  if (const auto* numbers = std::get_if<std::vector<double>>(&classes)) {
    encoding.class_kind = ColumnKind::number;
    for (const double value : *numbers) encoding.classes.push_back(text_of(value + 0.0));  // no −0
  } else {
    encoding.classes = std::get<std::vector<std::string>>(classes);
  }
  return encoding;
}

// Which columns of the cells are inputs and how, and sentences on what a person should know.
py::tuple encoding_of_cells(const Cells& cells, const std::vector<std::string>& targets,
                            const std::variant<std::vector<std::string>, std::vector<double>>& classes,
                            const std::string& missing) {
  Encoding encoding = encoding_of({}, targets, classes, missing);
  std::vector<std::string> features;
  for (const Column& column : cells.table().columns()) features.push_back(column.name);
  std::vector<std::string> beside = std::move(encoding.targets);  // not among the cells
  encoding.targets.clear();
  std::vector<std::string> notices = choose_inputs(cells.table(), features, encoding);
  encoding.targets = std::move(beside);
  return py::make_tuple(std::move(encoding), std::move(notices));
}

// n×inputs, as the encoding reads the cells.
Matrix encoded_cells(const Encoding& encoding, const Cells& cells) {
  Block block;
  EncodedSource(cells.table(), encoding, false).read(0, cells.table().rows(), block);
  return std::move(block.X);
}

// The model's inputs with other targets.
Encoding retargeted(const Model& model, const Encoding& targets) {
  Encoding encoding = model.encoding;
  encoding.targets = targets.targets;
  encoding.classes = targets.classes;
  encoding.class_kind = targets.class_kind;
  encoding.missing = targets.missing;
  encoding.weights.clear();
  encoding.groups.clear();
  return encoding;
}

py::dict validation_of(const Model& model) {
  const Validation& validation = model.validation;
  py::dict entry;
  entry["rows"] = validation.rows;
  entry["folds"] = validation.folds;
  entry["mean"] = validation.mean;
  entry["linear"] = validation.linear;
  entry["epsilon"] = validation.epsilon;
  entry["lambda"] =
      Vector(Eigen::Map<const Vector>(validation.lambda.data(), static_cast<Index>(validation.lambda.size())));
  entry["path"] = validation.path;
  entry["chosen_lambda"] = validation.chosen_lambda;
  entry["chosen"] = validation.chosen;
  return entry;
}

py::list candidates_of(const Model& model) {
  py::list candidates;
  for (const CandidateReport& report : model.selection.candidates) {
    py::dict entry;
    entry["name"] = report.name;
    entry["settings"] = report.settings;
    entry["rank"] = report.rank;
    entry["error"] = report.error;
    entry["standard_error"] = report.standard_error;
    entry["weight"] = report.weight;
    entry["cost"] = report.cost;
    entry["rows"] = report.rows > 0 ? report.rows : model.rows;
    entry["failed"] = report.failed;
    entry["dropped"] = report.dropped;
    py::list rounds;
    for (const StageRound& round : report.trace) {
      py::dict each;
      each["stage"] = round.stage;
      each["round"] = round.round;
      each["error"] = round.error;
      each["standard_error"] = round.standard_error;
      each["angle"] = round.angle;
      rounds.append(each);
    }
    entry["rounds"] = rounds;
    candidates.append(entry);
  }
  return candidates;
}

py::list search_path_of(const Model& model) {
  py::list path;
  for (const SearchStep& step : model.selection.path) {
    py::dict entry;
    entry["name"] = step.name;
    entry["cost"] = step.cost;
    entry["spent"] = step.spent;
    entry["error"] = step.error;
    path.append(entry);
  }
  return path;
}

std::vector<std::pair<std::string, std::string>> not_tried_of(const Model& model) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const NotTried& each : model.selection.left_out) all.emplace_back(each.name, each.why);
  return all;
}

py::dict report_of(const ClassReport& report, const std::vector<std::string>& names) {
  py::list classes;
  for (std::size_t c = 0; c < report.classes.size(); ++c) {
    const OneClass& each = report.classes[c];
    py::dict entry;
    entry["name"] = names[c];
    entry["n"] = each.n;
    entry["recall"] = each.recall;
    entry["precision"] = each.precision;
    entry["gain"] = each.gain;
    classes.append(entry);
  }
  py::list bins;
  for (const ReliabilityBin& bin : report.bins) {
    py::dict entry;
    entry["share"] = bin.share;
    entry["predicted"] = bin.predicted;
    entry["observed"] = bin.observed;
    bins.append(entry);
  }
  py::dict result;
  result["classes"] = classes;
  result["calibration_error"] = report.calibration_error;
  result["reliability"] = bins;
  return result;
}

py::dict threshold_of(const ThresholdScore& score) {
  py::dict entry;
  entry["threshold"] = score.threshold;
  entry["precision"] = score.precision;
  entry["recall"] = score.recall;
  entry["f1"] = score.f1;
  entry["balanced_accuracy"] = score.balanced_accuracy;
  entry["accuracy"] = score.accuracy;
  return entry;
}

py::object advice_of(const Model& model) {
  if (!model.classification || !model.classification->threshold) return py::none();
  const ThresholdAdvice& advice = *model.classification->threshold;
  py::dict entry;
  entry["class_at"] = advice.class_at;
  entry["rows"] = advice.n;
  entry["class_rows"] = advice.of_it;
  entry["f1"] = threshold_of(advice.f1);
  entry["balanced_accuracy"] = threshold_of(advice.balanced);
  entry["most_probable"] = threshold_of(advice.most_probable);
  return entry;
}

// What the model says of its held-out rows.
py::object class_report_of(const Model& model) {
  if (!model.classification || model.classification->report.classes.empty()) return py::none();
  return report_of(model.classification->report, model.encoding.classes);
}

py::dict scores_of(const Scores& scores, const std::vector<std::string>& classes) {
  py::list targets;
  for (const Score& score : scores.targets) {
    py::dict entry;
    entry["name"] = score.target;
    entry["rmse"] = score.rmse;
    entry["mae"] = score.mae;
    entry["r2"] = score.r2;
    targets.append(entry);
  }
  py::dict result;
  result["n"] = scores.n;
  result["targets"] = targets;
  if (scores.classes) {
    result["accuracy"] = scores.classes->accuracy;
    result["log_loss"] = scores.classes->log_loss;
    result["accuracy_majority"] = scores.majority->accuracy;
    result["log_loss_frequencies"] = scores.majority->log_loss;
    result.attr("update")(report_of(*scores.report, classes));
  }
  return result;
}

py::tuple importance_of(const Model& model) {
  const Importance result = importance(model);
  return py::make_tuple(result.columns, result.by_column);
}

py::tuple directions_of(const Model& model) {
  const Directions found = directions(model);
  return py::make_tuple(found.spectrum.values, found.spectrum.directions, found.rank.rank);
}

py::list columns_of(const Encoding& encoding) {
  py::list columns;
  for (const InputColumn& column : encoding.columns)
    columns.append(py::make_tuple(column.name, column.kind == ColumnKind::text ? py::cast(column.levels) : py::none(),
                                  column.left_out != LeftOut::no));
  return columns;
}

py::list predictors_of(const Model& model) {
  py::list predictors;
  for (const Predictor& predictor : model.predictors)
    predictors.append(py::make_tuple(predictor.weight, predictor.map, predictor.a));
  return predictors;
}

// Per target: rows learned from as other values, and the limits beyond which they lie.
py::list drawn_targets_of(const Model& model) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  py::list targets;
  for (std::size_t t = 0; t < model.drawn_targets.size(); ++t) {
    const auto at = static_cast<Index>(t);
    const bool limited = model.scaling.y_low.size() > 0;
    targets.append(py::make_tuple(model.drawn_targets[t], limited ? model.scaling.y_low[at] : -infinity,
                                  limited ? model.scaling.y_high[at] : infinity));
  }
  return targets;
}

// Rows that nothing was learned from: number, targets, what the others say.
py::list contradicted_of(const Model& model) {
  py::list rows;
  for (const Contradicted& each : model.contradicted) rows.append(py::make_tuple(each.row, each.y, each.f));
  return rows;
}

py::bytes bytes_of(const Model& model) { return model_bytes(model); }

}  // namespace

void bind_model(py::module_& module) {
  py::class_<Encoding>(module, "Encoding")
      .def(py::init(&encoding_of), py::arg("inputs"), py::arg("targets"),
           py::arg("classes") = std::vector<std::string>{}, py::arg("missing") = name(Encoding{}.missing))
      .def_static("of_cells", &encoding_of_cells, py::arg("cells"), py::arg("targets"), py::arg("classes"),
                  py::arg("missing"))
      .def(
          "with_missing",
          [](Encoding encoding, const std::string& missing) {
            encoding.missing = missing_named(missing);
            return encoding;
          },
          py::arg("missing"))
      .def("encode", &encoded_cells, py::arg("cells"))
      .def_property_readonly("columns", &columns_of)
      .def_property_readonly("plain", [](const Encoding& encoding) {
        return std::all_of(encoding.columns.begin(), encoding.columns.end(), [](const InputColumn& column) {
          return column.kind == ColumnKind::number && !column.indicator && column.left_out == LeftOut::no;
        });
      });

  py::class_<Model>(module, "Model")
      .def_static("load", &load_model, py::call_guard<py::gil_scoped_release>())
      .def("save", &save_model, py::call_guard<py::gil_scoped_release>())
      .def_static("from_bytes",
                  [](const py::bytes& bytes, const std::string& where) { return model_from_bytes(bytes, where); })
      .def("to_bytes", &bytes_of)
      .def_property_readonly("inputs", &Model::inputs)
      .def_property_readonly("input_names", [](const Model& model) { return model.encoding.input_names(); })
      .def_property_readonly("columns", [](const Model& model) { return columns_of(model.encoding); })
      .def_property_readonly("encoding", [](const Model& model) { return model.encoding; })
      .def_property_readonly("missing", [](const Model& model) { return name(model.encoding.missing); })
      .def_property_readonly("missing_values", [](const Model& model) { return model.encoding.missing_values; })
      .def_property_readonly("keeps_missing",
                             [](const Model& model) {
                               return model.encoding.missing == Missing::mean ||
                                      model.encoding.missing == Missing::indicator;
                             })
      .def_property_readonly("target_names", [](const Model& model) { return model.encoding.targets; })
      .def_property_readonly("classes", [](const Model& model) { return model.encoding.classes; })
      .def_property_readonly("classes_are_numbers",
                             [](const Model& model) { return model.encoding.class_kind == ColumnKind::number; })
      .def_property_readonly("kept", [](const Model& model) { return model.scaling.kept; })
      .def_property_readonly("kept_names", &Model::kept_names)
      .def_property_readonly("x_fill", [](const Model& model) { return model.scaling.x_fill; })
      .def_property_readonly("x_low", [](const Model& model) { return model.scaling.x_low; })
      .def_property_readonly("x_high", [](const Model& model) { return model.scaling.x_high; })
      .def_property_readonly("drawn_targets", &drawn_targets_of)
      .def_property_readonly("contradicted", &contradicted_of)
      .def_property_readonly("x_mean", [](const Model& model) { return model.scaling.x_mean; })
      .def_property_readonly("x_scale", [](const Model& model) { return model.scaling.x_scale; })
      .def_property_readonly("linear", [](const Model& model) { return model.linear; })
      .def_property_readonly("predictors", &predictors_of)
      .def_readonly("gradient_outer_product", &Model::gradient_outer_product)
      .def_readonly("gradient_factor", &Model::gradient_factor)
      .def_readonly("rows", &Model::rows)
      .def_readonly("transferred", &Model::transferred)
      .def_readonly("version", &Model::version)
      .def_property_readonly("footprint",
                             [](const Model& model) {
                               const Footprint found = footprint(model);
                               return py::make_tuple(found.bytes, found.multiply_adds, found.training_rows);
                             })
      .def_property_readonly("options", [](const Model& model) { return to_dict(model.options); })
      .def_property_readonly("validation", &validation_of)
      .def_property_readonly("candidates", &candidates_of)
      .def_property_readonly("skipped", [](const Model& model) { return model.selection.skipped; })
      .def_property_readonly("not_tried", &not_tried_of)
      .def_property_readonly("search_path", &search_path_of)
      .def("directions", &directions_of)
      .def("importance", &importance_of)
      .def("scaled", &scaled, py::arg("X").noconvert())
      .def("predict", &predict_all, py::arg("X").noconvert(), py::arg("run"))
      .def("predict_probabilities", &probabilities_of_all, py::arg("X").noconvert(), py::arg("run"))
      .def(
          "half_widths", [](const Model& model, double level) { return half_widths(model.intervals, level); },
          py::arg("level"))
      .def(
          "predict_interval",
          [](const Model& model, const Array& X, double level, const Run& run) {
            IntervalPrediction all = intervals_of_all(model, X, level, run);
            return py::make_tuple(std::move(all.value), std::move(all.low), std::move(all.high));
          },
          py::arg("X").noconvert(), py::arg("level"), py::arg("run"))
      .def(
          "evaluate",
          [](const Model& model, const Rows& rows, const Run& run) {
            return scores_of(
                run_with(run, [&](const Context& context) { return evaluate(model, rows.source(), context); }),
                model.encoding.classes);
          },
          py::arg("rows"), py::arg("run"))
      .def_property_readonly("class_report", &class_report_of)
      .def_property_readonly(
          "class_factors",
          [](const Model& model) { return model.classification ? model.classification->weights : Vector(); })
      .def_property_readonly("threshold_advice", &advice_of)
      .def("threshold_class", &threshold_class)
      .def("check_threshold", &check_threshold, py::arg("threshold"), py::arg("class_at"))
      .def(
          "evaluate_threshold",
          [](const Model& model, const Rows& rows, double threshold, Index class_at, const Run& run) {
            return threshold_of(run_with(run, [&](const Context& context) {
              return evaluate_threshold(model, rows.source(), threshold, class_at, context);
            }));
          },
          py::arg("rows"), py::arg("threshold"), py::arg("class_at"), py::arg("run"));

  module.def(
      "fit",
      [](const Rows& rows, const Encoding& encoding, const py::dict& given, const Run& run, const Rows* validation) {
        const FitOptions options = options_from(given);
        options.check();
        return run_with(run, [&](const Context& context) {
          return fit(rows.source(), encoding, options, context, source_of(validation));
        });
      },
      py::arg("rows"), py::arg("encoding"), py::arg("options"), py::arg("run"), py::arg("validation") = py::none());
  module.def(
      "transfer",
      [](const Model& model, const Rows& rows, const Encoding& targets, const py::dict& given, const Run& run,
         const Rows* validation) {
        const FitOptions options = options_from(given);
        options.check();
        return run_with(run, [&](const Context& context) {
          return transfer(model, rows.source(), retargeted(model, targets), options, context, source_of(validation));
        });
      },
      py::arg("model"), py::arg("rows"), py::arg("targets"), py::arg("options"), py::arg("run"),
      py::arg("validation") = py::none());
  module.def(
      "transfer_directions",
      [](const std::vector<const Model*>& models, const Rows& rows, const Encoding& targets, const py::dict& given,
         const Run& run, const Rows* validation) {
        const FitOptions options = options_from(given);
        options.check();
        std::vector<Model> sources;
        for (const Model* model : models) sources.push_back(*model);
        return run_with(run, [&](const Context& context) {
          return transfer_directions(sources, rows.source(), retargeted(sources.front(), targets), options, context,
                                     source_of(validation));
        });
      },
      py::arg("models"), py::arg("rows"), py::arg("targets"), py::arg("options"), py::arg("run"),
      py::arg("validation") = py::none());
}

}  // namespace sextant::python
