// Polynomial links of a few polished directions, and kernels on those directions.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "core/from_first_rank.h"
#include "core/ties.h"
#include "passes/parts.h"
#include "search/family.h"
#include "search/kernel_choice.h"
#include "sextant/error.h"
#include "sextant/polish.h"
#include "sextant/product_terms.h"
#include "sextant/refine.h"
#include "sextant/subspace.h"

namespace sextant {
namespace {

constexpr double screening_ridge = 1e-3;
constexpr std::array<double, 4> link_ridges = {1e-5, screening_ridge, 1e-2, 1e-1};
constexpr std::array<int, 4> link_degrees = {2, 3, 5, 8};
constexpr std::array<int, 6> thorough_degrees = {2, 3, 4, 5, 6, 8};
constexpr std::array<Index, 4> link_ranks = {1, 2, 4, 8};
constexpr std::array<Index, 6> thorough_ranks = {1, 2, 3, 4, 6, 8};
constexpr Index steps_to_a_ridge = 2;       // from the directions of another ridge
constexpr std::size_t leading_degrees = 2;  // that are tried with every ridge
constexpr double most_terms = 400;
constexpr Index steps_on_all_rows = 4;        // from directions that some rows gave
constexpr double reading_cost = 1000;         // multiply-adds that a cell takes where rows are read again in each pass
constexpr double narrow_products = 5;         // times their multiply-adds is what products as narrow as a link's take
constexpr double what_more_rows_mend = 1.25;  // of a squared error, about: what is further behind the best stays there
constexpr std::size_t confirmed_links = 2;    // that are learned on all rows, where some were searched

std::string of_directions(const char* what, Index r) {
  return fmt::format("{} {} direction{}", what, r, r == 1 ? "" : "s");
}

LinearPart link_linear(const LearningRows& rows, bool linear, const Context& context) {
  return linear ? least_squares(rows, context) : mean_alone(*rows.moments);
}

PolishOptions polish_options(const LinkRecipe& recipe, Index steps) {
  return {.degree = recipe.degree, .ridge = recipe.ridge, .steps = steps};
}

// Whether the rows vary along U: along directions of other rows they may not.
bool vary(const LearningRows& rows, const Matrix& U) {
  const Matrix& xx = rows.moments->xx;
  return (U * xx * U.transpose()).trace() > 1e-12 * xx.trace() * U.squaredNorm();
}

// One link on one split's rows, from every one of these starts.
struct PolishTask {
  const LearningRows* rows;
  LinkRecipe recipe;
  const std::vector<Matrix>* starts;
};

// What a task gives; without a link where the numbers of every start failed.
struct PolishResult {
  Polished polished = {};
  std::string failed = "polish: the rows vary along no direction to start from";  // where there is no link

