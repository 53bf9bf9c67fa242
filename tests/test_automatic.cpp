// Oracles: synthetic targets whose answer is known; the same fit with other threads, another budget, or without rows
// that do not count; the reports against the held-out predictions they summarise. Statistical tests are seeded; their
// spread over seeds is written beside the bound.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "message_of.h"
#include "sextant/automatic.h"
#include "sextant/model.h"
#include "sextant/synthetic.h"
#include "test_support.h"

using namespace sextant;

namespace {

// Small enough to be tried often.
FitOptions small(Method method = Method::automatic) {
  FitOptions options;
  options.method = method;
  options.width = 32;
  options.lambda = {1e-6, 1e-4, 1e-2, 1, std::numeric_limits<double>::infinity()};
  options.folds = 2;
  options.refine_rounds = 2;
  options.redraws = 2;
  options.lift = 4;
  options.polish_steps = 6;
  options.polish_degree = 3;
  options.seed = 3;
  return options;
}

Trained trained(const Rows& rows, const FitOptions& options, const Context& context = run_with(2),
                const RowSource* validation = nullptr) {
  return train_automatic(rows.source(), validation, options, context);
}

Rows synthetic(const HermiteTarget& target, Index n, std::uint64_t seed, double noise) {
  return read_all(GaussianSource({target}, {.rows = n, .noise = noise, .seed = seed}), 512);
}

const CandidateReport* candidate(const Trained& trained, const std::string& name) {
  for (const CandidateReport& report : trained.selection.candidates)
    if (report.name == name) return &report;
  return nullptr;
}

// In own units, on rows as the table has them.
Matrix predicted(const Trained& model, const Matrix& X) {
  Matrix Z;
  model.scaling.apply(X, Z);
  return model.scaling.predictions(outputs(model.linear, model.predictors, Z, run_with(1)));
}

// Whatever it says is a number, and the reports fit the model.
void expect_sound(const Trained& model, const Matrix& X, const std::string& what) {
  EXPECT_TRUE(predicted(model, X).allFinite()) << what;
  EXPECT_TRUE(model.gradient_outer_product.allFinite()) << what;
  EXPECT_TRUE(model.validation.chosen.allFinite()) << what;
  EXPECT_TRUE(model.held_out.F.allFinite()) << what;
  const Index k = model.scaling.y_mean.size();
  ASSERT_EQ(static_cast<Index>(model.selection.nothing_found.size()), k) << what;
  Vector sum = Vector::Zero(k);
  for (const CandidateReport& report : model.selection.candidates) {
    EXPECT_TRUE(report.error.allFinite()) << what << ": " << report.name;
    EXPECT_GE(report.weight.minCoeff(), 0) << what << ": " << report.name;
    EXPECT_FALSE(report.settings.empty()) << what << ": " << report.name;
    sum += report.weight;
    for (const StageRound& round : report.trace) EXPECT_TRUE(std::isfinite(round.error)) << what;
  }
  for (Index t = 0; t < k; ++t) {
    if (model.selection.nothing_found[static_cast<std::size_t>(t)]) {
      EXPECT_EQ(sum[t], 0) << what;
    } else {  // 1, less what doubt leaves to the mean
      EXPECT_GT(sum[t], 0) << what;
      EXPECT_LE(sum[t], 1 + 1e-12) << what;
    }
  }
}

}  // namespace

