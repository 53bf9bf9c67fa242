// Reports of classes and thresholds. Oracles: counts and losses by hand, all thresholds one by one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "message_of.h"
#include "sextant/class_probabilities.h"
#include "sextant/class_report.h"
#include "sextant/model.h"
#include "sextant/model_file.h"
#include "test_support.h"

using namespace sextant;

namespace {

ClassReport report_of(const Matrix& P, const Matrix& Y, const Vector& w, const Vector& frequencies) {
  ClassReportSum sum(frequencies);
  const Index half = P.rows() / 2;  // in two blocks
  sum.add(P.topRows(half).array().log(), Y.topRows(half), w.head(half));
  sum.add(P.bottomRows(P.rows() - half).array().log(), Y.bottomRows(P.rows() - half), w.tail(P.rows() - half));
  return sum.report();
}

TEST(ClassReport, CountsByHand) {
  Matrix P(4, 3);
  P << 0.7, 0.2, 0.1, 0.3, 0.6, 0.1, 0.5, 0.4, 0.1, 0.2, 0.2, 0.6;
  Matrix Y = Matrix::Zero(4, 3);
  Y(0, 0) = Y(1, 1) = Y(2, 1) = Y(3, 0) = 1;
  Vector w(4);
  w << 1, 2, 1, 0;
  Vector q(3);
  q << 0.5, 0.3, 0.2;
  const ClassReport report = report_of(P, Y, w, q);
  EXPECT_EQ(report.classes[0].n, 1);
  EXPECT_EQ(report.classes[1].n, 2);
  EXPECT_EQ(report.classes[2].n, 0);
  EXPECT_DOUBLE_EQ(report.classes[0].recall, 1);
  EXPECT_DOUBLE_EQ(report.classes[0].precision, 0.5);
  EXPECT_DOUBLE_EQ(report.classes[1].recall, 2.0 / 3);
  EXPECT_DOUBLE_EQ(report.classes[1].precision, 1);
  EXPECT_TRUE(std::isnan(report.classes[2].recall));
  EXPECT_TRUE(std::isnan(report.classes[2].precision));
  const double loss = -std::log(0.8) - 2 * std::log(0.6) - std::log(0.4);
  const double of_frequencies = -std::log(0.7) - 3 * std::log(0.3);
  EXPECT_NEAR(report.classes[1].gain, 1 - loss / of_frequencies, 1e-14);
  ASSERT_EQ(report.bins.size(), 1U);  // too few rows for more
  EXPECT_NEAR(report.bins[0].predicted, (0.7 + 2 * 0.6 + 0.5) / 4, 1e-14);
  EXPECT_NEAR(report.bins[0].observed, 0.75, 1e-14);
  EXPECT_NEAR(report.calibration_error, std::abs(0.6 - 0.75), 1e-14);
}

TEST(ClassReport, FrequenciesGainNothing) {
  Vector q(3);
  q << 0.5, 0.3, 0.2;
  const Matrix P = q.transpose().replicate(300, 1);
  for (const OneClass& each : report_of(P, drawn_classes(P, 1), Vector::Ones(300), q).classes)
    EXPECT_NEAR(each.gain, 0, 1e-13);
}

TEST(ClassReport, CalibratedProbabilitiesHaveLittleCalibrationErrorAndOthersTheirs) {
  const Matrix L = 1.5 * normals(40'000, 2, 3);
  const Matrix P = probabilities({}, L);
  const Matrix Y = drawn_classes(P, 4);
  const Vector w = Vector::Ones(P.rows());
  const Vector q = Vector::Constant(2, 0.5);
  const ClassReport right = report_of(P, Y, w, q);
  ASSERT_EQ(right.bins.size(), 15U);
  for (const ReliabilityBin& bin : right.bins) {
    EXPECT_NEAR(bin.share, 1.0 / 15, 2e-3);
    EXPECT_NEAR(bin.predicted, bin.observed, 4 * 0.5 / std::sqrt(bin.share * 40'000));  // four standard errors
  }
  EXPECT_LT(right.calibration_error, 0.01);
  // A tenth of every probability moved to the second class: that is the error, by definition.
  Matrix moved = P;
  moved.col(1) = 0.9 * P.col(1).array() + 0.1;
  moved.col(0) = 1 - moved.col(1).array();
  const double mean_move = (moved.col(1) - P.col(1)).mean();
  EXPECT_NEAR(report_of(moved, Y, w, q).calibration_error, mean_move, 0.01);
}

TEST(ClassReport, OfManyClassesIsAboutTheMostProbable) {
  const Matrix P = probabilities({}, 2 * normals(20'000, 5, 6));
  const Matrix Y = drawn_classes(P, 7);
  const ClassReport report = report_of(P, Y, Vector::Ones(P.rows()), Vector::Constant(5, 0.2));
  EXPECT_LT(report.calibration_error, 0.015);
  double right = 0;
  double sure = 0;
  for (Index i = 0; i < P.rows(); ++i) {
    Index top = 0;
    sure += P.row(i).maxCoeff(&top) / 20'000;
    right += Y(i, top) / 20'000;
  }
  double predicted = 0;
  double observed = 0;
  for (const ReliabilityBin& bin : report.bins) {
    predicted += bin.share * bin.predicted;
    observed += bin.share * bin.observed;
  }
  EXPECT_NEAR(predicted, sure, 1e-12);
  EXPECT_NEAR(observed, right, 1e-12);
}

TEST(Thresholds, AreTheBestOfAll) {
  const Index n = 500;
  const Matrix L = normals(n, 1, 8);
  Vector p(n);
  Vector of_class(n);
  Vector w(n);
  const Stream uniforms(9, Purpose::noise);
  for (Index i = 0; i < n; ++i) {
    p[i] = 1 / (1 + std::exp(3 - 1.5 * L(i, 0)));
    if (i % 10 == 0) p[i] = 0.25;  // ties
    of_class[i] = uniforms.uniform(static_cast<std::uint64_t>(2 * i)) < p[i] ? 1 : 0;
    w[i] = i % 9 == 4 ? 0 : 1 + static_cast<double>(i % 3);
  }
  const ThresholdAdvice advice = threshold_advice(p, of_class, w);
  const auto score_at = [&](double threshold) {
    ThresholdSum sum;
    for (Index i = 0; i < n; ++i)
      if (w[i] > 0) sum.add(p[i], of_class[i] > 0, w[i], threshold);
    return sum.score(threshold);
  };
  double f1 = 0;
  double balanced = 0;
  for (const double threshold : p) {
    const ThresholdScore score = score_at(threshold);
    if (score.f1 > f1) f1 = score.f1;
    balanced = std::max(balanced, score.balanced_accuracy);
  }
  EXPECT_NEAR(advice.f1.f1, f1, 1e-12);
  EXPECT_NEAR(advice.balanced.balanced_accuracy, balanced, 1e-12);
  for (const ThresholdScore& each : {advice.f1, advice.balanced, advice.most_probable}) {
    const ThresholdScore again = score_at(each.threshold);
    EXPECT_NEAR(again.precision, each.precision, 1e-12);
    EXPECT_NEAR(again.recall, each.recall, 1e-12);
    EXPECT_NEAR(again.accuracy, each.accuracy, 1e-12);
    EXPECT_NEAR(again.f1, 2 * each.precision * each.recall / (each.precision + each.recall), 1e-12);
  }
  EXPECT_EQ(advice.n, (w.array() > 0).count());
}

TEST(Thresholds, WithoutARowOfTheClassSayNothing) {
  const Vector p = Vector::LinSpaced(10, 0.1, 0.9);
  const ThresholdAdvice advice = threshold_advice(p, Vector::Zero(10), Vector::Ones(10));
  EXPECT_TRUE(std::isnan(advice.f1.recall));
  EXPECT_TRUE(std::isnan(advice.balanced.balanced_accuracy));
}

struct RareFit {
  Matrix X = normals(600, 3, 11);
  std::vector<std::string> labels;
  Model model;

  RareFit() {
    const Matrix noise = normals(600, 1, 12);
    for (Index i = 0; i < 600; ++i) labels.emplace_back(X(i, 0) + 0.5 * noise(i, 0) > 1.7 ? "bad" : "good");
    FitOptions options{.method = Method::algorithm_1};
    options.width = 64;
    options.class_weights.balanced = true;
    model = fit(X, labels, options);
  }
};

TEST(Thresholds, OfAModelCountRowsAsTheyComeWhateverClassesWeigh) {
  const RareFit rare;
  const ThresholdAdvice& advice = *rare.model.classification->threshold;
  EXPECT_EQ(advice.class_at, 0);  // "bad"
  EXPECT_EQ(threshold_class(rare.model), 0);
  EXPECT_LT(advice.of_it, advice.n / 5);
  // Of weighted rows the half-way threshold would have a precision near its recall; of these rows it is much less.
  EXPECT_LT(advice.most_probable.precision, 0.8 * advice.most_probable.recall);
  EXPECT_GT(advice.f1.threshold, 0.5);
  EXPECT_GE(advice.f1.f1, advice.most_probable.f1);
}

TEST(Thresholds, AreKeptInTheFileAndMeasuredOnRows) {
  const RareFit rare;
  const Model loaded = model_from_bytes(model_bytes(rare.model), "memory");
  EXPECT_EQ(loaded.classification->threshold->f1.threshold, rare.model.classification->threshold->f1.threshold);
  EXPECT_EQ(loaded.classification->report.classes[1].n, rare.model.classification->report.classes[1].n);
  EXPECT_EQ(model_bytes(loaded), model_bytes(rare.model));
  Matrix Y = Matrix::Zero(600, 2);
  for (Index i = 0; i < 600; ++i) Y(i, rare.labels[static_cast<std::size_t>(i)] == "bad" ? 0 : 1) = 1;
  const MemorySource rows(rare.X, Y);
  const Matrix P = predict_probabilities(loaded, rare.X);
  ThresholdSum sum;
  for (Index i = 0; i < 600; ++i) sum.add(P(i, 0), Y(i, 0) > 0, 1, 0.8);
  Context blocks;
  blocks.block_rows = 128;
  const ThresholdScore score = evaluate_threshold(loaded, rows, 0.8, 0, blocks);
  EXPECT_DOUBLE_EQ(score.precision, sum.score(0.8).precision);
  EXPECT_DOUBLE_EQ(score.recall, sum.score(0.8).recall);
  EXPECT_EQ(message_of([&] { (void)evaluate_threshold(loaded, rows, 1.5, 0); }),
            "threshold: 1.5 given, expected a probability from 0 to 1");
  const Scores scores = evaluate(loaded, rows, blocks);
  const ClassReport whole = report_of(P, Y, Vector::Ones(600), loaded.classification->frequencies);
  EXPECT_NEAR(scores.report->classes[0].gain, whole.classes[0].gain, 1e-12);
  EXPECT_NEAR(scores.report->calibration_error, whole.calibration_error, 1e-12);
}

TEST(Thresholds, AreForTwoClasses) {
  const Matrix X = normals(90, 2, 13);
  std::vector<std::string> labels;
  for (Index i = 0; i < 90; ++i) labels.emplace_back(1, static_cast<char>('a' + i % 3));
  FitOptions options{.method = Method::algorithm_1};
  options.width = 8;
  const Model model = fit(X, labels, options);
  EXPECT_FALSE(model.classification->threshold.has_value());
  EXPECT_NE(message_of([&] { (void)threshold_class(model); }).find("the model is of 3 classes, expected two"),
            std::string::npos);
}

// 3 % of the rows, whatever their inputs: of many ways tried some suit the held-out ones by chance.
TEST(RareClasses, WithoutAnythingToLearnAreLeftToTheirFrequencies) {
  int left = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const Matrix X = normals(600, 10, seed, 20);
    const Stream uniforms(seed, Purpose::noise);
    std::vector<std::string> labels;
    for (std::uint64_t i = 0; i < 600; ++i) labels.emplace_back(uniforms.uniform(i) < 0.03 ? "bad" : "good");
    FitOptions options;
    options.method = Method::automatic;
    options.budget = 1;
    const Model model = fit(X, labels, options);
    const Vector p = predict_probabilities(model, X).col(0);
    if (p.maxCoeff() - p.minCoeff() < 1e-9) ++left;
  }
  EXPECT_GE(left, 3);  // 1.5 standard errors are passed by chance once in fifteen
}

}  // namespace
