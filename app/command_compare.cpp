// sextant compare DATA --target NAME: several methods on one table, ranked on rows that none of them saw.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <numbers>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "commands.h"
#include "direction_table.h"
#include "presentation.h"
#include "sextant/comparison.h"
#include "sextant/error.h"
#include "training_tables.h"
#include "world.h"

namespace sextant::app {
namespace {

using nlohmann::json;

double degrees(double radians) { return radians * (180.0 / std::numbers::pi); }

json number_or_null(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

std::string angle_text(const std::optional<Agreement>& agreement) {
  return agreement ? fmt::format("{:.1f}°", degrees(agreement->largest_angle)) : "—";
}

struct CompareCommand {
  std::string data;
  std::vector<std::string> methods;
  std::string test;
  std::string against;
  double test_share = ComparisonOptions{}.test_share;
  bool json_wanted = false;
  TrainingArguments training;

  void operator()() const {
    ComparisonOptions options;
    options.test_share = test_share;
    for (const std::string& each : methods) options.methods.push_back(method_named(each));
    if (methods.empty()) options.methods = default_methods();
    options.fit = training.fit.options_of(options.methods);
    options.check();
    warn_about_ignored(ignored_options(options.fit, options.methods));
    ProgressBar bar;
    Context context = training.run.context(bar);
    const TableOptions reading = training.table.options(context);
    const TrainingTables tables(open_for_fit(data, training.roles(), training.columns.missing_policy(), reading),
                                training.fit.validation, reading);
    training.add_class_weights(tables.encoding(), reading, options.fit);
    const std::vector<std::string> inputs = tables.encoding().input_names();
    if (!training.fit.subspace().empty()) options.fit.subspace = read_directions(training.fit.subspace(), inputs);
    std::optional<Matrix> truth;  // on all inputs, before hours of work
    if (!against.empty()) truth = read_directions(against, inputs);
    std::unique_ptr<Table> test_table;
    std::unique_ptr<EncodedSource> test_rows;
    if (!test.empty()) {
      std::error_code error;
      if (std::filesystem::equivalent(test, data, error) && !error)
        throw InvalidArgument(fmt::format("test: '{}' is what is learned from, expected other rows", test));
      test_table = open_for_model(test, tables.encoding(), true, reading);
      test_rows = std::make_unique<EncodedSource>(*test_table, tables.encoding());
      warn_about_table(*test_table, *test_rows, tables.encoding());
    }
    if (!takes_part(context, tables.rows().rows())) return;
    say_head_form(largest_form(options, tables, test_rows != nullptr));
    const Comparison found =
        compare(tables.rows(), tables.encoding(), options, context, test_rows.get(), tables.validation());
    if (json_wanted)
      print_json(report(found, tables.encoding(), truth));
    else
      print(found, tables, truth);
    const auto failed = std::count_if(found.contenders.begin(), found.contenders.end(),
                                      [](const Contender& contender) { return !contender.failure.empty(); });
    if (failed == static_cast<std::ptrdiff_t>(options.methods.size()))
      throw DataError("compare: none of the methods could be fitted, only the mean and the linear model");
  }

  // Of the heads to come, the one that takes most memory.
  static HeadForm largest_form(const ComparisonOptions& options, const TrainingTables& tables, bool test_given) {
    const auto all = static_cast<double>(tables.rows().rows());
    const auto rows = static_cast<Index>(test_given ? all : std::ceil(all * (1 - options.test_share)));
    HeadForm largest;
    for (const Method method : options.methods) {
      FitOptions own = options.fit;
      own.method = method;
      const HeadForm form = head_form(own, rows, tables.encoding().inputs());
      if (form.bytes > largest.bytes) largest = form;
    }
    return largest;
  }

  // Every method whose needs are given: oracle needs a subspace beside the table.
  [[nodiscard]] std::vector<Method> default_methods() const {
    std::vector<Method> all = known_methods();
    if (training.fit.subspace().empty()) std::erase(all, Method::oracle);
    return all;
  }

  // A contender's directions beside the given ones.
  static std::optional<Agreement> with_truth(const Contender& contender, const Encoding& encoding,
                                             const std::optional<Matrix>& truth) {
    if (!truth || !contender.directions) return std::nullopt;
    const std::vector<std::string> all = encoding.input_names();
    const std::vector<std::string>& kept = contender.directions->inputs;
    Matrix U(truth->rows(), static_cast<Index>(kept.size()));
    std::size_t at = 0;  // kept inputs are in the order of all
    for (std::size_t j = 0; j < kept.size(); ++j, ++at) {
      while (all[at] != kept[j]) ++at;
      U.col(static_cast<Index>(j)) = truth->col(static_cast<Index>(at));
    }
    if (U.isZero(0.0)) return std::nullopt;  // only of inputs that never vary
    return agreement(*contender.directions, U.rows(), U);
  }

  static json report(const Comparison& found, const Encoding& encoding, const std::optional<Matrix>& truth) {
    json rows = json::array();
    for (const Contender& contender : found.contenders) {
      json row = {{"method", contender.method}};
      if (!contender.failure.empty()) {
        row["failure"] = contender.failure;
        rows.push_back(row);
        continue;
      }
      json targets = json::array();
      if (contender.scores.classes) {
        row["accuracy"] = contender.scores.classes->accuracy;
        row["log_loss"] = contender.scores.classes->log_loss;
      }
      for (const Score& score : contender.scores.targets)
        targets.push_back(
            {{"name", score.target}, {"rmse", score.rmse}, {"mae", score.mae}, {"r2", number_or_null(score.r2)}});
      row["rmse"] = contender.rmse;
      row["r2"] = number_or_null(contender.r2);
      row["relative_error"] = contender.relative_error;
      row["targets"] = targets;
      row["seconds"] = contender.seconds;
      add(row, "best", contender.with_best);
      if (truth) add(row, "against", with_truth(contender, encoding, truth));
      rows.push_back(row);
    }
    return {{"rows", found.rows},
            {"left_out", left_out_json(encoding)},
            {"missing", name(encoding.missing)},
            {"test_rows", found.test_rows},
            {"best", found.best.empty() ? json(nullptr) : json(found.best)},
            {"rank", found.rank},
            {"methods", rows}};
  }

  static void add(json& row, const std::string& whom, const std::optional<Agreement>& agreement) {
    row["angle_degrees_" + whom] = agreement ? json(degrees(agreement->largest_angle)) : json(nullptr);
    row["overlap_" + whom] = agreement ? json(agreement->overlap) : json(nullptr);
  }

  void print(const Comparison& found, const TrainingTables& tables, const std::optional<Matrix>& truth) const {
    print_line("table", tables.description(tables.rows().rows()));
    print_line("rows", fmt::format("{} to learn from, {} to test on{}", grouped(found.rows), grouped(found.test_rows),
                                   test.empty() ? "" : fmt::format(", of {}", test)));
    std::size_t longest = 6;
    for (const Contender& contender : found.contenders) longest = std::max(longest, contender.method.size());
    const bool classes = !tables.encoding().classes.empty();
    fmt::print("{:<{}}  {:>10}  {:>8}  {:>8}  {:>8}", "method", longest, classes ? "log-loss" : "RMSE",
               classes ? "accuracy" : "R²", "seconds", "angle");
    fmt::print("{}\n", truth ? "  to truth" : "");
    for (const Contender& contender : found.contenders) {
      if (!contender.failure.empty()) {
        fmt::print("{:<{}}  {}\n", contender.method, longest, contender.failure);
        continue;
      }
      const auto& scores = contender.scores.classes;
      fmt::print("{:<{}}  {:>10}  {:>8}  {:>8.1f}  {:>8}", contender.method, longest,
                 short_number(scores ? scores->log_loss : contender.rmse),
                 scores ? fmt::format("{:.4f}", scores->accuracy) : r2_text(contender.r2), contender.seconds,
                 angle_text(contender.with_best));
      if (truth) fmt::print("  {:>8}", angle_text(with_truth(contender, tables.encoding(), truth)));
      fmt::print("\n");
    }
    if (tables.encoding().targets.size() > 1)
      print_line("errors", "means over the targets; ranked by squared error relative to the mean's");
    if (found.rank > 0)
      print_line("angle",
                 fmt::format("largest between the leading {} and those of {}",
                             found.rank == 1 ? "direction" : fmt::format("{} directions", found.rank), found.best));
    const auto first = std::find_if(found.contenders.begin(), found.contenders.end(), [](const Contender& contender) {
      return contender.method != "mean" && contender.method != "linear" && contender.failure.empty();
    });
    if (first != found.contenders.end())
      print_line(
          "next",
          fmt::format("sextant fit {} --target {}{} --method {}{}", data, fmt::join(training.columns.target, ","),
                      classes ? " --task classification" : "", first->method,
                      first->method == name(Method::oracle) ? " --subspace " + training.fit.subspace() : ""));
  }
};

}  // namespace

void add_compare(CLI::App& program) {
  auto state = std::make_shared<CompareCommand>();
  CLI::App& command =
      *program.add_subcommand("compare", "Fit several methods on one table and rank them on rows none of them saw");
  command.footer("Example:\n  sextant compare wing.csv --target weight --methods algorithm-1,random-features");
  command.add_option("DATA", state->data, "The table: .csv, .csv.gz, .npy or .h5 (FILE.h5:/DATASET)")
      ->required()
      ->type_name("");
  one_argument(command.add_option("--methods", state->methods,
                                  "Which, separated by commas (default: all that need no more than the table)"),
               "NAME[,NAME…]");
  auto* test =
      command.add_option("--test", state->test, "A table to measure on (default: rows of DATA)")->type_name("DATA");
  command.add_option("--test-share", state->test_share, "Share of the rows to measure on, taken off first")
      ->check(number())
      ->capture_default_str()
      ->excludes(test);
  command.add_option("--against", state->against, "A table of true directions, one per row, to compare with too")
      ->type_name("DATA");
  command.add_flag("--json", state->json_wanted, "Print one JSON object instead");
  state->training.add_to(command, Learns::models);
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
