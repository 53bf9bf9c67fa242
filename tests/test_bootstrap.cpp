// Oracles: the binomial law of how often intervals hold the true weights of Gaussian single-index data; the 1/√n law of
// angles; a replicate made by hand from rows copied as often as they were drawn.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>
#include <variant>

#include "message_of.h"
#include "sextant/bootstrap.h"
#include "sextant/error.h"
#include "sextant/model_file.h"
#include "sextant/resampling.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;

namespace {

const Eigen::Vector4d truth = Eigen::Vector4d(0.8, -0.5, 0.3, 0.1).normalized();

// y = g(u·x) + noise, g(z) = z + z²/4.
Rows single_index(Index n, std::uint64_t seed) {
  Rows rows{normals(n, 4, seed, 41), 0.5 * normals(n, 1, seed, 42), Vector::Ones(n)};
  const Vector z = rows.X * truth;
  rows.Y.col(0) += z + 0.25 * z.cwiseAbs2();
  return rows;
}

FitOptions plain() {
  return {.standardise = false, .method = Method::algorithm_1, .width = 32, .lambda = {1e-2}, .seed = 3};
}

TEST(Refit, GivesTheModelAgain) {
  const Rows rows = random_rows(120, 3, 2, 1);
  for (const Method method : {Method::algorithm_1, Method::random_features, Method::kernel_gaussian, Method::sir}) {
    FitOptions options{.method = method, .width = 16, .seed = 2};
    const Model model = fit(rows.source(), fit(rows.X, rows.Y, plain()).encoding, options, run_with(1));
    const Model again = refit(model, rows.source(), run_with(1));
    EXPECT_EQ(predict(again, rows.X), predict(model, rows.X)) << name(method);
    EXPECT_EQ(again.gradient_outer_product, model.gradient_outer_product) << name(method);
    EXPECT_EQ(again.validation.chosen_lambda, model.validation.chosen_lambda);
  }
  const Model model = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 16}, run_with(1));
  const Model moved =
      transfer(model, rows.source(), model.encoding, {.method = Method::algorithm_1, .seed = 9}, run_with(1));
  const Model again = refit(moved, rows.source(), run_with(1));
  EXPECT_TRUE(again.transferred);
  EXPECT_EQ(predict(again, rows.X), predict(moved, rows.X));
}

TEST(Refit, KeepsAnInputThatHappensToBeConstant) {
  Rows rows = random_rows(60, 3, 1, 4, false);
  const Model model = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 8}, run_with(1));
  rows.X.col(1).setConstant(2);
  const Model again = refit(model, rows.source());
  EXPECT_EQ(again.scaling.kept, model.scaling.kept);
  EXPECT_TRUE(predict(again, rows.X).allFinite());
}

TEST(Refit, RefusesWhatItCannotRepeat) {
  const Rows rows = random_rows(60, 3, 1, 4, false);
  Model model = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 8}, run_with(1));
  const Rows other = random_rows(60, 2, 1, 4, false);
  EXPECT_THROW((void)refit(model, other.source()), InvalidArgument);
  CandidateReport kept;
  kept.name = "kernel in kept coordinates";
  kept.error = kept.weight = Vector::Ones(1);
  model.selection.candidates = {kept};
  EXPECT_NE(message_of<InvalidArgument>([&] { (void)refit(model, rows.source()); }).find("what other tasks found"),
            std::string::npos);
}

FitOptions searching(Method method) {
  FitOptions options{.method = method, .width = 32, .lambda = {1e-6, 1e-4, 1e-2, 1}, .folds = 2, .seed = 2};
  options.refine_rounds = 2;
  options.redraws = 2;
  options.lift = 4;
  return options;
}

// Also after a file: what was chosen is in it, to the last bit.
TEST(Refit, LearnsWhatASearchChoseAgain) {
  const TemporaryFolder folder;
  const Rows rows = single_index(160, 5);
  for (const Method method : {Method::automatic, Method::refine, Method::refined_kernel, Method::polish}) {
    const Model model = fit(rows.X, rows.Y, searching(method), run_with(1));
    EXPECT_EQ(predict(refit(model, rows.source(), run_with(1)), rows.X), predict(model, rows.X)) << name(method);
    const std::string path = folder.path("model.sextant");
    save_model(model, path);
    EXPECT_EQ(predict(refit(load_model(path), rows.source(), run_with(1)), rows.X), predict(model, rows.X))
        << name(method);
  }
}

