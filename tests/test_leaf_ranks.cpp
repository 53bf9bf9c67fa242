// Leaf machines shared among ranks, and on more rows than memory holds. Oracles: one process alone, to the last bit;
// labels that nothing can predict; rows that say themselves which they are.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <variant>

#include "search/family.h"
#include "search/leaf_search.h"
#include "sextant/automatic.h"
#include "sextant/passes.h"
#include "test_support.h"
#include "thread_ranks.h"

using namespace sextant;

namespace {

// y = sin(3 x₁) x₂ and noise.
Rows waves(Index n, Index d, double noise) {
  Rows rows{normals(n, d, 61), noise * normals(n, 1, 62), Vector::Ones(n)};
  for (Index i = 0; i < n; ++i) rows.Y(i, 0) += std::sin(3 * rows.X(i, 0)) * rows.X(i, 1);
  return rows;
}

// A ground of one split.
class OneSplit {
 public:
  OneSplit(const RowSource& train, const Rows& held_out, const FitOptions& options, const Context& context)
      : options_(options), context_(context), held_out_(held_out.source()) {
    splits_.resize(1);
    splits_[0].train = &train;
    splits_[0].held_out = &held_out_;
    samples_.push_back({held_out.X, held_out.Y, held_out.w, held_out.Y, held_out.w});
  }
  [[nodiscard]] Ground ground() const { return {options_, context_, splits_, {}, samples_, Vector::Ones(1)}; }

 private:
  const FitOptions& options_;
  const Context& context_;
  MemorySource held_out_;
  std::vector<LearningRows> splits_;
  std::vector<Sample> samples_;
};

// Rows as a rank may see them whose processor rounds elsewhere.
Rows rounded_otherwise(const Rows& rows, int rank) {
  Rows own = rows;
  own.X *= 1 + 1e-7 * rank;
  own.Y *= 1 + 1e-13 * rank;
  return own;
}

LeafRecipe some_recipe() {
  LeafRecipe recipe;
  recipe.warp = WarpKind::soft_clip;
  recipe.exponent = 1.4;
  recipe.bandwidth = 2;
  recipe.lambda = 1e-2;
  recipe.rounds = 2;
  recipe.partitions = 2;
  recipe.leaf_rows = 150;
  recipe.local_rounds = 1;
  return recipe;
}

Fitted learned(const LeafRecipe& recipe, const Rows& rows, const Context& context) {
  const MemorySource source = rows.source();
  const Moments of_rows = moments(source, context);
  LearningRows learning;
  learning.train = &source;
  learning.moments = &of_rows;
  learning.square_units = Vector::Ones(1);
  return learn(recipe, learning, FitOptions{}, context);
}

void expect_same(const Fitted& found, const Fitted& expected, const std::string& what) {
  EXPECT_EQ(found.linear.alpha, expected.linear.alpha) << what;
  ASSERT_EQ(found.predictors.size(), expected.predictors.size()) << what;
  for (std::size_t p = 0; p < found.predictors.size(); ++p) {
    const auto& machine = std::get<LeafMachine>(found.predictors[p].map);
    const auto& other = std::get<LeafMachine>(expected.predictors[p].map);
    EXPECT_EQ(found.predictors[p].a, expected.predictors[p].a) << what;
    EXPECT_EQ(machine.S, other.S) << what;
    EXPECT_EQ(*machine.rows, *other.rows) << what;
    EXPECT_EQ(machine.members, other.members) << what;
    EXPECT_EQ(machine.directions, other.directions) << what;
    EXPECT_EQ(machine.local, other.local) << what;
  }
}

void expect_same(const LeafSettings& found, const LeafSettings& expected, const std::string& what) {
  EXPECT_EQ(found.recipe.S, expected.recipe.S) << what;
  EXPECT_EQ(found.recipe.bandwidth, expected.recipe.bandwidth) << what;
  EXPECT_EQ(found.recipe.lambda, expected.recipe.lambda) << what;
  ASSERT_EQ(found.trace.size(), expected.trace.size()) << what;
  for (std::size_t at = 0; at < found.trace.size(); ++at) {
    EXPECT_EQ(found.trace[at].stage, expected.trace[at].stage) << what;
    EXPECT_EQ(found.trace[at].error, expected.trace[at].error) << what;
  }
}

Context shared(Ranks& ranks) {
  Context context = run_with(1);
  context.ranks = &ranks;
  return context;
}

}  // namespace

TEST(LeafRanks, MachinesAreThoseOfOneProcess) {
  const Rows rows = waves(900, 4, 0.1);
  const Fitted alone = learned(some_recipe(), rows, run_with(2));
  for (const int size : {1, 2, 5}) {
    std::vector<Fitted> found(static_cast<std::size_t>(size));
    on_ranks(size, [&](Ranks& ranks) {
      found[static_cast<std::size_t>(ranks.rank())] = learned(some_recipe(), rows, shared(ranks));
    });
    for (const Fitted& each : found) expect_same(each, alone, fmt::format("{} ranks", size));
  }
}