TEST(Automatic, SameBitsForAnyNumberOfThreads) {
  const Rows rows = random_rows(100, 5, 2, 1);
  const Trained one = trained(rows, small(), run_with(1));
  const Trained two = trained(rows, small(), run_with(2));
  EXPECT_EQ(two.linear.alpha, one.linear.alpha);
  EXPECT_EQ(two.linear.beta, one.linear.beta);
  EXPECT_EQ(two.gradient_outer_product, one.gradient_outer_product);
  EXPECT_EQ(two.held_out.F, one.held_out.F);
  ASSERT_EQ(two.predictors.size(), one.predictors.size());
  for (std::size_t p = 0; p < one.predictors.size(); ++p) EXPECT_EQ(two.predictors[p].a, one.predictors[p].a);
  ASSERT_EQ(two.selection.candidates.size(), one.selection.candidates.size());
  for (std::size_t c = 0; c < one.selection.candidates.size(); ++c) {
    EXPECT_EQ(two.selection.candidates[c].name, one.selection.candidates[c].name);
    EXPECT_EQ(two.selection.candidates[c].settings, one.selection.candidates[c].settings);
    EXPECT_EQ(two.selection.candidates[c].error, one.selection.candidates[c].error);
    EXPECT_EQ(two.selection.candidates[c].weight, one.selection.candidates[c].weight);
  }
  const Matrix X = normals(40, 5, 2);
  EXPECT_EQ(predicted(two, X), predicted(one, X));
  expect_sound(one, X, "weighted rows");
}

// Weights are chosen by the same held-out rows, so the model cannot be worse there than a baseline; also where doubt
// made it learn again and shrink (few rows).
TEST(Automatic, IsNotWorseThanItsBaselines) {
  constexpr double rounding = 1 + 1e-9;
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    const Rows rows = random_rows(seed <= 3 ? 150 : 40, 5, 2, seed, false);
    const Trained model = trained(rows, small());
    for (Index t = 0; t < 2; ++t) {
      ASSERT_FALSE(model.selection.nothing_found[static_cast<std::size_t>(t)]);
      for (const char* name : {"linear", "random features"}) {
        const CandidateReport* baseline = candidate(model, name);
        ASSERT_NE(baseline, nullptr);
        EXPECT_LE(model.validation.chosen[t], rounding * baseline->error[t]) << name << ", seed " << seed;
      }
      EXPECT_LE(model.validation.chosen[t], rounding * model.validation.linear[t]) << seed;
    }
  }
}

// What `chosen` and the reports say follows from held-out rows.
TEST(Automatic, ErrorsAreThoseOfItsHeldOutPredictions) {
  const Rows rows = random_rows(90, 4, 2, 4);
  const Trained model = trained(rows, small());
  const HeldOut& held = model.held_out;
  EXPECT_EQ((held.w.array() > 0).count(), (rows.w.array() > 0).count());
  for (Index t = 0; t < 2; ++t) {
    const double error = (held.Y.col(t) - held.F.col(t)).cwiseAbs2().dot(held.w) / held.w.sum();
    EXPECT_NEAR(model.validation.chosen[t], error, 1e-9 * error);
    EXPECT_NEAR(candidate(model, "linear")->error[t], model.validation.linear[t], 1e-6 * model.validation.linear[t]);
  }
}

// 1.5 standard errors for each of a dozen candidates: chance gets through now and then, and then costs little. Over
// these 6 seeds at least 4 say that nothing was found.
TEST(Automatic, FindsNothingInNoise) {
  int silent = 0;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const Rows rows{normals(200, 6, seed), normals(200, 1, seed, 50), Vector::Ones(200)};
    const Trained model = trained(rows, small());
    const Matrix F = predicted(model, normals(50, 6, seed, 51));
    EXPECT_LT(std::sqrt(F.cwiseAbs2().mean()), 0.4) << seed;  // the noise has 1
    if (!model.selection.nothing_found.at(0)) continue;
    ++silent;
    EXPECT_TRUE(model.predictors.empty());
    EXPECT_LT((F.array() - rows.Y.mean()).abs().maxCoeff(), 1e-12);
    expect_sound(model, rows.X, "noise");
  }
  EXPECT_GE(silent, 4);
}

