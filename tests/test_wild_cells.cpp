// Oracles: the same fit without the faults; the formulas of docs/method.md, Wild cells; a search that throws on
// purpose.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "message_of.h"
#include "method/preparation.h"
#include "search/findings.h"
#include "sextant/automatic.h"
#include "sextant/error.h"
#include "sextant/model.h"
#include "sextant/model_file.h"
#include "test_support.h"

using namespace sextant;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

FitOptions quick(Method method = Method::automatic) {
  FitOptions options;
  options.method = method;
  options.width = 32;
  options.refine_rounds = 2;
  options.redraws = 2;
  options.lift = 4;
  options.polish_steps = 6;
  options.polish_degree = 3;
  return options;
}

struct Drawn {
  Matrix X;
  Matrix Y;
};

// A smooth function of two directions with noise, of which R² 0.9 can be learned.
Drawn table(Index n, std::uint64_t seed) {
  Drawn rows{normals(n, 4, seed), Matrix(n, 1)};
  const Matrix noise = normals(n, 1, seed, 7);
  for (Index i = 0; i < n; ++i) {
    const double u = 0.8 * rows.X(i, 0) + 0.6 * rows.X(i, 1);
    rows.Y(i, 0) = u + std::sin(1.5 * rows.X(i, 2)) + 0.35 * noise(i, 0);
  }
  return rows;
}

double rmse(const Model& model, const Drawn& test) {
  return std::sqrt((predict(model, test.X) - test.Y).squaredNorm() / static_cast<double>(test.Y.rows()));
}

// 1 % of the targets, of fewer than 100 none, with Cauchy noise of the targets' own size.
void spoil(Matrix& Y, std::uint64_t seed) {
  const Index n = Y.rows();
  const Matrix z = normals(n, 2, seed, 9);
  for (Index i = 0; i < n / 100; ++i) Y((37 * i + 5) % n, 0) += 1.5 * z(i, 0) / z(i, 1);
}

struct Fault {
  const char* name;
  std::function<void(Drawn& training, Drawn& test)> make;
};

std::vector<Fault> faults(std::uint64_t seed) {
  return {{"a cell in training", [](Drawn& training, Drawn&) { training.X(3, 0) *= 1e6; }},
          {"a cell in test", [](Drawn&, Drawn& test) { test.X(3, 3) = 1e6; }},
          {"a target", [](Drawn& training, Drawn&) { training.Y(11, 0) *= 1e6; }},
          {"Cauchy targets", [seed](Drawn& training, Drawn&) { spoil(training.Y, seed); }}};
}

}  // namespace

// Root mean square errors over two draws of each table; without winsorising they grow by factors of 2 to 10⁵.
TEST(WildCells, OneFaultDecidesNothing) {
  for (const Index n : {50, 100, 200, 1500}) {
    const double most = n < 1000 ? 1.15 : 1.05;
    double clean = 0;
    std::vector<double> faulty(faults(0).size(), 0.0);
    for (const std::uint64_t seed : {1, 2}) {
      const Drawn test = table(2000, 100 + seed);
      const Drawn training = table(n, seed);
      clean += rmse(fit(training.X, training.Y, quick()), test);
      const std::vector<Fault> all = faults(seed);
      for (std::size_t f = 0; f < all.size(); ++f) {
        Drawn spoilt = training;
        Drawn measured = test;
        all[f].make(spoilt, measured);
        faulty[f] += rmse(fit(spoilt.X, spoilt.Y, quick()), measured);
      }
    }
    for (std::size_t f = 0; f < faulty.size(); ++f)
      EXPECT_LT(faulty[f], most * clean) << faults(0)[f].name << ", " << n << " rows";
  }
}

// Where the function itself is largest, a target is still wild that lies far beyond all others.
TEST(WildCells, AWildTargetAtTheEndOfTheFunctionIsWild) {
  Drawn training = table(600, 6);
  const Drawn test = table(2000, 106);
  const double clean = rmse(fit(training.X, training.Y, quick()), test);
  Index largest = 0;
  training.Y.col(0).maxCoeff(&largest);
  training.Y(largest, 0) = 1e7;
  EXPECT_LT(rmse(fit(training.X, training.Y, quick()), test), 1.05 * clean);
}

