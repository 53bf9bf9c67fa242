#include "search/leaf_search.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "core/from_first_rank.h"
#include "core/vector_math.h"
#include "passes/parts.h"
#include "search/leaf_race.h"
#include "sextant/refine.h"

namespace sextant {

static auto parts(LeafRecipe& recipe) {
  return std::tie(recipe.warp, recipe.exponent, recipe.bandwidth, recipe.lambda, recipe.S, recipe.partitions,
                  recipe.power, recipe.diagonal, recipe.rounds, recipe.leaf_rows, recipe.local_rounds, recipe.centres,
                  recipe.centre_lambda, recipe.rows);
}

static auto parts(StageRound& round) {
  return std::tie(round.stage, round.round, round.error, round.spectrum, round.angle, round.standard_error);
}

static auto parts(LeafSettings& settings) { return std::tie(settings.recipe, settings.trace); }

Represented represented(const RowSource& rows, WarpKind kind, const Context& context) {
  Represented result{kind, nullptr, &rows};
  if (kind == WarpKind::none) return result;
  result.warped = std::make_unique<WarpedSource>(
      rows, from_first_rank(context, [&](const Context& own) { return learn_warp(rows, kind, own); }));
  result.source = result.warped.get();
  return result;
}

GatheredRows gathered(const Represented& rows, Index most, const FitOptions& options, const Context& context) {
  const Index n = rows.source->rows();
  if (most == 0 || most >= n) return gather_rows(*rows.source, options.ordered, context);
  const RangeSource some(*rows.source, evenly_drawn(n, most, options.seed));
  return gather_rows(some, options.ordered, context);
}

Kernel kernel_of(const LeafRecipe& recipe) {
  return {.kind = KernelKind::exponential, .bandwidth = recipe.bandwidth, .exponent = recipe.exponent};
}

namespace {

constexpr double hardly_any = 1e-6;  // of the spread: coordinates with less are left out
constexpr Index round_leaves = 8;    // of a ground for a round of coordinates, and their rows
constexpr Index round_rows = 2000;

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
  recipe.power = racer.arm.power;
  recipe.diagonal = racer.arm.diagonal;
  recipe.rounds = racer.arm.rounds;
  return recipe;
}

// The race on one split's rows. Ranks run it in step: they share the leaves, and decide by the same numbers.
class LeafSearch {
 public:
  LeafSearch(const Ground& ground, const Clues& clues, const LeafRaceOptions& options)
      : ground_(ground), clues_(clues), options_(options), left_(options.purse) {}

  // The winner's recipe and how it came to be; none where leaves cannot be divided.
  [[nodiscard]] std::optional<LeafSettings> found() {
    const Matrix plain = scaled_coordinates(identity(), shown(WarpKind::normal_scores).X, context_);
    const LeafGround first = leaves(WarpKind::normal_scores, plain, 10, 750);
    if (first.leaves.empty()) return {};
    std::vector<Racer> racers = coordinates(representations(first), first);
    racers.resize(std::min<std::size_t>(3, racers.size()));
    const LeafGround second = leaves(racers.front().warp, racers.front().arm.S, 8, 1250);
    if (affords(second, 60)) {
      for (Racer& racer : racers) refine(racer, second, 2, 2, 3);
      sort(racers);
    }
    Racer winner = racers.front();
    const LeafGround third = leaves(winner.warp, winner.arm.S, 6, 2000);
    if (affords(third, 12)) refine(winner, third, 1, 1, 3);
    double error = 0;
    winner = rounds(std::move(winner), 9, error);
    if (auto suggested = by_all_rows()) {
      double other = 0;
      *suggested = rounds(std::move(*suggested), 3, other);
      if (other < error) winner = std::move(*suggested);
    }
    return from_first_rank(context_, [&] {
      LeafRecipe recipe = recipe_of(winner);
      recipe.leaf_rows = options_.leaf_rows;
      recipe.rows = options_.rows;
      return LeafSettings{recipe, trace_};
    });
  }

 private:
  [[nodiscard]] const LearningRows& rows() const { return ground_.all(ground_.splits.size() - 1); }
  [[nodiscard]] Matrix identity() const { return Matrix::Identity(ground_.inputs(), ground_.inputs()); }