// Heads of a kernel with some centres come from passes, whose sums ranks round differently.
TEST(LeafRanks, MachinesOnWhatAKernelLeavesPredictAlike) {
  const Rows rows = waves(900, 3, 0.1);
  LeafRecipe recipe = some_recipe();
  recipe.centres = 100;
  recipe.centre_lambda = Vector::Constant(1, 1e-2);
  const auto at = [&](const Fitted& fitted) {
    return outputs(fitted.linear, fitted.predictors, rows.X.topRows(100), run_with(1));
  };
  const Matrix alone = at(learned(recipe, rows, run_with(1)));
  for (const int size : {2, 5}) {
    std::vector<Matrix> found(static_cast<std::size_t>(size));
    on_ranks(size, [&](Ranks& ranks) {
      found[static_cast<std::size_t>(ranks.rank())] = at(learned(recipe, rows, shared(ranks)));
    });
    for (const Matrix& each : found) {
      EXPECT_EQ(each, found.front());
      EXPECT_LE(relative_error(each, alone), 1e-9);
    }
  }
}

TEST(LeafRanks, TheRaceIsThatOfOneProcess) {
  const Rows rows = waves(1200, 4, 0.1);
  const Rows held_out = waves(200, 4, 0.1);
  const FitOptions options;
  const auto settings = [&](const Context& context) {
    const MemorySource train = rows.source();
    const OneSplit split(train, held_out, options, context);
    return search_leaf_settings(split.ground(), {}, {.leaf_rows = 300, .purse = 1.2e10}).value();
  };
  const LeafSettings alone = settings(run_with(2));
  EXPECT_GE(alone.trace.size(), 6U);
  for (const int size : {1, 2, 5}) {
    std::vector<LeafSettings> found(static_cast<std::size_t>(size));
    on_ranks(size, [&](Ranks& ranks) { found[static_cast<std::size_t>(ranks.rank())] = settings(shared(ranks)); });
    for (const LeafSettings& each : found) expect_same(each, alone, fmt::format("{} ranks", size));
  }
}

// Every rank's rows differ in their last bits, as processors of other kinds make them: all have the same machines and
// settings to the last bit nevertheless, since no rank decides by its own numbers.
TEST(LeafRanks, RanksThatRoundDifferentlyAgree) {
  const Rows rows = waves(900, 3, 0.1);
  const Rows held_out = waves(200, 3, 0.1);
  std::vector<Fitted> machines(3);
  std::vector<LeafSettings> settings(3);
  on_ranks(3, [&](Ranks& ranks) {
    const auto rank = static_cast<std::size_t>(ranks.rank());
    const Context context = shared(ranks);
    const Rows own = rounded_otherwise(rows, ranks.rank());
    const FitOptions options;
    const MemorySource train = own.source();
    LearningRows learning;
    learning.train = &train;
    machines[rank] = learn(some_recipe(), learning, options, context);
    const OneSplit split(train, held_out, options, context);
    settings[rank] = search_leaf_settings(split.ground(), {}, {.leaf_rows = 200, .purse = 1e9}).value();
  });
  for (const std::size_t rank : {1U, 2U}) {
    expect_same(machines[rank], machines[0], fmt::format("rank {}", rank));
    expect_same(settings[rank], settings[0], fmt::format("rank {}", rank));
  }
}

// ---- more rows than memory holds ----

// One row at random of each run, with its own target, weight and group, in the table's order.
TEST(LeafMemory, RowsAreEvenlyDrawnAndStayWhatTheyAre) {
  constexpr Index n = 1000;
  constexpr Index most = 150;
  Rows rows{Matrix(n, 2), Matrix(n, 1), Vector(n)};
  std::vector<Index> group(n);
  for (Index i = 0; i < n; ++i) {
    rows.X.row(i) << static_cast<double>(i), 1.0;
    rows.Y(i, 0) = -2.0 * static_cast<double>(i);
    rows.w[i] = 1 + static_cast<double>(i % 3);
    group[static_cast<std::size_t>(i)] = i % 7;
  }
  const MemorySource source(rows.X, rows.Y, rows.w, group);
  const Represented seen{WarpKind::none, nullptr, &source};
  const auto drawn = [&](std::uint64_t seed) {
    FitOptions options;
    options.seed = seed;
    return gathered(seen, most, options, run_with(1, 64));
  };
  const GatheredRows some = drawn(1);
  ASSERT_EQ(some.X.rows(), most);
  ASSERT_EQ(some.groups.size(), static_cast<std::size_t>(most));
  for (Index at = 0; at < most; ++at) {
    const auto row = static_cast<Index>(some.X(at, 0));
    EXPECT_GE(row, at * n / most);
    EXPECT_LT(row, (at + 1) * n / most);
    EXPECT_NEAR(some.Y(at, 0) + some.mean[0], rows.Y(row, 0), 1e-9);
    EXPECT_NEAR(some.w[at] / some.w[0], rows.w[row] / rows.w[static_cast<Index>(some.X(0, 0))], 1e-12);
    EXPECT_EQ(some.groups[static_cast<std::size_t>(at)], row % 7);
  }
  EXPECT_NE(drawn(2).X, some.X);
  EXPECT_EQ(gathered(seen, 0, {}, run_with(1)).X.rows(), n);
  EXPECT_EQ(gathered(seen, n, {}, run_with(1)).X.rows(), n);
}