// Two tables of pure noise on which the search's own held-out rows are mistaken: a link and a kernel on it seem to
// explain a quarter of the variance, and alone would predict 0.46 and 0.22 of it. Learned again on other folds they are
// worth less.
TEST(Automatic, WhatChanceFavoursIsLearnedAgain) {
  double square = 0;
  for (const std::uint64_t seed : {0, 6}) {
    const Matrix X = Stream(seed, Purpose::inputs).normal_matrix(100, 20);
    Matrix y(100, 1);
    const Stream noise(seed, Purpose::noise);
    for (Index i = 0; i < 100; ++i) y(i, 0) = noise.sign(static_cast<std::uint64_t>(i));
    FitOptions options;
    options.method = Method::automatic;
    options.seed = seed;
    const Rows rows{X, y, Vector::Ones(100)};
    square += predicted(trained(rows, options), normals(1000, 20, seed, 55)).squaredNorm() / 1000;
  }
  EXPECT_LT(square / 2, 0.2);
}

TEST(Automatic, LinesStayLines) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    Rows rows{normals(200, 5, seed), normals(200, 1, seed, 52), Vector::Ones(200)};
    const Vector beta = normals(5, 1, seed, 53);
    rows.Y = 0.5 * rows.Y + rows.X * beta;
    const Trained model = trained(rows, small());
    EXPECT_FALSE(model.selection.nothing_found.at(0));
    const Matrix X = normals(200, 5, seed, 54);
    const double error = (predicted(model, X) - X * beta).squaredNorm() / 200;
    EXPECT_LT(error, 0.03) << seed;  // least squares: 0.25·d/n ≈ 0.006 of a variance of about 5
  }
}

// Excess risk over the variance of f*: 1 for the mean. Seeds 1 and 2: 0.007, 0.006.
TEST(Automatic, LearnsTheSource) {
  for (const std::uint64_t seed : {1, 2}) {
    const HermiteTarget target = source_target(4, {.d = 10, .orientation = Orientation::random, .seed = seed});
    FitOptions options = small();
    options.polish_degree = 4;
    options.polish_steps = 15;
    const Rows rows = synthetic(target, 800, seed, 0.5);
    const Trained model = trained(rows, options);
    const Rows test = synthetic(target, 4000, seed + 500, 0);
    const double excess = (predicted(model, test.X) - test.Y).cwiseAbs2().mean();
    EXPECT_LT(excess, 0.03) << seed;
    EXPECT_FALSE(model.selection.nothing_found.at(0));
  }
}

// A function finer than landmarks and polynomials see, of more rows than a kernel has centres: leaves find it. Nothing
// depends on the number of threads, and the recipes learn the same again.
TEST(Automatic, LeavesSeeFineStructure) {
  Rows rows{normals(7000, 2, 41), Matrix(7000, 1), Vector::Ones(7000)};
  const auto target = [](const Matrix& X) {
    return Matrix((5 * X.col(0).array()).sin() * (5 * X.col(1).array()).cos());
  };
  rows.Y = target(rows.X) + 0.05 * normals(7000, 1, 42);
  FitOptions options = small();
  options.folds = {};
  options.lambda = {};
  options.budget = 4;
  const Trained model = trained(rows, options);
  expect_sound(model, rows.X.topRows(50), "fine");
  double of_leaves = 0;
  for (const CandidateReport& report : model.selection.candidates)
    if (std::holds_alternative<LeafRecipe>(report.recipe)) of_leaves += report.weight[0];
  EXPECT_GT(of_leaves, 0.5);
  const Matrix X = normals(1000, 2, 43);
  EXPECT_LT((predicted(model, X) - target(X)).squaredNorm() / 1000, 0.01);  // of a variance of 0.25
  EXPECT_EQ(predicted(trained(rows, options, run_with(1)), X), predicted(model, X));
  const Trained again =
      retrain_automatic(rows.source(), model.validation, model.selection, options, run_with(2), &model.scaling.kept);
  EXPECT_EQ(predicted(again, X), predicted(model, X));
}

