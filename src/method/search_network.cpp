// Networks whose first layer is drawn anew along the gradient outer product.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/from_first_rank.h"
#include "core/ties.h"
#include "method/searches.h"
#include "method/stage.h"
#include "passes/parts.h"
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

void try_network(Workbench& bench, bool lifted, const std::string& name) {
  const FitOptions& options = bench.options;
  const auto& lambda = path_of(options);
  const auto m = static_cast<double>(options.width);
  const auto n = static_cast<double>(bench.rows());
  const auto d = static_cast<double>(bench.inputs()) * (lifted ? static_cast<double>(options.lift) : 1.0);
  const double p = std::min(m, n);
  const double once = n * (2 * d * m + (n < m ? n * m : m * m) / 2 + 38 * m / 4) + 2 * p * p * p / 3;
  const double rounds =
      static_cast<double>(options.refine_rounds + 1 + options.redraws) * static_cast<double>(bench.splits.size() + 1);
  if (!bench.reaches(name, once * rounds)) return;

  const std::size_t count = bench.splits.size();
  std::vector<Stage> stages(count);
  std::vector<Matrix> S(count);
  bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    const auto at = static_cast<std::size_t>(i);
    stages[at] = network_stage(bench.splits[at], lifted, options, context);
    S[at] = first_coordinates(bench.splits[at], stages[at], options, context);
  });

  CandidateReport report;
  report.name = name;
  NetworkRecipe recipe{lifted, {}};  // of the best round
  std::vector<Vector> history;
  std::vector<Matrix> best_S;
  Vector best_error;
  double least = std::numeric_limits<double>::infinity();
  std::optional<Spectrum> before;
  for (Index round = 0; round <= options.refine_rounds; ++round) {
    std::vector<Path> paths(count);
    HeadChoice choice;
    try {
      bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
        const auto at = static_cast<std::size_t>(i);
        const FeatureMap map = from_first_rank(
            context, [&] { return network_along(S[at], options.width, *stages[at].moments, options.seed, round); });
        paths[at] = head_path(stages[at], map, lambda, bench.splits[at].square_units, context);
      });
      choice = choose_heads(paths, lambda);
    } catch (const NumericalError&) {
      if (recipe.lambda.empty()) throw;
      break;  // the rounds before stand
    }
    history.push_back(choice.lambda);
    const double error = bench.relative(choice.error);
    if (clearly_less(error, least)) {
      least = error;
      best_S = S;
      best_error = choice.error;
      recipe.lambda = history;
    }
    std::vector<Matrix> A(count);
    bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      A[at] = outer_product(stages[at], paths[at].map, head_on(paths[at], choice), context);
      S[at] = from_first_rank(context, [&] { return refined_coordinates(A[at], options.refine_power); });
    });
    if (!lifted) bench.offer_outer_products(A, error);
    Spectrum now = spectrum(A.front());
    report.trace.push_back(round_report("refine", round, error, now, before));
    before = std::move(now);
    if (history.size() - recipe.lambda.size() >= 2) break;
  }
  const auto best_round = static_cast<Index>(recipe.lambda.size()) - 1;
  report.settings =
      fmt::format("{} units, round {}, {}{}", options.width, best_round, lambda_list(recipe.lambda.back()),
                  options.redraws > 1 ? fmt::format(", mean of {} redraws", options.redraws) : "");
  report.error = best_error;
  report.cost = once * rounds;
  std::vector<Fitted> fitted(count);
  bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    const auto at = static_cast<std::size_t>(i);
    fitted[at] = drawn_networks(stages[at], best_S[at], best_round, recipe.lambda.back(), options, context);
  });
  report.recipe = std::move(recipe);
  bench.add(std::move(report), [&](std::size_t i) { return fitted[i]; });
}

}  // namespace

void search_network(Workbench& bench, bool lifted) {
  const std::string name = lifted ? "refined network of lifted inputs" : "refined network";
  bench.attempt(name, [&] { try_network(bench, lifted, name); });
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