  [[nodiscard]] bool found() const { return polished.link.U.size() > 0; }
};

// From every start a few steps, from each task's best two on to the end; the smallest objective wins. `each` as
// Ground's.
std::vector<PolishResult> best_polishes(
    const std::vector<PolishTask>& tasks, Index steps,
    const std::function<void(Index, const std::function<void(Index, const Context&)>&)>& each) {
  struct Attempt {
    std::size_t task;
    Matrix U;
    Polished result;
    std::string failed;
  };
  const auto polish_all = [&](std::vector<Attempt>& attempts, Index most) {
    each(static_cast<Index>(attempts.size()), [&](Index i, const Context& context) {
      Attempt& attempt = attempts[static_cast<std::size_t>(i)];
      const auto& [rows, recipe, starts] = tasks[attempt.task];
      try {
        attempt.result = polish(*rows->train, *rows->moments, link_linear(*rows, recipe.linear, context), attempt.U,
                                polish_options(recipe, most), context);
      } catch (const NumericalError& error) {
        attempt.result.objective = std::numeric_limits<double>::infinity();
        attempt.failed = error.what();
      }
    });
  };
  std::vector<Attempt> first;
  std::vector<std::size_t> ends;  // of each task's attempts
  for (std::size_t task = 0; task < tasks.size(); ++task) {
    for (const Matrix& U : *tasks[task].starts)
      if (vary(*tasks[task].rows, U)) first.push_back({task, U, {}, {}});
    ends.push_back(first.size());
  }
  polish_all(first, std::min<Index>(5, steps));
  std::vector<PolishResult> best(tasks.size());
  std::vector<Attempt> second;
  for (std::size_t task = 0; task < tasks.size(); ++task) {
    const std::span<Attempt> own(first.data() + (task == 0 ? 0 : ends[task - 1]), first.data() + ends[task]);
    std::vector<double> objectives;
    for (const Attempt& attempt : own) objectives.push_back(attempt.result.objective);
    const std::vector<std::size_t> order = order_with_ties(objectives);
    for (const std::size_t at : std::span(order).first(std::min<std::size_t>(2, order.size())))
      if (own[at].failed.empty() && !own[at].result.converged) second.push_back({task, own[at].result.link.U, {}, {}});
    if (order.empty()) continue;
    Attempt& least = own[order.front()];
    if (least.failed.empty())
      best[task].polished = std::move(least.result);
    else
      best[task].failed = least.failed;
  }
  polish_all(second, steps);
  for (Attempt& attempt : second)
    if (attempt.failed.empty() && clearly_less(attempt.result.objective, best[attempt.task].polished.objective))
      best[attempt.task].polished = std::move(attempt.result);
  return best;
}

PolishResult best_polish(const LearningRows& rows, const std::vector<Matrix>& starts, const LinkRecipe& recipe,
                         Index steps, const Context& context) {
  return std::move(best_polishes({{&rows, recipe, &starts}}, steps, [&](Index count, const auto& work) {
                     for (Index i = 0; i < count; ++i) work(i, context);
                   }).front());
}

// The rows of U and then of V, the first r of them.
Matrix stacked(const Matrix& U, const Matrix& V, Index r) {
  Matrix both(U.rows() + V.rows(), U.cols());
  both << U, V;
  return both.topRows(std::min(r, both.rows()));
}

// Hidden directions are looked for in what least squares leaves.
std::vector<Matrix> starts_for(const LearningRows& rows, Index r, const Context& context) {
  return discovered_starts(*rows.train, *rows.moments, least_squares(rows, context), r, 4, context);
}

// A rank's link with its recipe chosen, on every split.
struct PolishedRank {
  LinkRecipe recipe;
  Vector error;
  std::vector<Polished> by_split;
};

// The ranks to try: the one given, or a few, and all inputs where they are few.
std::vector<Index> ranks_to_try(const Ground& ground) {
  if (ground.options.rank) return {*ground.options.rank};
  const Index d = ground.inputs();
  std::vector<Index> ranks;
  for (const Index r : ground.thorough ? std::span<const Index>(thorough_ranks) : link_ranks)
    if (r <= d) ranks.push_back(r);
  if (d <= 10 && ranks.back() != d) ranks.push_back(d);
  return ranks;
}

std::vector<int> degrees_to_try(const Ground& ground, Index r) {
  if (ground.options.polish_degree) return {*ground.options.polish_degree};
  const double most = std::min(static_cast<double>(ground.rows()) / 3, most_terms);
  std::vector<int> degrees;
  for (const int degree : ground.thorough ? std::span<const int>(thorough_degrees) : link_degrees)
    if (static_cast<double>(product_term_count(r, degree)) <= most) degrees.push_back(degree);
  return degrees;
}

// Multiply-adds of one step of a link of these degrees on one split.
double step_cost(const Ground& ground, Index r, int degree) {
  const auto P = static_cast<double>(product_term_count(r, degree));
  const auto rd = static_cast<double>(r * ground.inputs());
  const double equations =
      std::min(rd * rd / 2, 120 * rd) + (rd <= 512 ? rd * rd * rd / 3 / static_cast<double>(ground.rows()) : 0.0);
  return static_cast<double>(ground.rows()) * (1.5 * P * P / 2 + static_cast<double>(ground.targets()) * equations);
}

// Screens the starts with a low and a high degree (what is odd in one direction and in another may show at the fourth
// alone), then polishes every degree from what that found, then the two leading degrees with every ridge.
PolishedRank polish_rank(const Ground& ground, Index r, bool linear, const std::vector<int>& degrees,
                         const std::vector<std::vector<Matrix>>& starts) {
  const auto count = static_cast<Index>(ground.splits.size());
  const Index k = ground.targets();
  // Of as many directions as inputs, all are the same but for a rotation.
  const Index steps = r < ground.inputs() ? ground.options.polish_steps : 0;
  std::vector<int> screened = {degrees.front()};
  for (const int degree : degrees) {
    if (degree <= 3) screened.front() = degree;
    if (degree > 3 && degree <= 5) screened.resize(2, degree), screened.back() = degree;
  }
  std::vector<PolishTask> tasks;
  for (std::size_t split = 0; split < ground.splits.size(); ++split)
    for (const int degree : screened)
      tasks.push_back({&ground.splits[split], {r, degree, screening_ridge, linear, {}, {}}, &starts[split]});
  std::vector<std::vector<Matrix>> found(ground.splits.size());
  std::vector<PolishResult> from_starts =
      best_polishes(tasks, steps, [&](Index attempts, const auto& work) { ground.each(attempts, work); });
  for (std::size_t i = 0; i < from_starts.size(); ++i)
    if (from_starts[i].found()) found[i / screened.size()].push_back(std::move(from_starts[i].polished.link.U));
  for (std::size_t split = 0; split < found.size(); ++split)
    if (found[split].empty()) throw NumericalError(from_starts[split * screened.size()].failed);
  // One way to learn the link, on every split.
  struct Trial {
    LinkRecipe recipe;
    std::vector<PolishResult> by_split;
    Matrix square;  // splits×k: held-out sums of squares; infinite where there is no link
    Vector n;       // splits: rows of weight held out
  };
  const auto learn_on = [&](Trial& trial, std::size_t split, const std::vector<Matrix>& from, Index most,
                            const Context& context) {
    const LearningRows& rows = ground.splits[split];
    trial.by_split[split] = best_polish(rows, from, trial.recipe, most, context);
    if (!trial.by_split[split].found()) {
      trial.square.row(static_cast<Index>(split)).setConstant(std::numeric_limits<double>::infinity());
      trial.n[static_cast<Index>(split)] = 1;
      return;
    }
    const Polished& result = trial.by_split[split].polished;
    const Risks risk =
        risks(*rows.held_out, link_linear(rows, linear, context), result.link, result.a, path_targets(1, k), context);
    trial.square.row(static_cast<Index>(split)) = risk.n * risk.square.cwiseProduct(rows.square_units).transpose();
    trial.n[static_cast<Index>(split)] = risk.n;
  };
  const auto trial_of = [&](int degree, double ridge) {
    return Trial{{r, degree, ridge, linear, {}, {}},
                 std::vector<PolishResult>(ground.splits.size()),
                 Matrix(count, k),
                 Vector(count)};
  };
  const auto error_of = [&](const Trial& trial, std::size_t splits) -> Vector {
    const auto rows = static_cast<Index>(splits);
    return trial.square.topRows(rows).colwise().sum().transpose() / trial.n.head(rows).sum();
  };

  std::vector<Trial> trials;
  for (const int degree : degrees) trials.push_back(trial_of(degree, screening_ridge));
  std::vector<std::size_t> leading = ground.race(
      degrees.size(), leading_degrees,
      [&](std::size_t at, std::size_t split, const Context& context) {
        learn_on(trials[at], split, found[split], steps, context);
      },
      [&](std::size_t at, std::size_t splits) { return ground.relative(error_of(trials[at], splits)); });
  std::vector<double> errors;
  for (const std::size_t at : leading) errors.push_back(ground.relative(error_of(trials[at], ground.splits.size())));
  std::vector<std::size_t> by_error;
  for (const std::size_t at : order_with_ties(errors)) by_error.push_back(leading[at]);
  leading = std::move(by_error);
  leading.resize(std::min(leading_degrees, leading.size()));

  // The leading degrees with the other ridges, from what the screening ridge found.
  std::vector<std::pair<std::size_t, Trial>> finals;  // and whose directions they start from
  for (const std::size_t at : leading)
    for (const double ridge : link_ridges)
      if (ridge != screening_ridge) finals.emplace_back(at, trial_of(degrees[at], ridge));
  ground.each(count * static_cast<Index>(finals.size()), [&](Index task, const Context& context) {
    const auto split = static_cast<std::size_t>(task % count);
    auto& [at, trial] = finals[static_cast<std::size_t>(task / count)];
    const PolishResult& screened_link = trials[at].by_split[split];
    std::vector<Matrix> from;
    if (screened_link.found()) from.push_back(screened_link.polished.link.U);
    learn_on(trial, split, from, ground.thorough ? steps : steps_to_a_ridge, context);
  });
  std::vector<Trial*> candidates;
  for (const std::size_t at : leading) candidates.push_back(&trials[at]);
  for (auto& [at, trial] : finals) candidates.push_back(&trial);
  PolishedRank best;
  double least = std::numeric_limits<double>::infinity();
  for (Trial* trial : candidates) {
    const Vector error = error_of(*trial, ground.splits.size());
    if (!clearly_less(ground.relative(error), least)) continue;
    least = ground.relative(error);
    best = {trial->recipe, error, {}};
    for (PolishResult& result : trial->by_split) best.by_split.push_back(std::move(result.polished));
  }
  if (!best.by_split.empty()) {
    // From a start of fewer directions than r, a link of fewer may be the best there is: the recipe is of as many as
    // were found in some split.
    for (const Polished& each : best.by_split)
      if (each.link.U.rows() > best.recipe.U.rows()) best.recipe.U = each.link.U;
    best.recipe.rank = best.recipe.U.rows();
    return best;
  }
  for (const Trial* trial : candidates)
    for (const PolishResult& result : trial->by_split)
      if (!result.found()) throw NumericalError(result.failed);
  throw NumericalError("polish: no link has a finite error");
}

// The better of the links with and without a linear model taken off first. Throws NumericalError when neither has a
// finite error.
PolishedRank best_variant(const Ground& ground, Index r, const std::vector<bool>& linear,
                          const std::vector<int>& degrees, const std::vector<std::vector<Matrix>>& starts) {
  PolishedRank best;
  double error = std::numeric_limits<double>::infinity();
  std::string why;
  for (const bool variant : linear) {
    try {
      PolishedRank rank = polish_rank(ground, r, variant, degrees, starts);
      if (!clearly_less(ground.relative(rank.error), error)) continue;
      error = ground.relative(rank.error);
      best = std::move(rank);
    } catch (const NumericalError& failure) {
      why = failure.what();
    }
  }
  if (best.by_split.empty()) throw NumericalError(why);
  return best;
}

Polished polished_or_throw(PolishResult result) {
  if (!result.found()) throw NumericalError(result.failed);
  return std::move(result.polished);
}

// The chosen link learned anew: from the directions of a split, most of whose rows these are. Where those leave much,
// or there are none, also from what these rows tell.
Polished learn_link(const LearningRows& rows, const LinkRecipe& recipe, const FitOptions& options,
                    const Context& context) {
  constexpr double much = 0.25;  // of the targets' variance
  // Directions of a search on some of the rows are near what all of them say.
  const Index most =
      rows.train->rows() > ground_rows ? std::min(steps_on_all_rows, options.polish_steps) : options.polish_steps;
  const Index steps = recipe.rank < rows.train->inputs() ? most : 0;
  std::vector<Matrix> starts;
  if (recipe.U.size() > 0 && !recipe.U.isZero(0.0) && vary(rows, recipe.U)) {
    PolishResult found = best_polish(rows, {recipe.U}, recipe, steps, context);
    if (found.found() && found.polished.objective <= much * rows.moments->yy.trace()) return std::move(found.polished);
    starts.push_back(recipe.U);
  }
  for (Matrix& U : starts_for(rows, recipe.rank, context)) starts.push_back(std::move(U));
  return polished_or_throw(best_polish(rows, starts, recipe, steps, context));
}

Fitted link_predictor(const LearningRows& rows, const LinkRecipe& recipe, const Polished& polished,
                      const FitOptions& options, const Context& context) {
  Fitted fitted{link_linear(rows, recipe.linear, context), {{1.0, polished.link, polished.a}}};
  hold_back(rows, fitted.linear, options, fitted.predictors.front());
  return fitted;
}

Candidate link_candidate(const Ground& ground, const PolishedRank& rank, const std::string& name, Extent extent) {
  CandidateReport report;
  report.name = name;
  report.settings = fmt::format("degree {}, ridge {}{}", rank.recipe.degree, rank.recipe.ridge,
                                rank.recipe.linear ? ", on the linear model's residual" : "");
  report.recipe = rank.recipe;
  report.rank = rank.recipe.rank;
  Index step = 0;
  for (const PolishStep& each : rank.by_split.front().trace)
    report.trace.push_back({"polish", ++step, each.objective, {}, each.angle});
  const auto of_split = [&](std::size_t i) {
    return link_predictor(ground.of(i, extent), rank.recipe, rank.by_split[i], ground.options, ground.context);
  };
  return candidate_of(ground, std::move(report), of_split, extent);
}

OuterProducts link_outer_products(const Ground& ground, const PolishedRank& rank) {
  OuterProducts of_link{{}, ground.relative(rank.error)};
  for (std::size_t i = 0; i < ground.splits.size(); ++i)
    of_link.A.push_back(gradient_outer_product(*ground.splits[i].train,
                                               link_linear(ground.splits[i], rank.recipe.linear, ground.context),
                                               rank.by_split[i].link, rank.by_split[i].a, ground.context));
  return of_link;
}

Candidate kernel_candidate(const Ground& ground, const PolishedRank& rank, const std::string& name,
                           const KernelChoice& chosen, const std::vector<Stage>& stages, Extent extent) {
  CandidateReport report;
  report.name = name;
  report.settings = kernel_text(chosen.settings);
  LinkRecipe recipe = rank.recipe;
  recipe.kernel = chosen.settings;
  report.recipe = std::move(recipe);
  report.rank = rank.recipe.rank;
  const auto of_split = [&](std::size_t i) -> Fitted {
    return {stages[i].linear, {{1.0, chosen.maps[i], chosen.a[i], {}}}};
  };
  return candidate_of(ground, std::move(report), of_split, extent);
}

// The settings of a kernel on polished coordinates on all rows, where they were found on some: only λ is chosen anew.
Step kernel_of_all_rows(const Ground& of_start, std::shared_ptr<const PolishedRank> rank, const KernelSettings& found) {
  const Index n = of_start.all(0).train->rows();
  const double cost = static_cast<double>(static_cast<Index>(of_start.splits.size()) + of_start.repeats) *
                      kernel_cost(n, rank->recipe.rank, centres_for(n));
  const std::string name = of_directions("kernel of all rows on the polished", rank->recipe.rank);
  const auto run = [rank, found, name, n](const Ground& ground, const Clues&) {
    const std::vector<double> lambda = path_of(ground.options);
    std::vector<Stage> stages;
    std::vector<Path> paths;
    for (std::size_t i = 0; i < ground.splits.size(); ++i) {
      const LearningRows& rows = ground.all(i);
      stages.push_back(plain_stage(rows, link_linear(rows, rank->recipe.linear, ground.context)));
      stages.back().held_out = ground.splits[i].held_out;
      const FeatureMap map = from_first_rank(ground.context, [&](const Context& own) {
        return kernel_along(rank->by_split[i].link.U, found.shape, *rows.train, centres_for(n), own);
      });
      paths.push_back(head_path(stages.back(), map, lambda, rows.square_units, ground.context));
    }
    const HeadChoice head = choose_heads(paths, lambda);
    KernelChoice chosen{{found.shape, head.lambda, centres_for(n)}, head.error, {}, {}};
    for (Path& path : paths) {
      chosen.a.push_back(head_on(path, head));
      chosen.maps.push_back(std::move(path.map));
    }
    Findings findings;
    findings.candidates.push_back(kernel_candidate(ground, *rank, name, chosen, stages, Extent::all));
    return findings;
  };
  return {name, cost, run};
}

// A kernel on the polished coordinates: for links that are no polynomial. `of_all_rows`: the directions polished on all
// rows, if there are more.
Step kernel_on(const Ground& of_start, std::shared_ptr<const PolishedRank> rank,
               std::shared_ptr<const PolishedRank> of_all_rows) {
  const std::string name = of_directions("kernel on the polished", rank->recipe.rank);
  const auto run = [rank, of_all_rows, name](const Ground& ground, const Clues& clues) {
    std::vector<Stage> stages;
    std::vector<Matrix> S;
    for (std::size_t i = 0; i < ground.splits.size(); ++i) {
      stages.push_back(
          plain_stage(ground.splits[i], link_linear(ground.splits[i], rank->recipe.linear, ground.context)));
      S.push_back(rank->by_split[i].link.U);
    }
    const bool roughness_known = !ground.thorough && clues.exponent;
    const KernelChoice chosen =
        searched_kernel(ground, stages, S, roughness_known ? kernel_grid(*clues.exponent) : kernel_grid());
    Findings findings;
    findings.candidates.push_back(kernel_candidate(ground, *rank, name, chosen, stages, Extent::searched));
    if (of_all_rows && ground.relative(chosen.error) < what_more_rows_mend * clues.least)
      findings.next.push_back(kernel_of_all_rows(ground, of_all_rows, chosen.settings));
    return findings;
  };
  return {name, searched_kernel_cost(of_start, rank->recipe.rank), run};
}

// A link on all rows, where it was found on some: its directions get better with every row. `kernel`: one on its
// directions follows.
Step link_of_all_rows(const Ground& of_start, std::shared_ptr<const PolishedRank> found, bool kernel) {
  const Index n = of_start.all(0).train->rows();
  const auto all = static_cast<double>(n);
  const double pass = narrow_products * step_cost(of_start, found->recipe.rank, found->recipe.degree) * all /
                          static_cast<double>(of_start.rows()) +
                      reading_cost * all * static_cast<double>(of_start.inputs());
  const double cost =
      static_cast<double>((static_cast<Index>(of_start.splits.size()) + of_start.repeats) * (steps_on_all_rows + 2)) *
      pass;
  const std::string name = of_directions("polished link of all rows,", found->recipe.rank);
  const auto run = [found, name, kernel](const Ground& ground, const Clues&) {
    const auto rank = std::make_shared<PolishedRank>(found->recipe, Vector::Zero(ground.targets()));
    double weight = 0;
    for (std::size_t i = 0; i < ground.splits.size(); ++i) {
      LinkRecipe recipe = found->recipe;
      recipe.U = found->by_split[i].link.U;
      const LearningRows& rows = ground.all(i);
      rank->by_split.push_back(learn_link(rows, recipe, ground.options, ground.context));
      const Polished& result = rank->by_split.back();
      const Risks risk = risks(*ground.splits[i].held_out, link_linear(rows, recipe.linear, ground.context),
                               result.link, result.a, path_targets(1, ground.targets()), ground.context);
      rank->error += risk.n * risk.square.cwiseProduct(rows.square_units);
      weight += risk.n;
    }
    rank->error /= weight;
    rank->recipe.U = rank->by_split.front().link.U;
    Findings findings;
    findings.candidates.push_back(link_candidate(ground, *rank, name, Extent::all));
    findings.clues.suggested = link_outer_products(ground, *rank);
    if (kernel) findings.next.push_back(kernel_on(ground, found, rank));
    return findings;
  };
  return {name, cost, run};
}

// Links of more and more directions, until more add nothing; then the best of them on all rows, and kernels on its
// directions.
class LinkRanks : public std::enable_shared_from_this<LinkRanks> {
 public:
  explicit LinkRanks(const Ground& ground) : ground_(ground), ranks_(ranks_to_try(ground)) {}