// A thorough search may come to a kernel that was found before: two candidates of one recipe are one of both weights.
TEST(Automatic, OneRecipeTwiceIsLearnedForBoth) {
  Rows rows{normals(200, 3, 44), Matrix(200, 1), Vector::Ones(200)};
  rows.Y.col(0) = (2 * rows.X.col(0).array()).sin() + rows.X.col(1).array();
  const Trained model = trained(rows, small(Method::refined_kernel));
  Selection twice = model.selection;
  const auto kernel = std::ranges::find_if(twice.candidates, [](const CandidateReport& report) {
    return !report.weight.isZero(0.0) && std::holds_alternative<KernelRecipe>(report.recipe) &&
           !std::get<KernelRecipe>(report.recipe).rounds.empty();
  });
  ASSERT_NE(kernel, twice.candidates.end());
  kernel->weight *= 0.5;
  twice.candidates.push_back(CandidateReport(*kernel));
  const auto learned = [&](const Selection& selection) {
    return predicted(retrain_automatic(rows.source(), model.validation, selection, small(Method::refined_kernel),
                                       run_with(2), &model.scaling.kept),
                     rows.X);
  };
  EXPECT_LT((learned(twice) - learned(model.selection)).cwiseAbs().maxCoeff(), 1e-12);
}

