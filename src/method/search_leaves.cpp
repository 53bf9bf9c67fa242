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
  const LeafFit fit{{.kind = KernelKind::exponential, .bandwidth = recipe.bandwidth, .exponent = recipe.exponent},
                    recipe.lambda,
                    recipe.local_rounds};
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

// The race on one split's rows, as values: racers in, the better ones out.
class LeafSearch {
 public:
  LeafSearch(Workbench& bench, const Context& context) : bench_(bench), context_(context) {
    for (const WarpKind kind : {WarpKind::none, WarpKind::soft_clip, WarpKind::normal_scores}) {
      const Represented seen = represented(*rows().train, kind, context);
      shown_[kind] = gather_rows(*seen.source, bench.options.ordered, context);
    }
  }

  // Whether the budget reaches another `settings` on a ground.
  [[nodiscard]] bool affords(const LeafGround& ground, double settings) {
    return bench_.budget.take(settings * ground_cost(ground, bench_.inputs()));
  }

  void note(const char* what, const Racer& r) const {
    if (std::getenv("SEXTANT_TRACE"))
      fmt::print(stderr, "{:8.1f}s {} {} q {} p {} diag {} L {:.3g} lambda {:.2g} score {:.4f}\n", static_cast<double>(clock())/CLOCKS_PER_SEC, what, name(r.warp), r.arm.exponent, r.arm.power, r.arm.diagonal, r.arm.bandwidth(), r.arm.lambda(), r.arm.score);
  }
  [[nodiscard]] std::optional<Racer> best() {
    const Index n = shown_.at(WarpKind::none).X.rows();
    const Matrix plain = scaled_coordinates(identity(), shown_.at(WarpKind::normal_scores).X);
    const LeafGround first = ground(WarpKind::normal_scores, plain, 10, std::min<Index>(750, n / 2));
    if (first.leaves.empty() || !affords(first, 40)) return {};
    std::vector<Racer> racers = representations(first);
    for (const Racer& r : racers) note("A1", r);
    racers = coordinates(std::move(racers), first);
    for (const Racer& r : racers) note("A2", r);
    const LeafGround second = ground(racers.front().warp, racers.front().arm.S, 8, std::min<Index>(1250, n / 2));
    if (affords(second, 30)) {
      racers.resize(std::min<std::size_t>(3, racers.size()));
      for (Racer& racer : racers) refine(racer, second, 2, 2, 3);
      sort(racers);
      for (const Racer& r : racers) note("B", r);
    }
    Racer winner = racers.front();
    const LeafGround third = ground(winner.warp, winner.arm.S, 6, std::min<Index>(2000, n / 2));
    if (affords(third, 12)) refine(winner, third, 1, 1, 3);
    note("C", winner);
    return rounds(std::move(winner));
  }

 private:
  [[nodiscard]] const LearningRows& rows() const { return bench_.splits.front(); }
  [[nodiscard]] Matrix identity() const { return Matrix::Identity(bench_.inputs(), bench_.inputs()); }

  [[nodiscard]] LeafGround ground(WarpKind warp, const Matrix& S, Index count, Index size) {
    return leaf_ground(shown_.at(warp), S, count, size, bench_.options.seed, grounds_++, context_);
  }

  static void sort(std::vector<Racer>& racers) {
    std::stable_sort(racers.begin(), racers.end(),
                     [](const Racer& a, const Racer& b) { return a.arm.score < b.arm.score; });
  }

  // Settings, then coordinates, and settings again, `rounds` times; the best of all rounds stays.
  void refine(Racer& racer, const LeafGround& ground, Index rounds, Index stride, Index moves,
              const std::vector<Index>& starts = {}) {
    const GatheredRows& seen = shown_.at(racer.warp);
    climb(racer.arm, seen, ground, starts, stride, moves, context_);
    LeafArm best = racer.arm;
    for (Index round = 0; round < rounds; ++round) {
      LeafArm next = racer.arm;
      next.S = next_coordinates(next, ground_outer_product(next, seen, ground, context_), seen.X);
      climb(next, seen, ground, {}, stride, moves, context_);
      racer.arm = next;
      if (next.score < best.score) best = next;
    }
    racer.arm = best;
  }

