// Oracles: order statistics sorted by hand, ⌈(n+1)·level⌉ in whole numbers; the binomial spread of exact coverage over
// many data sets; the split's own residuals for what a fit keeps.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/folds.h"
#include "sextant/intervals.h"
#include "sextant/model.h"
#include "sextant/model_file.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;

namespace {

// Residuals are `residual`, about predictions that do not matter.
HeldOut held_out(const Vector& residual, Vector w = {}) {
  HeldOut rows{Matrix(residual.size(), 1), Matrix(residual.size(), 1), std::move(w)};
  rows.F.col(0) = Vector(normals(residual.size(), 1, 9));
  rows.Y.col(0) = rows.F.col(0) + residual;
  if (rows.w.size() == 0) rows.w = Vector::Ones(residual.size());
  return rows;
}

double radius(const Intervals& intervals, double level) { return half_widths(intervals, level)[0]; }

enum class Noise { gaussian, cauchy };

// y = |x₁| + x₂ + noise of scale 1/2; the rows of one data set.
Rows noisy_rows(Index n, std::uint64_t seed, Noise noise) {
  Rows rows{normals(n, 3, seed, 11), normals(n, 1, seed, 12), Vector::Ones(n)};
  for (Index i = 0; i < n; ++i) {
    double e = rows.Y(i, 0);
    if (noise == Noise::cauchy)
      e = std::tan(std::numbers::pi * (Stream(seed, Purpose::noise).uniform(static_cast<std::uint64_t>(i)) - 0.5));
    rows.Y(i, 0) = std::abs(rows.X(i, 0)) + rows.X(i, 1) + 0.5 * e;
  }
  return rows;
}

// The share of fresh rows inside, averaged over data sets, and its standard error over them.
struct Coverage {
  double mean = 0;
  double error = 0;
};
Coverage measured(double level, Noise noise, std::optional<double> calibration_share, int sets) {
  std::vector<double> shares;
  for (int set = 0; set < sets; ++set) {
    const auto seed = static_cast<std::uint64_t>(set);
    const Rows rows = noisy_rows(150, seed, noise);
    FitOptions options{.method = Method::algorithm_1, .width = 8, .seed = seed};
    options.calibration_share = calibration_share;
    const Model model = fit(rows.X, rows.Y, options, run_with(1));
    const Rows fresh = noisy_rows(200, seed + 100'000, noise);
    shares.push_back(evaluate_intervals(model, fresh.source(), level, run_with(1))[0].coverage);
  }
  Coverage result;
  double square = 0;
  for (const double share : shares) result.mean += share / sets;
  for (const double share : shares) square += (share - result.mean) * (share - result.mean) / (sets - 1);
  result.error = std::sqrt(square / sets);
  return result;
}

TEST(Intervals, TakeTheOrderStatisticOfTheFiniteSample) {
  for (const Index n : {1, 2, 9, 10, 99, 1000}) {
    Vector residual(n);
    for (Index i = 0; i < n; ++i) residual[i] = (i % 2 == 0 ? 1.0 : -1.0) * static_cast<double>((i * 7919) % n + 1);
    Vector sorted = residual.cwiseAbs();
    std::sort(sorted.begin(), sorted.end());
    const Intervals intervals = calibrate_intervals(held_out(residual), false);
    EXPECT_EQ(intervals.rows, n);
    for (const Index percent : {10, 50, 67, 90, 99}) {
      const Index rank = ((n + 1) * percent + 99) / 100;  // ⌈(n+1)·level⌉
      if (rank > n)
        EXPECT_THROW((void)radius(intervals, static_cast<double>(percent) / 100), InvalidArgument);
      else
        EXPECT_NEAR(radius(intervals, static_cast<double>(percent) / 100), sorted[rank - 1], 1e-9) << n << percent;
    }
  }
}

TEST(Intervals, KnotsOfManyRowsAreExactInTheTailAndNeverTooNarrow) {
  const Index n = 12'345;
  const Vector residual = normals(n, 1, 3);
  Vector sorted = residual.cwiseAbs();
  std::sort(sorted.begin(), sorted.end());
  const Intervals intervals = calibrate_intervals(held_out(residual), false);
  EXPECT_EQ(intervals.level.rows(), 1000);
  for (int at = 1; at < 1000; ++at) {
    const double level = at / 1000.0;
    const auto rank = static_cast<Index>(std::ceil(level * static_cast<double>(n + 1) - 1e-9));
    const double found = radius(intervals, level);
    EXPECT_GE(found, sorted[rank - 1] - 1e-12);
    EXPECT_LE(found, sorted[std::min(n - 1, rank - 1 + n / 800 + 1)] + 1e-12);
  }
  for (const double level : {0.99, 0.995, 0.9999}) {
    const auto rank = static_cast<Index>(std::ceil(level * static_cast<double>(n + 1) - 1e-9));
    EXPECT_NEAR(radius(intervals, level), sorted[rank - 1], 1e-12);
  }
}

TEST(Intervals, WeightsCountAsShares) {
  const Vector residual = Eigen::Vector4d(4, 1, 3, 2);
  // |r| 1, 2, 3 with weights 2, 1, 1, and a row that counts for nothing; the new row weighs 4/3 on average.
  const Intervals intervals = calibrate_intervals(held_out(residual, Eigen::Vector4d(0, 2, 1, 1)), true);
  EXPECT_EQ(intervals.rows, 3);
  EXPECT_TRUE(intervals.set_aside);
  EXPECT_TRUE(intervals.level.col(0).isApprox(Eigen::Vector3d(2, 3, 4) / (4 + 4.0 / 3)));
  EXPECT_TRUE(intervals.radius.col(0).isApprox(Eigen::Vector3d(1, 2, 3)));
  // A common factor of the weights changes nothing.
  const Intervals scaled = calibrate_intervals(held_out(residual, 7 * Eigen::Vector4d(0, 2, 1, 1)), true);
  EXPECT_TRUE(scaled.level.isApprox(intervals.level));
}

TEST(Intervals, SayWhichLevelThereIs) {
  const Intervals intervals = calibrate_intervals(held_out(Vector::LinSpaced(20, 1, 20)), false);
  EXPECT_EQ(
      message_of([&] { (void)half_widths(intervals, 0.99); }),
      "interval: 0.99 given, expected at most 0.952: the model has 20 held-out rows to calibrate by, which support "
      "no higher level");
  EXPECT_NO_THROW((void)half_widths(intervals, 0.952));
  for (const double level : {0.0, 1.0, -0.5, 90.0, std::nan("")})
    EXPECT_NE(message_of([&] { (void)half_widths(intervals, level); }).find("expected a level between 0 and 1"),
              std::string::npos);
  EXPECT_NE(message_of([] { (void)half_widths({}, 0.5); }).find("keeps no residuals"), std::string::npos);
  HeldOut bad = held_out(Vector::Ones(3));
  bad.F(1, 0) = std::nan("");
  EXPECT_THROW((void)calibrate_intervals(bad, false), NumericalError);
}

// Over data sets and fresh rows alike, P(inside) is in [level, level + 1/(n+1)] exactly, n = 30 rows set aside; the
// mean over the sets is within 4 of its standard errors of that (two-sided 6·10⁻⁵ each).
TEST(Intervals, RowsSetAsideGiveExactCoverage) {
  for (const double level : {0.5, 0.9}) {
    const Coverage found = measured(level, Noise::gaussian, 0.2, 1500);
    const double upper = std::ceil(31 * level - 1e-9) / 31;
    EXPECT_NEAR(found.mean, upper, 4 * found.error) << level;
    EXPECT_LT(found.error, 0.004);  // so that the test can fail
  }
}

TEST(Intervals, RowsSetAsideGiveExactCoverageUnderHeavyTails) {
  const Coverage found = measured(0.9, Noise::cauchy, 0.2, 1500);
  EXPECT_NEAR(found.mean, std::ceil(31 * 0.9 - 1e-9) / 31, 4 * found.error);
  EXPECT_LT(found.error, 0.004);
}

// The rows that chose λ calibrate, which makes their residuals a little small, and the model is trained on more rows
// than the split's, which makes its own smaller: 30 held-out rows would give 28/31 = 0.903 if there were neither; 0.891
// was measured, with a standard error of 0.0016.
TEST(Intervals, WithoutRowsSetAsideCoverageIsClose) {
  const Coverage found = measured(0.9, Noise::gaussian, {}, 1500);
  EXPECT_NEAR(found.mean, 0.897, 0.016);
}

TEST(Intervals, NothingButTheIntervalsSeesRowsSetAside) {
  Rows rows = noisy_rows(60, 4, Noise::gaussian);
  FitOptions options{.method = Method::algorithm_1, .width = 8, .seed = 3};
  options.calibration_share = 0.25;
  const Model model = fit(rows.X, rows.Y, options, run_with(1));
  EXPECT_EQ(model.intervals.rows, 15);
  EXPECT_TRUE(model.intervals.set_aside);
  EXPECT_EQ(model.rows, 45);
  // Spoil the targets of exactly those rows.
  const Folds folds{options.seed, 4, Purpose::calibration};
  for (Index i = 0; i < 60; ++i)
    if (folds.of(i) == 0) rows.Y(i, 0) = 1000;
  const Model spoiled = fit(rows.X, rows.Y, options, run_with(1));
  EXPECT_EQ(predict(spoiled, rows.X), predict(model, rows.X));
  EXPECT_GT(half_widths(spoiled.intervals, 0.5)[0], 900);
}

TEST(Intervals, WithoutRowsSetAsideTheSplitsResidualsServe) {
  const Rows rows = noisy_rows(100, 5, Noise::gaussian);
  FitOptions options{.method = Method::algorithm_1, .width = 8, .seed = 3};
  options.refit = false;  // so that the model is the split's
  const Model model = fit(rows.X, rows.Y, options, run_with(1));
  const MemorySource source = rows.source();
  const FoldSource unseen(source, {options.seed, 5}, 0, FoldSource::Side::inside);
  const Rows own = read_all(unseen, 7);
  Vector residual = (own.Y - predict(model, own.X)).cwiseAbs();
  std::sort(residual.begin(), residual.end());
  EXPECT_LT(relative_error(model.intervals.radius, residual), 1e-9);
}

TEST(Intervals, EndsLieAroundThePrediction) {
  const Rows rows = noisy_rows(100, 6, Noise::gaussian);
  const Model model = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 8}, run_with(1));
  const IntervalPrediction found = predict_interval(model, rows.X, 0.8);
  const double q = half_widths(model.intervals, 0.8)[0];
  EXPECT_EQ(found.value, predict(model, rows.X));
  EXPECT_LT(relative_error(found.high - found.low, Matrix::Constant(100, 1, 2 * q)), 1e-12);
  const auto scores = evaluate_intervals(model, rows.source(), 0.8);
  EXPECT_NEAR(scores[0].width, 2 * q, 1e-12 * q);
  double inside = 0;
  for (Index i = 0; i < 100; ++i) inside += std::abs(rows.Y(i, 0) - found.value(i, 0)) <= q ? 0.01 : 0.0;
  EXPECT_NEAR(scores[0].coverage, inside, 1e-12);
}

