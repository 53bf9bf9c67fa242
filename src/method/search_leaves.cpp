// Kernel machines on leaves of neighbours: settings and coordinates raced on leaves drawn from all rows, then
// partitions of all rows.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/from_first_rank.h"
#include "core/memory.h"
#include "method/leaf_race.h"
#include "method/searches.h"
#include "method/stage.h"
#include "passes/parts.h"
#include "sextant/refine.h"

namespace sextant {

static auto parts(LeafRecipe& recipe) {
  return std::tie(recipe.warp, recipe.exponent, recipe.bandwidth, recipe.lambda, recipe.S, recipe.partitions,
                  recipe.leaf_rows, recipe.local_rounds, recipe.centres, recipe.centre_lambda);
}

static auto parts(StageRound& round) {
  return std::tie(round.stage, round.round, round.error, round.spectrum, round.angle);
}

static auto parts(Fitted& fitted) { return std::tie(fitted.linear, fitted.predictors); }

namespace {

constexpr Index least_rows = 1000;   // fewer are one leaf, which a kernel of all rows serves as well
constexpr Index most_inputs = 512;   // a recipe holds coordinates
constexpr double hardly_any = 1e-6;  // of the spread: coordinates with less are left out
constexpr Index raw_partitions = 3;
constexpr Index local_partitions = 2;
constexpr Index residual_partitions = 2;
constexpr Index global_centres = 1500;

// The rows as one representation of the inputs shows them.
struct Represented {
  WarpKind kind = WarpKind::none;
  std::unique_ptr<WarpedSource> warped;  // null: as they are
  const RowSource* source = nullptr;
};

Represented represented(const RowSource& rows, WarpKind kind, const Context& context) {
  Represented result{kind, nullptr, &rows};
  if (kind == WarpKind::none) return result;
  result.warped = std::make_unique<WarpedSource>(rows, learn_warp(rows, kind, context));
  result.source = result.warped.get();
  return result;
}

// An arm in a representation.
struct Racer {
  WarpKind warp = WarpKind::none;
  LeafArm arm;
};

// Without the coordinates in which rows hardly vary.
Matrix without_hardly_any(const Matrix& S) {
  const Vector spread = S.rowwise().squaredNorm();
  std::vector<Index> kept;
  for (Index i = 0; i < S.rows(); ++i)
    if (spread[i] > hardly_any * spread.sum()) kept.push_back(i);
  return kept.empty() ? S : Matrix(S(kept, Eigen::all));
}

LeafRecipe recipe_of(const Racer& racer) {
  LeafRecipe recipe;
  recipe.warp = racer.warp;
  recipe.exponent = racer.arm.exponent;
  recipe.bandwidth = racer.arm.bandwidth();
  recipe.lambda = racer.arm.lambda();
  recipe.S = without_hardly_any(racer.arm.S);
  return recipe;
}

Kernel kernel_of(const LeafRecipe& recipe) {
  return {.kind = KernelKind::exponential, .bandwidth = recipe.bandwidth, .exponent = recipe.exponent};
}

// One kernel machine with some rows as centres, and its path of λ.
KernelSections centres_of(const LeafRecipe& recipe, const RowSource& rows, const Context& context) {
  KernelSections map = kernel_along(recipe.S, recipe.exponent, 1.0, rows, recipe.centres, context);
  map.kernel.bandwidth = recipe.bandwidth;
  return map;
}

Stage warped_stage(const RowSource& train, const RowSource* held_out, const Moments& moments) {
  Stage stage;
  stage.linear = mean_alone(moments);
  stage.pass_linear = stage.linear;
  stage.train = &train;
  stage.held_out = held_out;
  stage.moments = &moments;
  return stage;
}

Fitted learned_here(const LeafRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                    const Context& context) {
  const Represented seen = represented(*rows.train, recipe.warp, context);
  GatheredRows gathered = gather_rows(*seen.source, options.ordered, context);
  const auto Z = std::make_shared<const SingleMatrix>(coordinates_of(gathered.X, recipe.S, context));
  Fitted fitted{LinearPart::zero(rows.train->inputs(), rows.train->targets()), {}};
  fitted.linear.alpha = gathered.mean;
  const std::optional<Warp> warp = seen.warped ? std::optional(seen.warped->warp()) : std::nullopt;
  if (recipe.centres > 0) {
    const FeatureMap map = centres_of(recipe, *seen.source, context);
    const Matrix a = head_at(warped_stage(*seen.source, nullptr, *rows.moments), map, recipe.centre_lambda, context);
    fitted.predictors.push_back({1.0, map, a, {}, warp});
    const Predictor within{1.0, map, a, {}, {}};
    const LinearPart nothing = LinearPart::zero(rows.train->inputs(), rows.train->targets());
    constexpr Index some = 8192;
    for (Index first = 0; first < gathered.X.rows(); first += some) {
      const Index count = std::min(some, gathered.X.rows() - first);
      gathered.Y.middleRows(first, count) -=
          outputs(nothing, {within}, gathered.X.middleRows(first, count).cast<double>().eval(), context);
    }
  }
  gathered.X.resize(0, 0);
  const LeafFit fit{kernel_of(recipe), recipe.lambda, recipe.local_rounds};
  for (Index number = 0; number < recipe.partitions; ++number) {
    context.report("leaves", static_cast<double>(number) / static_cast<double>(recipe.partitions));
    LeafMachine machine = partition(Z, {.most = recipe.leaf_rows, .seed = options.seed, .number = number}, context);
    Matrix a = fit_leaves(machine, gathered.Y, gathered.w, fit, context);
    machine.S = recipe.S;
    fitted.predictors.push_back(
        {1.0 / static_cast<double>(recipe.partitions), std::move(machine), std::move(a), {}, warp});
  }
  context.report("leaves", 1.0);
  return fitted;
}

// How large leaves may be for a partition of all rows to cost no more than this: the race is on leaves as large.
Index affordable_leaf_rows(Index n, Index inputs, double cost) {
  for (const Index most : {2400, 1700, 1200, 850, 600})
    if (partition_cost(n, inputs, {.most = most}) <= cost) return most;
  return 0;
}

// The race on one split's rows.
class LeafSearch {
 public:
  LeafSearch(Workbench& bench, Index leaf_rows, const Context& context)
      : bench_(bench), context_(context), leaf_rows_(leaf_rows) {
    for (const WarpKind kind : {WarpKind::none, WarpKind::soft_clip, WarpKind::normal_scores}) {
      const Represented seen = represented(*rows().train, kind, context);
      shown_[kind] = gather_rows(*seen.source, bench.options.ordered, context);
    }
  }