// Tails of a polynomial that lie beyond the limits stay as they are.
TEST(WildCells, TailsOfTheFunctionAreNotWild) {
  Drawn training{normals(600, 3, 8), {}};
  training.Y = training.X.col(0).array().pow(4).matrix();
  const Model model = fit(training.X, training.Y, quick());
  EXPECT_EQ(model.drawn_targets, std::vector<Index>{0});
}

// The numbers of the rows that a model was not learned from because others contradict them.
std::vector<Index> contradicted_rows(const std::vector<Contradicted>& contradicted) {
  std::vector<Index> rows;
  for (const Contradicted& each : contradicted) rows.push_back(each.row);
  return rows;
}

// An error of 1.5 standard deviations of the targets lies within all limits; a fit that leaves a tenth of one tells.
// Steps, noise of heavy tails and noiseless lines are left alone.
TEST(WildCells, TargetsThatMisleadAreLeftOutAndOthersNot) {
  Drawn training{normals(300, 4, 14), Matrix(300, 1)};
  const auto smooth = [](Drawn& rows) {
    for (Index i = 0; i < rows.X.rows(); ++i)
      rows.Y(i, 0) = rows.X(i, 0) + std::sin(1.5 * rows.X(i, 1)) + 0.02 * std::sin(1000 * rows.X(i, 3));
  };
  smooth(training);
  const auto found = [&](const Matrix& Y) {
    const MemorySource source(training.X, Y);
    return train_automatic(source, nullptr, quick(), run_with(2));
  };
  EXPECT_TRUE(found(training.Y).contradicted.empty());
  const Matrix before = training.Y;
  const std::vector<Index> wrong = {20, 120, 220};
  for (const Index i : wrong) training.Y(i, 0) += training.Y(i, 0) > 0 ? -2 : 2;
  const Trained trained = found(training.Y);
  EXPECT_EQ(contradicted_rows(trained.contradicted), wrong);
  EXPECT_EQ(trained.rows, 297);
  for (const Contradicted& each : trained.contradicted) {
    EXPECT_EQ(each.y[0], training.Y(each.row, 0));
    EXPECT_NEAR(each.f[0], before(each.row, 0), 0.6);
  }
  // Their residuals are among those that intervals are calibrated by, not among those that choices go by.
  const HeldOut& held_out = trained.held_out;
  EXPECT_EQ((held_out.w.array() > 0).count(), 300);
  EXPECT_LE((held_out.scored.array() > 0).count(), 297);

  // A bootstrap's replicates are not learned from them either, where the rows are these again.
  const Model model = fit(training.X, training.Y, quick());
  const MemorySource same(training.X, training.Y);
  EXPECT_EQ(contradicted_rows(refit(model, same).contradicted), wrong);
  const MemorySource other(training.X, before);
  EXPECT_TRUE(refit(model, other).contradicted.empty());

  const auto left_alone = [&](const Matrix& Y) { EXPECT_TRUE(found(Y).contradicted.empty()); };
  left_alone((training.X.col(0) + training.X.col(1)).unaryExpr([](double u) { return u > 0 ? 1.0 : -1.0; }));
  left_alone(3 * training.X.col(0));
  left_alone(before + 0.3 * normals(300, 1, 15));
}

// A few targets that alone differ from a constant are what there is to learn.
TEST(WildCells, RareValuesAreNotWild) {
  const Matrix X = normals(600, 3, 21);
  Matrix Y = Matrix::Zero(600, 1);
  for (const Index i : {7, 90, 300, 555}) Y(i, 0) = 5;
  const MemorySource source(X, Y);
  EXPECT_TRUE(train_automatic(source, nullptr, quick(), run_with(2)).contradicted.empty());
}

