// Oracles: rank_test on rows scaled by hand; targets whose number of directions is known.
#include <gtest/gtest.h>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/rank_evidence.h"
#include "test_support.h"

using namespace sextant;

namespace {

TEST(RankEvidence, PutsTheTestBesideTheModelsSpectrum) {
  Rows rows{normals(800, 4, 1), 0.3 * normals(800, 1, 2), Vector::Ones(800)};
  rows.Y.col(0) += rows.X.col(0).cwiseAbs2() + rows.X.col(1);
  rows.X.col(2) *= 1000;
  const Model model = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 64}, run_with(1));
  const RankEvidence found = rank_evidence(model, rows.source(), {.seed = 3}, run_with(1));
  EXPECT_EQ(found.rank, 2);
  EXPECT_FALSE(found.nothing_found);
  EXPECT_EQ(found.gap.rank, directions(model).rank.rank);
  EXPECT_TRUE(found.error_by_rank.empty());
  const RankTest expected = rank_test(ScaledSource(rows.source(), model.scaling), {.seed = 3}, run_with(1));
  EXPECT_EQ(found.test.directions, expected.directions);
}

// The errors are those of the best candidates confined to each rank; He_2(x1) + x2·x3 has three directions.
TEST(RankEvidence, SaysWhatEachNumberOfDirectionsIsWorth) {
  Rows rows{normals(600, 5, 1), 0.1 * normals(600, 1, 2), Vector::Ones(600)};
  rows.Y.col(0).array() += rows.X.col(0).array().square() + 2 * rows.X.col(1).array() * rows.X.col(2).array();
  FitOptions options{.method = Method::polish, .folds = 2};
  options.polish_degree = 2;
  const Model model = fit(rows.X, rows.Y, options, run_with(2));
  const RankEvidence found = rank_evidence(model, rows.source(), {.seed = 3}, run_with(2));
  EXPECT_EQ(found.validated, 3);
  ASSERT_GE(found.error_by_rank.size(), 4U);
  EXPECT_EQ(found.error_by_rank[0], 1);
  for (const CandidateReport& report : model.selection.candidates)
    EXPECT_EQ(found.error_by_rank[static_cast<std::size_t>(report.rank)], report.error[0] / model.validation.mean[0]);
  EXPECT_GT(found.error_by_rank[2], 2 * found.error_by_rank[3]);
  EXPECT_LT(found.error_by_rank[3], 0.01);
}

TEST(RankEvidence, SaysThatNothingWasFound) {
  const Rows rows{normals(300, 4, 5), normals(300, 1, 6), Vector::Ones(300)};
  const Model model =
      fit(rows.X, rows.Y,
          {.method = Method::algorithm_1, .width = 8, .preprocess = Preprocess::none, .lambda = {INFINITY}});
  const RankEvidence found = rank_evidence(model, rows.source());
  EXPECT_EQ(found.rank, 0);
  EXPECT_TRUE(found.nothing_found);
}

// sin(8x) is beyond first and second moments of 300 rows, but the model does better than the mean.
TEST(RankEvidence, FallsBackToTheModelWhereMomentsShowNothing) {
  Rows rows{normals(300, 1, 7), Matrix(300, 1), Vector::Ones(300)};
  rows.Y.col(0) = (8 * rows.X.col(0).array()).sin();
  Model model = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 8});
  model.validation.chosen = 0.5 * model.validation.mean;
  const RankEvidence found = rank_evidence(model, rows.source());
  ASSERT_EQ(found.test.rank, 0);
  EXPECT_EQ(found.rank, 1);
  EXPECT_FALSE(found.nothing_found);
}

TEST(RankEvidence, OtherRowsAreRefused) {
  const Rows rows = random_rows(50, 3, 1, 8, false);
  const Model model = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 8});
  const Rows other = random_rows(50, 4, 1, 8, false);
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)rank_evidence(model, other.source()); }),
            "rank test: the rows have 4 inputs and 1 targets, expected the model's 3 and 1");
}

}  // namespace
