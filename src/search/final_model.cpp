#include "search/final_model.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "core/from_first_rank.h"
#include "search/family.h"
#include "sextant/error.h"
#include "sextant/passes.h"
#include "sextant/row_ranges.h"

namespace sextant {
namespace {

// Rows on which a model is differentiated; of leaf machines, whose gradient costs as much as a prediction, fewer.
constexpr Index gradient_rows = 100'000;
constexpr Index leaf_gradient_rows = 10'000;
constexpr Index most_gradients = 1'000'000;  // of all targets; of leaf machines a tenth

// Per target, what the candidates leave to the mean.
Vector rest_of(const std::vector<CandidateReport>& candidates, Index k) {
  Vector rest = Vector::Ones(k);
  for (const CandidateReport& report : candidates) rest -= report.weight;
  return rest.cwiseMax(0.0);
}

// Adds weight_t times a fitted candidate: what has no weight at all is not there.
void add_weighted(const Fitted& fitted, const Vector& weight, Fitted& sum) {
  sum.linear.alpha += weight.cwiseProduct(fitted.linear.alpha);
  sum.linear.beta += fitted.linear.beta * weight.asDiagonal();
  for (Predictor predictor : fitted.predictors) {
    if (predictor.shares)
      predictor.shares->scale = predictor.shares->scale.cwiseProduct(weight).eval();
    else
      predictor.a = predictor.a * weight.asDiagonal();
    if (predictor.low.size() > 0) {
      predictor.low = predictor.low.cwiseProduct(weight).eval();
      predictor.high = predictor.high.cwiseProduct(weight).eval();
    }
    sum.predictors.push_back(std::move(predictor));
  }
}

// Candidates that are learned in one go.
struct LearnedTogether {
  std::vector<std::size_t> candidates;  // positions
  const Recipe* recipe = nullptr;       // of kernels: what has all their rounds
};

// Rounds of kernels; 0 for another way of learning.
std::size_t rounds_of(const Recipe& recipe) {
  if (const auto* kernel = std::get_if<KernelRecipe>(&recipe)) return kernel->rounds.size();
  if (const auto* axes = std::get_if<AxisRecipe>(&recipe)) return axes->rounds.size();
  return 0;
}

template <class Value>
bool begins_with(const std::vector<Value>& all, const std::vector<Value>& other) {
  return all.size() >= other.size() && std::equal(other.begin(), other.end(), all.begin());
}

// Whether the other's rounds are the first of this one's.
bool begins_with(const Recipe& recipe, const Recipe& other) {
  if (recipe.index() != other.index()) return false;
  if (const auto* kernel = std::get_if<KernelRecipe>(&recipe)) {
    const auto& before = std::get<KernelRecipe>(other);
    return kernel->lifted == before.lifted && begins_with(kernel->rounds, before.rounds);
  }
  if (const auto* axes = std::get_if<AxisRecipe>(&recipe)) {
    const auto& before = std::get<AxisRecipe>(other);
    return axes->ranks == before.ranks && begins_with(axes->power, before.power) &&
           begins_with(axes->rounds, before.rounds);
  }
  return false;
}

std::vector<Fitted> learn_rounds(const Recipe& recipe, const LearningRows& rows, const FitOptions& options,
                                 const Context& context) {
  if (const auto* axes = std::get_if<AxisRecipe>(&recipe)) return learn_rounds(*axes, rows, options, context);
  return learn_rounds(std::get<KernelRecipe>(recipe), rows, options, context);
}

// Those with weight: kernels that are rounds on the way to another with it, the others alone; what takes longest first.
std::vector<LearnedTogether> learned_together(const std::vector<CandidateReport>& candidates) {
  std::vector<LearnedTogether> groups;
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    if (candidates[c].weight.isZero(0.0)) continue;
    const Recipe* const recipe = rounds_of(candidates[c].recipe) > 0 ? &candidates[c].recipe : nullptr;
    const auto group = std::ranges::find_if(groups, [&](const LearnedTogether& other) {
      return recipe != nullptr && other.recipe != nullptr &&
             (begins_with(*recipe, *other.recipe) || begins_with(*other.recipe, *recipe));
    });
    if (group == groups.end()) {
      groups.push_back({{c}, recipe});
    } else {
      group->candidates.push_back(c);
      if (begins_with(*recipe, *group->recipe)) group->recipe = recipe;
    }
  }
  std::ranges::stable_sort(groups, std::ranges::greater(), [](const LearnedTogether& group) {
    return group.recipe != nullptr ? rounds_of(*group.recipe) : 0;
  });
  return groups;
}

bool is_finite(const Fitted& fitted) {
  return fitted.linear.alpha.allFinite() && fitted.linear.beta.allFinite() &&
         std::ranges::all_of(fitted.predictors, [](const Predictor& each) { return each.a.allFinite(); });
}

// What has weight, learned on these rows. One whose numbers fail says so in its report.
std::vector<Fitted> learn_weighted(
    std::vector<CandidateReport>& candidates, const FinalRows& rows, const FitOptions& options, const Context& context,
    const std::function<Fitted(std::size_t candidate, const Context&)>& learn_candidate) {
  const std::vector<LearnedTogether> groups = learned_together(candidates);
  std::vector<Fitted> learned(candidates.size());
  const auto alone = [&](std::size_t c, const Context& inner) {
    try {
      learned[c] = learn_candidate(c, inner);
      if (!is_finite(learned[c])) throw NumericalError("a coefficient is not finite");
    } catch (const NumericalError& error) {
      candidates[c].failed = fmt::format("learned on all rows: {}", error.what());
    }
  };
  side_by_side(rows.all().train->rows(), static_cast<Index>(groups.size()), context,
               [&](Index i, const Context& inner) {
                 const auto& [members, recipe] = groups[static_cast<std::size_t>(i)];
                 if (members.size() > 1) {
                   try {
                     const std::vector<Fitted> rounds =
                         learn_rounds(*recipe, rows.of(candidates[members.front()]), options, inner);
                     // Copies: a search may have come to the same recipe twice.
                     for (const std::size_t c : members) learned[c] = rounds[rounds_of(candidates[c].recipe) - 1];
                     return;
                   } catch (const NumericalError&) {  // its earlier rounds may do
                   }
                 }
                 for (const std::size_t c : members) alone(c, inner);
               });
  return learned;
}

// Gives the weight of what failed to the others in proportion to theirs, or to the mean where there are none.
void give_up_failed(Selection& selection) {
  for (std::size_t t = 0; t < selection.nothing_found.size(); ++t) {
    const auto target = static_cast<Index>(t);
    double all = 0;
    double left = 0;
    for (const CandidateReport& report : selection.candidates) {
      all += report.weight[target];
      if (report.failed.empty()) left += report.weight[target];
    }
    if (left == all) continue;
    for (CandidateReport& report : selection.candidates)
      report.weight[target] = report.failed.empty() && left > 0 ? report.weight[target] * (all / left) : 0.0;
    if (!(left > 0)) selection.nothing_found[t] = true;
  }
}

// The mean where nothing was found, else the candidates that count, each with its share.
Fitted mixture(const std::vector<CandidateReport>& candidates, const std::vector<Fitted>& learned,
               const LearningRows& rows) {
  const Index k = rows.train->targets();
  Fitted sum{LinearPart::zero(rows.train->inputs(), k), {}};
  sum.linear.alpha = rest_of(candidates, k).cwiseProduct(rows.moments->y_mean);
  for (std::size_t c = 0; c < candidates.size(); ++c)
    if (!candidates[c].weight.isZero(0.0)) add_weighted(learned[c], candidates[c].weight, sum);
  return sum;
}

// Some of the rows, evenly spaced.
RowRanges sampled(Index rows, Index most) {
  RowRanges some;
  const Index stride = (rows + most - 1) / most;
  for (Index i = 0; i < rows; i += stride) some.add(i);
  return some;
}

}  // namespace

