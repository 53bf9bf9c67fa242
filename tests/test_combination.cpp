// Oracles: the errors of mixtures from their predictions, written out; what must not be chosen, by its definition.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "search/combination.h"
#include "test_support.h"

using namespace sextant;

namespace {

// A table whose target is a sine, its two folds, and candidates that know it but for noise.
class Combinations : public testing::Test {
 protected:
  static Rows drawn() {
    Rows rows{normals(300, 3, 61), Matrix(300, 1), Vector::Ones(300)};
    rows.Y.col(0) =
        (3 + 2 * (rows.X.col(0).array() + rows.X.col(1).array()).sin() + 0.2 * normals(300, 1, 62).array()).matrix();
    for (Index i = 0; i < 300; ++i) rows.w[i] = 0.5 + static_cast<double>(i % 3);
    return rows;
  }
  FitOptions options() const {
    FitOptions result;
    result.method = Method::automatic;
    result.folds = 2;
    result.extrapolate = true;  // else predictions are held back, which mixtures of held-out ones are not
    return result;
  }
  // What a candidate with so much noise says of each split's sample.
  std::vector<Matrix> says(double noise, std::uint64_t seed) const {
    std::vector<Matrix> F;
    for (std::size_t i = 0; i < samples_.size(); ++i)
      F.push_back(samples_[i].Y + noise * normals(samples_[i].Y.rows(), 1, seed + i));
    return F;
  }
  static CandidateReport report(const std::string& name) {
    CandidateReport result;
    result.name = name;
    result.recipe = NetworkRecipe{};
    return result;
  }
  // Held-out mean square in own units, by definition.
  double error_of(const std::vector<Matrix>& F) const { return held_out_of(preparation_, samples_, F).errors()[0]; }
  Combination all_of(double most_bytes = 1e9) const { return {preparation_, samples_, options_, true, most_bytes}; }

  const Rows rows_ = drawn();
  const MemorySource source_ = rows_.source();
  const Context context_ = run_with(1);
  const FitOptions options_ = options();
  const Preparation preparation_ = prepare_training(source_, nullptr, options_, context_, nullptr);
  const std::vector<Sample> samples_ = held_out_samples(preparation_, context_);
};

}  // namespace

TEST_F(Combinations, ErrorsAreThoseOfTheHeldOutRows) {
  Combination all = all_of();
  EXPECT_EQ(all.relative_error(), 1);
  std::vector<Candidate> candidates;
  for (const double noise : {0.5, 0.3, 0.4}) {
    Candidate& each = candidates.emplace_back();
    each.report = report("one");
    each.held_out = says(noise, 70 + candidates.size() * 10);
    all.add(each.report, each.held_out, 1);
    EXPECT_NEAR(each.report.error[0], error_of(each.held_out), 1e-12);
    EXPECT_GT(each.report.standard_error[0], 0);
    EXPECT_LT(each.report.standard_error[0], 0.2 * each.report.error[0]);  // of 300 rows: √(2/300) = 0.08
  }
  EXPECT_TRUE(all.choose());
  EXPECT_TRUE(all.sure());
  const double mean =
      error_of({preparation_.scaled[0].prepared.moments.y_mean[0] * Matrix::Ones(samples_[0].Y.rows(), 1),
                preparation_.scaled[1].prepared.moments.y_mean[0] * Matrix::Ones(samples_[1].Y.rows(), 1)});
  EXPECT_NEAR(all.relative_error(), error_of(all.held_out(candidates)) / mean, 1e-12);
  // Independent errors average out: every one has its share, the best the largest.
  double sum = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_GT(all.weights(c)[0], 0.05);
    EXPECT_LE(all.weights(c)[0], all.weights(1)[0]);
    EXPECT_EQ(all.why_dropped(c), "");
    sum += all.weights(c)[0];
  }
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_LT(error_of(all.held_out(candidates)), candidates[1].report.error[0]);
}

TEST_F(Combinations, WhatIsChosenStandsUntilSomethingIsBetter) {
  Combination all = all_of();
  double before = 1;
  for (const double noise : {0.5, 0.9, 0.2, 2.0, 0.21}) {
    CandidateReport each = report("one");
    all.add(each, says(noise, 80 + static_cast<std::uint64_t>(100 * noise)), 1);
    all.choose();
    EXPECT_LE(all.relative_error(), before) << noise;
    before = all.relative_error();
  }
  EXPECT_FALSE(all.choose());  // nothing new
  EXPECT_EQ(all.why_dropped(3), "no better than the mean by more than chance");
}

