// Kernels along the axes: products of Laplace's kernels of single inputs, each input in coordinates that are drawn out
// where the kernel before is steep. What is made of steps, thresholds and bends of single inputs, and of interactions
// of a few of them, lies along axes that a kernel of Euclidean distance does not know.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>

#include "core/from_first_rank.h"
#include "core/ties.h"
#include "method/axis_warp.h"
#include "passes/parts.h"
#include "search/family.h"
#include "search/kernel_choice.h"

namespace sextant {
namespace {

constexpr Index most_rounds = 8;
constexpr double hardly_better = 0.99;  // of the round before's held-out square: the last
constexpr double far_behind = 4;        // times the least held-out square of all that was tried: no round follows
constexpr std::array<double, 2> powers = {0.5, 1.0};
// Up to so many rows all are centres. Of more, settings are searched with few centres, rounds have some, and the last
// is learned again with as many as a kernel may have.
constexpr Index few_rows_along_axes = 1500;
constexpr Index settings_centres = 500;
constexpr Index round_centres = 1000;

Warp next_warp(const Stage& stage, const KernelSections& sections, const Matrix& a, const RowSource& rows, double power,
               const Context& context) {
  return from_first_rank(
      context, [&](const Context& own) { return next_axis_warp(*stage.warp, sections, a, rows, power, own); });
}

Stage first_stage(const LearningRows& rows, bool ranks, const Context& context) {
  const AxisStart start = ranks ? AxisStart::ranks : AxisStart::values;
  return warped_stage(
      rows, from_first_rank(context, [&](const Context& own) { return first_axis_warp(*rows.train, start, own); }));
}

// Of a kernel whose distances are no matrix product.
double axis_kernel_cost(Index rows, Index inputs, Index most) { return kernel_cost(rows, 2 * inputs, most); }

class AxisRounds : public std::enable_shared_from_this<AxisRounds> {
 public:
  explicit AxisRounds(const Ground& ground)
      : ground_(ground), grid_(settings({0.25, 1, 4, 16, 64})), none_(ground.splits.size()) {}

  [[nodiscard]] Step look() {
    const std::string name = recipe_.rounds.empty()
                                 ? "kernel along the axes"
                                 : fmt::format("kernel along the axes, round {}", recipe_.rounds.size());
    const Index n = ground_.rows();
    const Index d = ground_.inputs();
    const Index few = all_are() ? n : settings_centres;
    const auto splits = static_cast<double>(ground_.splits.size());
    const auto times = splits * static_cast<double>(ways().size() * grid_.size());
    const double whole = axis_kernel_cost(n, d, centres()) + axis_warp_cost(centres(), d, ground_.targets());
    const double cost = times * axis_kernel_cost(n, d, few) + (splits + static_cast<double>(ground_.repeats)) * whole;
    return {name, cost,
            [self = shared_from_this(), name](const Ground&, const Clues& clues) { return self->looked(name, clues); }};
  }

 private:
  // How the next coordinates may come to be, and what `recipe_` gets for it.
  struct Way {
    bool ranks;
    double power;
  };
  [[nodiscard]] std::vector<Way> ways() const {
    if (recipe_.rounds.empty()) return {{false, 0}, {true, 0}};
    std::vector<Way> all;
    for (const double power : powers) all.push_back({recipe_.ranks, power});
    return all;
  }
  static std::vector<KernelSettings> settings(const std::vector<double>& bandwidths) {
    std::vector<KernelSettings> all;
    for (const double bandwidth : bandwidths) all.push_back({{1, bandwidth, 0, Norm::city_block}, {}, 0});
    return all;
  }
  [[nodiscard]] bool all_are() const { return ground_.rows() <= few_rows_along_axes; }
  [[nodiscard]] Index centres() const { return all_are() ? ground_.rows() : round_centres; }

  [[nodiscard]] std::vector<Stage> stages_of(const Way& way) const {
    std::vector<Stage> stages(ground_.splits.size());
    ground_.each(static_cast<Index>(stages.size()), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      const LearningRows& rows = ground_.splits[at];
      stages[at] = recipe_.rounds.empty()
                       ? first_stage(rows, way.ranks, context)
                       : warped_stage(rows, next_warp(stages_[at], std::get<KernelSections>(last_->maps[at]),
                                                      last_->a[at], *rows.train, way.power, context));
    });
    return stages;
  }

