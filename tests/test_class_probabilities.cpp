// Oracles: the formulas in long double; a fine grid of temperatures; probabilities that the labels were drawn from.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "message_of.h"
#include "sextant/class_probabilities.h"
#include "sextant/error.h"
#include "sextant/model.h"
#include "test_support.h"

using namespace sextant;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const std::array softnesses = {0.001, 0.005, 0.02, 0.05, 0.1, 0.2, infinity};

Matrix by_formula(const ClassLink& link, const Matrix& F) {
  Matrix P(F.rows(), F.cols());
  for (Index i = 0; i < F.rows(); ++i) {
    std::vector<long double> e;
    long double sum = 0;
    for (Index c = 0; c < F.cols(); ++c) {
      const long double f = F(i, c);
      const long double l = std::isinf(link.softness) ? f : std::log(std::log1p(std::exp(f / link.softness)));
      e.push_back(std::exp(l / link.temperature));
      sum += e.back();
    }
    for (Index c = 0; c < F.cols(); ++c) P(i, c) = static_cast<double>(e[static_cast<std::size_t>(c)] / sum);
  }
  return P;
}

Matrix softmax(const Matrix& L) { return probabilities({}, L); }

double log_loss(const ClassLink& link, const HeldOut& rows) {
  return class_scores(log_probabilities(link, rows.F), rows.Y, rows.w).log_loss;
}

TEST(ClassProbabilities, ByTheirFormula) {
  for (const double softness : softnesses) {
    const Matrix F = std::min(0.3, 15 * softness) * normals(40, 4, 1);  // else some underflow to 0
    const ClassLink link{0.7, softness};
    EXPECT_LT(relative_error(probabilities(link, F), by_formula(link, F)), 1e-13) << softness;
    EXPECT_LT((log_probabilities(link, F).array() - by_formula(link, F).array().log()).abs().maxCoeff(), 1e-12);
    EXPECT_LT((probabilities(link, F).rowwise().sum().array() - 1).abs().maxCoeff(), 1e-14);
  }
}

TEST(ClassProbabilities, OfProbabilitiesAreThemselvesWhenSoftnessIsSmall) {
  const Matrix P = softmax(normals(50, 3, 2));
  EXPECT_LT((probabilities({1, 0.001}, P) - P).cwiseAbs().maxCoeff(), 1e-6);
}

TEST(ClassProbabilities, AreFiniteForOutputsOfAnySize) {
  Matrix F(4, 3);
  F << 1e300, -1e300, 0, 1e-300, -1e-300, 0, -1e300, -1e300, -1e300, 1e5, -1e5, 1e5;
  for (const double softness : softnesses)
    for (const double temperature : {1e-3, 1.0, 1e3}) {
      const Matrix P = probabilities({temperature, softness}, F);
      EXPECT_TRUE(P.allFinite());
      EXPECT_TRUE(log_probabilities({temperature, softness}, F).allFinite());
      EXPECT_LT((P.rowwise().sum().array() - 1).abs().maxCoeff(), 1e-14);
      EXPECT_NEAR(P(2, 0), 1.0 / 3, 1e-12);
    }
}

TEST(ClassProbabilities, CalibrationIsAsGoodAsTheBestOfAFineGrid) {
  const Matrix L = normals(3000, 3, 3);
  for (const double scale : {0.01, 0.2, 1.0, 30.0}) {
    HeldOut rows{drawn_classes(softmax(L), 4), scale * L, Vector::Ones(L.rows())};
    const ClassLink found = calibrate(rows);
    double best = infinity;
    for (const double softness : softnesses)
      for (double t = -3; t <= 3; t += 0.01) best = std::min(best, log_loss({std::pow(10, t), softness}, rows));
    // Smoothing by 1/(n + 2) moves the optimum by less than what it counts: 1/3002 of logits of about 3.
    EXPECT_LT(log_loss(found, rows), best + 2e-3) << scale;
    EXPECT_GT(log_loss(found, rows), best - 1e-4) << scale;
  }
}

TEST(ClassProbabilities, CalibrationFindsTheTemperatureOfASoftmax) {
  const Matrix L = 2 * normals(20000, 4, 5);
  for (const double temperature : {0.1, 1.0, 10.0}) {
    const ClassLink found = calibrate({drawn_classes(softmax(L), 6), temperature * L, Vector::Ones(L.rows())});
    EXPECT_TRUE(std::isinf(found.softness)) << temperature;
    // 20 000 rows tell 1/T to about 1 %: its standard error is 1/√(n · curvature), the curvature about 0.5 here.
    EXPECT_NEAR(found.temperature / temperature, 1, 0.05);
  }
}