  // Each representation of the inputs with the least and the greatest exponent; the two best representations.
  [[nodiscard]] std::vector<Racer> representations(const LeafGround& ground) {
    std::vector<Racer> racers;
    for (const auto& [kind, seen] : shown_)
      for (const double exponent : {1.0, 1.9}) {
        Racer racer{kind, {}};
        racer.arm.exponent = exponent;
        racer.arm.S = scaled_coordinates(identity(), seen.X);
        refine(racer, ground, 1, 2, 3, {-2, 2, 6});
        racers.push_back(racer);
      }
    sort(racers);
    return racers;
  }

  // The best representation, and the inputs as they are, with other coordinates and exponents.
  [[nodiscard]] std::vector<Racer> coordinates(std::vector<Racer> racers, const LeafGround& ground) {
    std::vector<WarpKind> kinds = {racers.front().warp};
    if (kinds.front() != WarpKind::none) kinds.push_back(WarpKind::none);
    std::vector<Racer> next;
    for (const WarpKind kind : kinds) {
      const Racer& known = *std::find_if(racers.begin(), racers.end(), [&](const Racer& r) { return r.warp == kind; });
      std::vector<double> exponents = {known.arm.exponent};
      if (kind == kinds.front())
        exponents.push_back(known.arm.exponent == 1.0 ? 1.4 : known.arm.exponent == 1.9 ? 1.4 : 1.0);
      for (const double exponent : exponents)
        for (const auto& [power, diagonal] : {std::pair(0.25, false), std::pair(0.5, false), std::pair(0.5, true)}) {
          if (!affords(ground, 10)) return next.empty() ? racers : next;
          Racer racer = known;
          racer.arm.exponent = exponent;
          racer.arm.power = power;
          racer.arm.diagonal = diagonal;
          refine(racer, ground, 2, 2, 3);
          next.push_back(racer);
        }
    }
    // Coordinates that all rows together suggest, which leaves of few rows may be too noisy to find.
    if (!bench_.outer_products.empty())
      for (const double power : {0.25, 0.5}) {
        if (!affords(ground, 8)) break;
        Racer racer{WarpKind::none, {}};
        racer.arm.exponent = bench_.exponent.value_or(1.4);
        racer.arm.power = power;
        racer.arm.S = next_coordinates(racer.arm, bench_.outer_products.front(), shown_.at(WarpKind::none).X);
        refine(racer, ground, 0, 2, 4, {-2, 2, 6});
        next.push_back(racer);
      }
    sort(next);
    return next;
  }

  // More rounds of coordinates on fresh leaves; a partition of all rows says which to keep.
  [[nodiscard]] Racer rounds(Racer racer) {
    constexpr Index most_rounds = 9;
    constexpr Index between = 3;
    const GatheredRows& seen = shown_.at(racer.warp);
    const Index n = seen.X.rows();
    Racer best = racer;
    double least = std::numeric_limits<double>::infinity();
    for (Index round = 0;; ++round) {
      if (round % between == 0) {
        if (!bench_.budget.take(partition_cost(n, bench_.inputs(), {}))) break;
        const double error = measured(recipe_of(racer));
        note(fmt::format("round {} error {:.4f}", round, std::sqrt(error)).c_str(), racer);
        if (error < least) {
          least = error;
          best = racer;
        }
      }
      if (round == most_rounds) break;
      const LeafGround fresh = ground(racer.warp, racer.arm.S, 8, std::min<Index>(2000, n / 2));
      if (fresh.leaves.empty() || !affords(fresh, round % between == 0 ? 5 : 1)) break;
      if (round % between == between - 1) climb(racer.arm, seen, fresh, {}, 1, 1, context_);
      racer.arm.S = next_coordinates(racer.arm, ground_outer_product(racer.arm, seen, fresh, context_), seen.X);
    }
    return best;
  }

  // The held-out error of one partition.
  [[nodiscard]] double measured(const LeafRecipe& recipe) const {
    const Fitted fitted = learned_here(recipe, rows(), bench_.options, context_);
    const Sample& sample = bench_.samples.front();
    const Matrix E = sample.Y - outputs(fitted.linear, fitted.predictors, sample.X, context_);
    const Vector error = (E.cwiseAbs2().transpose() * sample.w / sample.w.sum()).cwiseProduct(rows().square_units);
    return bench_.relative(error);
  }

