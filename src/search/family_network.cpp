// Networks whose first layer is drawn anew along the gradient outer product.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/from_first_rank.h"
#include "core/ties.h"
#include "passes/parts.h"
#include "search/family.h"
#include "search/kernel_choice.h"
#include "search/stage.h"
#include "sextant/error.h"
#include "sextant/network.h"
#include "sextant/refine.h"

namespace sextant {
namespace {

Matrix first_coordinates(const LearningRows& rows, const Stage& stage, const FitOptions& options,
                         const Context& context) {
  const Index D = stage.train->inputs();
  if (stage.lift) return Matrix::Identity(D, D) / std::sqrt(static_cast<double>(D));
  const LinearPart linear = from_first_rank(context, [&] {
    return fit_linear(*rows.moments, Preprocess::linear, step_epsilon(*rows.moments, rows.epsilon));
  });
  if (options.discover == Discover::spectral) return spectral_coordinates(*rows.train, *rows.moments, linear, context);
  // Rows drawn with the covariance of W¹'s stand for W¹.
  FitOptions step = options;
  step.width = std::max<Index>(2, std::min<Index>(options.width, 2 * rows.train->rows() / 2 * 2));
  const Matrix W = one_step(*rows.train, linear, step, context).W;
  return from_first_rank(context, [&] { return refined_coordinates(W.transpose() * W, 0.5); });
}

Stage network_stage(const LearningRows& rows, bool lifted, const FitOptions& options, const Context& context) {
  if (lifted) return lifted_stage(rows, options.lift, context);
  return plain_stage(rows, least_squares(rows, context));
}

// The mean of several redraws of the network along S.
Fitted drawn_networks(const Stage& stage, const Matrix& S, Index round, const Vector& lambda, const FitOptions& options,
                      const Context& context) {
  Fitted fitted{stage.linear, {}};
  for (Index redraw = 0; redraw < options.redraws; ++redraw) {
    const FeatureMap map = from_first_rank(
        context, [&] { return network_along(S, options.width, *stage.moments, options.seed, round + 1000 * redraw); });
    fitted.predictors.push_back(
        {1.0 / static_cast<double>(options.redraws), map, head_at(stage, map, lambda, context), stage.lift});
  }
  return fitted;
}

Findings try_network(const Ground& ground, bool lifted, const std::string& name) {
  const FitOptions& options = ground.options;
  const auto& lambda = path_of(options);
  const std::size_t count = ground.splits.size();
  std::vector<Stage> stages(count);
  std::vector<Matrix> S(count);
  ground.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    const auto at = static_cast<std::size_t>(i);
    stages[at] = network_stage(ground.splits[at], lifted, options, context);
    S[at] = first_coordinates(ground.splits[at], stages[at], options, context);
  });

  Findings findings;
  CandidateReport report;
  report.name = name;
  NetworkRecipe recipe{lifted, {}};  // of the best round
  std::vector<Vector> history;
  std::vector<Matrix> best_S;
  double least = std::numeric_limits<double>::infinity();
  std::optional<Spectrum> before;
  for (Index round = 0; round <= options.refine_rounds; ++round) {
    std::vector<Path> paths(count);
    HeadChoice choice;
    try {
      ground.each(static_cast<Index>(count), [&](Index i, const Context& context) {
        const auto at = static_cast<std::size_t>(i);
        const FeatureMap map = from_first_rank(
            context, [&] { return network_along(S[at], options.width, *stages[at].moments, options.seed, round); });
        paths[at] = head_path(stages[at], map, lambda, ground.splits[at].square_units, context);
      });
      choice = choose_heads(paths, lambda);
    } catch (const NumericalError&) {
      if (recipe.lambda.empty()) throw;
      break;  // the rounds before stand
    }
    history.push_back(choice.lambda);
    const double error = ground.relative(choice.error);
    if (clearly_less(error, least)) {
      least = error;
      best_S = S;
      recipe.lambda = history;
    }
    std::vector<Matrix> A(count);
    ground.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      A[at] = outer_product(stages[at], paths[at].map, head_on(paths[at], choice), context);
      S[at] = from_first_rank(context, [&] { return refined_coordinates(A[at], options.refine_power); });
    });
    if (!lifted && clearly_less(error, findings.clues.plain.error)) findings.clues.plain = {A, error};
    Spectrum now = spectrum(A.front());
    report.trace.push_back(round_report("refine", round, error, now, before));
    before = std::move(now);
    if (history.size() - recipe.lambda.size() >= 2) break;
  }
  const auto best_round = static_cast<Index>(recipe.lambda.size()) - 1;
  report.settings =
      fmt::format("{} units, round {}, {}{}", options.width, best_round, lambda_list(recipe.lambda.back()),
                  options.redraws > 1 ? fmt::format(", mean of {} redraws", options.redraws) : "");
  std::vector<Fitted> fitted(count);
  ground.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    const auto at = static_cast<std::size_t>(i);
    fitted[at] = drawn_networks(stages[at], best_S[at], best_round, recipe.lambda.back(), options, context);
  });
  report.recipe = std::move(recipe);
  findings.candidates.push_back(candidate_of(ground, std::move(report), [&](std::size_t i) { return fitted[i]; }));
  return findings;
}

std::vector<Step> start(const Ground& ground, bool lifted) {
  // Kernels on all rows are what networks of many units come to.
  const bool alone = ground.options.method == Method::refine;
  if (!ground.thorough && !alone && all_are_centres(ground.rows())) return {};
  const FitOptions& options = ground.options;
  const auto m = static_cast<double>(options.width);
  const auto n = static_cast<double>(ground.rows());
  const auto d = static_cast<double>(ground.inputs()) * (lifted ? static_cast<double>(options.lift) : 1.0);
  const double p = std::min(m, n);
  const double once = n * (2 * d * m + (n < m ? n * m : m * m) / 2 + 38 * m / 4) + 2 * p * p * p / 3;
  const double rounds = static_cast<double>(options.refine_rounds + 1 + options.redraws) *
                        static_cast<double>(static_cast<Index>(ground.splits.size()) + ground.repeats);
  const std::string name = lifted ? "refined network of lifted inputs" : "refined network";
  return {
      {name, once * rounds, [lifted, name](const Ground& on, const Clues&) { return try_network(on, lifted, name); }}};
}

}  // namespace

std::vector<Step> start_networks(const Ground& ground, const SourceTask*) { return start(ground, false); }
std::vector<Step> start_networks_of_lifted_inputs(const Ground& ground, const SourceTask*) {
  return start(ground, true);
}

Fitted learn(const NetworkRecipe& recipe, const LearningRows& rows, const FitOptions& options, const Context& context) {
  const Stage stage = network_stage(rows, recipe.lifted, options, context);
  Matrix S = first_coordinates(rows, stage, options, context);
  const auto last = static_cast<Index>(recipe.lambda.size()) - 1;
  for (Index round = 0; round < last; ++round) {
    const FeatureMap map =
        from_first_rank(context, [&] { return network_along(S, options.width, *stage.moments, options.seed, round); });
    const Matrix a = head_at(stage, map, recipe.lambda[static_cast<std::size_t>(round)], context);
    const Matrix A = outer_product(stage, map, a, context);
    S = from_first_rank(context, [&] { return refined_coordinates(A, options.refine_power); });
  }
  return drawn_networks(stage, S, last, recipe.lambda.back(), options, context);
}

}  // namespace sextant