// Windows of 6 000 and 12 000 rows: the second has more than searches see. What searches found is learned on so many
// rows, the linear model on all.
TEST(Automatic, WindowsOfFewAndOfManyRowsAreSearchedAlike) {
  Rows rows{normals(18'000, 2, 31), Matrix(18'000, 1), Vector::Ones(18'000)};
  rows.Y.col(0) = (rows.X.col(0).array().sin() + 0.1 * normals(18'000, 1, 32).array()).matrix();
  FitOptions options = small();
  options.ordered = true;
  options.budget = 0.05;
  const Trained model = trained(rows, options);
  expect_sound(model, rows.X.topRows(50), "windows");
  EXPECT_EQ(candidate(model, "linear")->rows, 0);
  EXPECT_GT(candidate(model, "random features")->rows, 0);
  const Matrix X = normals(2000, 2, 33);
  const double error = (predicted(model, X) - Matrix(X.col(0).array().sin())).squaredNorm() / 2000;
  EXPECT_LT(error, 0.01);  // the noise; a line leaves 0.06
}

TEST(Automatic, EachTargetHasItsOwnChoice) {
  Rows rows{normals(250, 5, 6), Matrix(250, 2), Vector::Ones(250)};
  rows.Y.col(0) = 100 * (rows.X.col(0).array().square() + 0.1 * normals(250, 1, 6, 55).array()).matrix();
  rows.Y.col(1) = normals(250, 1, 6, 56);  // noise
  const Trained model = trained(rows, small());
  EXPECT_FALSE(model.selection.nothing_found.at(0));
  const Matrix X = normals(200, 5, 7);
  const Matrix F = predicted(model, X);
  EXPECT_LT((F.col(0) - 100 * X.col(0).cwiseAbs2()).cwiseAbs2().mean(), 0.1 * 2e4);
  EXPECT_LT(F.col(1).cwiseAbs2().mean(), 0.2);
  expect_sound(model, X, "two targets");
}

// The first look is there whatever the budget; what it does not reach is named.
TEST(Automatic, BudgetSaysWhatIsLeftOut) {
  const Rows rows = random_rows(150, 4, 1, 8, false);
  const Trained full = trained(rows, small());
  EXPECT_TRUE(full.selection.skipped.empty());
  FitOptions options = small();
  options.budget = 1e-9;
  const Trained tiny = trained(rows, options);
  ASSERT_EQ(tiny.selection.candidates.size(), 3U);
  for (const char* first : {"linear", "random features", "kernel"}) EXPECT_NE(candidate(tiny, first), nullptr) << first;
  EXPECT_GE(tiny.selection.skipped.size(), 4U);
  for (const std::string& name : tiny.selection.skipped) EXPECT_EQ(candidate(tiny, name), nullptr) << name;
  expect_sound(tiny, rows.X, "tiny budget");
}

namespace {

// Whether what was tried with less budget is the beginning of what was tried with more: in the same order, with the
// same settings, costs and errors.
void expect_begins(const Trained& less, const Trained& more) {
  ASSERT_LE(less.selection.path.size(), more.selection.path.size());
  for (std::size_t i = 0; i < less.selection.path.size(); ++i) {
    EXPECT_EQ(less.selection.path[i].name, more.selection.path[i].name);
    EXPECT_EQ(less.selection.path[i].spent, more.selection.path[i].spent);
    EXPECT_EQ(less.selection.path[i].error, more.selection.path[i].error);
  }
  ASSERT_LE(less.selection.candidates.size(), more.selection.candidates.size());
  for (std::size_t c = 0; c < less.selection.candidates.size(); ++c) {
    EXPECT_EQ(less.selection.candidates[c].name, more.selection.candidates[c].name);
    EXPECT_EQ(less.selection.candidates[c].settings, more.selection.candidates[c].settings);
  }
}

}  // namespace

// A larger budget tries all that a smaller one tried, knows the same when it does, and chooses by the same rows: the
// held-out error never rises. On rows that are few, more, and many; with a signal, with little of it, with none; where
// the first look is beyond doubt and where a second partition is chosen by.
TEST(Automatic, HeldOutErrorNeverRisesWithTheBudget) {
  struct Case {
    const char* what;
    Index n;
    double noise;
    bool ordered;
  };
  for (const Case& each :
       {Case{"few", 120, 0.1, false}, Case{"more", 500, 0.3, false}, Case{"noisy", 500, 3, false},
        Case{"noise", 150, 1e6, false}, Case{"ordered", 450, 0.3, true}, Case{"many", 2500, 0.3, false}}) {
    SCOPED_TRACE(each.what);
    Rows rows{normals(each.n, 5, 51), Matrix(each.n, 1), Vector::Ones(each.n)};
    rows.Y.col(0) = (2 * (rows.X.col(0) + rows.X.col(1)).array().sin() + rows.X.col(2).array().square() +
                     each.noise * normals(each.n, 1, 52).array())
                        .matrix();
    FitOptions options = small();
    options.folds = {};
    options.ordered = each.ordered;
    std::vector<Trained> models;
    for (const double budget : {1e-9, 0.03, 0.3, 1.0, 10.0, 200.0}) {
      options.budget = budget;
      models.push_back(trained(rows, options));
      for (std::size_t i = 1; i < models.back().selection.path.size(); ++i)
        EXPECT_LE(models.back().selection.path[i].error, models.back().selection.path[i - 1].error);
      if (models.size() == 1) continue;
      const Trained& less = models[models.size() - 2];
      expect_begins(less, models.back());
      EXPECT_EQ(less.held_out.Y, models.back().held_out.Y);  // the same rows
      EXPECT_LE(models.back().validation.chosen[0], less.validation.chosen[0] * (1 + 1e-12)) << "budget " << budget;
    }
    EXPECT_LT(models.front().selection.path.size(), models.back().selection.path.size());
  }
}

// What other tasks found and what is learned from scratch take turns, the cheap first, so that neither has all of the
// budget.
TEST(Automatic, WhatOthersFoundLeavesBudgetToScratch) {
  constexpr double multiply_adds = 5e10;  // of a budget of 1
  const Rows rows = random_rows(150, 4, 1, 8, false);
  const Trained from = trained(rows, small());
  const SourceTask source{from.gradient_outer_product / from.gradient_outer_product.trace(), from.linear,
                          from.predictors};
  const auto with = [&](double budget) {
    FitOptions options = small();
    options.budget = budget;
    return train_automatic(rows.source(), nullptr, options, run_with(2), nullptr, &source);
  };
  const auto count = [](const Trained& model, bool kept) {
    Index sum = 0;
    for (const CandidateReport& report : model.selection.candidates) sum += report.kept() == kept ? 1 : 0;
    return sum;
  };
  const Trained full = with(60);
  EXPECT_TRUE(full.selection.skipped.empty());
  EXPECT_GT(count(full, true), 10);
  const Trained tiny = with(1e-9);
  EXPECT_EQ(count(tiny, true), 1);
  EXPECT_NE(candidate(tiny, "source's prediction"), nullptr);
  for (const std::string& name : tiny.selection.skipped) EXPECT_EQ(candidate(tiny, name), nullptr) << name;
  expect_sound(tiny, rows.X, "tiny budget");
  const double all = full.selection.path.back().spent;
  const Trained half = with(0.5 * all / multiply_adds);
  expect_begins(half, full);
  EXPECT_GT(count(half, true), count(tiny, true));
  EXPECT_GT(count(half, false), count(tiny, false));
}

// Neither of its own rows nor, in a transfer, of those that a source was made from.
TEST(Automatic, HoldsNoRowsWhereNoneMayBe) {
  const Rows rows = random_rows(150, 4, 1, 8, false);
  FitOptions options = small();
  const Trained with = trained(rows, options);
  const SourceTask source{with.gradient_outer_product / with.gradient_outer_product.trace(), with.linear,
                          with.predictors};
  const auto holds_rows = [](const Trained& model) {
    return std::ranges::any_of(model.predictors, [](const Predictor& each) {
      return std::holds_alternative<KernelSections>(each.map) || std::holds_alternative<LeafMachine>(each.map);
    });
  };
  ASSERT_TRUE(holds_rows(with));  // or this shows nothing
  options.training_rows = false;
  const Trained without = trained(rows, options);
  EXPECT_FALSE(holds_rows(without));
  EXPECT_FALSE(without.selection.nothing_found.at(0));
  expect_sound(without, rows.X, "no rows");
  const Trained transferred = train_automatic(rows.source(), nullptr, options, run_with(2), nullptr, &source);
  EXPECT_FALSE(holds_rows(transferred));
  ASSERT_EQ(transferred.selection.left_out.size(), 1U);
  EXPECT_EQ(transferred.selection.left_out.front().name, "source's prediction");
}

TEST(Automatic, FamiliesAloneAreOne) {
  const Rows rows = random_rows(150, 4, 1, 9, false);
  for (const Method method : {Method::refine, Method::refined_kernel, Method::polish}) {
    const Trained model = trained(rows, small(method));
    EXPECT_GE(model.selection.candidates.size(), 1U);
    EXPECT_EQ(candidate(model, "linear"), nullptr);
    Index chosen = 0;
    for (const CandidateReport& report : model.selection.candidates) chosen += report.weight[0] > 0 ? 1 : 0;
    EXPECT_EQ(chosen, 1) << name(method);
    EXPECT_LT(model.validation.chosen[0], model.validation.mean[0]) << name(method);
    expect_sound(model, rows.X, name(method));

    // Nothing fits the budget: the mean, and it says why.
    FitOptions options = small(method);
    options.budget = 1e-9;
    const Trained none = trained(rows, options);
    EXPECT_TRUE(none.selection.candidates.empty());
    EXPECT_FALSE(none.selection.skipped.empty());
    EXPECT_TRUE(none.selection.nothing_found.at(0));
    EXPECT_LT((predicted(none, rows.X).array() - rows.Y.mean()).abs().maxCoeff(), 1e-12);
  }
}

TEST(Automatic, HostileTables) {
  const auto brief = [](Method method = Method::automatic) {
    FitOptions options = small(method);
    options.refine_rounds = 1;
    options.polish_steps = 2;
    options.polish_degree = 2;
    return options;
  };
  const auto sound = [](const Rows& rows, const std::string& what, const FitOptions& options) {
    SCOPED_TRACE(what);
    expect_sound(trained(rows, options), rows.X, what);
  };
  Rows rows = random_rows(80, 5, 1, 10, false);
  {
    Rows collinear = rows;
    collinear.X.col(1) = collinear.X.col(0);
    collinear.X.col(2) = collinear.X.col(0) - 2 * collinear.X.col(3);
    sound(collinear, "collinear", brief());
  }
  {
    Rows scales = rows;
    scales.X.col(0) *= 1e12;
    scales.X.col(1) *= 1e-12;
    scales.X.col(2).array() += 1e9;
    sound(scales, "scales", brief());
    scales.Y *= 1e9;
    FitOptions raw = brief();
    raw.standardise = false;
    scales = rows;
    scales.X.col(0) *= 1e3;
    sound(scales, "not standardised", raw);
  }
  {
    Rows heavy = rows;
    heavy.Y = heavy.Y.array().pow(9).matrix();
    heavy.Y(3, 0) = 1e12;
    heavy.X(5, 0) = 1e8;
    sound(heavy, "heavy tails", brief());
  }
  {
    Rows constant = rows;
    constant.X.col(4).setConstant(7);
    const Trained model = trained(constant, brief());
    expect_sound(model, constant.X, "constant input");
    EXPECT_EQ(model.constant_inputs, std::vector<Index>{4});
  }
  {
    Rows levels = rows;
    levels.X = levels.X.array().round().matrix();
    levels.Y = (levels.Y.array() - levels.Y.mean()).sign().matrix();
    sound(levels, "few levels", brief());
  }
  sound(random_rows(20, 30, 1, 11, false), "fewer rows than inputs", brief());
  sound(random_rows(60, 1, 1, 12, false), "one input", brief());
  for (const Index n : {2, 5, 9}) {
    const Rows few = random_rows(n, 3, 2, 13, false);
    for (const Method method : {Method::automatic, Method::refine, Method::refined_kernel, Method::polish}) {
      FitOptions options = brief(method);
      options.folds = {};
      sound(few, std::to_string(n) + " rows, " + name(method), options);
    }
  }
  FitOptions options = brief();
  options.rank = 6;
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)trained(rows, options); }),
            "rank: 6 given, expected at most the number of inputs, 5");
  options.rank = 2;
  sound(rows, "rank given", options);
  rows.Y.setConstant(3);
  EXPECT_NE(message_of<DataError>([&] { (void)trained(rows, brief()); }).find("expected a target that varies"),
            std::string::npos);
}