  Workbench& bench_;
  const Context& context_;
  std::map<WarpKind, GatheredRows> shown_;
  Index grounds_ = 0;
};

std::string text(const LeafRecipe& recipe) {
  return fmt::format("{}exponent {}, bandwidth {:.3g}, λ = {:.2g}, {} partition{}",
                     recipe.warp == WarpKind::none ? "" : name(recipe.warp) + ", ", recipe.exponent, recipe.bandwidth,
                     recipe.lambda, recipe.partitions, recipe.partitions == 1 ? "" : "s");
}

}  // namespace

void search_leaves(Workbench& bench) {
  const Index n = bench.rows();
  if (bench.splits.size() > 1 || n < least_rows || bench.inputs() > most_inputs) return;
  const auto cells = static_cast<double>(n) * static_cast<double>(3 * bench.inputs() + bench.targets());
  const std::string leaves = "leaf machines";
  if (8 * cells > physical_memory() / 4) {
    bench.skipped.push_back(leaves + " (their rows do not fit in memory)");
    return;
  }
  const Context& context = bench.context;
  const std::optional<LeafRecipe> found = from_first_rank(context, [&](const Context& own) {
    const std::optional<Racer> racer = LeafSearch(bench, own).best();
    return racer ? std::optional(recipe_of(*racer)) : std::nullopt;
  });
  if (!found) {
    bench.skipped.push_back(leaves);
    return;
  }
  const double once = partition_cost(n, bench.inputs(), {});
  const auto offer = [&](const std::string& name, const LeafRecipe& recipe, double cost) {
    if (!bench.reaches(name, cost)) return;
    const Fitted fitted = learn(recipe, bench.splits.front(), bench.options, context);
    CandidateReport report;
    report.name = name;
    report.settings = text(recipe);
    report.recipe = recipe;
    report.cost = cost;
    bench.add(report, [&](std::size_t) { return fitted; });
    const Sample& sample = bench.samples.front();
    const Matrix E = sample.Y - bench.found.back().held_out.front();
    bench.found.back().report.error =
        (E.cwiseAbs2().transpose() * sample.w / sample.w.sum()).cwiseProduct(bench.splits.front().square_units);
  };
  LeafRecipe raw = *found;
  raw.partitions = raw_partitions;
  offer(leaves, raw, 2 * once * static_cast<double>(raw_partitions));
  LeafRecipe local = *found;
  local.partitions = local_partitions;
  local.local_rounds = 2;
  local.lambda = std::max(local.lambda, 1e-4);
  offer("leaf machines, own coordinates", local, 3 * 2 * once * static_cast<double>(local_partitions));
  LeafRecipe residual = *found;
  residual.partitions = residual_partitions;
  residual.centres = global_centres;
  const double centres_cost = static_cast<double>(n) * global_centres * (global_centres / 2.0 + 40.0);
  if (n > 2 * global_centres && bench.budget.left() > 2 * (centres_cost + once * residual_partitions)) {
    const LearningRows& rows = bench.splits.front();
    const Represented train = represented(*rows.train, residual.warp, context);
    std::unique_ptr<WarpedSource> held_out;
    if (train.warped) held_out = std::make_unique<WarpedSource>(*rows.held_out, train.warped->warp());
    const Stage stage = warped_stage(*train.source, held_out ? held_out.get() : rows.held_out, *rows.moments);
    const FeatureMap map =
        from_first_rank(context, [&](const Context& own) { return centres_of(residual, *train.source, own); });
    const std::vector<double> lambda = path_of(bench.options);
    const std::vector<Path> paths = {head_path(stage, map, lambda, rows.square_units, context)};
    residual.centre_lambda = choose_heads(paths, lambda).lambda;
    offer("kernel and leaf machines", residual, 2 * (centres_cost + once * residual_partitions));
  } else {
    bench.skipped.push_back("kernel and leaf machines");
  }
}

Fitted learn(const LeafRecipe& recipe, const LearningRows& rows, const FitOptions& options, const Context& context) {
  return from_first_rank(context, [&](const Context& own) { return learned_here(recipe, rows, options, own); });
}

}  // namespace sextant