  // The winner's recipe and how it came to be; none where leaves cannot be divided.
  [[nodiscard]] std::optional<std::pair<LeafRecipe, std::vector<StageRound>>> found() {
    const Matrix plain = scaled_coordinates(identity(), shown_.at(WarpKind::normal_scores).X);
    const LeafGround first = ground(WarpKind::normal_scores, plain, 10, 750);
    if (first.leaves.empty()) return {};
    std::vector<Racer> racers = coordinates(representations(first), first);
    racers.resize(std::min<std::size_t>(3, racers.size()));
    const LeafGround second = ground(racers.front().warp, racers.front().arm.S, 8, 1250);
    if (affords(second, 60)) {
      for (Racer& racer : racers) refine(racer, second, 2, 2, 3);
      sort(racers);
    }
    Racer winner = racers.front();
    const LeafGround third = ground(winner.warp, winner.arm.S, 6, 2000);
    if (affords(third, 12)) refine(winner, third, 1, 1, 3);
    double error = 0;
    winner = rounds(std::move(winner), 9, error);
    if (auto suggested = by_all_rows()) {
      double other = 0;
      *suggested = rounds(std::move(*suggested), 3, other);
      if (other < error) winner = std::move(*suggested);
    }
    LeafRecipe recipe = recipe_of(winner);
    recipe.leaf_rows = leaf_rows_;
    return std::pair(recipe, trace_);
  }

 private:
  [[nodiscard]] const LearningRows& rows() const { return bench_.all(0); }
  [[nodiscard]] Matrix identity() const { return Matrix::Identity(bench_.inputs(), bench_.inputs()); }

  // Whether the budget has so many settings on a ground left, beside what the partitions of all rows are to cost.
  [[nodiscard]] bool affords(const LeafGround& ground, double settings) const {
    const double reserve = 3 * partition_cost(rows().train->rows(), bench_.inputs(), {.most = leaf_rows_});
    return bench_.budget.left() - reserve > settings * ground_cost(ground, bench_.inputs());
  }

  [[nodiscard]] LeafGround ground(WarpKind warp, const Matrix& S, Index count, Index size) {
    const GatheredRows& seen = shown_.at(warp);
    const Index most = std::min({size, leaf_rows_, seen.X.rows() / 2});
    return leaf_ground(seen, S, count, most, bench_.options.seed, grounds_++, context_);
  }

