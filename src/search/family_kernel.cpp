// Kernels in coordinates from the gradient outer product of the kernel before.
#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "core/from_first_rank.h"
#include "search/family.h"
#include "search/kernel_choice.h"
#include "sextant/refine.h"

namespace sextant {

namespace {

constexpr Index kernel_rounds = 3;
constexpr Index quick_kernel_rounds = 2;
constexpr double eigenvectors_cost = 4;  // of a D×D matrix, times D³
constexpr double far_behind = 4;         // times the least held-out square of kernels with as few centres
constexpr double hardly_any = 0.9;       // of the mean's held-out square

Stage kernel_stage(const LearningRows& rows, bool lifted, const FitOptions& options, const Context& context) {
  return lifted ? lifted_stage(rows, options.lift, context) : plain_stage(rows, mean_alone(*rows.moments));
}

// Rounds of kernels, each in coordinates from the gradient outer product of the one before. A round is a look with few
// centres at every setting, and the best of them with many centres if that is not far behind the best kernel so far;
// thorough rounds do both at once.
class KernelRounds : public std::enable_shared_from_this<KernelRounds> {
 public:
  KernelRounds(const Ground& ground, bool lifted)
      : ground_(ground), lifted_(lifted), name_(lifted ? "kernel of lifted inputs" : "kernel"), grid_(kernel_grid()) {}

  [[nodiscard]] Step look() {
    const std::string name = round_name();
    const Index few = search_centres(ground_);
    const auto times = static_cast<double>(ground_.splits.size()) * settings_tried(grid_);
    double cost = (times + static_cast<double>(ground_.repeats)) * kernel_cost(ground_.rows(), inputs(), few);
    cost += static_cast<double>(static_cast<Index>(ground_.splits.size()) + ground_.repeats) * cost_of_coordinates();
    if (in_one_go()) cost += cost_of_most();
    const bool first = history_.empty() && !lifted_ && ground_.options.method == Method::automatic;
    const auto run = [self = shared_from_this(), name](const Ground&, const Clues& clues) {
      return self->looked(name, clues);
    };
    return {in_one_go() ? name : fmt::format("{}, {} centres", name, few), cost, run, first};
  }

 private:
  [[nodiscard]] std::string round_name() const {
    return history_.empty() ? name_ : fmt::format("refined {}, round {}", name_, history_.size());
  }
  [[nodiscard]] Index inputs() const { return ground_.inputs() * (lifted_ ? ground_.options.lift : 1); }
  // Whether a look has all centres that there are to be.
  [[nodiscard]] bool in_one_go() const { return ground_.thorough || search_centres(ground_) == ground_.rows(); }
  // Of moments of lifted rows, the gradients' outer product, and the eigenvectors that the next coordinates come from.
  [[nodiscard]] double cost_of_coordinates() const {
    const auto D = static_cast<double>(inputs());
    return static_cast<double>(ground_.rows()) * D * D * (lifted_ ? 1.0 : 0.5) +
           (history_.empty() ? 0.0 : eigenvectors_cost * D * D * D);
  }
  [[nodiscard]] double cost_of_most() const {
    const Index n = ground_.rows();
    const bool learned_twice = search_centres(ground_) < n;
    return static_cast<double>(static_cast<Index>(learned_twice ? ground_.splits.size() : 0) + ground_.repeats) *
           kernel_cost(n, inputs(), centres_for(n));
  }