TEST(Automatic, SplitsAreAsAskedFor) {
  const Rows rows = random_rows(120, 4, 1, 14, false);
  FitOptions options = small();
  options.folds = {};
  EXPECT_EQ(trained(rows, options).validation.folds, 5);  // few rows: round(1/0.2) folds
  options.folds = 3;
  const Trained folds = trained(rows, options);
  EXPECT_EQ(folds.validation.folds, 3);
  EXPECT_EQ(folds.validation.rows, 120);
  EXPECT_EQ(folds.rows, 120);
  options.folds = {};
  options.refit = false;  // one split, whose model it is
  const Trained split = trained(rows, options);
  EXPECT_EQ(split.validation.folds, 1);
  EXPECT_EQ(split.rows, 96);
  EXPECT_EQ(split.held_out.Y.rows(), 24);
  expect_sound(split, rows.X, "without refit");

  const Rows others = random_rows(50, 4, 1, 14, false);
  const MemorySource table = others.source();
  const Trained by_table = trained(rows, options, run_with(1), &table);
  EXPECT_EQ(by_table.validation.folds, 1);
  EXPECT_EQ(by_table.validation.rows, 50);
  EXPECT_EQ(by_table.rows, 120);
  EXPECT_LT(relative_error(by_table.held_out.Y, others.Y), 1e-12);
  // The model is the one that was validated: its predictions there are those that were kept.
  EXPECT_LT(relative_error(predicted(by_table, others.X), by_table.held_out.F), 1e-6);
}

