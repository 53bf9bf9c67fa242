// sextant directions MODEL: the directions in which a model varies, by input name.
#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <numbers>
#include <optional>

#include "arguments.h"
#include "commands.h"
#include "direction_table.h"
#include "presentation.h"
#include "sextant/error.h"
#include "sextant/importance.h"
#include "sextant/model_file.h"

namespace sextant::app {
namespace {

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

  void operator()() const {
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
    if (json) {
      print_json(report(found, shares, V, U));
    } else {
      print(found, V, U);
      print_importance(shares);
    }
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

  static Vector degrees(const Matrix& U, const Matrix& V) {
    return principal_angles(U, V) * (180.0 / std::numbers::pi);
  }
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
  command.add_flag("--json", state->json, "Print one JSON object instead");
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