  static void sort(std::vector<Racer>& racers) {
    std::stable_sort(racers.begin(), racers.end(),
                     [](const Racer& a, const Racer& b) { return a.arm.score < b.arm.score; });
  }

  void climb_on(Racer& racer, const LeafGround& ground, const std::vector<Index>& starts, Index stride, Index moves) {
    const Index scored = climb(racer.arm, shown_.at(racer.warp), ground, starts, stride, moves, context_);
    bench_.budget.spend(static_cast<double>(scored) * ground_cost(ground, bench_.inputs()));
  }

  [[nodiscard]] Matrix next_coordinates_on(const Racer& racer, const LeafGround& ground) {
    const GatheredRows& seen = shown_.at(racer.warp);
    bench_.budget.spend(ground_cost(ground, bench_.inputs()));
    return next_coordinates(racer.arm, ground_outer_product(racer.arm, seen, ground, context_), seen.X);
  }

  void note(const Racer& racer, const LeafGround& ground) {
    const LeafArm& arm = racer.arm;
    StageRound& round = trace_.emplace_back();
    round.stage =
        fmt::format("{} leaves of {} rows: {}exponent {}, bandwidth {:.3g}, λ = {:.2g}, {}outer product to the {}",
                    ground.leaves.size(), ground.size, racer.warp == WarpKind::none ? "" : name(racer.warp) + ", ",
                    arm.exponent, arm.bandwidth(), arm.lambda(), arm.diagonal ? "diagonal of the " : "", arm.power);
    round.round = static_cast<Index>(trace_.size()) - 1;
    round.error = arm.score;
    round.angle = std::numeric_limits<double>::quiet_NaN();
  }

  // Settings, then coordinates, and settings again, `rounds` times; the best of all rounds stays.
  void refine(Racer& racer, const LeafGround& ground, Index rounds, Index stride, Index moves,
              const std::vector<Index>& starts = {}) {
    climb_on(racer, ground, starts, stride, moves);
    LeafArm best = racer.arm;
    for (Index round = 0; round < rounds; ++round) {
      racer.arm.S = next_coordinates_on(racer, ground);
      climb_on(racer, ground, {}, stride, moves);
      if (racer.arm.score < best.score) best = racer.arm;
    }
    racer.arm = best;
    note(racer, ground);
  }

  // Each representation of the inputs with the least and the greatest exponent, as far as the budget goes.
  [[nodiscard]] std::vector<Racer> representations(const LeafGround& ground) {
    std::vector<Racer> racers;
    for (const WarpKind kind : {WarpKind::none, WarpKind::normal_scores, WarpKind::soft_clip})
      for (const double exponent : {1.9, 1.0}) {
        if (!racers.empty() && !affords(ground, 25)) continue;
        Racer racer{kind, {}};
        racer.arm.exponent = exponent;
        racer.arm.S = scaled_coordinates(identity(), shown_.at(kind).X);
        refine(racer, ground, 1, 2, 3, {-2, 2, 6});
        racers.push_back(racer);
      }
    sort(racers);
    return racers;
  }

  // The best representation, and the inputs as they are, with other coordinates and exponents.
  [[nodiscard]] std::vector<Racer> coordinates(const std::vector<Racer>& racers, const LeafGround& ground) {
    std::vector<WarpKind> kinds = {racers.front().warp};
    if (kinds.front() != WarpKind::none) kinds.push_back(WarpKind::none);
    std::vector<Racer> next;
    for (const WarpKind kind : kinds) {
      const auto known = std::find_if(racers.begin(), racers.end(), [&](const Racer& r) { return r.warp == kind; });
      if (known == racers.end()) continue;
      std::vector<double> exponents = {known->arm.exponent};
      if (kind == kinds.front()) exponents.push_back(1.4);
      for (const double exponent : exponents)
        for (const auto& [power, diagonal] : {std::pair(0.25, false), std::pair(0.5, false), std::pair(0.5, true)}) {
          if (!affords(ground, 20)) break;
          Racer racer = *known;
          racer.arm.exponent = exponent;
          racer.arm.power = power;
          racer.arm.diagonal = diagonal;
          refine(racer, ground, 2, 2, 3);
          next.push_back(racer);
        }
    }
    if (next.empty()) return racers;
    sort(next);
    return next;
  }