// Of 450 rows with a hidden direction a large budget asks for every setting on every fold, of 400 any does. Whatever
// the budget, the same folds are chosen by.
TEST(Automatic, IsThoroughOnFewRowsOrByALargeBudget) {
  Rows many{normals(450, 6, 16, 1), 0.05 * normals(450, 1, 16, 2), Vector::Ones(450)};
  many.Y.col(0).array() += (many.X.col(0) + many.X.col(1)).array().sin() + many.X.col(2).array();
  FitOptions options = small();
  options.folds = {};
  options.polish_degree = {};
  options.budget = 100;
  const Trained thorough = trained(many, options);
  EXPECT_EQ(thorough.validation.folds, 5);
  options.budget = FitOptions{}.budget;
  const Trained quick = trained(many, options);
  EXPECT_EQ(quick.validation.folds, 5);
  EXPECT_EQ(quick.validation.rows, 450);
  EXPECT_EQ(quick.rows, 450);  // learned again on all
  EXPECT_TRUE(quick.selection.skipped.empty());
  for (const char* each : {"linear", "random features", "kernel, 200 centres", "polished link, 1 direction"}) {
    EXPECT_NE(candidate(quick, each), nullptr) << each;
    EXPECT_NE(candidate(thorough, each), nullptr) << each;
  }
  // Of many settings some are left out, and networks, whose limit kernels on all rows are.
  for (const char* each : {"polished link, 3 directions", "refined network"}) {
    EXPECT_EQ(candidate(quick, each), nullptr) << each;
    EXPECT_NE(candidate(thorough, std::string(each) + ", thorough"), nullptr) << each;
  }
  expect_sound(quick, many.X, "quick");
  expect_sound(thorough, many.X, "thorough");
  EXPECT_LT(quick.validation.chosen[0], 0.5 * quick.validation.mean[0]);

  // In noise few centres leave all of the mean's error, so more are not tried, and every setting on every fold is.
  const Rows noise{normals(800, 6, 17, 1), normals(800, 1, 17, 2), Vector::Ones(800)};
  const Trained nothing = trained(noise, options);
  EXPECT_EQ(nothing.validation.folds, 10);  // the first look is not beyond doubt: another partition
  EXPECT_TRUE(nothing.selection.nothing_found.at(0));
  EXPECT_EQ(candidate(nothing, "kernel"), nullptr);
  EXPECT_NE(candidate(nothing, "kernel, thorough"), nullptr);
  for (const CandidateReport& report : nothing.selection.candidates)
    EXPECT_FALSE(report.dropped.empty()) << report.name;
  options.refit = false;  // one share, then
  EXPECT_EQ(trained(noise, options).validation.folds, 1);
  options.refit = true;

  const Rows few = random_rows(400, 6, 1, 16, false);
  const Trained of_few = trained(few, options);
  EXPECT_NE(candidate(of_few, "kernel"), nullptr);
  EXPECT_EQ(candidate(of_few, "kernel, 200 centres"), nullptr);  // every setting at once
}