  // The rows in a representation, as a view and in memory. Two at most are in memory: stages take one after the other,
  // or the winner and the inputs as they are in turns.
  [[nodiscard]] const Represented& view(WarpKind kind) {
    if (!views_.contains(kind)) views_.emplace(kind, represented(*rows().train, kind, context_));
    return views_.at(kind);
  }
  [[nodiscard]] const GatheredRows& shown(WarpKind kind) {
    if (!shown_.contains(kind)) {
      if (shown_.size() == 2) std::erase_if(shown_, [&](const auto& each) { return each.first != last_shown_; });
      shown_.emplace(kind, gathered(view(kind), options_.rows, ground_.options, context_));
    }
    last_shown_ = kind;
    return shown_.at(kind);
  }
  // Leaves room for a partition of all rows.
  void forget_all_but(WarpKind kind) {
    std::erase_if(shown_, [kind](const auto& each) { return each.first != kind; });
  }

  // Whether the purse has so many settings on a ground left.
  [[nodiscard]] bool affords(const LeafGround& ground, double settings) const {
    return left_ > settings * ground_cost(ground, ground_.inputs());
  }

  [[nodiscard]] LeafGround leaves(WarpKind warp, const Matrix& S, Index count, Index size) {
    const GatheredRows& seen = shown(warp);
    const Index most = std::min({size, options_.leaf_rows, seen.X.rows() / 2});
    return leaf_ground(seen, S, count, most, ground_.options.seed, grounds_++, context_);
  }

  static void sort(std::vector<Racer>& racers) {
    std::stable_sort(racers.begin(), racers.end(),
                     [](const Racer& a, const Racer& b) { return a.arm.score < b.arm.score; });
  }

  void climb_on(Racer& racer, const LeafGround& ground, const std::vector<Index>& starts, Index stride, Index moves) {
    const Index scored = climb(racer.arm, shown(racer.warp), ground, starts, stride, moves, context_);
    left_ -= static_cast<double>(scored) * ground_cost(ground, ground_.inputs());
  }

  [[nodiscard]] Matrix next_coordinates_on(const Racer& racer, const LeafGround& ground) {
    const GatheredRows& seen = shown(racer.warp);
    left_ -= ground_cost(ground, ground_.inputs());
    return next_coordinates(racer.arm, ground_outer_product(racer.arm, seen, ground, context_), seen.X, context_);
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
    round.standard_error = arm.standard_error;
  }