  // Coordinates that all rows together suggest, which leaves of few rows may be too noisy to find: along the gradients
  // of the best predictor that searches on random rows found.
  [[nodiscard]] std::optional<Racer> by_all_rows() {
    if (bench_.suggested_outer_products.empty()) return {};
    const GatheredRows& seen = shown_.at(WarpKind::none);
    std::optional<Racer> best;
    for (const double power : {0.25, 0.5}) {
      Racer racer{WarpKind::none, {}};
      racer.arm.exponent = bench_.exponent.value_or(1.4);
      racer.arm.power = power;
      racer.arm.S = next_coordinates(racer.arm, bench_.suggested_outer_products.front(), seen.X);
      const LeafGround own = ground(racer.warp, racer.arm.S, 6, 2000);
      if (own.leaves.empty() || !affords(own, 20)) break;
      refine(racer, own, 0, 2, 4, {-6, -2, 2, 6});
      if (!best || racer.arm.score < best->arm.score) best = std::move(racer);
    }
    return best;
  }

  // More rounds of coordinates on fresh leaves; some leaves of a partition of all rows say which to keep, and with what
  // error.
  [[nodiscard]] Racer rounds(Racer racer, Index most_rounds, double& least) {
    constexpr Index between = 3;
    constexpr double worse = 1.02;
    constexpr double gentle_power = 0.25;
    bool gentle = false;
    Racer best = racer;
    least = std::numeric_limits<double>::infinity();
    for (Index round = 0;; ++round) {
      if (round % between == 0) {
        const double error = measured(recipe_of(racer));
        trace_.push_back({"some leaves of all rows", round, error, {}, std::numeric_limits<double>::quiet_NaN()});
        if (error < least) {
          least = error;
          best = racer;
        } else if (error > worse * least) {
          // Rounds may go astray: back to the best coordinates, and on with gentler steps, or no more.
          if (gentle) break;
          racer = best;
          racer.arm.diagonal = false;
          racer.arm.power = gentle_power;
        }
        gentle = !racer.arm.diagonal && racer.arm.power == gentle_power;
      }
      if (round == most_rounds) break;
      const LeafGround fresh = ground(racer.warp, racer.arm.S, 8, 2000);
      if (fresh.leaves.empty() || !affords(fresh, 8)) break;
      if (round % between == between - 1) climb_on(racer, fresh, {}, 1, 1);
      racer.arm.S = next_coordinates_on(racer, fresh);
    }
    return best;
  }

  // The held-out error of some leaves of a partition, on the held-out rows that are theirs.
  [[nodiscard]] double measured(const LeafRecipe& recipe) const {
    constexpr Index enough = 16;
    const GatheredRows& seen = shown_.at(recipe.warp);
    LeafMachine machine = partition(std::make_shared<const SingleMatrix>(coordinates_of(seen.X, recipe.S, context_)),
                                    {.most = leaf_rows_, .seed = bench_.options.seed}, context_);
    const Index every = (machine.leaves() + enough - 1) / enough;
    const Matrix a = fit_leaves(machine, seen.Y, seen.w, {kernel_of(recipe), recipe.lambda, 0, every}, context_);
    bench_.budget.spend(partition_cost(seen.X.rows(), recipe.S.rows(), {.most = leaf_rows_}) /
                        static_cast<double>(every));
    machine.S = recipe.S;
    const Sample& sample = bench_.samples.front();
    Matrix warped;
    if (recipe.warp != WarpKind::none) learn_warp(*rows().train, recipe.warp, context_).apply(sample.X, warped);
    const Matrix Z = machine.coordinates(recipe.warp == WarpKind::none ? sample.X : warped);
    std::vector<Index> theirs;
    for (Index i = 0; i < Z.rows(); ++i)
      if (machine.leaf_of(Z.row(i).data()) % every == 0) theirs.push_back(i);
    const Matrix X = (recipe.warp == WarpKind::none ? sample.X : warped)(theirs, Eigen::all);
    LinearPart mean = LinearPart::zero(X.cols(), seen.Y.cols());
    mean.alpha = seen.mean;
    const Matrix Y = sample.Y(theirs, Eigen::all);
    const Vector w = sample.w(theirs);
    const Matrix E = Y - outputs(mean, {{1.0, std::move(machine), a, {}, {}}}, X, context_);
    const Vector all = (Y.rowwise() - seen.mean.transpose()).cwiseAbs2().transpose() * w;
    return (E.cwiseAbs2().transpose() * w).cwiseQuotient(all.cwiseMax(1e-300)).mean();
  }