// Each row has a twin half a table away, under one label of chance. Drawn rows of a pair that is a group must tell the
// race nothing; without groups, those pairs of which both are drawn give their label away.
TEST(LeafMemory, TwinsInOneGroupTellNothing) {
  constexpr Index n = 2400;
  Rows rows{normals(n, 3, 63), normals(n, 1, 64), Vector::Ones(n)};
  std::vector<Index> pair(n);
  for (Index i = 0; i < n; ++i) {
    pair[static_cast<std::size_t>(i)] = i % (n / 2);
    rows.X.row(i) = rows.X.row(i % (n / 2)).eval();
    rows.Y(i, 0) = rows.Y(i % (n / 2), 0);
  }
  const Rows held_out{normals(300, 3, 65), normals(300, 1, 66), Vector::Ones(300)};
  const FitOptions options;
  const Context context = run_with(2);
  const auto least = [&](const RowSource& train) {
    const OneSplit split(train, held_out, options, context);
    const LeafSettings found =
        search_leaf_settings(split.ground(), {}, {.leaf_rows = 500, .purse = 4e9, .rows = 2000}).value();
    double score = INFINITY;
    for (const StageRound& round : found.trace) score = std::min(score, round.error);
    return score;
  };
  EXPECT_LT(least(rows.source()), 0.75);
  EXPECT_GT(least(MemorySource(rows.X, rows.Y, {}, pair)), 0.9);
}

// Memory for fewer rows than there are: the machines hold so many, say so, learn the function nevertheless, and learn
// the same again by their recipe. Memory for too few leaves them out, with a reason.
TEST(LeafMemory, MachinesLearnFromAsManyRowsAsFit) {
  Rows rows{normals(9000, 2, 41), Matrix(9000, 1), Vector::Ones(9000)};
  const auto target = [](const Matrix& X) {
    return Matrix((4 * X.col(0).array()).sin() * (4 * X.col(1).array()).cos());
  };
  rows.Y = target(rows.X) + 0.05 * normals(9000, 1, 42);
  FitOptions options;
  options.method = Method::automatic;
  options.width = 32;
  options.refine_rounds = 1;
  options.redraws = 1;
  options.polish_steps = 2;
  options.polish_degree = 2;
  options.seed = 3;
  options.budget = 4;
  options.leaf_memory = 5e-4;
  const MemorySource source = rows.source();
  const Trained model = train_automatic(source, nullptr, options, run_with(2));
  std::set<Index> held;
  for (const Predictor& predictor : model.predictors)
    if (const auto* machine = std::get_if<LeafMachine>(&predictor.map)) held.insert(machine->rows->rows());
  ASSERT_EQ(held.size(), 1U);
  const Index fit = *held.begin();
  EXPECT_GT(fit, 5000);
  EXPECT_LT(fit, 6000);
  bool said = false;
  for (const CandidateReport& report : model.selection.candidates)
    if (const auto* leaves = std::get_if<LeafRecipe>(&report.recipe)) {
      EXPECT_EQ(leaves->rows, fit);
      EXPECT_EQ(report.rows, fit);
      said = said || report.settings.find(fmt::format("of {} rows evenly drawn", fit)) != std::string::npos;
    }
  EXPECT_TRUE(said);
  ASSERT_EQ(model.selection.left_out.size(), 1U);
  EXPECT_EQ(model.selection.left_out[0].name, "leaf machines of all rows");
  EXPECT_EQ(
      model.selection.left_out[0].why,
      fmt::format("the 0.0005 GiB that they may have (leaf-memory) hold {} of 9000 rows; they learn from so many, "
                  "evenly drawn",
                  fit));
  const auto predicted = [](const Trained& trained, const Matrix& X) {
    Matrix Z;
    trained.scaling.apply(X, Z);
    return trained.scaling.predictions(outputs(trained.linear, trained.predictors, Z, run_with(1)));
  };
  const Matrix X = normals(1000, 2, 43);
  EXPECT_LT((predicted(model, X) - target(X)).squaredNorm() / 1000, 0.02);  // of a variance of 0.25
  const Trained again =
      retrain_automatic(source, model.validation, model.selection, options, run_with(2), &model.scaling.kept);
  EXPECT_EQ(predicted(again, X), predicted(model, X));

  options.leaf_memory = 1e-4;
  options.budget = 0.5;
  const Trained without = train_automatic(source, nullptr, options, run_with(2));
  for (const CandidateReport& report : without.selection.candidates)
    EXPECT_FALSE(std::holds_alternative<LeafRecipe>(report.recipe)) << report.name;
  ASSERT_EQ(without.selection.left_out.size(), 1U);
  EXPECT_EQ(without.selection.left_out[0].name, "leaf machines");
  EXPECT_NE(without.selection.left_out[0].why.find("and they need 2000"), std::string::npos);
}