FinalRows::FinalRows(const RowSource& source, const Prepared& prepared, const Vector& epsilon,
                     const FitOptions& options, const Context& context)
    : all_(learning_rows(source, nullptr, prepared, epsilon)) {
  if (source.rows() > ground_rows) searched_ = some_rows(all_, options.seed, context);
}

void learn_model(Selection& selection, const FinalRows& rows, const FitOptions& options, const Context& context,
                 const std::function<Fitted(std::size_t candidate, const Context&)>& learn_candidate,
                 Trained& trained) {
  const std::vector<Fitted> learned = learn_weighted(selection.candidates, rows, options, context, learn_candidate);
  give_up_failed(selection);
  Fitted sum = mixture(selection.candidates, learned, rows.all());
  // Some of many rows show where it varies.
  const RowSource& all = *rows.all().train;
  const bool leaves = std::ranges::any_of(
      sum.predictors, [](const Predictor& each) { return std::holds_alternative<LeafMachine>(each.map); });
  const Index gradients = leaves ? most_gradients / 10 : most_gradients;
  const Index most = std::min(leaves ? leaf_gradient_rows : gradient_rows,
                              std::max<Index>(1000, gradients / std::max<Index>(1, all.targets())));
  const RangeSource some(all, sampled(all.rows(), most));
  const auto& seen = all.rows() > most ? static_cast<const RowSource&>(some) : all;
  const bool dual = rows.all().moments->xx.size() == 0;
  Matrix& found = dual ? trained.gradient_factor : trained.gradient_outer_product;
  found = dual
              ? from_first_rank(
                    context, [&](const Context& own) { return gradient_factor(seen, sum.linear, sum.predictors, own); })
              : gradient_outer_product(seen, sum.linear, sum.predictors, context);
  if (!found.allFinite()) {
    for (CandidateReport& report : selection.candidates)
      if (!report.weight.isZero(0.0)) report.failed = "learned on all rows: the gradients of the mixture overflow";
    give_up_failed(selection);
    sum = mixture(selection.candidates, learned, rows.all());
    found.setZero();
  }
  trained.linear = std::move(sum.linear);
  trained.predictors = std::move(sum.predictors);
}

}  // namespace sextant
