// sextant evaluate MODEL DATA: how well a model predicts a table that has the targets.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "arguments.h"
#include "class_presentation.h"
#include "commands.h"
#include "presentation.h"
#include "sextant/model_file.h"
#include "world.h"

namespace sextant::app {
namespace {

struct EvaluateCommand {
  std::string model;
  std::string data;
  bool json = false;
  IntervalArguments interval;
  ThresholdArguments threshold;
  TableArguments table;
  RunArguments run;

  void operator()() const {
    ProgressBar bar;
    Context context = run.context(bar);
    context.check();
    const Model fitted = load_model(model);
    const Index about = threshold.given() ? threshold.class_of(fitted) : 0;
    const auto opened = open_for_model(data, fitted.encoding, true, table.options(context));
    const EncodedSource rows(*opened, fitted.encoding);
    if (!takes_part(context, rows.rows())) return;
    warn_about_table(*opened, rows, fitted.encoding);
    warn_about_extrapolation(*opened, rows, fitted, context);
    const Scores scores = evaluate(fitted, rows, context);
    std::vector<IntervalScore> intervals;
    if (interval.given()) intervals = evaluate_intervals(fitted, rows, interval.level, context);
    std::optional<ThresholdScore> at_threshold;
    if (threshold.given()) at_threshold = evaluate_threshold(fitted, rows, threshold.threshold(), about, context);
    if (scores.classes)
      show(scores, fitted.encoding, at_threshold, about);
    else if (json)
      print_json(report(scores, intervals));
    else
      print(scores, intervals);
  }

  // Of classes.
  void show(const Scores& scores, const Encoding& encoding, const std::optional<ThresholdScore>& at_threshold,
            Index about) const {
    const std::string& target = encoding.targets.front();
    const std::string& name = encoding.classes[static_cast<std::size_t>(about)];
    if (json) {
      nlohmann::json entry = class_report_json(*scores.report, encoding.classes);
      entry.update({{"name", target},
                    {"accuracy", scores.classes->accuracy},
                    {"log_loss", scores.classes->log_loss},
                    {"accuracy_majority", scores.majority->accuracy},
                    {"log_loss_frequencies", scores.majority->log_loss}});
      if (at_threshold) entry["threshold"] = threshold_json(*at_threshold, name);
      print_json(nlohmann::json{{"n", scores.n}, {"targets", nlohmann::json::array({entry})}});
      return;
    }
    print_line("table", fmt::format("{}: {}", data, count_of(scores.n, "row")));
    print_table(
        {"target", "accuracy", "most frequent class", "log-loss", "frequencies"},
        {{target, fmt::format("{:.4f}", scores.classes->accuracy), fmt::format("{:.4f}", scores.majority->accuracy),
          short_number(scores.classes->log_loss), short_number(scores.majority->log_loss)}});
    print_class_report(*scores.report, encoding.classes);
    if (at_threshold) print_threshold(*at_threshold, name);
  }

  [[nodiscard]] nlohmann::json report(const Scores& scores, const std::vector<IntervalScore>& intervals) const {
    nlohmann::json targets = nlohmann::json::array();
    for (const Score& score : scores.targets)
      targets.push_back({{"name", score.target},
                         {"rmse", score.rmse},
                         {"mae", score.mae},
                         {"r2", std::isnan(score.r2) ? nlohmann::json(nullptr) : nlohmann::json(score.r2)}});
    nlohmann::json object = {{"n", scores.n}, {"targets", targets}};
    if (intervals.empty()) return object;
    object["interval"] = interval.level;
    for (std::size_t t = 0; t < intervals.size(); ++t) {
      object["targets"][t]["coverage"] = intervals[t].coverage;
      object["targets"][t]["width"] = intervals[t].width;
    }
    return object;
  }

  void print(const Scores& scores, const std::vector<IntervalScore>& intervals) const {
    print_line("table", fmt::format("{}: {}", data, count_of(scores.n, "row")));
    std::size_t longest = 6;
    for (const Score& score : scores.targets) longest = std::max(longest, score.target.size());
    fmt::print("{:<{}}  {:>10}  {:>10}  {:>8}\n", "target", longest, "RMSE", "MAE", "R²");
    for (const Score& score : scores.targets)
      fmt::print("{:<{}}  {:>10}  {:>10}  {:>7}\n", score.target, longest, short_number(score.rmse),
                 short_number(score.mae), r2_text(score.r2));
    for (std::size_t t = 0; t < intervals.size(); ++t)
      print_line(
          t == 0 ? "intervals" : "",
          fmt::format("{:<{}}  {:.1f} % of the rows inside (asked for: {:.4g} %), width {}", scores.targets[t].target,
                      longest, 100 * intervals[t].coverage, 100 * interval.level, short_number(intervals[t].width)));
  }
};

}  // namespace

void add_evaluate(CLI::App& program) {
  auto state = std::make_shared<EvaluateCommand>();
  CLI::App& command = *program.add_subcommand("evaluate", "Measure a model's errors on a table that has the targets");
  command.footer("Example:\n  sextant evaluate wing.sextant test.csv --json");
  command.add_option("MODEL", state->model, "The model file")->required()->type_name("");
  command.add_option("DATA", state->data, "The table, with inputs and targets")->required()->type_name("");
  state->interval.add_to(command, "Measure prediction intervals of this level too, 0.9 say: their coverage and width");
  state->threshold.add_to(command);
  command.add_flag("--json", state->json, "Print one JSON object instead");
  state->table.add_to(command);
  state->run.add_to(command);
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