  // Settings, then coordinates, and settings again, `rounds` times; the best of all rounds stays.
  void refine(Racer& racer, const LeafGround& ground, Index rounds, Index stride, Index moves,
              const std::vector<Index>& starts = {}) {
    climb_on(racer, ground, starts, stride, moves);
    LeafArm best = racer.arm;
    for (Index round = 0; round < rounds; ++round) {
      racer.arm.S = next_coordinates_on(racer, ground);
      ++racer.arm.rounds;
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
        racer.arm.S = scaled_coordinates(identity(), shown(kind).X, context_);
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
    if (clues_.suggested.A.empty()) return {};
    const GatheredRows& seen = shown(WarpKind::none);
    std::optional<Racer> best;
    for (const double power : {0.25, 0.5}) {
      Racer racer{WarpKind::none, {}};
      racer.arm.exponent = clues_.exponent.value_or(1.4);
      racer.arm.power = power;
      racer.arm.S = next_coordinates(racer.arm, clues_.suggested.A.back(), seen.X, context_);
      const LeafGround own = leaves(racer.warp, racer.arm.S, 6, 2000);
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
    forget_all_but(racer.warp);
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
      const LeafGround fresh = leaves(racer.warp, racer.arm.S, 8, 2000);
      if (fresh.leaves.empty() || !affords(fresh, 8)) break;
      if (round % between == between - 1) climb_on(racer, fresh, {}, 1, 1);
      racer.arm.S = next_coordinates_on(racer, fresh);
      ++racer.arm.rounds;
    }
    return best;
  }

  // The held-out error of some leaves of a partition, on the held-out rows that are theirs.
  [[nodiscard]] double measured(const LeafRecipe& recipe) {
    constexpr Index enough = 16;
    const GatheredRows& seen = shown(recipe.warp);
    LeafMachine machine = partition(std::make_shared<const SingleMatrix>(coordinates_of(seen.X, recipe.S, context_)),
                                    {.most = options_.leaf_rows, .seed = ground_.options.seed}, context_);
    const Index every = (machine.leaves() + enough - 1) / enough;
    const Matrix a = fit_leaves(machine, seen.Y, seen.w, {kernel_of(recipe), recipe.lambda, 0, every}, context_);
    left_ -= partition_cost(seen.X.rows(), recipe.S.rows(), {.most = options_.leaf_rows}) / static_cast<double>(every);
    machine.S = recipe.S;
    return from_first_rank(context_, [&](const Context& own) {
      const Sample& sample = ground_.samples.back();
      Matrix warped;
      if (recipe.warp != WarpKind::none) view(recipe.warp).warped->warp().apply(sample.X, warped);
      const Matrix Z = machine.coordinates(recipe.warp == WarpKind::none ? sample.X : warped);
      std::vector<Index> theirs;
      for (Index i = 0; i < Z.rows(); ++i)
        if (machine.leaf_of(Z.row(i).data()) % every == 0) theirs.push_back(i);
      const Matrix X = (recipe.warp == WarpKind::none ? sample.X : warped)(theirs, Eigen::all);
      LinearPart mean = LinearPart::zero(X.cols(), seen.Y.cols());
      mean.alpha = seen.mean;
      const Matrix Y = sample.Y(theirs, Eigen::all);
      const Vector w = sample.w(theirs);
      const Matrix E = Y - outputs(mean, {{1.0, std::move(machine), a, {}, {}}}, X, own);
      const Vector all = (Y.rowwise() - seen.mean.transpose()).cwiseAbs2().transpose() * w;
      return (E.cwiseAbs2().transpose() * w).cwiseQuotient(all.cwiseMax(1e-300)).mean();
    });
  }

  const Ground& ground_;
  const Clues& clues_;
  const Context& context_ = ground_.context;
  const LeafRaceOptions options_;
  std::map<WarpKind, Represented> views_;
  std::map<WarpKind, GatheredRows> shown_;
  WarpKind last_shown_ = WarpKind::none;
  std::vector<StageRound> trace_;
  Index grounds_ = 0;
  double left_;  // multiply-adds of the purse
};

}  // namespace

std::optional<LeafSettings> search_leaf_settings(const Ground& ground, const Clues& clues,
                                                 const LeafRaceOptions& options) {
  return LeafSearch(ground, clues, options).found();
}

Matrix learned_coordinates(const LeafRecipe& recipe, const GatheredRows& rows, std::uint64_t seed,
                           const Context& context) {
  const Index d = rows.X.cols();
  LeafArm arm;
  arm.exponent = recipe.exponent;
  arm.power = recipe.power;
  arm.diagonal = recipe.diagonal;
  arm.bandwidth_step = std::lround(2 * std::log2(recipe.bandwidth));
  arm.lambda_step = std::lround(2 * std::log10(recipe.lambda));
  arm.S = scaled_coordinates(Matrix::Identity(d, d), rows.X, context);
  for (Index round = 0; round < recipe.rounds; ++round) {
    const Index most = std::min({round_rows, recipe.leaf_rows, rows.X.rows() / 2});
    const LeafGround fresh = leaf_ground(rows, arm.S, round_leaves, most, seed, round, context);
    if (fresh.leaves.empty()) break;
    arm.S = next_coordinates(arm, ground_outer_product(arm, rows, fresh, context), rows.X, context);
  }
  return without_hardly_any(arm.S);
}

double coordinates_cost(const LeafRecipe& recipe, Index inputs) {
  const double m = 0.8 * static_cast<double>(std::min(round_rows, recipe.leaf_rows));
  return static_cast<double>(recipe.rounds * round_leaves) *
         (m * m * m / 3 + m * m * (static_cast<double>(inputs) + exponential_cost));
}

}  // namespace sextant