TEST(ClassProbabilities, AWeightOfTwoIsARowTwice) {
  const Matrix L = normals(200, 3, 7);
  const Matrix Y = drawn_classes(softmax(L), 8);
  Matrix twice_L(400, 3);
  Matrix twice_Y(400, 3);
  twice_L << L, L;
  twice_Y << Y, Y;
  Vector w = Vector::Ones(400);
  w.tail(200).setZero();
  const HeldOut once{twice_Y, twice_L, w};
  const HeldOut heavy{Y, L, Vector::Constant(200, 2)};
  EXPECT_DOUBLE_EQ(calibrate(once).temperature, calibrate(heavy).temperature);
  EXPECT_EQ(class_scores(log_probabilities({}, twice_L), twice_Y, w).n, 200);
  EXPECT_DOUBLE_EQ(log_loss({}, once), log_loss({}, heavy));
}

TEST(ClassProbabilities, WhenEveryHeldOutRowIsRightProbabilitiesStayBelowOne) {
  Matrix Y = Matrix::Zero(50, 2);
  for (Index i = 0; i < 50; ++i) Y(i, i % 2) = 1;
  const ClassLink found = calibrate({Y, Y, Vector::Ones(50)});
  // All rows are alike, so that the optimum gives the other class exactly its smoothed share, 1/(n + 2).
  EXPECT_NEAR(probabilities(found, Y).minCoeff(), 1.0 / 52, 1e-8);
}

TEST(ClassProbabilities, WhenHeldOutRowsAreOfOneClass) {
  Matrix Y = Matrix::Zero(30, 3);
  Y.col(1).setOnes();
  const ClassLink right = calibrate({Y, Y, Vector::Ones(30)});
  EXPECT_NEAR(probabilities(right, Y)(0, 1), 31.0 / 32, 1e-8);
  Matrix wrong = Matrix::Zero(30, 3);
  wrong.col(0).setOnes();
  const ClassLink found = calibrate({Y, wrong, Vector::Ones(30)});
  EXPECT_GT(found.temperature, 100);  // outputs that say nothing: nearly equal probabilities
  EXPECT_NEAR(probabilities(found, wrong)(0, 1), 1.0 / 3, 0.01);
}

TEST(ClassProbabilities, WhenOutputsAreEqualNothingCanBeTold) {
  const Matrix F = Matrix::Constant(20, 4, 0.25);
  const ClassLink found = calibrate({drawn_classes(F, 9), F, Vector::Ones(20)});
  EXPECT_EQ(found.temperature, 1);
  EXPECT_NEAR(probabilities(found, F)(3, 2), 0.25, 1e-15);
}

TEST(ClassProbabilities, NeedRows) {
  EXPECT_EQ(message_of<DataError>([] {
              (void)calibrate({Matrix(0, 2), Matrix(0, 2), Vector(0)});
            }),
            "calibrate: no held-out row, or fewer than 2 classes, expected some of each");
}

// ---- models of a class ----

// Logits of three classes that depend on two of eight directions, one of them through its square.
Matrix multi_index_logits(const Matrix& X) {
  Matrix L = Matrix::Zero(X.rows(), 3);
  const Vector u = (X.col(0) + X.col(1)) / std::sqrt(2.0);
  const Vector v = (X.col(2) - X.col(3)) / std::sqrt(2.0);
  L.col(0) = 1.5 * u;
  L.col(1) = v.array().square() - 1;
  return L;
}

std::vector<std::string> names_of(const Matrix& Y) {
  static const char* const names[] = {"a", "b", "c"};
  std::vector<std::string> labels;
  for (Index i = 0; i < Y.rows(); ++i) {
    Index c = 0;
    Y.row(i).maxCoeff(&c);
    labels.emplace_back(names[c]);
  }
  return labels;
}

TEST(ClassProbabilities, OfAModelAreCalibrated) {
  const Matrix X = normals(6000, 8, 10);
  const Matrix X_test = normals(6000, 8, 11);
  const Matrix truth = softmax(multi_index_logits(X_test));
  const Matrix Y_test = drawn_classes(truth, 13);
  const Model model = fit(X, names_of(drawn_classes(softmax(multi_index_logits(X)), 12)),
                          {.method = Method::algorithm_1, .width = 128, .seed = 3});
  const Matrix P = predict_probabilities(model, X_test);
  EXPECT_LT((P.rowwise().sum().array() - 1).abs().maxCoeff(), 1e-14);

  const Vector ones = Vector::Ones(Y_test.rows());
  const ClassScores found = class_scores(P.array().log(), Y_test, ones);
  const ClassScores best = class_scores(truth.array().log(), Y_test, ones);
  const Vector mean = truth.colwise().mean();
  const ClassScores frequencies =
      class_scores(mean.array().log().matrix().transpose().replicate(Y_test.rows(), 1), Y_test, ones);
  // The true probabilities' log-loss, whose expectation is the entropy, is the least there is: of what they gain on the
  // frequencies, a model of 6 000 rows gets nearly all (94 % when this was written).
  EXPECT_LT(found.log_loss - best.log_loss, 0.1 * (frequencies.log_loss - best.log_loss));
  EXPECT_GT(found.accuracy, best.accuracy - 0.015);

  // Reliability: among rows to which a class was given a probability in a tenth of [0, 1], its share is the mean of
  // those probabilities, within 4 standard errors.
  Index bins = 0;
  for (Index c = 0; c < 3; ++c)
    for (int bin = 0; bin < 10; ++bin) {
      double rows = 0;
      double given = 0;
      double observed = 0;
      double variance = 0;
      for (Index i = 0; i < P.rows(); ++i) {
        const double p = P(i, c);
        if (std::min(9, static_cast<int>(10 * p)) != bin) continue;
        rows += 1;
        given += p;
        observed += Y_test(i, c);
        variance += p * (1 - p);
      }
      if (rows < 100) continue;
      ++bins;
      EXPECT_LT(std::abs(observed - given) / rows, 4 * std::sqrt(variance) / rows) << c << ' ' << bin;
    }
  EXPECT_GT(bins, 15);
}