// Nothing ordinary is touched, so that nothing but what predictions may reach differs from a fit that clips nothing.
TEST(WildCells, CleanTablesAreLearnedAsTheyAre) {
  const Drawn rows = table(150, 3);
  FitOptions free = quick();
  free.extrapolate = true;
  free.clip_targets = false;
  const Model open = fit(rows.X, rows.Y, free);
  const Model held = fit(rows.X, rows.Y, quick());
  EXPECT_EQ(open.scaling.x_low.size(), 0);
  EXPECT_EQ(open.scaling.prediction_low.size(), 0);
  EXPECT_EQ(open.scaling.y_low.size(), 0);
  EXPECT_EQ(held.drawn_targets, std::vector<Index>{0});
  EXPECT_EQ(held.scaling.x_mean, open.scaling.x_mean);
  EXPECT_EQ(held.scaling.x_scale, open.scaling.x_scale);
  EXPECT_EQ(held.scaling.y_mean, open.scaling.y_mean);
  const double range = rows.Y.maxCoeff() - rows.Y.minCoeff();
  EXPECT_NEAR(held.scaling.prediction_high[0], rows.Y.maxCoeff() + 0.1 * range, 1e-9 * range);
  EXPECT_NEAR(held.scaling.prediction_low[0], rows.Y.minCoeff() - 0.1 * range, 1e-9 * range);
  EXPECT_EQ(predict(held, rows.X), predict(open, rows.X));
}

TEST(WildCells, PredictionsAreHeldBackUnlessTheyExtrapolate) {
  const Drawn rows = table(150, 4);
  Matrix far = rows.X.topRows(20);
  far.col(0).setConstant(30);
  far.row(1).setConstant(-1e8);
  const Model held = fit(rows.X, rows.Y, quick());
  const Matrix F = predict(held, far);
  EXPECT_GE(F.minCoeff(), held.scaling.prediction_low[0]);
  EXPECT_LE(F.maxCoeff(), held.scaling.prediction_high[0]);
  HeldBack counted;
  counted.add(held, F.topRows(10), 0);
  counted.add(held, F.bottomRows(10), 10);
  Index at_ends = 0;
  for (const double value : F.col(0))
    at_ends += value == held.scaling.prediction_low[0] || value == held.scaling.prediction_high[0] ? 1 : 0;
  EXPECT_EQ(counted.rows, std::vector<Index>{at_ends});
  const Matrix zeros = Matrix::Zero(20, 1);
  const MemorySource source(far, zeros);
  EXPECT_EQ(extrapolation(held, source).drawn_in, 20);
  EXPECT_EQ(extrapolation(held, source).first_drawn_in, 0);

  FitOptions free = quick();
  free.extrapolate = true;
  const Model open = fit(rows.X, 3 * rows.X.col(0), free);  // a line goes on
  EXPECT_NEAR(predict(open, far)(0, 0), 90, 5);
  EXPECT_EQ(extrapolation(open, source).drawn_in, 0);
}

// Only what is asked for: Algorithm 1 and the comparators take cells as they are.
TEST(WildCells, OtherMethodsClipWhenAsked) {
  Drawn rows = table(80, 5);
  rows.X(7, 1) = 1e4;
  rows.Y(8, 0) = 1e4;
  FitOptions options = quick(Method::algorithm_1);
  const Model plain = fit(rows.X, rows.Y, options);
  EXPECT_EQ(plain.scaling.x_low.size() + plain.scaling.y_low.size() + plain.scaling.prediction_low.size(), 0);
  EXPECT_EQ(plain.x_max[1], 1e4);
  options.extrapolate = false;
  options.clip_targets = true;
  const Model asked = fit(rows.X, rows.Y, options);
  EXPECT_LT(asked.x_max[1], 30);
  EXPECT_EQ(asked.drawn_targets, std::vector<Index>{1});
  EXPECT_LT(asked.scaling.prediction_high[0], 100);
}