// Whatever has the weight, alone: on its own rows it errs less than its split's predictors did on held-out ones.
TEST(Refit, LearnsEveryCandidateAgain) {
  const TemporaryFolder folder;
  const Rows rows = single_index(160, 6);
  Model model = fit(rows.X, rows.Y, searching(Method::automatic), run_with(1));
  std::set<std::size_t> kinds;
  // So few rows are no table for leaves.
  CandidateReport leaves = model.selection.candidates.front();
  leaves.name = leaves.settings = "leaf machines";
  LeafRecipe recipe;
  recipe.lambda = 1e-3;
  recipe.S = Matrix::Identity(model.scaling.inputs(), model.scaling.inputs());
  recipe.leaf_rows = 100;
  recipe.partitions = 2;
  leaves.recipe = recipe;
  model.selection.candidates.push_back(leaves);
  CandidateReport lasso = leaves;
  lasso.name = lasso.settings = "lasso";
  lasso.recipe = WideRecipe{WideWay::lasso, ChosenBy::lasso, {}, Vector::Constant(1, 0.01)};
  for (const CandidateReport& report : model.selection.candidates)
    if (std::holds_alternative<LinearRecipe>(report.recipe)) lasso.error = report.error;
  model.selection.candidates.push_back(lasso);
  const std::vector<CandidateReport> tried = model.selection.candidates;
  for (const CandidateReport& report : tried) {
    for (CandidateReport& other : model.selection.candidates) other.weight.setConstant(other.name == report.name);
    const std::string path = folder.path("model.sextant");
    save_model(model, path);
    const Model again = refit(load_model(path), rows.source(), run_with(1));
    const double error = (predict(again, rows.X) - rows.Y).squaredNorm() / 160;
    EXPECT_LT(error, 1.1 * report.error[0]) << report.name;
    kinds.insert(report.recipe.index());
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<Recipe> - 2);  // all but what is kept, and heads for classes
}

// The direction of a single-index target, learned by the automatic method, is inside its intervals for most inputs.
TEST(Bootstrap, OfASearchedModel) {
  const Rows rows = single_index(400, 2);
  const Model model = fit(rows.X, rows.Y, searching(Method::automatic), run_with(2));
  const Bootstrap found = bootstrap(model, rows.source(), {.replicates = 20, .rank = 1, .seed = 7}, run_with(2));
  const double sign = found.directions.row(0).dot(truth) > 0 ? 1 : -1;
  Index inside = 0;
  for (Index j = 0; j < 4; ++j) {
    const double slack = 0.02;
    inside +=
        found.directions_low(0, j) - slack <= sign * truth[j] && sign * truth[j] <= found.directions_high(0, j) + slack;
  }
  EXPECT_GE(inside, 3);
  EXPECT_GT(found.angle_median, 0.001);
  EXPECT_LT(found.angle_most, 0.2);
}

TEST(Bootstrap, AReplicateIsAFitOnTheRowsDrawn) {
  const Rows rows = single_index(200, 1);
  const Model model = fit(rows.X, rows.Y, plain(), run_with(1));
  const Bootstrap found = bootstrap(model, rows.source(), {.replicates = 20, .rank = 1, .seed = 7}, run_with(1));
  const MemorySource source = rows.source();
  Vector angles(20);
  for (Index b = 0; b < 20; ++b) {
    const Vector times = read_all(ResampledSource(source, 7, b), 200).w;
    Rows drawn{Matrix(200, 4), Matrix(200, 1), Vector::Ones(200)};
    Index at = 0;
    for (Index i = 0; i < 200; ++i)
      for (int c = 0; c < times[i]; ++c, ++at) {
        drawn.X.row(at) = rows.X.row(i);
        drawn.Y.row(at) = rows.Y.row(i);
      }
    const Vector v = directions(refit(model, drawn.source(), run_with(1))).spectrum.directions.row(0);
    angles[b] = std::acos(std::min(1.0, std::abs(v.dot(found.directions.row(0)))));
  }
  EXPECT_LT((found.angles.col(0) - angles).cwiseAbs().maxCoeff(), 1e-6);
  std::sort(angles.begin(), angles.end());
  EXPECT_NEAR(found.angle_median, (angles[9] + angles[10]) / 2, 1e-6);
}

