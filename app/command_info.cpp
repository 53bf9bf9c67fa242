// sextant info MODEL: what is inside a model file, without data.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <cmath>
#include <memory>

#include "commands.h"
#include "presentation.h"
#include "sextant/model_file.h"

namespace sextant::app {
namespace {

std::string joined(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 12;
  if (names.size() <= shown) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{}, … ({} in all)", fmt::join(names.begin(), names.begin() + shown, ", "), names.size());
}

void print_info(const std::string& path) {
  const Model model = load_model(path);
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
  CLI::App& command = *program.add_subcommand("info", "Show what is inside a model file");
  command.footer("Example:\n  sextant info wing.sextant");
  command.add_option("MODEL", *model, "The model file")->required()->type_name("");
  command.callback([model] { print_info(*model); });
}

}  // namespace sextant::app