  // The next rank, or what follows the last.
  [[nodiscard]] std::vector<Step> next() {
    if (at_ == ranks_.size()) return finals();
    const Index r = ranks_[at_];
    const std::vector<int> degrees = degrees_to_try(ground_, r);
    if (degrees.empty()) return finals();
    double cost = 0;
    for (const int degree : degrees) cost += step_cost(ground_, r, degree) * (degree == 3 || degree == 5 ? 70 : 25);
    cost *= static_cast<double>((static_cast<Index>(ground_.splits.size()) + ground_.repeats)) *
            static_cast<double>(variants().size());
    if (!polished_.empty())
      cost += static_cast<double>(ground_.splits.size()) * interaction_cost(ground_.rows(), ground_.inputs());
    const std::string name = of_directions("polished link,", r);
    const auto run = [self = shared_from_this(), name, r, degrees](const Ground&, const Clues& clues) {
      return self->found(name, r, degrees, clues);
    };
    return {{name, cost, run}};
  }

 private:
  // Whether the linear model is taken off first is settled with the first rank.
  [[nodiscard]] std::vector<bool> variants() const {
    return polished_.empty() ? std::vector<bool>{false, true} : std::vector<bool>{polished_.back()->recipe.linear};
  }

  [[nodiscard]] Findings found(const std::string& name, Index r, const std::vector<int>& degrees, const Clues& clues) {
    const std::size_t count = ground_.splits.size();
    ++at_;
    std::vector<std::vector<Matrix>> starts(count);
    Findings findings;
    PolishedRank best;
    try {
      ground_.each(static_cast<Index>(count), [&](Index i, const Context& context) {
        const auto at = static_cast<std::size_t>(i);
        const std::vector<Matrix> discovered = starts_for(ground_.splits[at], r, context);
        starts[at] = discovered;
        // What fewer directions found, with what interacts with them and with the next best guesses beside it; and the
        // directions of the best predictor.
        if (!polished_.empty()) {
          const Polished& before = polished_.back()->by_split[at];
          const LearningRows& rows = ground_.splits[at];
          const LinearPart linear = link_linear(rows, polished_.back()->recipe.linear, context);
          for (const Matrix& U : interacting_starts(*rows.train, *rows.moments, linear, before, r, context))
            starts[at].push_back(stacked(before.link.U, U, r));
          for (const Matrix& U : discovered)
            if (U.rows() == r) starts[at].push_back(stacked(before.link.U, U, r));
        }
        if (!clues.plain.A.empty())
          starts[at].push_back(
              from_first_rank(context, [&] { return Matrix(spectrum(clues.plain.A[at]).directions.topRows(r)); }));
      });
      best = best_variant(ground_, r, variants(), degrees, starts);
      // No more directions are found than before: the end.
      if (!polished_.empty() && best.recipe.rank <= polished_.back()->recipe.rank) {
        findings.next = finals();
        return findings;
      }
      findings.candidates.push_back(link_candidate(ground_, best, name, Extent::searched));
    } catch (const NumericalError& error) {
      findings.candidates.push_back(failed_candidate(ground_, name, error.what()));
      findings.next = finals();
      return findings;
    }
    findings.clues.suggested = link_outer_products(ground_, best);
    const double error = ground_.relative(best.error);
    polished_.push_back(std::make_shared<PolishedRank>(std::move(best)));
    // Where something is found, a rank that adds nothing is the end; where nothing is, two are.
    worse_ = error > 0.99 * least_ ? worse_ + 1 : 0;
    least_ = std::min(least_, error);
    findings.next = worse_ >= (least_ < 0.9 ? 1 : 2) ? finals() : next();
    return findings;
  }

