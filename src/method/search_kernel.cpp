// Kernels in coordinates from the gradient outer product of the kernel before.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/from_first_rank.h"
#include "method/kernel_choice.h"
#include "method/searches.h"
#include "sextant/refine.h"

namespace sextant {

namespace {

constexpr double far_behind = 4;    // times the least held-out square of kernels with as few centres
constexpr double hardly_any = 0.9;  // of the mean's held-out square

Stage kernel_stage(const LearningRows& rows, bool lifted, const FitOptions& options, const Context& context) {
  return lifted ? lifted_stage(rows, options.lift, context) : plain_stage(rows, mean_alone(*rows.moments));
}

}  // namespace

KernelSearch::KernelSearch(Workbench& bench, bool lifted)
    : bench_(bench), lifted_(lifted), name_(lifted ? "kernel of lifted inputs" : "kernel"), grid_(kernel_grid()) {}

void KernelSearch::run(Index rounds) {
  while (!ended_ && static_cast<Index>(history_.size()) < rounds) {
    const std::string name = history_.empty() ? name_ : fmt::format("refined {}, round {}", name_, history_.size());
    if (!bench_.attempt(name, [&] { round(name); })) ended_ = true;
  }
}

void KernelSearch::round(const std::string& name) {
  const FitOptions& options = bench_.options;
  const auto round = static_cast<Index>(history_.size());
  const Index n = bench_.rows();
  const Index D = bench_.inputs() * (lifted_ ? options.lift : 1);
  const Index few = search_centres(bench_);
  const Index most = centres_for(n);
  const auto splits = static_cast<double>(bench_.splits.size());
  const double cost_of_search = splits * static_cast<double>(grid_.size()) * kernel_cost(n, D, few);
  const double cost_of_most = (splits * (few < n) + 1) * kernel_cost(n, D, most);
  // A quick answer pays for many centres only where few of them are not far behind.
  ended_ = !bench_.reaches(name, cost_of_search + (bench_.thorough ? cost_of_most : 0.0));
  if (ended_) return;
  const std::size_t count = bench_.splits.size();
  if (round == 0) {
    stages_.resize(count);
    bench_.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      stages_[at] = kernel_stage(bench_.splits[at], lifted_, options, context);
    });
  }
  std::vector<Matrix> S(count);
  if (round > 0)
    bench_.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      S[at] = from_first_rank(context, [&] { return refined_coordinates(A_[at], options.refine_power); });
    });
  const KernelChoice searched = choose_kernel(bench_, stages_, S, grid_, few);
  const double with_few = bench_.relative(searched.error);
  bench_.offer_exponent(searched.settings.exponent, with_few);
  const double promise = std::min(hardly_any, far_behind * bench_.least_with_few_centres);
  ended_ = !bench_.thorough && (with_few > promise || !bench_.reaches(name + ", more centres", cost_of_most));
  // With settings found on landmarks, the head on all rows (or on more landmarks) has its own λ.
  const KernelChoice chosen = few < n && !ended_ ? with_more_centres(bench_, stages_, S, searched.settings) : searched;
  history_.push_back(chosen.settings);
  const double error = bench_.relative(chosen.error);
  A_.resize(count);
  bench_.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    const auto at = static_cast<std::size_t>(i);
    A_[at] = outer_product(stages_[at], chosen.maps[at], chosen.a[at], context);
  });
  if (!lifted_) bench_.offer_outer_products(A_, error);
  Spectrum now = spectrum(A_.front());
  trace_.push_back(round_report("refine", round, error, now, before_));
  before_ = std::move(now);
  CandidateReport report;
  report.name = name;
  report.settings = kernel_text(chosen.settings);
  report.error = chosen.error;
  report.cost = cost_of_search + (ended_ ? 0.0 : cost_of_most);
  report.trace = trace_;
  report.recipe = KernelRecipe{lifted_, history_};
  bench_.add(std::move(report), [&](std::size_t i) -> Fitted {
    return {stages_[i].linear, {{1.0, chosen.maps[i], chosen.a[i], stages_[i].lift}}};
  });
  ended_ = ended_ || error > least_ * 1.02;
  least_ = std::min(least_, error);
  // The exponent is a property of the target's roughness: it stays.
  grid_ = kernel_grid(searched.settings.exponent);
}

std::vector<Fitted> learn_rounds(const KernelRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                                 const Context& context) {
  const Stage stage = kernel_stage(rows, recipe.lifted, options, context);
  Matrix S;
  std::vector<Fitted> rounds;
  for (const KernelSettings& settings : recipe.rounds) {
    if (!rounds.empty()) {
      const Predictor& before = rounds.back().predictors.front();
      const Matrix A = outer_product(stage, before.map, before.a, context);
      S = from_first_rank(context, [&] { return refined_coordinates(A, options.refine_power); });
    }
    rounds.push_back(kernel_predictor(stage, S, settings, context));
  }
  return rounds;
}

Fitted learn(const KernelRecipe& recipe, const LearningRows& rows, const FitOptions& options, const Context& context) {
  return learn_rounds(recipe, rows, options, context).back();
}

}  // namespace sextant
