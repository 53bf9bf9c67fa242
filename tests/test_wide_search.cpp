// Oracles: planted functions with known noise; the model's own predictions after a file, a refit and other ranks; the
// targets' mean where there is nothing to learn.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <variant>

#include "sextant/importance.h"
#include "sextant/model.h"
#include "sextant/model_file.h"
#include "temporary_folder.h"
#include "test_support.h"
#include "thread_ranks.h"

using namespace sextant;

namespace {

// tanh of one direction of three inputs, noise of sd 0.2.
Rows bent(Index n, Index d, std::uint64_t seed) {
  Rows rows{normals(n, d, seed, 1), 0.2 * normals(n, 1, seed, 2), Vector::Ones(n)};
  for (Index i = 0; i < n; ++i) rows.Y(i, 0) += std::tanh(rows.X(i, 4) - rows.X(i, 9) + 0.7 * rows.X(i, 20));
  return rows;
}

double r2(const Matrix& Y, const Matrix& F) {
  return 1 - (Y - F).squaredNorm() / (Y.array() - Y.mean()).square().sum();
}

}  // namespace

TEST(WideSearch, FindsADirectionAmongManyInputs) {
  const Rows rows = bent(100, 400, 1);
  const Rows fresh = bent(500, 400, 2);
  const Model model = fit(rows.X, rows.Y, {.method = Method::automatic, .seed = 3});
  EXPECT_GT(r2(fresh.Y, predict(model, fresh.X)), 0.8);  // 0.9 is the noise's
  // Nothing of d×d.
  EXPECT_EQ(model.gradient_outer_product.size(), 0);
  EXPECT_EQ(model.scaling.x_precision.size(), 0);
  EXPECT_EQ(model.gradient_factor.cols(), 400);
  const Directions found = directions(model);
  EXPECT_EQ(found.spectrum.directions.cols(), 400);
  EXPECT_LE(found.spectrum.directions.rows(), 64);
  Vector truth = Vector::Zero(400);
  truth[4] = 1;
  truth[9] = -1;
  truth[20] = 0.7;
  EXPECT_GT(std::abs(found.spectrum.directions.row(0).dot(truth.normalized())), 0.95);
  const Importance shares = importance(model);
  EXPECT_NEAR(shares.by_input.sum(), 1.0, 1e-12);
  EXPECT_GT(shares.by_input[4] + shares.by_input[9] + shares.by_input[20], 0.9);
  ASSERT_EQ(model.selection.left_out.size(), 1U);
  EXPECT_NE(model.selection.left_out[0].why.find("400 inputs, which 100 rows do not determine"), std::string::npos);
}

TEST(WideSearch, AModelLivesInItsFileAndIsLearnedAgain) {
  const TemporaryFolder folder;
  const Rows rows = bent(60, 150, 4);
  const Rows fresh = bent(50, 150, 5);
  const Model model = fit(rows.X, rows.Y, {.method = Method::automatic, .seed = 1});
  const std::string path = folder.path("wide.sextant");
  save_model(model, path);
  const Model loaded = load_model(path);
  EXPECT_EQ(predict(loaded, fresh.X), predict(model, fresh.X));
  EXPECT_EQ(loaded.gradient_factor, model.gradient_factor);
  const MemorySource source(rows.X, rows.Y);
  const Model again = refit(loaded, source);
  EXPECT_EQ(predict(again, fresh.X), predict(model, fresh.X));
  EXPECT_EQ(again.gradient_factor, model.gradient_factor);
}

TEST(WideSearch, IsTheSameForAnyNumberOfThreads) {
  const Rows rows = bent(50, 120, 6);
  const FitOptions options = {.method = Method::automatic, .seed = 2};
  const Model one = fit(rows.X, rows.Y, options, run_with(1));
  const Model four = fit(rows.X, rows.Y, options, run_with(4));
  EXPECT_EQ(predict(one, rows.X), predict(four, rows.X));
}

