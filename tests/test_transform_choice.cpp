// Oracles: targets made by a known transform; errors on rows that were never seen; splits without the held-out rows.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "message_of.h"
#include "sextant/comparison.h"
#include "sextant/error.h"
#include "sextant/model.h"
#include "sextant/model_file.h"
#include "sextant/transform_choice.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;

namespace {

// exp of a smooth function of one direction with noise (heavy to the right), and that function itself.
Rows log_normal_rows(Index n, std::uint64_t seed) {
  Rows rows{normals(n, 4, seed, 1), Matrix(n, 2), Vector::Ones(n)};
  const Vector along = (rows.X.col(0) + rows.X.col(1)) / std::sqrt(2.0);
  const Vector level = 1.5 * along + 0.3 * along.cwiseAbs2() + 0.2 * Vector(normals(n, 1, seed, 2));
  rows.Y.col(0) = level.array().exp();
  rows.Y.col(1) = level;
  return rows;
}

FitOptions with(const std::string& transform) {
  return {.target_transform = transform_kinds_named(transform), .method = Method::algorithm_1, .width = 64, .seed = 2};
}

// Mean square of what is missed, per target, on other rows.
Vector errors(const Model& model, const Rows& test) {
  return (predict(model, test.X) - test.Y).cwiseAbs2().colwise().mean();
}

// Positive targets of a wide range have the plain logarithm: predictions are those of the logarithms' model.
void expect_exp_of(const Model& of_logarithms, const Model& with_log, const Matrix& X) {
  ASSERT_EQ(with_log.scaling.y_transforms.size(), 1U);
  ASSERT_EQ(with_log.scaling.y_transforms[0].shift, 0);
  const Matrix expected = predict(of_logarithms, X).array().exp();
  const Matrix found = predict(with_log, X);
  for (Index i = 0; i < X.rows(); ++i) EXPECT_NEAR(found(i, 0) / expected(i, 0), 1, 1e-7) << i;
}

TEST(TransformChoice, OfLogIsTheModelOfTheLogarithms) {
  const Rows rows = log_normal_rows(300, 11);
  const Matrix y = rows.Y.col(0);
  const Matrix level = y.array().log();
  FitOptions folds = with("log");
  folds.folds = 3;
  FitOptions plain = with("none");
  plain.folds = 3;
  expect_exp_of(fit(rows.X, level, with("none")), fit(rows.X, y, with("log")), rows.X);
  expect_exp_of(fit(rows.X, level, plain), fit(rows.X, y, folds), rows.X);
}

TEST(TransformChoice, LogWinsWhereTargetsAreLogNormalAndAutoFindsIt) {
  const Rows rows = log_normal_rows(800, 1);
  const Rows test = log_normal_rows(2000, 2);
  const Model plain = fit(rows.X, rows.Y, with("none"));
  const Model log = fit(rows.X, rows.Y, with("log"));
  const Model chosen = fit(rows.X, rows.Y, with("auto"));
  EXPECT_LT(errors(log, test)[0], 0.7 * errors(plain, test)[0]);
  ASSERT_EQ(chosen.scaling.y_transforms.size(), 2U);
  EXPECT_EQ(chosen.scaling.y_transforms[0].kind, TransformKind::log);
  EXPECT_LT(errors(chosen, test)[0], 1.1 * errors(log, test)[0]);  // not the same: the other target's step differs
  EXPECT_LT(errors(chosen, test)[1], 1.1 * errors(plain, test)[1]);
  EXPECT_EQ(name(chosen.options.target_transform), "auto");
  // What is reported is in the targets' own units, beside the mean and the linear model of the targets as they are.
  EXPECT_EQ(chosen.validation.mean, plain.validation.mean);
  EXPECT_EQ(chosen.validation.linear, plain.validation.linear);
  EXPECT_LE(chosen.validation.chosen[0], plain.validation.chosen[0]);
  EXPECT_LT(log.validation.chosen[0], 0.8 * plain.validation.chosen[0]);
}

TEST(TransformChoice, NoneWhereItIsAsGood) {
  const Matrix X = normals(300, 3, 3);
  const Matrix Y = X.col(0) - 2 * X.col(1);  // linear without noise: nothing can be better
  const Model chosen = fit(X, Y, with("auto"));
  const Model plain = fit(X, Y, with("none"));
  ASSERT_EQ(chosen.scaling.y_transforms.size(), 0U);
  EXPECT_EQ(predict(chosen, X), predict(plain, X));
}

TEST(TransformChoice, OneForEachTarget) {
  const Rows rows = log_normal_rows(300, 4);
  const Model model = fit(rows.X, rows.Y, with("log,rank"));
  EXPECT_EQ(model.scaling.y_transforms[0].kind, TransformKind::log);
  EXPECT_EQ(model.scaling.y_transforms[1].kind, TransformKind::rank);
  EXPECT_EQ(message_of([&] { (void)fit(rows.X, rows.Y, with("log,log,log")); }),
            "target-transform: 3 given for 2 targets, expected one for all or one for each");
  FitOptions classes = with("log");
  classes.task = Task::classification;
  const Matrix y = rows.Y.col(0);
  EXPECT_EQ(message_of([&] { (void)fit(rows.X, y, classes); }),
            "target-transform: log given with classification, expected none: classes have no order");
}

TEST(TransformChoice, ASplitsTransformNeverSawItsHeldOutRows) {
  Rows rows = log_normal_rows(200, 5);
  const Rows validation = log_normal_rows(60, 6);
  Rows other = validation;
  other.Y *= 1000;
  const MemorySource data = rows.source();
  const MemorySource held_out = validation.source();
  const MemorySource far = other.source();
  const auto trained = [&](const RowSource& chosen_by) {
    FitOptions options = with("rank");
    options.lambda = {1e-3};
    return train(data, &chosen_by, representation(options), options, {});
  };
  EXPECT_EQ(trained(held_out).scaling.y_transforms[0].y, trained(far).scaling.y_transforms[0].y);
  // In folds each split has its own: the held-out rows come back in their own units whatever it was.
  FitOptions folds = with("log");
  folds.folds = 3;
  const Trained by_folds = train(data, nullptr, representation(folds), folds, {});
  Vector found = by_folds.held_out.Y.col(0);
  Vector expected = rows.Y.col(0);
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_LT(relative_error(found, expected), 1e-12);
}

TEST(TransformChoice, EveryMethodTakesIt) {
  const Rows rows = log_normal_rows(120, 7);
  const Matrix y = rows.Y.col(0);
  for (const Method method :
       {Method::random_features, Method::ntk, Method::kernel_gaussian, Method::sir, Method::refine, Method::polish}) {
    FitOptions options = with("log");
    options.method = method;
    options.budget = 1;
    const Model model = fit(rows.X, y, options);
    EXPECT_LT(model.validation.chosen[0], model.validation.mean[0]) << name(method);
    EXPECT_TRUE(predict(model, 50 * rows.X).allFinite()) << name(method);
  }
}

TEST(TransformChoice, TransferTakesItsOwn) {
  const Rows rows = log_normal_rows(300, 8);
  const Matrix level = rows.Y.col(1);
  const Matrix y = rows.Y.col(0);
  const Model source = fit(rows.X, level, with("rank"));
  const Model plain = transfer(source, MemorySource(rows.X, y), source.encoding, with("none"));
  EXPECT_TRUE(plain.scaling.y_transforms.empty());
  const Model log = transfer(source, MemorySource(rows.X, y), source.encoding, with("log"));
  EXPECT_EQ(log.scaling.y_transforms[0].kind, TransformKind::log);
  const Model of_level = transfer(source, MemorySource(rows.X, level), source.encoding, with("none"));
  expect_exp_of(of_level, log, rows.X);
}

TEST(TransformChoice, TransferOfDirectionsTakesItsOwn) {
  const Rows rows = log_normal_rows(150, 12);
  const Matrix level = rows.Y.col(1);
  const Matrix y = rows.Y.col(0);
  const Model source = fit(rows.X, level, with("none"));
  FitOptions options = with("auto");
  options.budget = 1;
  const Model chosen = transfer_directions({source}, MemorySource(rows.X, y), source.encoding, options);
  options.target_transform = {};
  const Model plain = transfer_directions({source}, MemorySource(rows.X, y), source.encoding, options);
  // In the target's own unit, on this partition of the rows or another.
  EXPECT_NEAR(chosen.validation.mean[0] / plain.validation.mean[0], 1, 0.1);
  EXPECT_LE(chosen.validation.chosen[0], plain.validation.chosen[0]);
  EXPECT_TRUE(predict(chosen, rows.X).allFinite());
}

TEST(TransformChoice, RefitKeepsWhatWasChosen) {
  const Rows rows = log_normal_rows(150, 13);
  const Matrix y = rows.Y.col(0);
  for (const char* transform : {"auto", "log", "rank"}) {
    const Model model = fit(rows.X, y, with(transform));
    const Model again = refit(model, MemorySource(rows.X, y));
    EXPECT_EQ(predict(again, rows.X), predict(model, rows.X)) << transform;
    EXPECT_EQ(name(again.options.target_transform), transform);
  }
}

TEST(TransformChoice, CompareKeepsItsBaselines) {
  const Rows rows = log_normal_rows(300, 9);
  const Matrix y = rows.Y.col(0);
  const MemorySource data(rows.X, y);
  const Model model = fit(rows.X, y, with("none"));
  const Comparison plain = compare(data, model.encoding, {.methods = {Method::random_features}, .fit = with("none")});
  const Comparison log = compare(data, model.encoding, {.methods = {Method::random_features}, .fit = with("log")});
  const auto rmse = [](const Comparison& found, const std::string& method) {
    for (const Contender& contender : found.contenders)
      if (contender.method == method) return contender.rmse;
    return std::nan("");
  };
  EXPECT_EQ(rmse(plain, "mean"), rmse(log, "mean"));
  EXPECT_EQ(rmse(plain, "linear"), rmse(log, "linear"));
  EXPECT_LT(rmse(log, "random-features"), rmse(plain, "random-features"));
}

TEST(TransformChoice, ModelFilesHoldTransforms) {
  const TemporaryFolder folder;
  const Rows rows = log_normal_rows(100, 10);
  const Model model = fit(rows.X, rows.Y, with("log,rank"));
  save_model(model, folder.path("m.sextant"));
  const Model loaded = load_model(folder.path("m.sextant"));
  EXPECT_EQ(predict(loaded, rows.X), predict(model, rows.X));
  save_model(loaded, folder.path("again.sextant"));
  EXPECT_EQ(folder.bytes("again.sextant"), folder.bytes("m.sextant"));
}

}  // namespace
