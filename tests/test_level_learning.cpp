// Models of tables with columns of many levels. Oracles: what rows were made of, and errors of the mean on fresh rows.
#include <gtest/gtest.h>

#include <cmath>

#include "level_rows.h"
#include "message_of.h"
#include "sextant/error.h"
#include "sextant/importance.h"
#include "sextant/model.h"
#include "sextant/model_file.h"

namespace sextant {
namespace {

FitOptions quick(Task task = Task::regression) {
  FitOptions options;
  options.method = Method::automatic;
  options.task = task;
  options.budget = 2;
  return options;
}

double r2(const Model& model, const RowSource& rows) { return evaluate(model, rows, {}).targets.front().r2; }

// y = effect of c1 + ½x + noise of half its size.
struct EffectTable {
  explicit EffectTable(std::uint64_t seed, Index n = 4000, Index levels = 400) {
    effect = normals(levels, 1, 1, 2);
    Matrix X(n, 2);
    X.col(0) = random_levels(n, 1, levels, seed);
    X.col(1) = normals(n, 1, seed, 3);
    Matrix y = 0.5 * normals(n, 1, seed, 4) + 0.5 * X.col(1);
    for (Index i = 0; i < n; ++i) y(i, 0) += effect(static_cast<Index>(X(i, 0)), 0);
    rows = std::make_unique<LevelTestRows>(std::move(X), std::move(y), 1);
  }
  Matrix effect;
  std::unique_ptr<LevelTestRows> rows;
};

TEST(LevelLearning, AnEffectOfManyLevelsIsLearned) {
  const EffectTable train(1);
  const EffectTable fresh(2);
  const Encoding encoding = level_encoding(1, 400, 1);
  const Model model = fit(*train.rows, encoding, quick());
  EXPECT_EQ(model.kept_names(), (std::vector<std::string>{"x1", "c1 → y", "count of c1"}));
  EXPECT_TRUE(model.constant_names().empty());
  const double found = r2(model, *fresh.rows);
  EXPECT_GT(found, 0.74);  // 1.25 of 1.5 is there to be found, and 10 rows a level say of it what they do
  EXPECT_NEAR(1 - model.validation.chosen[0] / model.validation.mean[0], found, 0.04);
  EXPECT_GT(importance(model).by_column[0], 0.6);

  // What is left out has no say.
  FitOptions without = quick();
  without.level_effects = false;
  const Model plain = fit(*train.rows, encoding, without);
  EXPECT_EQ(plain.kept_names(), std::vector<std::string>{"x1"});
  EXPECT_LT(r2(plain, *fresh.rows), 0.3);

  // Every method reads text so.
  FitOptions alone;
  alone.method = Method::random_features;
  alone.width = 100;
  EXPECT_GT(r2(fit(*train.rows, encoding, alone), *fresh.rows), 0.7);
}

TEST(LevelLearning, AnEffectThatOnlyPairsShowIsLearned) {
  const auto table = [](std::uint64_t seed) {
    const Index n = 6000;
    Matrix X = random_levels(n, 2, 70, seed);
    for (double& cell : X.col(1)) cell = std::floor(cell / 7);  // 10 levels, text all the same
    const Matrix sign = normals(70, 10, 3, 2).array().sign();
    Matrix y = 0.5 * normals(n, 1, seed, 4);
    for (Index i = 0; i < n; ++i) {
      // The signs of neighbouring levels of the second column cancel: no column alone says anything.
      const auto b = static_cast<Index>(X(i, 1));
      y(i, 0) += (b % 2 == 0 ? 1 : -1) * sign(static_cast<Index>(X(i, 0)), b / 2);
    }
    return std::make_unique<LevelTestRows>(std::move(X), std::move(y), 2);
  };
  const Model model = fit(*table(1), level_encoding(2, 70, 0), quick());
  const std::vector<std::string> names = model.kept_names();
  EXPECT_NE(std::find(names.begin(), names.end(), "c1 × c2 → y"), names.end());
  EXPECT_NE(std::find(names.begin(), names.end(), "count of c1 × c2"), names.end());
  EXPECT_GT(r2(model, *table(2)), 0.6);
}

TEST(LevelLearning, CodesAmongNumbersAreFound) {
  const EffectTable train(3);
  const EffectTable fresh(4);
  const LevelTestRows numbers(train.rows->X(), train.rows->Y(), 0);
  const LevelTestRows fresh_numbers(fresh.rows->X(), fresh.rows->Y(), 0);
  Encoding encoding;
  for (const char* name : {"code", "x"}) encoding.columns.push_back({name, ColumnKind::number, {}});
  encoding.targets = {"y"};
  const Model model = fit(numbers, encoding, quick());
  EXPECT_EQ(model.kept_names(), (std::vector<std::string>{"code", "x", "code → y", "count of code"}));
  EXPECT_GT(r2(model, fresh_numbers), 0.72);
}

// Targets that nothing explains stay unexplained, on held-out rows and on fresh ones.
TEST(LevelLearning, IdentifiersTeachNothingOfNoise) {
  const Index n = 3000;
  for (const std::uint64_t seed : {1, 2}) {
    const LevelTestRows train(random_levels(n, 3, 500, seed), normals(n, 1, seed, 7), 3);
    const LevelTestRows fresh(random_levels(n, 3, 500, seed + 50), normals(n, 1, seed + 50, 7), 3);
    const Model model = fit(train, level_encoding(3, 500, 0), quick());
    // 0.026 is two standard errors of the ratio of two such errors where 0.2 of the rows are held out.
    EXPECT_GT(model.validation.chosen[0], 0.974 * model.validation.mean[0]) << seed;
    EXPECT_LT(std::abs(r2(model, fresh)), 0.02) << seed;
  }
}

TEST(LevelLearning, IdentifiersTeachNothingOfRandomClasses) {
  const Index n = 3000;
  const auto table = [&](std::uint64_t seed) {
    std::vector<bool> second;
    const Stream random(seed, Purpose::noise);
    for (Index i = 0; i < n; ++i) second.push_back(random.uniform(static_cast<std::uint64_t>(i)) < 0.3);
    return LevelTestRows(random_levels(n, 3, 500, seed), two_classes(second), 3);
  };
  const LevelTestRows train = table(3);
  const LevelTestRows fresh = table(4);
  const Model model = fit(train, level_encoding(3, 500, 0, {"no", "yes"}), quick(Task::classification));
  EXPECT_GT(model.classification->held_out.log_loss, model.classification->majority.log_loss - 0.015);
  const Scores scores = evaluate(model, fresh, {});
  EXPECT_GT(scores.classes->log_loss, scores.majority->log_loss - 0.01);
  EXPECT_LT(scores.classes->log_loss, scores.majority->log_loss + 0.02);
}

// Where levels belong to groups, rows of other groups see levels that no training row has.
TEST(LevelLearning, LevelsWithinGroupsTeachNothing) {
  const Index n = 3000;
  Matrix X(n, 2);
  X.col(1) = normals(n, 1, 5, 3);
  std::vector<Index> groups;
  const Matrix effect = normals(300, 1, 5, 1);
  Matrix y = 0.3 * normals(n, 1, 5, 2);
  for (Index i = 0; i < n; ++i) {
    groups.push_back(i / 10);
    X(i, 0) = static_cast<double>(i / 10);
    y(i, 0) += effect(i / 10, 0);
  }
  const Model model = fit(LevelTestRows(X, y, 1, {}, groups), level_encoding(1, 300, 1), quick());
  EXPECT_EQ(model.kept_names(), std::vector<std::string>{"x1"});  // all others are the same in all rows
  EXPECT_GT(model.validation.chosen[0], 0.95 * model.validation.mean[0]);
}

TEST(LevelLearning, TablesWithoutLevelsAreAsBefore) {
  const Rows rows = random_rows(400, 3, 1, 5, false);
  FitOptions options = quick();
  Model with = fit(rows.X, rows.Y, options);
  options.level_effects = false;
  const Model without = fit(rows.X, rows.Y, options);
  EXPECT_FALSE(with.scaling.levels);
  with.options.level_effects = false;
  EXPECT_EQ(model_bytes(with), model_bytes(without));
}

TEST(LevelLearning, FilesHoldEncodings) {
  const EffectTable train(6, 1500, 100);
  const EffectTable fresh(7, 200, 120);
  const Model model = fit(*train.rows, level_encoding(1, 100, 1), quick());
  const std::string bytes = model_bytes(model);
  EXPECT_NE(bytes.find(R"(\"format\":2)"), std::string::npos);
  const Model again = model_from_bytes(bytes, "the model");
  EXPECT_EQ(model_bytes(again), bytes);
  EXPECT_EQ(predict(again, fresh.rows->X()), predict(model, fresh.rows->X()));
  EXPECT_EQ(again.kept_names(), model.kept_names());
  EXPECT_TRUE(again.encoding.columns[0].coded);

  const auto refusal = [&](const auto& spoil) {
    LevelEncoding levels = *model.scaling.levels;
    spoil(levels);
    Model spoilt = model;
    spoilt.scaling.levels = std::make_shared<const LevelEncoding>(levels);
    return message_of<DataError>([&] { (void)model_from_bytes(model_bytes(spoilt), "m"); });
  };
  EXPECT_EQ(refusal([](LevelEncoding& levels) { levels.sets[0].levels(3, 0) = 0; }),
            "m: cannot be loaded: a set's levels do not ascend");
  EXPECT_EQ(refusal([](LevelEncoding& levels) { levels.sets[0].inputs = {7}; }),
            "m: cannot be loaded: the columns of a set of levels are not in order");
  EXPECT_EQ(refusal([](LevelEncoding& levels) { levels.sets[0].count[0] = -1; }),
            "m: cannot be loaded: a level occurs less than never");
  EXPECT_EQ(refusal([](LevelEncoding& levels) {
              levels.odds = true;
              levels.prior.setOnes();
            }),
            "m: cannot be loaded: a class's share of the rows is not between 0 and 1");
}

// On the rows that a model was trained on, learning again gives the model again; on others, their levels' effects.
TEST(LevelLearning, RefittingLearnsLevelsAgain) {
  const EffectTable train(8, 1500, 100);
  const Encoding encoding = level_encoding(1, 100, 1);
  const Model model = fit(*train.rows, encoding, quick());
  const Model again = refit(model, *train.rows);
  EXPECT_EQ(again.scaling.levels->sets[0].sum, model.scaling.levels->sets[0].sum);
  EXPECT_LT((predict(again, train.rows->X()) - predict(model, train.rows->X())).norm(),
            1e-9 * predict(model, train.rows->X()).norm());
  LevelTestRows other(train.rows->X(), -train.rows->Y(), 1);
  const Model negative = refit(model, other);
  EXPECT_NEAR((negative.scaling.levels->sets[0].sum + model.scaling.levels->sets[0].sum).norm(), 0, 1e-9);
}

// What a source learned of levels is a function of the inputs that another task keeps.
TEST(LevelLearning, TransferKeepsTheSourcesEncodings) {
  const EffectTable train(9);
  const Encoding encoding = level_encoding(1, 400, 1);
  const Model source = fit(*train.rows, encoding, quick());
  const EffectTable few(10, 300);
  Encoding of_task = encoding;
  of_task.targets = {"z"};
  const LevelTestRows task(few.rows->X(), 2 * few.rows->Y(), 1);
  const Model model = transfer_directions({source}, task, of_task, quick());
  EXPECT_EQ(model.scaling.levels, source.scaling.levels);
  EXPECT_EQ(model.kept_names(), (std::vector<std::string>{"x1", "c1 → y", "count of c1"}));
  const EffectTable fresh(11);
  EXPECT_GT(r2(model, LevelTestRows(fresh.rows->X(), 2 * fresh.rows->Y(), 1)), 0.7);
}

}  // namespace
}  // namespace sextant
