// sextant directions MODEL: the directions in which a model varies, by input name.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <optional>

#include "arguments.h"
#include "commands.h"
#include "direction_table.h"
#include "presentation.h"
#include "sextant/bootstrap.h"
#include "sextant/error.h"
#include "sextant/importance.h"
#include "sextant/model_file.h"
#include "sextant/rank_evidence.h"

namespace sextant::app {
namespace {

constexpr double degree = 180.0 / std::numbers::pi;  // of a radian

std::vector<double> values(const Vector& v) { return {v.begin(), v.end()}; }

// Name → value, in their order.
nlohmann::ordered_json by_name(const std::vector<std::string>& names, const Vector& numbers) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < names.size(); ++i) object[names[i]] = numbers[static_cast<Index>(i)];
  return object;
}

struct DirectionsCommand {
  std::string model;
  std::string against;
  Index rank = 0;
  bool json = false;
  std::string data;  // a table, for what needs rows
  bool rank_test = false;
  RankTestOptions testing;
  BootstrapOptions resampling{.replicates = 0};
  CLI::Option* interval = nullptr;
  TableArguments table;
  RunArguments run;

  void operator()() const {
    const bool wants_bootstrap = resampling.replicates > 0;
    if ((rank_test || wants_bootstrap) && data.empty())
      throw InvalidArgument(fmt::format("{}: given without --data, expected the table that the model was trained on",
                                        rank_test ? "rank-test" : "bootstrap"));
    if (!rank_test && !wants_bootstrap && !data.empty())
      throw InvalidArgument("data: given alone, expected with --rank-test or --bootstrap: only these look at rows");
    if (interval->count() > 0 && !wants_bootstrap)
      throw InvalidArgument("interval: given without --bootstrap, expected with it");
    if (wants_bootstrap) resampling.check();
    const Model fitted = load_model(model);
    const Directions found = directions(fitted);
    const Index d = found.spectrum.values.size();
    if (rank > d)
      throw InvalidArgument(fmt::format("rank: {} given, expected at most the number of inputs, {}", rank, d));
    const Index r = rank > 0 ? rank : found.rank.rank;
    const Matrix V = found.spectrum.directions.topRows(r);
    std::optional<Matrix> U;
    if (!against.empty()) {
      if (r == 0) throw DataError(fmt::format("{}: the model is constant, it has no direction to compare", model));
      U = read_directions(against, found.inputs);
    }
    const Importance shares = importance(fitted);
    std::optional<RankEvidence> evidence;
    std::optional<Bootstrap> spread;
    if (!data.empty()) {
      ProgressBar bar;
      const Context context = run.context(bar);
      context.check();
      const auto opened = open_for_model(data, fitted.encoding, true, table.options(context));
      const EncodedSource rows(*opened, fitted.encoding);
      warn_about_table(*opened, rows, fitted.encoding);
      if (rank_test) evidence = rank_evidence(fitted, rows, testing, context);
      BootstrapOptions options = resampling;
      options.rank = rank;
      options.seed = testing.seed;
      if (wants_bootstrap) spread = bootstrap(fitted, rows, options, context);
    }
    if (json) {
      nlohmann::ordered_json object = report(found, shares, V, U);
      if (evidence) object["rank_evidence"] = report(*evidence, fitted);
      if (spread) object["bootstrap"] = report(*spread);
      print_json(object);
    } else {
      print(found, V, U);
      print_importance(shares);
      if (evidence) print(*evidence, fitted);
      if (spread) print(*spread);
    }
  }

  static nlohmann::ordered_json report(const Bootstrap& spread) {
    const auto intervals = [](const std::vector<std::string>& names, const Vector& low, const Vector& high) {
      nlohmann::ordered_json object = nlohmann::ordered_json::object();
      for (std::size_t i = 0; i < names.size(); ++i)
        object[names[i]] = {low[static_cast<Index>(i)], high[static_cast<Index>(i)]};
      return object;
    };
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (Index i = 0; i < spread.directions.rows(); ++i)
      rows.push_back(intervals(spread.importance.inputs, spread.directions_low.row(i), spread.directions_high.row(i)));
    return {{"replicates", spread.options.replicates},
            {"interval", spread.options.level},
            {"rank", spread.directions.rows()},
            {"directions", rows},
            {"importance",
             intervals(spread.importance.inputs, spread.importance_low.by_input, spread.importance_high.by_input)},
            {"column_importance",
             intervals(spread.importance.columns, spread.importance_low.by_column, spread.importance_high.by_column)},
            {"angle_degrees", {{"median", spread.angle_median * degree}, {"95%", spread.angle_most * degree}}}};
  }