  [[nodiscard]] Findings looked(const std::string& name, const Clues& clues) {
    const std::size_t count = ground_.splits.size();
    if (stages_.empty()) {
      stages_.resize(count);
      ground_.each(static_cast<Index>(count), [&](Index i, const Context& context) {
        const auto at = static_cast<std::size_t>(i);
        stages_[at] = kernel_stage(ground_.splits[at], lifted_, ground_.options, context);
      });
    }
    S_.assign(count, Matrix());
    if (!history_.empty())
      ground_.each(static_cast<Index>(count), [&](Index i, const Context& context) {
        const auto at = static_cast<std::size_t>(i);
        S_[at] = from_first_rank(context, [&] { return refined_coordinates(A_[at], ground_.options.refine_power); });
      });
    const Index few = search_centres(ground_);
    const KernelChoice searched = choose_kernel(ground_, stages_, S_, grid_, few);
    // Exponent and trend are properties of the target: they stay.
    const KernelShape& shape = searched.settings.shape;
    grid_ = kernel_grid(shape.exponent, shape.trend);
    const double error = ground_.relative(searched.error);
    Clues of_look;
    of_look.exponent = shape.exponent;
    of_look.exponent_error = error;
    Findings findings;
    if (in_one_go()) {
      findings = found(
          name, few < ground_.rows() ? with_more_centres(ground_, stages_, S_, searched.settings) : searched, true);
    } else {
      findings = found(fmt::format("{}, {} centres", name, few), searched, false);
      // Of many classes' indicators squares never say more: 1 − Σ p² is the mean's, and hardly less of who knows p.
      const double most = ground_.for_targets() > 1 ? std::numeric_limits<double>::infinity() : hardly_any;
      const double promise = std::min(most, far_behind * std::min(error, clues.exponent_error));
      if (error <= promise) findings.next.push_back(more_centres(name, searched.settings));
    }
    findings.clues.take(of_look);
    return findings;
  }

  // The settings of a look, with all centres that a kernel may have.
  [[nodiscard]] Step more_centres(const std::string& name, const KernelSettings& settings) {
    const auto run = [self = shared_from_this(), name, settings](const Ground& ground, const Clues&) {
      return self->found(name, with_more_centres(ground, self->stages_, self->S_, settings), true);
    };
    return {name, cost_of_most(), run};
  }

  // A round's kernel as a candidate. Where it is what the round comes to, the next follows if there is to be one.
  [[nodiscard]] Findings found(const std::string& name, const KernelChoice& chosen, bool whole_round) {
    const std::size_t count = ground_.splits.size();
    std::vector<KernelSettings> history = history_;
    history.push_back(chosen.settings);
    const double error = ground_.relative(chosen.error);
    A_.resize(count);
    ground_.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      A_[at] = outer_product(stages_[at], chosen.maps[at], chosen.a[at], context);
    });
    const Spectrum now = spectrum(A_.front());
    std::vector<StageRound> trace = trace_;
    trace.push_back(round_report("refine", static_cast<Index>(history_.size()), error, now, before_));
    CandidateReport report;
    report.name = name;
    report.settings = kernel_text(chosen.settings);
    report.trace = trace;
    report.recipe = KernelRecipe{lifted_, history};
    Findings findings;
    findings.candidates.push_back(candidate_of(ground_, std::move(report), [&](std::size_t i) -> Fitted {
      return {stages_[i].linear, {{1.0, chosen.maps[i], chosen.a[i], stages_[i].lift}}};
    }));
    if (!lifted_) findings.clues.plain = {A_, error};
    if (!whole_round) return findings;
    std::vector<Predictor> by_split;
    for (std::size_t i = 0; i < count; ++i) by_split.push_back({1.0, chosen.maps[i], chosen.a[i], stages_[i].lift});
    findings.next = logistic_steps(ground_, name, KernelRecipe{lifted_, history}, std::move(by_split));
    history_ = std::move(history);
    trace_ = std::move(trace);
    before_ = now;
    const Index rounds = ground_.thorough ? kernel_rounds : quick_kernel_rounds;
    if (static_cast<Index>(history_.size()) < rounds && !(error > least_ * 1.02)) findings.next.push_back(look());
    least_ = std::min(least_, error);
    return findings;
  }

  Ground ground_;
  bool lifted_;
  std::string name_;
  std::vector<KernelSettings> grid_;     // to search in the next round
  std::vector<KernelSettings> history_;  // of the rounds before
  std::vector<Stage> stages_;            // of the splits
  std::vector<Matrix> S_;                // of this round
  std::vector<Matrix> A_;                // of the last round on each split: where the next gets its coordinates
  std::vector<StageRound> trace_;
  std::optional<Spectrum> before_;  // of the last round's A on the first split
  double least_ = std::numeric_limits<double>::infinity();
};

}  // namespace

std::vector<Step> start_kernels(const Ground& ground, const SourceTask*) {
  return {std::make_shared<KernelRounds>(ground, false)->look()};
}

std::vector<Step> start_kernels_of_lifted_inputs(const Ground& ground, const SourceTask*) {
  return {std::make_shared<KernelRounds>(ground, true)->look()};
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
