// Random features: networks whose first layer stays as it is drawn.
#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/from_first_rank.h"
#include "passes/parts.h"
#include "search/family.h"
#include "search/stage.h"
#include "sextant/network.h"

namespace sextant {
namespace {

Findings try_random_features(const Ground& ground, const std::string& name) {
  const std::vector<double> lambda = ground.thorough ? path_of(ground.options) : thinned(path_of(ground.options), 2);
  const std::size_t count = ground.splits.size();
  std::vector<Stage> stages(count);
  std::vector<Path> paths(count);
  const FeatureMap map =
      from_first_rank(ground.context, [&] { return random_network(ground.options, ground.inputs()); });
  ground.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    const auto at = static_cast<std::size_t>(i);
    stages[at] = plain_stage(ground.splits[at], least_squares(ground.splits[at], context));
    paths[at] = head_path(stages[at], map, lambda, ground.splits[at].square_units, context);
  });
  const HeadChoice choice = choose_heads(paths, lambda);
  CandidateReport report;
  report.name = name;
  report.settings = fmt::format("{} units, {}", ground.options.width, lambda_list(choice.lambda));
  report.recipe = RandomFeaturesRecipe{choice.lambda};
  Findings findings;
  findings.candidates.push_back(candidate_of(ground, std::move(report), [&](std::size_t i) -> Fitted {
    return {stages[i].linear, {{1.0, map, head_on(paths[i], choice), {}}}};
  }));
  return findings;
}

}  // namespace

std::vector<Step> start_random_features(const Ground& ground, const SourceTask*) {
  const std::string name = "random features";
  const auto n = static_cast<double>(ground.rows());
  const auto m = static_cast<double>(ground.options.width);
  const double p = std::min(n, m);
  const double once = n * m * (static_cast<double>(ground.inputs()) + p / 2) + 2 * p * p * p / 3;
  const double times = static_cast<double>(ground.splits.size()) + static_cast<double>(ground.repeats);
  return {{name, once * times, [name](const Ground& on, const Clues&) { return try_random_features(on, name); }, true,
           true}};
}

Fitted learn(const RandomFeaturesRecipe& recipe, const LearningRows& rows, const FitOptions& options,
             const Context& context) {
  const Stage stage = plain_stage(rows, least_squares(rows, context));
  const FeatureMap map = from_first_rank(context, [&] { return random_network(options, rows.train->inputs()); });
  return {stage.linear, {{1.0, map, head_at(stage, map, recipe.lambda, context), {}}}};
}

}  // namespace sextant