TEST(Automatic, CanBeCancelledAnywhere) {
  const Rows rows = random_rows(80, 4, 1, 15, false);
  for (const int threads : {1, 2}) {
    Context context = run_with(threads);
    long calls = 0;
    context.progress = [&](const Progress&) {
      ++calls;
      return true;
    };
    (void)trained(rows, small(), context);
    const long all = calls;
    ASSERT_GT(all, 20);
    for (const long at : {1L, 3L, all / 5, all / 3, all / 2}) {
      calls = 0;
      context.progress = [&](const Progress&) { return ++calls < at; };
      EXPECT_THROW((void)trained(rows, small(), context), Cancelled) << at << " of " << all;
    }
  }
}

// Rows of weight 0, whatever they hold, are as if they were not there. (Folds count rows, so a table to choose by.)
TEST(Automatic, RowsOfNoWeightDoNotCount) {
  const Rows rows = random_rows(100, 4, 1, 16, false);
  const Rows others = random_rows(60, 4, 1, 16, false);
  Rows padded{Matrix::Constant(150, 4, 40.0), Matrix::Constant(150, 1, -1e3), Vector::Zero(150)};
  Index at = 0;
  for (Index i = 0; i < 150; ++i) {
    if (i % 3 == 1) continue;
    padded.X.row(i) = rows.X.row(at);
    padded.Y.row(i) = rows.Y.row(at++);
    padded.w[i] = 1;
  }
  const MemorySource table = others.source();
  FitOptions options = small();
  options.folds = {};
  const Trained plain = trained(rows, options, run_with(2), &table);
  const Trained with = trained(padded, options, run_with(2), &table);
  EXPECT_EQ(with.rows, 100);
  const Matrix X = normals(60, 4, 17);
  EXPECT_LT(relative_error(predicted(with, X), predicted(plain, X)), 1e-4);
}
