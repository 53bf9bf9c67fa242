// Single runs. Oracles: the same steps by hand through train(), with errors summed row by row; the same run under other
// circumstances, bit by bit.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <thread>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/run.h"
#include "sextant/subspace.h"
#include "sextant/train.h"

namespace sextant {
namespace {

constexpr Index part = Index{1} << 40;

// Figure mode: nothing taken off, nothing scaled, validated on rows of their own.
Run figure_run() {
  sextant::Run run;
  run.d = 4;
  run.noise = 1;
  run.n = 60;
  run.holdout = 80;
  run.test = 150;
  run.fit.width = 16;
  run.fit.preprocess = Preprocess::none;
  run.fit.standardise = false;
  run.fit.refit = false;
  run.fit.seed = 5;
  return run;
}

Block read_all(const RowSource& source) {
  Block block;
  source.read(0, source.rows(), block);
  return block;
}

struct ByHand {
  double risk;
  double error;
};

// Squared errors of the predictor on noise-free rows, one by one.
ByHand risk_by_hand(const Trained& trained, const HermiteTarget& target, Index rows, std::uint64_t seed) {
  const Block test = read_all(GaussianSource({target}, {.rows = rows, .seed = seed, .first_row = 3 * part}));
  std::vector<double> errors;
  for (Index i = 0; i < rows; ++i) {
    Matrix Z;
    trained.scaling.apply(test.X.row(i), Z);
    Matrix Phi(1, width(trained.predictors[0].map));
    features(trained.predictors[0].map, Z, Phi);
    const double z = trained.linear(Z)(0, 0) + (Phi * trained.predictors[0].a)(0, 0);
    const double f = trained.scaling.y_mean[0] + trained.scaling.y_scale[0] * z;
    const double truth = target.value(test.X.row(i))[0];
    errors.push_back((f - truth) * (f - truth));
  }
  double mean = 0;
  for (const double e : errors) mean += e / static_cast<double>(rows);
  double variance = 0;
  for (const double e : errors) variance += (e - mean) * (e - mean) / static_cast<double>(rows);
  return {mean, std::sqrt(variance / static_cast<double>(rows))};
}

TEST(Run, MeasuresTheExcessRiskOfWhatIsTrained) {
  const sextant::Run run = figure_run();
  const HermiteTarget target = source_target(4, {.d = 4});
  const GaussianSource train_rows({target}, {.rows = 60, .noise = 1, .seed = 5});
  const GaussianSource holdout({target}, {.rows = 80, .noise = 1, .seed = 5, .first_row = 2 * part});
  const Trained trained = train(train_rows, &holdout, representation(run.fit), run.fit, {});
  const ByHand expected = risk_by_hand(trained, target, run.test, 5);
  const Outcome outcome = perform(run, {});
  EXPECT_NEAR(outcome.excess_risk, expected.risk, 1e-10 * expected.risk);
  EXPECT_NEAR(outcome.excess_risk_error, expected.error, 1e-8 * expected.error);
  EXPECT_EQ(outcome.lambda, trained.validation.chosen_lambda[0]);
  const Matrix W = std::get<ReluNetwork>(trained.predictors[0].map).first_layer();
  EXPECT_NEAR(*outcome.overlap, std::pow(first_layer_spectrum(W).directions(0, 0), 2), 1e-12);
}

TEST(Run, WithScalingMeasuresInTheTargetsUnits) {
  sextant::Run run = figure_run();
  run.fit.standardise = true;
  run.fit.preprocess = Preprocess::linear;
  run.fit.refit = true;
  run.holdout = 0;
  run.noise = 0.5;
  const HermiteTarget target = source_target(4, {.d = 4});
  const GaussianSource rows({target}, {.rows = 60, .noise = 0.5, .seed = 5});
  const Trained trained = train(rows, nullptr, representation(run.fit), run.fit, {});
  const ByHand expected = risk_by_hand(trained, target, run.test, 5);
  const Outcome outcome = perform(run, {});
  EXPECT_NEAR(outcome.excess_risk, expected.risk, 1e-9 * expected.risk);
  EXPECT_NEAR(outcome.excess_risk_error, expected.error, 1e-7 * expected.error);
}

TEST(Run, TransfersTheFirstLayerOfTheSourceTask) {
  sextant::Run run = figure_run();
  run.n_target = 40;
  const HermiteTarget source = source_target(4, {.d = 4});
  const HermiteTarget target = hermite_target(3, {.d = 4});
  const GaussianSource source_rows({source}, {.rows = 60, .noise = 1, .seed = 5});
  const GaussianSource source_holdout({source}, {.rows = 80, .noise = 1, .seed = 5, .first_row = 2 * part});
  const Trained first = train(source_rows, &source_holdout, representation(run.fit), run.fit, {});
  const GaussianSource rows({target}, {.rows = 40, .noise = 1, .seed = 5, .first_row = part});
  const GaussianSource holdout({target}, {.rows = 80, .noise = 1, .seed = 5, .first_row = 2 * part});
  const Representation kept = [&](const RowSource&, const LinearPart&, const Context&) {
    return first.predictors[0].map;
  };
  const Trained second = train(rows, &holdout, kept, run.fit, {});
  const ByHand expected = risk_by_hand(second, target, run.test, 5);
  const Outcome outcome = perform(run, {});
  EXPECT_NEAR(outcome.excess_risk, expected.risk, 1e-10 * expected.risk);
  EXPECT_EQ(outcome.lambda, second.validation.chosen_lambda[0]);

  // With scaling and a linear part the first task is fitted whole; the inputs keep its scaling.
  run.fit.standardise = true;
  run.fit.preprocess = Preprocess::linear;
  const Trained whole = train(source_rows, &source_holdout, representation(run.fit), run.fit, {});
  const Representation whole_map = [&](const RowSource&, const LinearPart&, const Context&) {
    return whole.predictors[0].map;
  };
  const Trained again = train(rows, &holdout, whole_map, run.fit, {}, &whole.scaling);
  EXPECT_NEAR(perform(run, {}).excess_risk, risk_by_hand(again, target, run.test, 5).risk, 1e-9);
}

TEST(Run, OfOneTrainingRowWorksInFigureMode) {
  for (const Method method : known_methods()) {
    if (is_automatic(method)) continue;  // they choose by held-out rows, of which there are none
    if (method == Method::sir || method == Method::save || method == Method::phd ||
        method == Method::directional_regression)
      continue;  // a classical reduction needs rows to reduce
    sextant::Run run = figure_run();
    run.n = 1;
    run.fit.method = method;
    EXPECT_TRUE(std::isfinite(perform(run, {}).excess_risk)) << name(method);
  }
}

TEST(Run, TellsTheOracleTheDirections) {
  sextant::Run run = figure_run();
  run.target = "multi-index";
  run.r = 2;
  run.orientation = Orientation::random;
  run.fit.method = Method::oracle;
  EXPECT_NEAR(*perform(run, {}).overlap, 1.0, 1e-12);
}

std::vector<Run> assorted_runs() {
  std::vector<Run> runs;
  for (const Method method : {Method::algorithm_1, Method::ntk, Method::kernel_gaussian, Method::random_features})
    for (const Index n : {1, 30, 60}) {
      sextant::Run run = figure_run();
      run.fit.method = method;
      run.n = n;
      runs.push_back(run);
      if (method == Method::algorithm_1) {
        run.n_target = 20;
        runs.push_back(run);
      }
    }
  return runs;
}

void expect_same(const Outcome& a, const Outcome& b, const sextant::Run& run) {
  EXPECT_EQ(a.excess_risk, b.excess_risk) << key(run);
  EXPECT_EQ(a.excess_risk_error, b.excess_risk_error) << key(run);
  EXPECT_EQ(a.overlap, b.overlap) << key(run);
  EXPECT_EQ(a.lambda, b.lambda) << key(run);
}

TEST(Run, HasTheSameBitsAloneAndAmongOthersOnSeveralThreads) {
  const auto runs = assorted_runs();
  std::vector<Outcome> alone;
  for (const sextant::Run& run : runs) alone.push_back(perform(run, {.threads = 1}));
  for (std::size_t i = 0; i < runs.size(); ++i) expect_same(perform(runs[i], {.threads = 2}), alone[i], runs[i]);

  std::vector<Outcome> among(runs.size());
  Workshop workshop;
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&] {
      for (std::size_t i = next++; i < runs.size(); i = next++)
        among[runs.size() - 1 - i] = perform(runs[runs.size() - 1 - i], {.threads = 1}, &workshop);
    });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < runs.size(); ++i) expect_same(among[i], alone[i], runs[i]);
}