TEST(WideSearch, SeveralRanksFindTheSame) {
  const Rows rows = bent(48, 100, 7);
  const MemorySource source(rows.X, rows.Y);
  Encoding encoding;
  for (Index j = 1; j <= 100; ++j) encoding.columns.push_back({"x" + std::to_string(j), ColumnKind::number, {}});
  encoding.targets = {"y"};
  const Model alone = fit(source, encoding, {.method = Method::automatic, .seed = 2}, run_with(1));
  on_ranks(2, [&](Ranks& ranks) {
    Context context = run_with(1);
    context.ranks = &ranks;
    const MemorySource own(rows.X, rows.Y);
    const Model shared = fit(own, encoding, {.method = Method::automatic, .seed = 2}, context);
    EXPECT_LT(relative_error(predict(shared, rows.X), predict(alone, rows.X)), 1e-9);
  });
}

TEST(WideSearch, ClaimsNothingOfNoise) {
  double ratio = 0;
  constexpr int draws = 4;
  for (std::uint64_t seed = 0; seed < draws; ++seed) {
    const Matrix X = normals(60, 200, seed, 11);
    const Matrix Y = normals(60, 1, seed, 12);
    const Matrix X_new = normals(400, 200, seed, 13);
    const Matrix Y_new = normals(400, 1, seed, 14);
    const Model model = fit(X, Y, {.method = Method::automatic, .seed = seed});
    ratio += (Y_new - predict(model, X_new)).squaredNorm() / (Y_new.array() - Y.mean()).square().sum() / draws;
    // What is measured on held-out rows is no better than chance makes it.
    EXPECT_GT(model.validation.chosen[0], 0.75 * model.validation.mean[0]);
  }
  EXPECT_LT(ratio, 1.05);
}

TEST(WideSearch, HeavyWeightsAndTargetsApart) {
  // Two targets of other inputs; a fifth of the rows has weight 0 and says nothing.
  Rows rows = bent(90, 200, 8);
  rows.Y.conservativeResize(Eigen::NoChange, 2);
  rows.Y.col(1) = 3 * rows.X.col(50) + 0.1 * normals(90, 1, 9);
  for (Index i = 0; i < 90; i += 5) {
    rows.w[i] = 0;
    rows.Y.row(i).setConstant(1e3);
  }
  Encoding encoding;
  for (Index j = 1; j <= 200; ++j) encoding.columns.push_back({"x" + std::to_string(j), ColumnKind::number, {}});
  encoding.targets = {"y", "z"};
  const Model model = fit(rows.source(), encoding, {.method = Method::automatic, .seed = 1});
  const Rows fresh = bent(300, 200, 10);
  const Matrix F = predict(model, fresh.X);
  EXPECT_GT(r2(fresh.Y, F.col(0)), 0.7);
  // What holds a term back is its own target's range: on held-out rows and on new ones the model is as good.
  EXPECT_LT(std::abs(r2(fresh.Y, F.col(0)) - (1 - model.validation.chosen[0] / model.validation.mean[0])), 0.2);
  EXPECT_GT(r2(3 * fresh.X.col(50), F.col(1)), 0.97);
}

TEST(WideSearch, TransfersWithoutSquaresOfInputs) {
  const Rows rows = bent(80, 200, 11);
  const Model source = fit(rows.X, rows.Y, {.method = Method::automatic, .seed = 1});
  Rows other = bent(40, 200, 12);
  other.Y *= -2.0;
  const MemorySource data(other.X, other.Y);
  const Model model = transfer_directions({source}, data, source.encoding, {.method = Method::automatic, .seed = 2});
  EXPECT_EQ(model.gradient_outer_product.size(), 0);
  const Rows fresh = bent(300, 200, 13);
  EXPECT_GT(r2(-2.0 * fresh.Y, predict(model, fresh.X)), 0.75);
}
