// Kernels in coordinates from the gradient outer product of the kernel before.
#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/from_first_rank.h"
#include "method/kernel_choice.h"
#include "method/searches.h"
#include "sextant/refine.h"

namespace sextant {

namespace {

Stage kernel_stage(const LearningRows& rows, bool lifted, const FitOptions& options, const Context& context) {
  return lifted ? lifted_stage(rows, options.lift, context) : plain_stage(rows, mean_alone(*rows.moments));
}

}  // namespace

void search_kernel(Workbench& bench, bool lifted) {
  const FitOptions& options = bench.options;
  const Index rounds = bench.brief ? 2 : 3;
  const std::string name = lifted ? "refined kernel of lifted inputs" : "refined kernel";
  const Index D = bench.inputs() * (lifted ? options.lift : 1);
  const Index search_most = search_centres(bench);
  const Index most = centres_for(bench.rows());
  const auto splits = static_cast<double>(bench.splits.size());
  const auto times = static_cast<double>(rounds);
  const double cost = splits * (9 + 3 * (times - 1)) * kernel_cost(bench.rows(), D, search_most) +
                      times * (splits * (search_most < bench.rows()) + 1) * kernel_cost(bench.rows(), D, most);
  if (!bench.reaches(name, cost)) return;
  const std::size_t count = bench.splits.size();
  std::vector<Stage> stages(count);
  std::vector<Matrix> S(count);  // empty: the coordinates themselves
  bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    stages[static_cast<std::size_t>(i)] =
        kernel_stage(bench.splits[static_cast<std::size_t>(i)], lifted, options, context);
  });
  std::vector<KernelSettings> history;
  std::vector<StageRound> trace;
  std::vector<KernelSettings> grid = kernel_grid();
  Matrix before;
  double least = std::numeric_limits<double>::infinity();
  for (Index round = 0; round < rounds; ++round) {
    const KernelChoice searched = choose_kernel(bench, stages, S, grid, search_most);
    history.push_back(searched.settings);
    // With settings found on landmarks, the head on all rows (or on more landmarks) has its own λ.
    const KernelChoice chosen =
        search_most < bench.rows() ? choose_kernel(bench, stages, S, {searched.settings}, most) : searched;
    const double error = bench.relative(chosen.head.error);
    std::vector<Matrix> A(count);
    bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      A[at] = outer_product(stages[at], searched.paths[at].map, head_on(searched.paths[at], searched.head), context);
    });
    if (!lifted) bench.offer_outer_products(A, error);
    trace.push_back(round_report("refine", round, error, A.front(), round > 0 ? &before : nullptr));
    CandidateReport report;
    report.name =
        round == 0 ? (lifted ? "kernel of lifted inputs" : "kernel") : fmt::format("{}, round {}", name, round);
    report.settings = kernel_text(chosen.settings);
    report.error = chosen.head.error;
    report.cost = cost / times;
    report.trace = trace;
    KernelRecipe recipe{lifted, history};
    recipe.rounds.back() = chosen.settings;
    report.recipe = std::move(recipe);
    bench.add(std::move(report), [&](std::size_t i) -> Fitted {
      return {stages[i].linear, {{1.0, chosen.paths[i].map, head_on(chosen.paths[i], chosen.head), stages[i].lift}}};
    });
    if (error > least * 1.02) break;
    least = std::min(least, error);
    before = A.front();
    bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      S[at] = from_first_rank(context, [&] { return refined_coordinates(A[at], options.refine_power); });
    });
    // The exponent is a property of the target's roughness: it stays.
    grid.clear();
    for (const KernelSettings& settings : kernel_grid())
      if (settings.exponent == searched.settings.exponent) grid.push_back(settings);
  }
}

Fitted learn(const KernelRecipe& recipe, const LearningRows& rows, const FitOptions& options, const Context& context) {
  const Stage stage = kernel_stage(rows, recipe.lifted, options, context);
  Matrix S;
  for (std::size_t round = 0; round + 1 < recipe.rounds.size(); ++round) {
    const Fitted fitted = kernel_predictor(stage, S, recipe.rounds[round], context);
    const Predictor& predictor = fitted.predictors.front();
    const Matrix A = outer_product(stage, predictor.map, predictor.a, context);
    S = from_first_rank(context, [&] { return refined_coordinates(A, options.refine_power); });
  }
  return kernel_predictor(stage, S, recipe.rounds.back(), context);
}

}  // namespace sextant