TEST_F(Combinations, WhatFailedOrIsLeftOutNeverCounts) {
  Combination all = all_of();
  CandidateReport failed = report("failed");
  failed.failed = "because";
  all.add(failed, {}, 1);
  EXPECT_TRUE(std::isinf(failed.error[0]));
  all.leave_out();
  EXPECT_FALSE(all.choose());
  EXPECT_TRUE(all.nothing_found()[0]);
  CandidateReport good = report("good");
  all.add(good, says(0.1, 95), 1);
  EXPECT_FALSE(all.choose_among({true, true, false}));
  EXPECT_TRUE(all.choose());
  EXPECT_EQ(all.weights(0)[0], 0);
  EXPECT_EQ(all.weights(1)[0], 0);
  EXPECT_EQ(all.why_dropped(0), "its numbers failed");
}

// What is too large alone goes, then what has the least weight for its size, until the rest fits.
TEST_F(Combinations, WhatIsChosenFitsTheModel) {
  Combination all = all_of(10);
  std::vector<CandidateReport> reports(3);
  const std::vector<double> noise = {0.1, 0.12, 0.3};
  const std::vector<double> bytes = {11, 6, 5};
  for (std::size_t c = 0; c < 3; ++c) {
    reports[c] = report("one");
    all.add(reports[c], says(noise[c], 100 + 10 * c), bytes[c]);
  }
  EXPECT_TRUE(all.choose());
  EXPECT_EQ(all.weights(0)[0], 0);
  EXPECT_GT(all.weights(1)[0], 0.9);
  EXPECT_EQ(all.weights(2)[0], 0);  // 11 bytes together
  for (const std::size_t c : {0U, 2U}) EXPECT_EQ(all.why_dropped(c), "the model would take too much space with it");
}

// A head by squared error whose outputs hardly differ but are right in every row, and one by log-loss that is sure and
// wrong in every seventh: squares favour the second, what the first is calibrated to has next to no log-loss.
TEST(ClassCombination, IsChosenByTheCalibratedLogLoss) {
  Rows rows{normals(300, 2, 63), Matrix::Zero(300, 2), Vector::Ones(300)};
  for (Index i = 0; i < 300; ++i) rows.Y(i, rows.X(i, 0) > 0 ? 1 : 0) = 1;
  FitOptions options;
  options.method = Method::automatic;
  options.task = Task::classification;
  options.folds = 2;
  const MemorySource source = rows.source();
  const Context context = run_with(1);
  const Preparation preparation = prepare_training(source, nullptr, options, context, nullptr);
  const std::vector<Sample> samples = held_out_samples(preparation, context);
  Combination all(preparation, samples, options, true, 1e9);
  std::vector<Candidate> candidates(2);
  candidates[0].report.name = "hardly differs";
  candidates[0].report.recipe = NetworkRecipe{};
  candidates[1].report.name = "is sure";
  candidates[1].report.recipe = LogisticRecipe{};
  for (const Sample& sample : samples) {
    const Vector middle = (sample.Y.colwise().maxCoeff() + sample.Y.colwise().minCoeff()).transpose() / 2;
    const Matrix from_middle = sample.Y.rowwise() - middle.transpose();
    candidates[0].held_out.push_back((0.1 * from_middle).rowwise() + middle.transpose());
    Matrix sure = 0.9 * from_middle;
    for (Index i = 0; i < sure.rows(); i += 7) sure.row(i) *= -1;
    candidates[1].held_out.push_back(sure.rowwise() + middle.transpose());
  }
  for (Candidate& each : candidates) all.add(each.report, each.held_out, 1);
  EXPECT_LT(candidates[1].report.error[0], candidates[0].report.error[0]);
  EXPECT_TRUE(all.choose());
  EXPECT_EQ(all.weights(1), Vector(Vector::Zero(2)));
  EXPECT_GT(all.weights(0).minCoeff(), 0);
  EXPECT_LT(all.relative_error(), 0.1);
}
