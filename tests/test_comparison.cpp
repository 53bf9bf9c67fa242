// Oracles: least squares by Eigen's QR on the same training rows; the mean by its definition; `fit` and `evaluate`.
#include <gtest/gtest.h>

#include <Eigen/Dense>
#include <cmath>
#include <numbers>
#include <set>
#include <string>

#include "message_of.h"
#include "sextant/comparison.h"
#include "sextant/error.h"
#include "sextant/folds.h"
#include "sextant/synthetic.h"
#include "test_support.h"

using namespace sextant;

namespace {

Encoding encoding_of(Index inputs, Index targets) {
  Encoding encoding;
  for (Index j = 1; j <= inputs; ++j) encoding.columns.push_back({"x" + std::to_string(j), ColumnKind::number, {}});
  for (Index t = 1; t <= targets; ++t) encoding.targets.push_back("y" + std::to_string(t));
  return encoding;
}

const Contender& row(const Comparison& comparison, const std::string& method) {
  for (const Contender& contender : comparison.contenders)
    if (contender.method == method) return contender;
  throw std::runtime_error("no row " + method);
}

ComparisonOptions both_methods() {
  ComparisonOptions options;
  options.methods = {Method::algorithm_1, Method::random_features};
  options.fit.width = 64;
  return options;
}

// y depends on one direction of four.
Rows bent_rows(Index n, Index k, std::uint64_t seed) {
  Rows rows{normals(n, 4, seed, 1), Matrix(n, k), Vector::Ones(n)};
  const Vector z = (rows.X.col(0) + 2 * rows.X.col(1)) / std::sqrt(5.0);
  for (Index t = 0; t < k; ++t) rows.Y.col(t) = (t + 1) * z.cwiseAbs2() + 0.2 * z;
  return rows;
}

double rmse(const Vector& error) { return std::sqrt(error.squaredNorm() / static_cast<double>(error.size())); }

}  // namespace

TEST(Comparison, LinearDataIsWonByLeastSquares) {
  Rows train{normals(400, 3, 1, 1), Matrix(400, 1), Vector::Ones(400)};
  Rows test{normals(100, 3, 2, 1), Matrix(100, 1), Vector::Ones(100)};
  std::uint64_t part = 9;
  for (Rows* rows : {&train, &test})
    rows->Y = (rows->X * Vector::LinSpaced(3, 1, 3)).array() + 7 + 0.1 * normals(rows->count(), 1, 3, part++).array();
  const MemorySource rows = train.source();
  const MemorySource test_rows = test.source();
  // Chosen on the training rows themselves, so that hardly any ridge is best: errors within 1e-7 of the smallest are
  // ties, which go to the larger ridge, so coefficients may differ by the root of that.
  const Comparison found = compare(rows, encoding_of(3, 1), both_methods(), {}, &test_rows, &rows);
  EXPECT_EQ(found.rows, 400);
  EXPECT_EQ(found.test_rows, 100);
  ASSERT_EQ(found.contenders.size(), 4);

  Eigen::MatrixXd A(400, 4);
  A << train.X, Vector::Ones(400);
  const Eigen::VectorXd b = A.colPivHouseholderQr().solve(train.Y.col(0));
  const Vector error = test.Y.col(0) - ((test.X * b.head(3)).array() + b(3)).matrix();
  EXPECT_NEAR(row(found, "linear").rmse, rmse(error), 3e-4 * rmse(error));
  const Vector centred = test.Y.col(0).array() - train.Y.mean();
  EXPECT_NEAR(row(found, "mean").rmse, rmse(centred), 1e-12);
  EXPECT_DOUBLE_EQ(row(found, "mean").relative_error, 1);
  EXPECT_EQ(found.contenders.back().method, "mean");
  // A linear model varies in one direction, that of b; here inputs are nearly standardised.
  ASSERT_TRUE(row(found, "linear").directions);
  EXPECT_GT(row(found, "linear").with_best->overlap, 0.99);
  EXPECT_FALSE(row(found, "mean").directions);
  EXPECT_FALSE(row(found, "mean").with_best);
}