  Workbench& bench_;
  const Context& context_;
  Index leaf_rows_;
  std::map<WarpKind, GatheredRows> shown_;
  std::vector<StageRound> trace_;
  Index grounds_ = 0;
};

std::string text(const LeafRecipe& recipe) {
  return fmt::format("{}exponent {}, bandwidth {:.3g}, λ = {:.2g}, {} partition{}",
                     recipe.warp == WarpKind::none ? "" : name(recipe.warp) + ", ", recipe.exponent, recipe.bandwidth,
                     recipe.lambda, recipe.partitions, recipe.partitions == 1 ? "" : "s");
}

}  // namespace

void search_leaves(Workbench& bench) {
  const LearningRows& rows = bench.all(0);
  const Index n = rows.train->rows();
  const Index d = bench.inputs();
  if (bench.splits.size() > 1 || n < least_rows || d > most_inputs) return;
  const std::string leaves = "leaf machines";
  const auto cells = static_cast<double>(n) * static_cast<double>(3 * d + bench.targets());
  if (8 * cells > physical_memory() / 4) {
    bench.skipped.push_back(leaves + " (their rows do not fit in memory)");
    return;
  }
  // Half of what is left for the race, and what is over for partitions: on these rows, and on all of them in the end.
  const Index leaf_rows = affordable_leaf_rows(n, d, bench.budget.left() / 6);
  if (leaf_rows == 0) {
    bench.skipped.push_back(leaves);
    return;
  }
  const Context& context = bench.context;
  const auto found =
      from_first_rank(context, [&](const Context& own) { return LeafSearch(bench, leaf_rows, own).found(); });
  if (!found) return;
  const auto& [winner, trace] = *found;
  const double once = partition_cost(n, d, {.most = leaf_rows});
  const auto offer = [&](const std::string& name, const LeafRecipe& recipe, double cost) {
    // As much again is for all rows.
    if (bench.budget.left() < 2 * cost || !bench.budget.take(cost)) {
      bench.skipped.push_back(name);
      return;
    }
    const Fitted fitted = learn(recipe, rows, bench.options, context);
    CandidateReport report;
    report.name = name;
    report.settings = text(recipe);
    report.recipe = recipe;
    report.cost = cost;
    report.trace = trace;
    bench.add(
        report, [&](std::size_t) { return fitted; }, Ground::all);
    const Sample& sample = bench.samples.front();
    const Matrix E = sample.Y - bench.found.back().held_out.front();
    bench.found.back().report.error =
        (E.cwiseAbs2().transpose() * sample.w / sample.w.sum()).cwiseProduct(rows.square_units);
  };
  LeafRecipe raw = winner;
  raw.partitions = std::clamp<Index>(static_cast<Index>(bench.budget.left() / (2.5 * once)), 1, raw_partitions);
  offer(leaves, raw, once * static_cast<double>(raw.partitions));
  LeafRecipe residual = winner;
  residual.partitions = residual_partitions;
  residual.centres = global_centres;
  const double centres_cost =
      static_cast<double>(n) * global_centres * (global_centres / 2.0 + static_cast<double>(d) + exponential_cost);
  const std::string of_residual = "kernel and leaf machines";
  if (n > 2 * global_centres && bench.budget.left() > 2 * (centres_cost + once * residual_partitions)) {
    const Represented train = represented(*rows.train, residual.warp, context);
    std::unique_ptr<WarpedSource> held_out;
    if (train.warped) held_out = std::make_unique<WarpedSource>(*bench.splits.front().held_out, train.warped->warp());
    const Stage stage =
        warped_stage(*train.source, held_out ? held_out.get() : bench.splits.front().held_out, *rows.moments);
    const FeatureMap map =
        from_first_rank(context, [&](const Context& own) { return centres_of(residual, *train.source, own); });
    const std::vector<double> lambda = path_of(bench.options);
    const std::vector<Path> paths = {head_path(stage, map, lambda, rows.square_units, context)};
    residual.centre_lambda = choose_heads(paths, lambda).lambda;
    offer(of_residual, residual, centres_cost + once * residual_partitions);
  } else if (n > 2 * global_centres) {
    bench.skipped.push_back(of_residual);
  }
  LeafRecipe local = winner;
  local.partitions = local_partitions;
  local.local_rounds = 2;
  local.lambda = std::max(local.lambda, 1e-4);
  offer("leaf machines, own coordinates", local, 3 * once * local_partitions);
}

Fitted learn(const LeafRecipe& recipe, const LearningRows& rows, const FitOptions& options, const Context& context) {
  return from_first_rank(context, [&](const Context& own) { return learned_here(recipe, rows, options, own); });
}

}  // namespace sextant