  [[nodiscard]] std::vector<Step> finals() const {
    std::vector<double> errors;
    for (const auto& rank : polished_) errors.push_back(ground_.relative(rank->error));
    const std::vector<std::size_t> order = order_with_ties(errors);
    std::vector<Step> steps;
    if (!order.empty() && errors[order.front()] < 0.95) {
      const PolishedRank& best = *polished_[order.front()];
      std::vector<Predictor> by_split;
      for (const Polished& each : best.by_split) by_split.push_back({1.0, each.link, each.a});
      steps =
          logistic_steps(ground_, of_directions("polished link,", best.recipe.rank), best.recipe, std::move(by_split));
    }
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto& rank = polished_[order[i]];
      const bool of_all_inputs = rank->recipe.rank == ground_.inputs();  // there are kernels of those anyway
      const bool kernel = i < (ground_.thorough ? 2 : 1) && errors[order[i]] < 0.95 &&
                          (ground_.thorough || !of_all_inputs) && ground_.options.method == Method::automatic &&
                          ground_.options.training_rows;
      if (!ground_.whole.empty() && i < confirmed_links)
        steps.push_back(link_of_all_rows(ground_, rank, kernel));
      else if (kernel)
        steps.push_back(kernel_on(ground_, rank, nullptr));
    }
    return steps;
  }

  Ground ground_;
  std::vector<Index> ranks_;
  std::size_t at_ = 0;                                         // of the next rank
  std::vector<std::shared_ptr<const PolishedRank>> polished_;  // of the ranks before
  double least_ = std::numeric_limits<double>::infinity();
  int worse_ = 0;
};

}  // namespace

std::vector<Step> start_links(const Ground& ground, const SourceTask*) {
  // Without any input that varies over a split's training rows there is no direction to start from.
  for (const LearningRows& rows : ground.splits)
    if (!(rows.moments->xx.trace() > 0)) return {};
  return std::make_shared<LinkRanks>(ground)->next();
}

Fitted learn(const LinkRecipe& recipe, const LearningRows& rows, const FitOptions& options, const Context& context) {
  const Polished polished = learn_link(rows, recipe, options, context);
  if (!recipe.kernel) return link_predictor(rows, recipe, polished, options, context);
  const Stage stage = plain_stage(rows, link_linear(rows, recipe.linear, context));
  return kernel_predictor(stage, polished.link.U, *recipe.kernel, context);
}

}  // namespace sextant