  // A kernel on the stages as a candidate.
  [[nodiscard]] Candidate candidate(const std::string& name, const AxisRecipe& recipe, const KernelChoice& choice,
                                    const std::vector<Stage>& stages) const {
    CandidateReport report;
    report.name = name;
    report.settings = kernel_text(choice.settings);
    if (!recipe.power.empty())
      report.settings += fmt::format(", power {}", recipe.power.back());
    else if (recipe.ranks)
      report.settings += ", of ranks";
    report.recipe = recipe;
    return candidate_of(ground_, std::move(report), [&](std::size_t i) -> Fitted {
      return {stages[i].linear, {predictor(choice, stages, i)}};
    });
  }
  static Predictor predictor(const KernelChoice& choice, const std::vector<Stage>& stages, std::size_t split) {
    return {1.0, choice.maps[split], choice.a[split], {}, stages[split].warp};
  }

  [[nodiscard]] Findings looked(const std::string& name, const Clues& clues) {
    std::optional<KernelChoice> best;
    std::vector<Stage> stages;
    Way chosen{};
    for (const Way& way : ways()) {
      std::vector<Stage> these = stages_of(way);
      KernelChoice found = choose_kernel(ground_, these, none_, grid_, all_are() ? centres() : settings_centres);
      if (best && !clearly_less(ground_.relative(found.error), ground_.relative(best->error))) continue;
      best = std::move(found);
      stages = std::move(these);
      chosen = way;
    }
    if (!all_are()) best = choose_kernel(ground_, stages, none_, {best->settings}, centres());
    AxisRecipe recipe = recipe_;
    recipe.ranks = chosen.ranks;
    if (!recipe.rounds.empty()) recipe.power.push_back(chosen.power);
    recipe.rounds.push_back(best->settings);
    Findings findings;
    findings.candidates.push_back(candidate(name, recipe, *best, stages));
    const double error = ground_.relative(best->error);
    const bool better = error < hardly_better * least_;
    const bool promising = error <= far_behind * clues.least;
    if (better) {
      recipe_ = std::move(recipe);
      last_ = std::move(best);
      stages_ = std::move(stages);
      name_ = name;
      least_ = error;
      const double bandwidth = last_->settings.shape.bandwidth;
      grid_ = settings({bandwidth / 4, bandwidth, bandwidth * 4});
    }
    if (better && promising && static_cast<Index>(recipe_.rounds.size()) < most_rounds) {
      findings.next.push_back(look());
      return findings;
    }
    if (!promising) return findings;
    std::vector<Predictor> by_split;
    for (std::size_t i = 0; i < stages_.size(); ++i) by_split.push_back(predictor(*last_, stages_, i));
    findings.next = logistic_steps(ground_, name_, recipe_, std::move(by_split));
    if (centres() < ground_.rows()) findings.next.push_back(more_centres());
    return findings;
  }

  // The best round with as many centres as a kernel may have.
  [[nodiscard]] Step more_centres() {
    const Index n = ground_.rows();
    const std::string name = name_ + ", more centres";
    const double cost = static_cast<double>(static_cast<Index>(ground_.splits.size()) + ground_.repeats) *
                        axis_kernel_cost(n, ground_.inputs(), centres_for(n));
    const auto run = [self = shared_from_this(), name](const Ground& ground, const Clues&) {
      const KernelChoice choice = with_more_centres(ground, self->stages_, self->none_, self->last_->settings);
      AxisRecipe recipe = self->recipe_;
      recipe.rounds.back() = choice.settings;
      Findings findings;
      findings.candidates.push_back(self->candidate(name, recipe, choice, self->stages_));
      return findings;
    };
    return {name, cost, run};
  }

  Ground ground_;
  std::vector<KernelSettings> grid_;  // to search in the next round
  std::vector<Matrix> none_;          // coordinates beside the warps
  AxisRecipe recipe_;                 // of the best round, which the next follows
  std::optional<KernelChoice> last_;
  std::vector<Stage> stages_;  // one per split
  std::string name_;
  double least_ = std::numeric_limits<double>::infinity();
};

}  // namespace

std::vector<Step> start_axes(const Ground& ground, const SourceTask*) {
  return {std::make_shared<AxisRounds>(ground)->look()};
}

std::vector<Fitted> learn_rounds(const AxisRecipe& recipe, const LearningRows& rows, const FitOptions&,
                                 const Context& context) {
  Stage stage = first_stage(rows, recipe.ranks, context);
  std::vector<Fitted> rounds;
  for (const KernelSettings& settings : recipe.rounds) {
    if (!rounds.empty()) {
      const Predictor& before = rounds.back().predictors.front();
      stage = warped_stage(rows, next_warp(stage, std::get<KernelSections>(before.map), before.a, *rows.train,
                                           recipe.power[rounds.size() - 1], context));
    }
    rounds.push_back(kernel_predictor(stage, {}, settings, context));
  }
  return rounds;
}

Fitted learn(const AxisRecipe& recipe, const LearningRows& rows, const FitOptions& options, const Context& context) {
  return learn_rounds(recipe, rows, options, context).back();
}

}  // namespace sextant
