// The baselines: the linear model and random features.
#include <fmt/core.h>

#include <string>
#include <utility>
#include <vector>

#include "core/from_first_rank.h"
#include "method/searches.h"
#include "method/stage.h"
#include "passes/parts.h"
#include "sextant/network.h"

namespace sextant {

void search_linear(Workbench& bench) {
  CandidateReport report;
  report.name = "linear";
  report.settings = "ridge " + lambda_list(bench.splits.front().epsilon);
  report.recipe = LinearRecipe{};
  report.error = Vector::Zero(bench.targets());
  bench.attempt(report.name, [&] {
    const auto of_split = [&](std::size_t i) { return Fitted{least_squares(bench.all(i), bench.context), {}}; };
    bench.add(report, of_split, Ground::all);
  });
}

Fitted learn(const LinearRecipe&, const LearningRows& rows, const FitOptions&, const Context& context) {
  return {least_squares(rows, context), {}};
}

namespace {

void try_random_features(Workbench& bench, const std::string& name) {
  const std::vector<double> lambda = bench.thorough ? path_of(bench.options) : thinned(path_of(bench.options), 2);
  const std::size_t count = bench.splits.size();
  std::vector<Stage> stages(count);
  std::vector<Path> paths(count);
  const FeatureMap map = from_first_rank(bench.context, [&] { return random_network(bench.options, bench.inputs()); });
  bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    const auto at = static_cast<std::size_t>(i);
    stages[at] = plain_stage(bench.splits[at], least_squares(bench.splits[at], context));
    paths[at] = head_path(stages[at], map, lambda, bench.splits[at].square_units, context);
  });
  const HeadChoice choice = choose_heads(paths, lambda);
  CandidateReport report;
  report.name = name;
  report.settings = fmt::format("{} units, {}", bench.options.width, lambda_list(choice.lambda));
  report.recipe = RandomFeaturesRecipe{choice.lambda};
  report.error = choice.error;
  bench.add(report, [&](std::size_t i) -> Fitted {
    return {stages[i].linear, {{1.0, map, head_on(paths[i], choice), {}}}};
  });
}

}  // namespace

void search_random_features(Workbench& bench) {
  const std::string name = "random features";
  bench.attempt(name, [&] { try_random_features(bench, name); });
}

Fitted learn(const RandomFeaturesRecipe& recipe, const LearningRows& rows, const FitOptions& options,
             const Context& context) {
  const Stage stage = plain_stage(rows, least_squares(rows, context));
  const FeatureMap map = from_first_rank(context, [&] { return random_network(options, rows.train->inputs()); });
  return {stage.linear, {{1.0, map, head_at(stage, map, recipe.lambda, context), {}}}};
}

}  // namespace sextant