  // Intervals of the largest weights and shares.
  static void print(const Bootstrap& spread) {
    constexpr std::size_t most = 8;
    print_line("bootstrap", fmt::format("{} replicates, intervals of level {:.4g}", spread.options.replicates,
                                        spread.options.level));
    print_line("  angles", fmt::format("{:.2f}° from the model's (median), 95 % below {:.2f}°",
                                       spread.angle_median * degree, spread.angle_most * degree));
    for (Index i = 0; i < spread.directions.rows(); ++i) {
      const auto order = largest_first(spread.directions.row(i).cwiseAbs());
      for (std::size_t at = 0; at < std::min(most, order.size()); ++at) {
        const Index j = order[at];
        print_line(at == 0 ? fmt::format("  {}", i + 1) : "",
                   fmt::format("{:+.2f}  [{:+.2f}, {:+.2f}]  {}", spread.directions(i, j), spread.directions_low(i, j),
                               spread.directions_high(i, j), spread.importance.inputs[static_cast<std::size_t>(j)]));
      }
    }
    const auto order = largest_first(spread.importance.by_column);
    for (std::size_t at = 0; at < std::min(most, order.size()); ++at) {
      const Index j = order[at];
      print_line(at == 0 ? "  importance" : "",
                 fmt::format("{:6.2f} %  [{:.2f}, {:.2f}]  {}", 100 * spread.importance.by_column[j],
                             100 * spread.importance_low.by_column[j], 100 * spread.importance_high.by_column[j],
                             spread.importance.columns[static_cast<std::size_t>(j)]));
    }
  }

  static nlohmann::ordered_json report(const RankEvidence& evidence, const Model& model) {
    nlohmann::ordered_json steps = nlohmann::ordered_json::array();
    for (const RankStep& step : evidence.test.steps)
      steps.push_back({{"p", step.p},
                       {"statistic", step.statistic},
                       {"threshold", step.threshold},
                       {"sign", name(step.sign)},
                       {"target", model.encoding.targets[static_cast<std::size_t>(step.target)]}});
    nlohmann::json rows = nlohmann::json::array();
    for (Index i = 0; i < evidence.test.rank; ++i) rows.push_back(values(evidence.test.directions.row(i)));
    nlohmann::ordered_json object = {{"rank", evidence.rank},
                                     {"nothing_found", evidence.nothing_found},
                                     {"gap", evidence.gap.rank},
                                     {"tested", evidence.test.rank},
                                     {"rows", evidence.test.rows},
                                     {"permutations", evidence.test.options.permutations},
                                     {"level", evidence.test.options.level},
                                     {"steps", steps},
                                     {"directions", rows}};
    if (!evidence.error_by_rank.empty()) {
      object["validated"] = evidence.validated;
      for (const double error : evidence.error_by_rank)  // null for ranks that were not tried
        object["error_by_rank"].push_back(std::isnan(error) ? nlohmann::ordered_json() : nlohmann::ordered_json(error));
    }
    return object;
  }

  // A line per step of the test, the last one what no longer stands out.
  static void print(const RankEvidence& evidence, const Model& model) {
    const RankTest& test = evidence.test;
    print_line("rank", evidence.nothing_found
                           ? "nothing found: no direction stands out, and the model is no better than the mean"
                       : test.rank == 0
                           ? fmt::format("no direction stands out in moments; the model has {}", evidence.rank)
                           : fmt::format("{} by permutation test, {} by the model's spectrum",
                                         count_of(evidence.rank, "direction"), evidence.gap.rank));
    for (std::size_t j = 0; j < test.steps.size(); ++j) {
      const RankStep& step = test.steps[j];
      const std::string target =
          model.targets() == 1 ? "" : ", " + model.encoding.targets[static_cast<std::size_t>(step.target)];
      print_line(fmt::format("  {}", j + 1),
                 fmt::format("p {:.3f}   {:6.2f} × noise, chance reaches {:.2f} ({}{})", step.p, step.statistic,
                             step.threshold, name(step.sign), target));
    }
    std::string errors;
    for (std::size_t r = 1; r < evidence.error_by_rank.size(); ++r)
      if (!std::isnan(evidence.error_by_rank[r]))
        errors += fmt::format("{}{}: {:.3g}", errors.empty() ? "" : "   ", r, std::sqrt(evidence.error_by_rank[r]));
    if (errors.empty()) return;
    print_line("  validated", evidence.validated > 0
                                  ? fmt::format("{} predict as well as more", count_of(evidence.validated, "direction"))
                                  : "no number of directions predicts better than the mean");
    print_line("", "held-out RMSE over the mean's by rank   " + errors);
  }