TEST(ClassProbabilities, EvaluateAndPredictAgree) {
  const Matrix X = normals(300, 4, 14);
  const Matrix Y = drawn_classes(softmax(3 * multi_index_logits(X)), 15);
  const Model model = fit(X, names_of(Y), {.method = Method::algorithm_1, .width = 32});
  EXPECT_EQ(model.encoding.classes, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(model.targets(), 3);
  const Scores scores = evaluate(model, MemorySource(X, Y), run_with(1, 7));
  const Matrix P = predict_probabilities(model, X);
  const std::vector<Index> classes = predict_classes(model, X);
  double right = 0;
  double loss = 0;
  for (Index i = 0; i < X.rows(); ++i) {
    right += Y(i, classes[static_cast<std::size_t>(i)]);
    loss -= std::log(P.row(i).dot(Y.row(i)));
  }
  ASSERT_TRUE(scores.classes && scores.majority);
  EXPECT_DOUBLE_EQ(scores.classes->accuracy, right / 300);
  EXPECT_NEAR(scores.classes->log_loss, loss / 300, 1e-12);
  Index most = 0;
  EXPECT_DOUBLE_EQ(scores.majority->accuracy, Y.colwise().mean().maxCoeff(&most));
  EXPECT_NEAR(model.classification->frequencies[most], (Y.col(most).sum() + 1) / 303, 1e-12);
}

TEST(ClassProbabilities, NumbersCanBeClasses) {
  const Matrix X = normals(200, 4, 16);
  Matrix y(200, 1);
  for (Index i = 0; i < 200; ++i) y(i, 0) = X(i, 0) > 0 ? 10 : X(i, 1) > 0 ? 2.5 : -0.0;
  const Model model = fit(X, y, {.task = Task::classification, .method = Method::algorithm_1, .width = 32});
  EXPECT_EQ(model.encoding.classes, (std::vector<std::string>{"0", "2.5", "10"}));
  EXPECT_EQ(model.encoding.class_kind, ColumnKind::number);
  EXPECT_GT(model.classification->held_out.accuracy, 0.75);
}

TEST(ClassProbabilities, EveryMethodLearnsClasses) {
  const Matrix X = normals(240, 4, 17);
  const auto labels = names_of(drawn_classes(softmax(4 * multi_index_logits(X)), 18));
  for (const Method method : known_methods()) {
    FitOptions options{.method = method, .width = 32};
    if (method == Method::oracle) options.subspace = Matrix::Identity(4, 4);
    const Model model = fit(X, labels, options);
    EXPECT_GT(model.classification->held_out.accuracy, model.classification->majority.accuracy + 0.1) << name(method);
  }
}

TEST(ClassProbabilities, WhatCannotBeClassified) {
  const Matrix X = normals(20, 2, 19);
  const Matrix Y = normals(20, 2, 20);
  EXPECT_EQ(message_of([&] { (void)fit(X, Y, {.task = Task::classification, .method = Method::algorithm_1}); }),
            "fit: 2 targets given for classification, expected exactly one");
  EXPECT_EQ(message_of<DataError>([&] { (void)fit(X, std::vector<std::string>(20, "a")); }),
            "fit: the labels hold 1 class, expected at least 2");
  EXPECT_EQ(message_of([&] { (void)fit(X, std::vector<std::string>(19, "a")); }),
            "data: X has 20 rows and there are 19 labels, expected as many");
  Encoding encoding;
  encoding.columns = {{"x1", ColumnKind::number, {}}, {"x2", ColumnKind::number, {}}};
  encoding.targets = {"y"};
  const Matrix y = Y.col(0);
  EXPECT_EQ(message_of([&] {
              (void)fit(MemorySource(X, y), encoding, {.task = Task::classification, .method = Method::algorithm_1});
            }),
            "fit: the task is classification and the encoding has no classes");
  encoding.classes = {"a", "b"};
  EXPECT_EQ(message_of([&] { (void)fit(MemorySource(X, Y), encoding); }),
            "fit: the target is a class, expected the task classification");
  const Model regression = fit(X, y, {.method = Method::algorithm_1, .width = 4});
  EXPECT_EQ(message_of([&] { (void)predict_probabilities(regression, X); }),
            "predict: the model predicts a number, expected a model of a class (task classification)");
}

}  // namespace