// 90 % intervals of four weights over 120 tables of 1000 rows. Weights of one table depend on each other; per weight
// the binomial spread is 2.7 %, and percentile intervals of 60 replicates hold about 88 % (84 to 90 were measured).
// Bounds: 4 deviations.
TEST(Bootstrap, IntervalsHoldTheTrueWeights) {
  Vector held = Vector::Zero(4);
  const int tables = 120;
  for (int table = 0; table < tables; ++table) {
    const Rows rows = single_index(1000, static_cast<std::uint64_t>(100 + table));
    const Model model = fit(rows.X, rows.Y, plain(), run_with(1));
    const Bootstrap found = bootstrap(
        model, rows.source(), {.replicates = 60, .rank = 1, .seed = static_cast<std::uint64_t>(table)}, run_with(1));
    const double sign = found.directions.row(0).dot(truth) < 0 ? -1 : 1;
    for (Index j = 0; j < 4; ++j) {
      EXPECT_LE(found.directions_low(0, j), found.directions_high(0, j));
      if (found.directions_low(0, j) <= sign * truth[j] && sign * truth[j] <= found.directions_high(0, j))
        held[j] += 1.0 / tables;
    }
  }
  EXPECT_GT(held.minCoeff(), 0.77);
  EXPECT_LT(held.maxCoeff(), 0.99);
}

// From 500 to 4000 rows, angles fall by √8, up to the spread of a median of 40 (about 10 % each) and what makes one
// table surer than another.
TEST(Bootstrap, AnglesShrinkAsOneOverRootN) {
  const auto median_angle = [](Index n) {
    const Rows rows = single_index(n, 5);
    const Model model = fit(rows.X, rows.Y, plain(), run_with(2));
    return bootstrap(model, rows.source(), {.replicates = 40, .rank = 1}, run_with(2)).angle_median;
  };
  const double ratio = median_angle(500) / median_angle(4000);
  EXPECT_GT(ratio, std::sqrt(8.0) / 1.6);
  EXPECT_LT(ratio, std::sqrt(8.0) * 1.6);
}

TEST(Bootstrap, TurnsWithinTheSubspaceAndGivesImportance) {
  Rows rows{normals(600, 4, 6), 0.2 * normals(600, 1, 7), Vector::Ones(600)};
  rows.Y.col(0) += rows.X.col(0).cwiseAbs2() + rows.X.col(1).cwiseAbs2();  // no direction of the plane is special
  rows.X.col(0) *= 50;
  const Model model = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 64, .seed = 1}, run_with(1));
  const Bootstrap found = bootstrap(model, rows.source(), {.replicates = 20, .rank = 2}, run_with(1));
  // The plane is sure though its basis is not: weights vary by little.
  EXPECT_LT((found.directions_high - found.directions_low).cwiseAbs().maxCoeff(), 0.25);
  EXPECT_LT(found.angle_most, 0.3);
  EXPECT_GE(found.angle_most, found.angle_median);
  for (Index j = 0; j < 4; ++j) EXPECT_LE(found.importance_low.by_input[j], found.importance_high.by_input[j]);
  EXPECT_LT(found.importance_low.by_input[0], 0.5);
  EXPECT_GT(found.importance_high.by_input[0], 0.4);
  EXPECT_LT(found.importance_high.by_input[3], 0.05);
  const Bootstrap threads = bootstrap(model, rows.source(), {.replicates = 20, .rank = 2}, run_with(3));
  EXPECT_EQ(threads.directions_low, found.directions_low);
  EXPECT_EQ(threads.angles, found.angles);
}

TEST(Bootstrap, WhatCannotBeHadIsSaid) {
  const Rows rows = single_index(60, 1);
  const Model model = fit(rows.X, rows.Y, plain(), run_with(1));
  const auto message = [&](const BootstrapOptions& options) {
    return message_of<InvalidArgument>([&] { (void)bootstrap(model, rows.source(), options); });
  };
  EXPECT_EQ(message({.replicates = 19}),
            "bootstrap: 19 given, expected at least 20 replicates for intervals of level 0.9");
  EXPECT_EQ(message({.level = 1}), "interval: 1 given, expected a level between 0 and 1, 0.9 say");
  EXPECT_NE(message({.rank = 4}).find("rank: 4 given, expected fewer than the 4 inputs"), std::string::npos);
  const Model constant = fit(
      rows.X, rows.Y, {.method = Method::algorithm_1, .width = 8, .preprocess = Preprocess::none, .lambda = {INFINITY}},
      run_with(1));
  EXPECT_EQ(message_of<DataError>([&] { (void)bootstrap(constant, rows.source()); }),
            "bootstrap: the model is constant, it has no direction to be sure of");
}

}  // namespace