TEST(Intervals, TransferHasItsOwn) {
  const Rows rows = noisy_rows(100, 7, Noise::gaussian);
  const Model source = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 8}, run_with(1));
  FitOptions options{.method = Method::algorithm_1};
  options.calibration_share = 0.2;
  const Matrix doubled = 10 * rows.Y;
  const Model result = transfer(source, MemorySource(rows.X, doubled), source.encoding, options, run_with(1));
  EXPECT_EQ(result.intervals.rows, 20);
  EXPECT_GT(half_widths(result.intervals, 0.9)[0], 5 * half_widths(source.intervals, 0.9)[0]);
}

TEST(Intervals, TooFewRowsToSetAside) {
  const Rows rows = noisy_rows(4, 8, Noise::gaussian);
  FitOptions options{.method = Method::algorithm_1, .width = 8};
  options.calibration_share = 0.5;
  EXPECT_NO_THROW((void)fit(rows.X, rows.Y, options, run_with(1)));
  const Rows two = noisy_rows(2, 8, Noise::gaussian);
  EXPECT_NE(message_of([&] { (void)fit(two.X, two.Y, options); }).find("set aside to calibrate"), std::string::npos);
  options.calibration_share = 0.7;
  EXPECT_NE(message_of([&] { (void)fit(rows.X, rows.Y, options); }).find("calibration-share: 0.7 given"),
            std::string::npos);
}

TEST(Intervals, AreKeptInTheModelFile) {
  const Rows rows = noisy_rows(100, 9, Noise::gaussian);
  FitOptions options{.method = Method::algorithm_1, .width = 8};
  options.calibration_share = 0.2;
  const Model model = fit(rows.X, rows.Y, options, run_with(1));
  const TemporaryFolder folder;
  const std::string path = folder.path("m.sextant");
  save_model(model, path);
  const Model read = load_model(path);
  EXPECT_EQ(read.intervals.level, model.intervals.level);
  EXPECT_EQ(read.intervals.radius, model.intervals.radius);
  EXPECT_EQ(read.intervals.rows, 20);
  EXPECT_TRUE(read.intervals.set_aside);
  EXPECT_EQ(read.options.calibration_share, 0.2);
  Model without = model;
  without.intervals = {};
  save_model(without, path);
  EXPECT_EQ(load_model(path).intervals.rows, 0);
}

}  // namespace