TEST(Comparison, RowsAreThoseOfFitAndEvaluateRanked) {
  const Rows all = bent_rows(600, 2, 4);
  const MemorySource data = all.source();
  const Encoding encoding = encoding_of(4, 2);
  ComparisonOptions options = both_methods();
  options.test_share = 0.25;
  options.fit.seed = 3;
  const Comparison found = compare(data, encoding, options);
  EXPECT_EQ(found.rows, 450);
  EXPECT_EQ(found.test_rows, 150);
  const Folds folds{3, 4, Purpose::test_rows};
  const FoldSource train(data, folds, 0, FoldSource::Side::outside);
  const FoldSource test(data, folds, 0, FoldSource::Side::inside);
  for (const Method method : options.methods) {
    FitOptions own = options.fit;
    own.method = method;
    const Model model = fit(train, encoding, own);
    const Scores scores = evaluate(model, test);
    const Contender& contender = row(found, name(method));
    EXPECT_EQ(contender.rmse, (scores.targets[0].rmse + scores.targets[1].rmse) / 2);
    EXPECT_EQ(contender.r2, (scores.targets[0].r2 + scores.targets[1].r2) / 2);
    EXPECT_EQ(contender.directions->spectrum.directions, directions(model).spectrum.directions);
  }
  double last = 0;
  for (const Contender& contender : found.contenders) {
    EXPECT_GE(contender.relative_error, last);
    last = contender.relative_error;
    EXPECT_TRUE(contender.failure.empty());
    EXPECT_GE(contender.seconds, 0);
  }
  EXPECT_LT(found.contenders.front().relative_error, 0.1);
  EXPECT_EQ(found.best, found.contenders.front().method);
  EXPECT_EQ(found.rank, 1);
  EXPECT_LT(found.contenders.front().with_best->largest_angle, 1e-7);
  EXPECT_NEAR(found.contenders.front().with_best->overlap, 1, 1e-12);
}

TEST(Comparison, AgreementWithTheTruth) {
  const Rows all = bent_rows(800, 1, 5);
  const MemorySource data = all.source();
  const Comparison found = compare(data, encoding_of(4, 1), both_methods());
  const Directions& best = *found.contenders.front().directions;
  Matrix U(1, 4);
  U << 1, 2, 0, 0;
  EXPECT_LT(agreement(best, 1, U).largest_angle, 0.1);
  U << -2, 1, 0, 0;
  EXPECT_GT(agreement(best, 1, U).largest_angle, std::numbers::pi / 2 - 0.1);
  EXPECT_EQ(message_of([&] { (void)agreement(best, 1, Matrix::Ones(1, 3)); }).find("nothing was thrown"),
            std::string::npos);
}

TEST(Comparison, AFailingMethodIsARow) {
  const Rows all = bent_rows(300, 1, 6);
  const MemorySource data = all.source();
  // A step so large that nothing is finite any more: random features, which take none, are not concerned.
  ComparisonOptions options = both_methods();
  options.fit.eta = 1e300;
  const Comparison found = compare(data, encoding_of(4, 1), options);
  const Contender& failed = found.contenders.back();
  EXPECT_EQ(failed.method, "algorithm-1");
  EXPECT_FALSE(failed.failure.empty());
  EXPECT_TRUE(std::isnan(failed.rmse));
  EXPECT_FALSE(failed.directions);
  EXPECT_EQ(found.best, "random-features");
  EXPECT_TRUE(row(found, "random-features").failure.empty());
}

TEST(Comparison, ProgressNamesTheMethodAndCanCancel) {
  const Rows all = bent_rows(100, 1, 7);
  const MemorySource data = all.source();
  std::set<std::string> methods;
  Context context;
  context.progress = [&](const Progress& progress) {
    methods.insert(std::string(progress.stage.substr(0, progress.stage.find(':'))));
    return true;
  };
  (void)compare(data, encoding_of(4, 1), both_methods(), context);
  EXPECT_EQ(methods, (std::set<std::string>{"mean", "linear", "algorithm-1", "random-features"}));
  context.progress = [](const Progress& progress) { return !progress.stage.starts_with("algorithm-1"); };
  EXPECT_THROW((void)compare(data, encoding_of(4, 1), both_methods(), context), Cancelled);
}

TEST(Comparison, RulesAreChecked) {
  const Rows all = bent_rows(40, 1, 8);
  const MemorySource data = all.source();
  const auto message = [&](auto change) {
    ComparisonOptions options = both_methods();
    change(options);
    return message_of([&] { (void)compare(data, encoding_of(4, 1), options); });
  };
  EXPECT_EQ(message([](ComparisonOptions& o) { o.methods.clear(); }), "methods: none given, expected at least one");
  EXPECT_EQ(message([](ComparisonOptions& o) { o.methods.push_back(Method::algorithm_1); }),
            "methods: 'algorithm-1' given twice, expected each once");
  EXPECT_EQ(message([](ComparisonOptions& o) { o.test_share = 0.6; }),
            "test-share: 0.6 given, expected a number above 0 and at most 0.5");
  EXPECT_EQ(message([](ComparisonOptions& o) { o.fit.width = 3; }),
            "width: 3 given, expected an even number of at least 2 (units come in mirrored pairs)");
  const Rows one = bent_rows(1, 1, 8);
  const MemorySource single = one.source();
  const std::string too_few = message_of<DataError>([&] { (void)compare(single, encoding_of(4, 1), both_methods()); });
  EXPECT_NE(too_few.find("compare: of 1 rows none is left to "), std::string::npos) << too_few;
  Rows constant = bent_rows(40, 1, 8);
  constant.Y.setConstant(2);
  const MemorySource flat = constant.source();
  EXPECT_NE(message_of<DataError>([&] { (void)compare(flat, encoding_of(4, 1), both_methods()); }).find("varies"),
            std::string::npos);
}
