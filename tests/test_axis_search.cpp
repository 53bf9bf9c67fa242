// Oracles: planted steps with known noise; the model's own predictions after a file, a refit, and with other threads
// and ranks.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <variant>

#include "sextant/model.h"
#include "sextant/model_file.h"
#include "temporary_folder.h"
#include "test_support.h"
#include "thread_ranks.h"

using namespace sextant;

namespace {

// Steps along three of five inputs, two of which act together; sd 1.2, noise of sd 0.1.
Rows steps(Index n, std::uint64_t seed) {
  Rows rows{normals(n, 5, seed, 1), 0.1 * normals(n, 1, seed, 2), Vector::Ones(n)};
  for (Index i = 0; i < n; ++i) {
    const auto x = rows.X.row(i);
    rows.Y(i, 0) += (x[0] > 0.3 ? 1.0 : 0.0) + (x[1] > 0 && x[2] < 0.5 ? 2.0 : 0.0);
  }
  return rows;
}

double relative(const Matrix& Y, const Matrix& F) { return (Y - F).norm() / (Y.array() - Y.mean()).matrix().norm(); }

bool of_axes(const CandidateReport& report) { return std::holds_alternative<AxisRecipe>(report.recipe); }

double weight_along_axes(const Model& model) {
  double weight = 0;
  for (const CandidateReport& report : model.selection.candidates) weight += of_axes(report) ? report.weight[0] : 0.0;
  return weight;
}

}  // namespace

// A kernel of Euclidean distance alone has .5 here, boosted trees .15; noise alone .08.
TEST(AxisSearch, FindsSteps) {
  const Rows rows = steps(500, 1);
  const Rows fresh = steps(1000, 2);
  const Model model = fit(rows.X, rows.Y, {.method = Method::automatic, .seed = 1});
  EXPECT_LT(relative(fresh.Y, predict(model, fresh.X)), 0.25);
  EXPECT_GT(weight_along_axes(model), 0.5);
  // Round after round while held-out rows say so.
  EXPECT_GE(std::ranges::count_if(model.selection.candidates, of_axes), 2);
}

TEST(AxisSearch, AModelLivesInItsFileAndIsLearnedAgain) {
  const TemporaryFolder folder;
  const Rows rows = steps(200, 3);
  const Rows fresh = steps(50, 4);
  const Model model = fit(rows.X, rows.Y, {.method = Method::automatic, .seed = 1});
  ASSERT_GT(weight_along_axes(model), 0);
  save_model(model, folder.path("axes.sextant"));
  const Model loaded = load_model(folder.path("axes.sextant"));
  EXPECT_EQ(predict(loaded, fresh.X), predict(model, fresh.X));
  EXPECT_EQ(predict(refit(loaded, MemorySource(rows.X, rows.Y)), fresh.X), predict(model, fresh.X));
}

TEST(AxisSearch, IsTheSameForAnyNumberOfThreadsAndRanks) {
  const Rows rows = steps(150, 5);
  const FitOptions options = {.method = Method::automatic, .seed = 2};
  const Model one = fit(rows.X, rows.Y, options, run_with(1));
  ASSERT_GT(weight_along_axes(one), 0);
  EXPECT_EQ(predict(one, rows.X), predict(fit(rows.X, rows.Y, options, run_with(4)), rows.X));
  on_ranks(2, [&](Ranks& ranks) {
    Context context = run_with(1);
    context.ranks = &ranks;
    const Matrix F = predict(fit(rows.X, rows.Y, options, context), rows.X);
    EXPECT_LT((F - predict(one, rows.X)).cwiseAbs().maxCoeff(), 1e-6);
  });
}

TEST(AxisSearch, ClassesHaveHeadsByLogLoss) {
  const Rows rows = steps(300, 6);
  std::vector<std::string> labels;
  for (Index i = 0; i < 300; ++i) labels.emplace_back(rows.Y(i, 0) > 1.5 ? "high" : "low");
  const Model model = fit(rows.X, labels, {.method = Method::automatic, .seed = 1});
  const auto found = std::ranges::find_if(model.selection.candidates, [](const CandidateReport& report) {
    const auto* logistic = std::get_if<LogisticRecipe>(&report.recipe);
    return logistic != nullptr && std::holds_alternative<AxisRecipe>(logistic->features);
  });
  ASSERT_NE(found, model.selection.candidates.end());
  EXPECT_TRUE(found->failed.empty());
  EXPECT_LT(model.classification->held_out.log_loss, 0.5 * model.classification->majority.log_loss);
}

// Of more rows than are all centres: the best round is learned again with more of them.
TEST(AxisSearch, ManyRowsHaveMoreCentresInTheEnd) {
  const Rows rows = steps(3300, 7);
  FitOptions options = {.method = Method::automatic, .seed = 1};
  options.folds = 2;
  options.budget = 10;
  const Model model = fit(rows.X, rows.Y, options);
  const auto more = std::ranges::find_if(model.selection.candidates, [](const CandidateReport& report) {
    return report.name.find("more centres") != std::string::npos;
  });
  ASSERT_NE(more, model.selection.candidates.end());
  EXPECT_TRUE(of_axes(*more));
  EXPECT_LT(relative(steps(500, 8).Y, predict(model, steps(500, 8).X)), 0.15);
}