// One wild target: its limits are those of the others, nothing is learned from it, and intervals know of it.
TEST(WildCells, AWildTargetIsLeftOutAndSaid) {
  Drawn rows = table(200, 6);
  const double clean_high = rows.Y.maxCoeff();
  rows.Y(20, 0) = 1e6;
  const Model model = fit(rows.X, rows.Y, quick());
  EXPECT_EQ(contradicted_rows(model.contradicted), std::vector<Index>{20});
  EXPECT_LT(model.scaling.y_high[0], 10 * clean_high);
  EXPECT_LT(model.validation.mean[0], 10);            // of the other rows
  EXPECT_GT(model.intervals.radius.maxCoeff(), 9e5);  // of the targets as they are
  // Two targets have limits of their own, rows without weight none.
  Matrix both(200, 2);
  both << rows.Y, 100 * table(200, 7).Y;
  Vector w = Vector::Ones(200);
  w[20] = 0;
  const MemorySource source(rows.X, both, w);
  const Trained trained = train_automatic(source, nullptr, quick(), run_with(2));
  EXPECT_TRUE(trained.contradicted.empty());
  EXPECT_GT(trained.scaling.y_high[1], 20 * trained.scaling.y_high[0]);
}

TEST(WildCells, WithTransformsAndTransfer) {
  Drawn rows = table(150, 8);
  Matrix skewed = rows.Y.array().exp();
  skewed(3, 0) = 1e9;
  FitOptions options = quick();
  options.target_transform = transform_kinds_named("log");
  const Model model = fit(rows.X, skewed, options);
  EXPECT_TRUE(std::ranges::count(contradicted_rows(model.contradicted), 3));
  EXPECT_LT(model.scaling.y_transforms.front().high, 1e4);
  EXPECT_LT(predict(model, rows.X).maxCoeff(), 1e4);

  const Model teacher = fit(table(300, 9).X, table(300, 9).Y, quick());
  Drawn few = table(60, 10);
  few.X(5, 1) = -1e7;
  few.Y(9, 0) = -1e7;
  const MemorySource source(few.X, few.Y);
  const Model student = transfer_directions({teacher}, source, teacher.encoding, quick());
  EXPECT_EQ(contradicted_rows(student.contradicted), std::vector<Index>{9});
  for (Index j = 0; j < 4; ++j) {
    EXPECT_LE(student.scaling.x_low[j], teacher.scaling.x_low[j]);
    EXPECT_GT(student.scaling.x_low[j], -100);
  }
  EXPECT_LT(rmse(student, table(1000, 11)), 0.8);
}

// A model file holds all limits, also infinite ones, and what failed; files without them mean none.
TEST(WildCells, InModelFiles) {
  Drawn rows = table(120, 12);
  rows.Y(2, 0) = 1e5;
  Model model = fit(rows.X, rows.Y, quick());
  model.scaling.x_low[1] = -infinity;
  ASSERT_FALSE(model.selection.candidates.empty());
  model.selection.candidates.back().failed = "polish: because";
  model.selection.candidates.back().error.setConstant(infinity);
  const Model again = model_from_bytes(model_bytes(model), "test");
  for (const auto& [written, read] : {std::pair{&model.scaling.x_low, &again.scaling.x_low},
                                      {&model.scaling.x_high, &again.scaling.x_high},
                                      {&model.scaling.y_low, &again.scaling.y_low},
                                      {&model.scaling.y_high, &again.scaling.y_high},
                                      {&model.scaling.prediction_low, &again.scaling.prediction_low},
                                      {&model.scaling.prediction_high, &again.scaling.prediction_high}})
    EXPECT_EQ(*written, *read);
  EXPECT_EQ(again.drawn_targets, model.drawn_targets);
  ASSERT_EQ(again.contradicted.size(), 1U);
  EXPECT_EQ(again.contradicted[0].row, 2);
  EXPECT_EQ(again.contradicted[0].y, model.contradicted[0].y);
  EXPECT_EQ(again.contradicted[0].f, model.contradicted[0].f);
  EXPECT_EQ(again.selection.candidates.back().failed, "polish: because");
  EXPECT_EQ(predict(again, rows.X), predict(model, rows.X));
  model.scaling.prediction_high[0] = model.scaling.prediction_low[0] - 1;
  EXPECT_NE(message_of<DataError>([&] { (void)model_from_bytes(model_bytes(model), "test"); }).find("prediction"),
            std::string::npos);
}

