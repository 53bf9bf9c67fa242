// Kernel machines on leaves of neighbours: settings and coordinates from a race on leaves of all rows, then partitions
// of all rows.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/among_ranks.h"
#include "core/from_first_rank.h"
#include "core/memory.h"
#include "core/vector_math.h"
#include "passes/parts.h"
#include "search/family.h"
#include "search/leaf_race.h"
#include "search/leaf_search.h"
#include "search/stage.h"
#include "sextant/refine.h"

namespace sextant {

namespace {

constexpr Index least_rows = 2000;  // fewer are one leaf, which a kernel of all rows serves as well
constexpr Index most_inputs = 512;  // a recipe holds coordinates
constexpr Index global_centres = 1500;

// How much a search over leaf machines may take, and what the machines are that it comes to.
struct Effort {
  double purse;            // multiply-adds of the race
  double once;             // of one partition of all rows, at most
  Index leaf_rows;         // at most
  Index partitions;        // of targets as they are
  Index other_partitions;  // of what one kernel machine leaves, and of leaves with coordinates of their own
};
constexpr double enough_rows = 20'000;  // from which a race has all of its purse
constexpr double least_purse = 3e10;    // one representation takes as much
constexpr Index brief_rows = 5000;      // from which a brief race comes first
constexpr Effort brief = {3e10, 3e10, 850, 1, 0};
constexpr Effort usual = {8e11, 5e11, 2400, 3, 2};
constexpr Effort high = {4e12, 2e12, 3400, 6, 3};

// One kernel machine with some rows as centres, and its path of λ.
KernelSections centres_of(const LeafRecipe& recipe, const Matrix& S, const RowSource& rows, const Context& context) {
  KernelSections map = kernel_along(S, {recipe.exponent, 1.0}, rows, recipe.centres, context);
  map.kernel.bandwidth = recipe.bandwidth;
  return map;
}

Stage stage_of(const RowSource& train, const RowSource* held_out, const Moments& moments) {
  Stage stage;
  stage.linear = mean_alone(moments);
  stage.pass_linear = stage.linear;
  stage.train = &train;
  stage.held_out = held_out;
  stage.moments = &moments;
  return stage;
}

FeatureMap shared_centres_of(const LeafRecipe& recipe, const Matrix& S, const RowSource& rows, const Context& context) {
  return from_first_rank(context, [&](const Context& own) -> FeatureMap { return centres_of(recipe, S, rows, own); });
}

// Y less what a predictor says at the rows X, which ranks share.
void subtract_outputs(const Predictor& predictor, const SingleMatrix& X, Matrix& Y, const Context& context) {
  const LinearPart nothing = LinearPart::zero(X.cols(), Y.cols());
  Context one_thread;
  one_thread.threads = 1;
  constexpr Index some = 2048;
  const auto of_strip = [&](Index strip) {
    const Index first = strip * some;
    const Matrix x = X.middleRows(first, std::min(some, X.rows() - first)).cast<double>();
    return outputs(nothing, {predictor}, x, one_thread);
  };
  among_ranks(context, (X.rows() + some - 1) / some, of_strip,
              [&](Index strip, const Matrix& F) { Y.middleRows(strip * some, F.rows()) -= F; });
}

// The largest leaves for which a partition of all rows costs no more than that; 0 where none are.
Index affordable_leaf_rows(Index n, Index inputs, const Effort& effort) {
  for (Index most = effort.leaf_rows; most >= 600; most = most * 7 / 10)
    if (partition_cost(n, inputs, {.most = most}) <= effort.once) return most;
  return 0;
}

std::string text(const LeafRecipe& recipe) {
  return fmt::format("{}exponent {}, bandwidth {:.3g}, λ = {:.2g}, {} partition{}{}",
                     recipe.warp == WarpKind::none ? "" : name(recipe.warp) + ", ", recipe.exponent, recipe.bandwidth,
                     recipe.lambda, recipe.partitions, recipe.partitions == 1 ? "" : "s",
                     recipe.rows == 0 ? "" : fmt::format(" of {} rows evenly drawn", recipe.rows));
}

// The rows that the model may be learned from in the end: all but those that are set aside for its intervals.
Index all_rows(const Ground& ground) {
  return ground.all(ground.splits.size() - 1).train->rows() + ground.samples.back().X.rows();
}

// Memory for the rows, and how many it holds.
struct Room {
  double bytes;
  Index rows;
};
Room room_for_rows(const Ground& ground) {
  const auto d = static_cast<double>(ground.inputs());
  const auto k = static_cast<double>(ground.targets());
  constexpr double in_leaves = 64;  // a row's places in the leaves of a partition, while it is made
  // Rows in one representation, and beside it those of another or a partition of all rows.
  const double shown = sizeof(float) * d + sizeof(double) * (k + 1);
  const double row = shown + std::max(shown, sizeof(float) * d + in_leaves);
  const std::optional<double>& given = ground.options.leaf_memory;  // GiB
  // Machines may differ: the first rank's says for all.
  const double bytes = given ? *given * 0x1p30 : from_first_rank(ground.context, [] { return physical_memory() / 4; });
  return {bytes, static_cast<Index>(std::min(bytes / row, 1e15))};
}

// Machines by a recipe, on the ground's last split as they were found, on others with coordinates of their own.
Findings machines(const Ground& ground, const std::string& name, const LeafRecipe& recipe,
                  const std::vector<StageRound>& trace) {
  CandidateReport report;
  report.name = name;
  report.settings = text(recipe);
  report.recipe = recipe;
  report.trace = trace;
  const auto of_split = [&](std::size_t i) {
    const bool here = i + 1 == ground.splits.size();
    return learn(here ? Recipe(recipe) : afresh(recipe), ground.all(i), ground.options, ground.context);
  };
  Findings findings;
  findings.candidates.push_back(candidate_of(ground, std::move(report), of_split, Extent::all));
  findings.candidates.back().report.rows = recipe.rows;
  return findings;
}

// One kernel machine with many centres, and leaf machines on what it leaves. λ of the centres is chosen by held-out
// rows.
Findings residual_machines(const Ground& ground, const std::string& name, LeafRecipe recipe,
                           const std::vector<StageRound>& trace) {
  const std::size_t last = ground.splits.size() - 1;
  const LearningRows& rows = ground.all(last);
  const Represented train = represented(*rows.train, recipe.warp, ground.context);
  std::unique_ptr<WarpedSource> held_out;
  if (train.warped) held_out = std::make_unique<WarpedSource>(*ground.splits[last].held_out, train.warped->warp());
  const Stage stage = stage_of(*train.source, held_out ? held_out.get() : ground.splits[last].held_out, *rows.moments);
  const FeatureMap map = shared_centres_of(recipe, recipe.S, *train.source, ground.context);
  const std::vector<double> lambda = path_of(ground.options);
  const std::vector<Path> paths = {head_path(stage, map, lambda, rows.square_units, ground.context)};
  recipe.centre_lambda = choose_heads(paths, lambda).lambda;
  return machines(ground, name, recipe, trace);
}

// Rows of the last split's that leaves learn from, of at most so many; 0: of all.
Index learned_rows(const Ground& ground, Index most) {
  const Index n = ground.all(ground.splits.size() - 1).train->rows();
  return most > 0 ? std::min(n, most) : n;
}

// What follows a race: partitions of all rows, or of those that it was on, with its settings.
std::vector<Step> members(const Ground& ground, const LeafSettings& settings, const Effort& effort) {
  const Index n = learned_rows(ground, settings.recipe.rows);
  const Index d = ground.inputs();
  const auto times = static_cast<double>(static_cast<Index>(ground.splits.size()) + ground.repeats);
  const double once = partition_cost(n, settings.recipe.S.rows(), {.most = settings.recipe.leaf_rows});
  const double coordinates = (times - 2) * coordinates_cost(settings.recipe, d);
  const std::string leaves = "leaf machines";
  std::vector<Step> steps;
  LeafRecipe raw = settings.recipe;
  raw.partitions = std::clamp<Index>(static_cast<Index>(effort.once / once), 1, effort.partitions);
  const std::string of_rows = effort.other_partitions > 0 ? leaves : fmt::format("{}, {} rows", leaves, raw.leaf_rows);
  steps.push_back({of_rows, times * once * static_cast<double>(raw.partitions) + coordinates,
                   [of_rows, raw, trace = settings.trace](const Ground& on, const Clues&) {
                     return machines(on, of_rows, raw, trace);
                   }});
  if (effort.other_partitions == 0) return steps;
  if (n > 2 * global_centres) {
    LeafRecipe residual = settings.recipe;
    residual.partitions = effort.other_partitions;
    residual.centres = global_centres;
    const std::string name = "kernel and leaf machines";
    const double centres = static_cast<double>(learned_rows(ground, 0)) * global_centres *
                           (global_centres / 2.0 + static_cast<double>(d) + exponential_cost);
    steps.push_back({name, times * (centres + once * static_cast<double>(residual.partitions)) + centres + coordinates,
                     [name, residual, trace = settings.trace](const Ground& on, const Clues&) {
                       return residual_machines(on, name, residual, trace);
                     }});
  }
  LeafRecipe local = settings.recipe;
  local.partitions = effort.other_partitions;
  local.local_rounds = 2;
  local.lambda = std::max(local.lambda, 1e-4);
  const std::string own = "leaf machines, own coordinates";
  steps.push_back({own, 3 * times * once * static_cast<double>(local.partitions) + coordinates,
                   [own, local, trace = settings.trace](const Ground& on, const Clues&) {
                     return machines(on, own, local, trace);
                   }});
  return steps;
}

// A race of some effort, less of it on fewer rows, which kernels of all rows serve nearly as well; on so many of them
// at most. Nothing where leaves as small as are worth it cost more than the effort.
std::vector<Step> race(const Ground& ground, const Effort& effort, const std::string& name, Index rows) {
  const Index n = learned_rows(ground, rows);
  const Index leaf_rows = affordable_leaf_rows(n, ground.inputs(), effort);
  if (leaf_rows == 0) return {};
  const double purse = std::max(least_purse, effort.purse * std::min(1.0, static_cast<double>(n) / enough_rows));
  const auto run = [effort, options = LeafRaceOptions{leaf_rows, purse, rows}](const Ground& on, const Clues& clues) {
    Findings findings;
    const auto settings = search_leaf_settings(on, clues, options);
    if (settings) findings.next = members(on, *settings, effort);
    return findings;
  };
  return {{name, purse, run}};
}

}  // namespace

std::vector<Step> start_leaves(const Ground& ground, const SourceTask*) {
  const Index n = ground.all(ground.splits.size() - 1).train->rows();
  const Index d = ground.inputs();
  if (n < least_rows) return {};
  const auto left_out = [](const std::string& what, const std::string& why) {
    const auto run = [what, why](const Ground&, const Clues&) {
      Findings findings;
      findings.left_out.push_back({what, why});
      return findings;
    };
    return std::vector<Step>{{what, 0, run, true, true}};
  };
  const std::string leaves = "leaf machines";
  if (d > most_inputs)
    return left_out(leaves, fmt::format("the rows have {} inputs, and leaf machines take at most {}", d, most_inputs));
  const Room room = room_for_rows(ground);
  const std::string held =
      fmt::format("the {:.3g} GiB that they may have (leaf-memory) hold {}", room.bytes / 0x1p30, room.rows);
  const Index all = all_rows(ground);
  const Index rows = room.rows < all ? room.rows : 0;
  const Index learned = learned_rows(ground, rows);
  if (learned < least_rows) return left_out(leaves, fmt::format("{} rows, and they need {}", held, least_rows));
  std::vector<Step> steps;
  if (!ground.thorough && learned >= brief_rows) steps = race(ground, brief, "leaf machines, a brief race", rows);
  for (Step& step : race(ground, ground.thorough ? high : usual, "leaf machines, the race", rows))
    steps.push_back(std::move(step));
  if (steps.empty())
    return left_out(leaves,
                    fmt::format("a partition of {} rows into the smallest leaves would take too long", learned));
  if (rows > 0)
    for (Step& notice : left_out("leaf machines of all rows",
                                 fmt::format("{} of {} rows; they learn from so many, evenly drawn", held, all)))
      steps.push_back(std::move(notice));
  return steps;
}

Fitted learn(const LeafRecipe& recipe, const LearningRows& rows, const FitOptions& options, const Context& context) {
  const Represented seen = represented(*rows.train, recipe.warp, context);
  GatheredRows learned = gathered(seen, recipe.rows, options, context);
  const Matrix S = recipe.S.size() > 0 ? recipe.S : learned_coordinates(recipe, learned, options.seed, context);
  const auto Z = std::make_shared<const SingleMatrix>(coordinates_of(learned.X, S, context));
  Fitted fitted{LinearPart::zero(rows.train->inputs(), rows.train->targets()), {}};
  fitted.linear.alpha = learned.mean;
  const std::optional<Warp> warp = seen.warped ? std::optional(seen.warped->warp()) : std::nullopt;
  if (recipe.centres > 0) {
    // Passes over rows need no memory: the kernel with some centres learns from all of them.
    const FeatureMap map = shared_centres_of(recipe, S, *seen.source, context);
    const Matrix a = head_at(stage_of(*seen.source, nullptr, *rows.moments), map, recipe.centre_lambda, context);
    subtract_outputs({1.0, map, a, {}, {}}, learned.X, learned.Y, context);
    fitted.predictors.push_back({1.0, map, a, {}, warp});
  }
  learned.X.resize(0, 0);
  const LeafFit fit{kernel_of(recipe), recipe.lambda, recipe.local_rounds};
  for (Index number = 0; number < recipe.partitions; ++number) {
    context.report("leaves", static_cast<double>(number) / static_cast<double>(recipe.partitions));
    LeafMachine machine = partition(Z, {.most = recipe.leaf_rows, .seed = options.seed, .number = number}, context);
    Matrix a = fit_leaves(machine, learned.Y, learned.w, fit, context);
    machine.S = S;
    fitted.predictors.push_back(
        {1.0 / static_cast<double>(recipe.partitions), std::move(machine), std::move(a), {}, warp});
  }
  context.report("leaves", 1.0);
  return fitted;
}

}  // namespace sextant