  static nlohmann::ordered_json report(const Directions& found, const Importance& shares, const Matrix& V,
                                       const std::optional<Matrix>& U) {
    nlohmann::json rows = nlohmann::json::array();
    for (Index i = 0; i < V.rows(); ++i) rows.push_back(values(V.row(i)));
    nlohmann::ordered_json object = {{"inputs", found.inputs},
                                     {"rank", V.rows()},
                                     {"spectrum", values(found.spectrum.values)},
                                     {"directions", rows},
                                     {"scale", values(found.scale)},
                                     {"mean", values(found.mean)},
                                     {"importance", by_name(shares.inputs, shares.by_input)},
                                     {"column_importance", by_name(shares.columns, shares.by_column)}};
    if (U) {
      object["angles_degrees"] = values(degrees(*U, V));
      object["overlap"] = overlap(*U, V);
    }
    return object;
  }

  // Columns of the table, the most important first.
  static void print_importance(const Importance& shares) {
    constexpr std::size_t most = 12;
    if (shares.by_column.sum() == 0) return;
    print_line("importance", "share of the gradient along each column");
    const auto order = largest_first(shares.by_column);
    for (std::size_t i = 0; i < std::min(most, order.size()); ++i)
      print_line("", fmt::format("{:6.2f} %  {}", 100 * shares.by_column[order[i]],
                                 shares.columns[static_cast<std::size_t>(order[i])]));
    if (order.size() > most) print_line("  …", fmt::format("{} more", order.size() - most));
  }

  void print(const Directions& found, const Matrix& V, const std::optional<Matrix>& U) const {
    print_directions(found, std::min<Index>(V.rows(), 8));
    print_line("spectrum", "");
    const Index d = found.spectrum.values.size();
    const Index shown = std::min<Index>(d, 8);
    double sum = 0;
    for (Index i = 0; i < shown; ++i) {
      sum += found.spectrum.values[i];
      print_line(fmt::format("  {}", i + 1), fmt::format("{:8.4f}   together {:.4f}", found.spectrum.values[i], sum));
    }
    if (shown < d) print_line("  …", fmt::format("{} more", d - shown));
    if (!U) return;
    std::string angles;
    for (const double angle : degrees(*U, V)) angles += fmt::format("{:.2f}°  ", angle);
    print_line("against", against);
    for (Index i = 0; i < std::min<Index>(U->rows(), 4); ++i) {
      // The unit vector of the found subspace that is nearest to the given direction.
      const Vector nearest = (V.transpose() * (V * U->row(i).transpose())).normalized();
      print_line(fmt::format("  {}", i + 1), weights_text(U->row(i).normalized(), found.inputs));
      print_line("    found", weights_text(nearest, found.inputs));
    }
    print_line("  angles", angles);
    print_line("  overlap", fmt::format("{:.4f} (mean squared cosine; 1 is the same subspace)", overlap(*U, V)));
  }

  static Vector degrees(const Matrix& U, const Matrix& V) { return principal_angles(U, V) * degree; }
};

}  // namespace

void add_directions(CLI::App& program) {
  auto state = std::make_shared<DirectionsCommand>();
  CLI::App& command = *program.add_subcommand("directions", "Show the directions in which a model varies");
  command.footer("Example:\n  sextant directions wing.sextant --json");
  command.add_option("MODEL", state->model, "The model file")->required()->type_name("");
  command.add_option("--rank", state->rank, "How many directions (default: up to the gap of the spectrum)")
      ->check(whole_number_from(1));
  command.add_option("--against", state->against, "A table of directions, one per row, to compare with")
      ->type_name("DATA");
  command.add_option("--data", state->data, "The table that the model was trained on, for --rank-test and --bootstrap")
      ->type_name("DATA");
  command.add_flag("--rank-test", state->rank_test, "Test how many directions the rows bear out, by permutations");
  command.add_option("--permutations", state->testing.permutations, "Of the rank test: at least 19")
      ->check(whole_number_from(1))
      ->capture_default_str();
  command
      .add_option("--bootstrap", state->resampling.replicates,
                  "Learn again on so many resampled tables: intervals for weights and importance, 50 say")
      ->check(whole_number_from(1));
  state->interval = command.add_option("--interval", state->resampling.level, "Level of the bootstrap's intervals")
                        ->check(number())
                        ->capture_default_str()
                        ->type_name("LEVEL");
  command.add_option("--seed", state->testing.seed, "Of the permutations and of the resampling")
      ->check(seed_number())
      ->capture_default_str();
  state->table.add_to(command);
  state->run.add_to(command);
  command.add_flag("--json", state->json, "Print one JSON object instead");
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