TEST(Run, IsCancelledBetweenBlocks) {
  Context context;
  context.progress = [](const Progress&) { return false; };
  EXPECT_THROW(static_cast<void>(perform(figure_run(), context)), Cancelled);
  // A transfer whose pretraining was cancelled in one thread is not lost to the others.
  sextant::Run run = figure_run();
  run.n_target = 20;
  Workshop workshop;
  EXPECT_THROW(static_cast<void>(perform(run, context, &workshop)), Cancelled);
  expect_same(perform(run, {}, &workshop), perform(run, {}), run);
}

TEST(Run, ChecksItsParameters) {
  sextant::Run run = figure_run();
  run.test = 0;
  EXPECT_EQ(message_of([&] { static_cast<void>(perform(run, {})); }), "test: 0 given, expected 1 to 2^40");
  run = figure_run();
  run.fit.rank = 5;
  EXPECT_EQ(message_of([&] { run.check(); }), "rank: 5 given, expected at most d = 4");
}

TEST(Workshop, KeepsWhatWasUsedLastWithinItsLimit) {
  // 3 rows of 1 input and 1 target are 48 bytes: two sets fit.
  const Matrix X = Matrix::Ones(3, 1);
  const MemorySource source(X, X);
  Workshop workshop(100);
  const auto a = workshop.rows("a", source);
  const auto b = workshop.rows("b", source);
  EXPECT_EQ(workshop.rows("a", source), a);
  const auto c = workshop.rows("c", source);
  EXPECT_EQ(workshop.rows("a", source), a);
  EXPECT_EQ(workshop.rows("c", source), c);
  EXPECT_NE(workshop.rows("b", source), b);
}

TEST(EstimatedCost, GrowsWithEverythingThatIsComputed) {
  const sextant::Run run = figure_run();
  const double cost = estimated_cost(run);
  for (const auto& larger :
       {+[](sextant::Run& r) { r.n *= 2; }, +[](sextant::Run& r) { r.test *= 2; },
        +[](sextant::Run& r) { r.holdout *= 2; }, +[](sextant::Run& r) { r.fit.width *= 2; },
        +[](sextant::Run& r) { r.fit.method = Method::ntk; }, +[](sextant::Run& r) { r.d *= 2; }}) {
    sextant::Run other = run;
    larger(other);
    EXPECT_GT(estimated_cost(other), cost);
  }
}

}  // namespace
}  // namespace sextant
