// sextant info MODEL: what is inside a model file, without data.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <cmath>
#include <memory>

#include "class_presentation.h"
#include "commands.h"
#include "presentation.h"
#include "sextant/footprint.h"
#include "sextant/model_file.h"

namespace sextant::app {
namespace {

std::string joined(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 12;
  if (names.size() <= shown) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{}, … ({} in all)", fmt::join(names.begin(), names.begin() + shown, ", "), names.size());
}

// Levels that inputs are made of.
Index level_count(const Model& model) {
  Index count = 0;
  if (model.scaling.levels)
    for (const LevelSet& set : model.scaling.levels->sets) count += set.levels.rows();
  return count;
}

nlohmann::ordered_json report(const Model& model) {
  const Footprint found = footprint(model);
  nlohmann::ordered_json predictors = nlohmann::ordered_json::array();
  for (const Predictor& predictor : model.predictors)
    predictors.push_back({{"features", features_text(predictor.map)},
                          {"inputs", predictor.lift ? predictor.lift->inputs() : inputs(predictor.map)},
                          {"multiply_adds", multiply_adds(predictor)},
                          {"training_rows", stores_training_rows(predictor)}});
  nlohmann::ordered_json result = {{"version", model.version},
                                   {"method", name(model.options.method)},
                                   {"targets", model.encoding.targets},
                                   {"inputs", model.kept_names()},
                                   {"rows", model.rows},
                                   {"bytes", found.bytes},
                                   {"multiply_adds", found.multiply_adds},
                                   {"training_rows", found.training_rows},
                                   {"levels", level_count(model)},
                                   {"predictors", predictors}};
  if (!model.classification) return result;
  const Classification& of = *model.classification;
  nlohmann::ordered_json classes = {{"weights", name(model.options.class_weights)}};
  classes["held_out"] = class_report_json(of.report, model.encoding.classes);
  if (of.threshold) classes["threshold_advice"] = threshold_advice_json(*of.threshold, model.encoding.classes);
  result["classification"] = classes;
  return result;
}

void print_footprint(const Model& model) {
  const Footprint found = footprint(model);
  print_line("size", bytes_text(found.bytes));
  print_line("a prediction", fmt::format("{} multiply-adds", short_number(found.multiply_adds)));
  if (model.scaling.levels)
    print_line("levels", fmt::format("{} of columns and pairs, how often each occurs and the sums of its targets",
                                     grouped(level_count(model))));
  print_line("rows inside",
             found.training_rows ? "rows of the training table, as kernels' centres" : "none of the training table");
}

void print_info(const std::string& path, bool json) {
  const Model model = load_model(path);
  if (json) return print_json(report(model));
  print_line("model", fmt::format("{}, written by Sextant {}", path, model.version));
  const Precision precision = model.options.precision;
  print_line("method",
             fmt::format("{}{}, preprocess {}, head {}, seed {}{}", name(model.options.method),
                         model.transferred ? " (first layer kept from another task)" : "",
                         name(model.options.preprocess), name(model.options.head), model.options.seed,
                         precision == Precision::float64 ? "" : fmt::format(", precision {}", name(precision))));
  print_line("targets", joined(model.encoding.targets));
  print_line("inputs", joined(model.kept_names()));
  if (!model.constant_names().empty()) print_line("left out", joined(model.constant_names()) + " (never varied)");
  std::vector<std::string> left_out;
  for (const auto& [column, why] : left_out_columns(model.encoding))
    left_out.push_back(fmt::format("{} ({})", column, why));
  if (!left_out.empty()) print_line("no inputs", joined(left_out));
  print_line("missing", name(model.encoding.missing));
  for (const Predictor& predictor : model.predictors) {
    const auto* network = std::get_if<ReluNetwork>(&predictor.map);
    print_line("features", fmt::format("{}{}, {}", features_text(predictor.map),
                                       network != nullptr && network->mirrored ? " in mirrored pairs" : "",
                                       count_of(inputs(predictor.map), "input")));
  }
  print_line("trained on", count_of(model.rows, "row"));
  print_footprint(model);
  print_validation(model);
  print_intervals(model);
  print_directions(directions(model), 3);
  print_line("λ path", model.scaling.y_transforms.empty()
                           ? "validation RMSE per candidate"
                           : "validation RMSE per candidate, of the transformed targets");
  const Validation& validation = model.validation;
  for (Index l = 0; l < validation.path.rows(); ++l) {
    std::string errors;
    for (Index t = 0; t < model.targets(); ++t) {
      const bool chosen = validation.lambda[static_cast<std::size_t>(l)] == validation.chosen_lambda[t];
      errors += fmt::format("{:>11}{}", short_number(std::sqrt(validation.path(l, t))), chosen ? " *" : "  ");
    }
    const double lambda = validation.lambda[static_cast<std::size_t>(l)];
    print_line(fmt::format("  {}", std::isinf(lambda) ? "∞" : short_number(lambda)), errors);
  }
}

}  // namespace

void add_info(CLI::App& program) {
  auto model = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  CLI::App& command = *program.add_subcommand("info", "Show what is inside a model file");
  command.footer("Example:\n  sextant info wing.sextant");
  command.add_option("MODEL", *model, "The model file")->required()->type_name("");
  command.add_flag("--json", *json, "Print one JSON object instead");
  command.callback([model, json] { print_info(*model, *json); });
}

}  // namespace sextant::app