// Evidence, not the end: but only of numbers.
TEST(WildCells, ASearchThatFailsIsACandidateThatFailed) {
  const Rows rows = random_rows(20, 2, 2, 1, false);
  const MemorySource source = rows.source();
  const FitOptions options;
  const Context context = run_with(2);
  std::vector<LearningRows> splits(1);
  splits.front().train = &source;
  const Ground ground{options, context, splits, {}, {}, Vector::Ones(2)};
  const auto tried = [&](const std::string& name, const std::function<void()>& work) {
    const Step step{name, 0, [&](const Ground&, const Clues&) {
                      work();
                      return Findings{};
                    }};
    return attempt(step, ground, {}).candidates;
  };
  EXPECT_TRUE(tried("fine", [] {}).empty());
  const std::vector<Candidate> found = tried("broken", [&] {
    // Of several tasks' errors that of the first, whatever the threads do.
    ground.each(20, [](Index i, const Context&) {
      if (i >= 3) throw NumericalError("task " + std::to_string(i));
    });
  });
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().report.name, "broken");
  EXPECT_EQ(found.front().report.failed, "task 3");
  EXPECT_EQ(found.front().report.error, Vector::Constant(2, infinity));
  EXPECT_EQ(found.front().report.weight, Vector::Zero(2));
  EXPECT_THROW(tried("wrong", [] { throw InvalidArgument("wrong"); }), InvalidArgument);
  EXPECT_THROW(tried("stopped", [] { throw Cancelled(); }), Cancelled);
  EXPECT_THROW(tried("data", [] { throw DataError("data"); }), DataError);
}

// Tables that once ended without a model, or nearly: whatever is in them, the mean can be computed.
TEST(WildCells, EveryTableHasAModel) {
  const Drawn base = table(60, 13);
  const auto sound = [&](const Drawn& rows, const Vector& w, const std::string& what) {
    for (const Method method : {Method::automatic, Method::polish, Method::refine, Method::refined_kernel}) {
      SCOPED_TRACE(what + ", " + name(method));
      const MemorySource source(rows.X, rows.Y, w);
      const Trained trained = train_automatic(source, nullptr, quick(method), run_with(2));
      EXPECT_TRUE(trained.held_out.F.allFinite());
      EXPECT_TRUE(trained.gradient_outer_product.allFinite());
      Matrix Z;
      trained.scaling.apply(rows.X, Z);
      const Matrix F = trained.scaling.predictions(outputs(trained.linear, trained.predictors, Z, {}));
      EXPECT_TRUE(F.allFinite());
      for (const CandidateReport& report : trained.selection.candidates)
        EXPECT_TRUE(report.failed.empty() || report.weight.isZero(0.0)) << report.name;
    }
  };
  const Vector ones = Vector::Ones(60);
  Drawn rows = base;
  for (Index i = 0; i < 60; i += 3) rows.X(i, 0) = 1e200;
  sound(rows, ones, "an input whose squares overflow");
  rows = base;
  rows.X.col(1) *= 1e-200;
  sound(rows, ones, "an input whose squares underflow");
  rows = base;
  rows.X.col(2) = rows.X.col(0) + 1e-12 * rows.X.col(1);
  rows.X.col(3) = rows.X.col(0);
  sound(rows, ones, "inputs that are nearly the same");
  rows = base;
  rows.Y.setZero();
  rows.Y(7, 0) = 1;
  sound(rows, ones, "a target that differs once");
  Vector w = ones;
  for (Index i = 0; i < 60; ++i) w[i] = std::pow(10.0, 10 * (i - 30));
  sound(base, w, "weights from 1e-300 to 1e290");
  w.setZero();
  for (Index i = 0; i < 60; i += 4) w[i] = 1;
  sound(base, w, "many rows without weight");
}
