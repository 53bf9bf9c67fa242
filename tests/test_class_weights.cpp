// Weights of classes. Oracles: the formula by hand, and the same rows with row weights instead.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "message_of.h"
#include "sextant/class_weights.h"
#include "sextant/error.h"
#include "sextant/model.h"
#include "sextant/model_file.h"
#include "sextant/text_file.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;

namespace {

// Of three classes along two inputs, the third rare.
struct Kinds {
  Matrix X = normals(400, 4, 1);
  Matrix Y = Matrix::Zero(400, 3);
  Vector w = Vector::Ones(400);
  Encoding encoding;

  Kinds() {
    const Matrix noise = normals(400, 1, 2);
    for (Index i = 0; i < 400; ++i) {
      const double at = X(i, 0) + 0.5 * noise(i, 0);
      Y(i, at > 1.6 ? 2 : at > 0 ? 1 : 0) = 1;
      if (i % 7 == 3) w[i] = 2.5;
    }
    for (const char* name : {"a", "b", "c", "d"}) encoding.columns.push_back({name, ColumnKind::number, {}});
    encoding.targets = {"kind"};
    encoding.classes = {"one", "two", "three"};
  }
  [[nodiscard]] MemorySource rows(const Vector& factors) const {
    const Vector of_rows = Y * factors;
    return {X, Y, w.cwiseProduct(of_rows)};
  }
};

FitOptions options_of(Method method, const ClassWeights& weights) {
  FitOptions options;
  options.task = Task::classification;
  options.method = method;
  options.width = 32;
  options.budget = 0.1;
  options.class_weights = weights;
  return options;
}

TEST(ClassWeights, BalancedClassesWeighAlikeAndTheSumStays) {
  Vector rows_of(3);
  rows_of << 50, 40, 10;
  const Vector factors = class_factors({true, {}}, rows_of);
  for (Index c = 0; c < 3; ++c) EXPECT_DOUBLE_EQ(factors[c], 100.0 / (3 * rows_of[c]));
  EXPECT_DOUBLE_EQ(factors.dot(rows_of), 100);
}

TEST(ClassWeights, OfThoseGivenOnlyTheRatiosMatter) {
  Vector rows_of(2);
  rows_of << 90, 10;
  const Vector factors = class_factors({false, {1, 20}}, rows_of);
  EXPECT_DOUBLE_EQ(factors[1] / factors[0], 20);
  EXPECT_DOUBLE_EQ(factors.dot(rows_of), 100);
  EXPECT_LT(relative_error(class_factors({false, {1000, 20000}}, rows_of), factors), 1e-14);
  EXPECT_EQ(message_of([&] {
              (void)class_factors({false, {1, 2, 3}}, rows_of);
            }),
            "class-weights: 3 weights given for 2 classes, expected as many");
}

TEST(ClassWeights, AreReadBackAsTheyAreNamed) {
  for (const ClassWeights& weights : {ClassWeights{}, ClassWeights{true, {}}, ClassWeights{false, {0.1, 20}}}) {
    const ClassWeights again = class_weights_named(name(weights));
    EXPECT_EQ(again.balanced, weights.balanced);
    EXPECT_EQ(again.of, weights.of);
  }
  for (const char* text : {"", "heavy", "1,", "1,-2", "1,nan", "1,inf", "0,1", "1;2"})
    EXPECT_NE(message_of([&] { (void)class_weights_named(text); }).find("class-weights: "), std::string::npos) << text;
}

// With a validation table, everything is a function of rows and weights: weighted classes are weighted rows.
TEST(ClassWeights, AreRowWeightsInLearningAndInChoosing) {
  const Kinds kinds;
  const Vector factors = class_factors({true, {}}, kinds.Y.transpose() * kinds.w);
  for (const Method method : {Method::algorithm_1, Method::automatic}) {
    const MemorySource plain = kinds.rows(Vector::Ones(3));
    const MemorySource weighted = kinds.rows(factors);
    const Model by_class = fit(plain, kinds.encoding, options_of(method, {true, {}}));
    const Model by_row = fit(weighted, kinds.encoding, options_of(method, {}));
    EXPECT_LT((predict_probabilities(by_class, kinds.X) - predict_probabilities(by_row, kinds.X)).cwiseAbs().maxCoeff(),
              1e-9);
    EXPECT_NEAR(by_class.classification->held_out.log_loss, by_row.classification->held_out.log_loss, 1e-9);
    EXPECT_LT(relative_error(by_class.classification->weights, factors), 1e-12);
    EXPECT_GT(predict_probabilities(by_class, kinds.X).col(2).mean(),
              1.5 * predict_probabilities(fit(plain, kinds.encoding, options_of(method, {})), kinds.X).col(2).mean());
  }
}

TEST(ClassWeights, ARefitAndAFileKeepThem) {
  const Kinds kinds;
  const MemorySource rows = kinds.rows(Vector::Ones(3));
  const Model model = fit(rows, kinds.encoding, options_of(Method::algorithm_1, {false, {1, 1, 8}}));
  const Model again = refit(model, rows);
  EXPECT_EQ(model_bytes(again), model_bytes(model));
  const Model loaded = model_from_bytes(model_bytes(model), "memory");
  EXPECT_EQ(loaded.options.class_weights.of, model.options.class_weights.of);
  EXPECT_EQ(loaded.classification->weights, model.classification->weights);
}

TEST(ClassWeights, ATableSaysThemByName) {
  const TemporaryFolder folder;
  const std::string path = folder.path("w.csv");
  const auto read = [&](const std::string& text) {
    write_text(path, text);
    return read_class_weights(path, {"one", "two"}).of;
  };
  EXPECT_EQ(read("weight,note,class\n3,x,two\n0.5,y,one\n"), (std::vector<double>{0.5, 3}));
  const auto refused = [&](const std::string& text) { return message_of<DataError>([&] { (void)read(text); }); };
  EXPECT_EQ(refused("class,w\none,1\n"),
            path + ": there is no column 'weight', expected the columns 'class' and 'weight'");
  EXPECT_EQ(refused("class,weight\none,1\nthree,2\n"),
            path + ": the class 'three' at line 3 is none of the target's, which begin with 'one'");
  EXPECT_EQ(refused("class,weight\none,1\n"),
            path + ": the class 'two' has no weight, expected one for each of the 2 classes");
  EXPECT_EQ(refused("class,weight\none,1\none,1\n"),
            path + ": the class 'one' is there twice, the second time at line 3");
  EXPECT_EQ(refused("class,weight\none,1\ntwo,-1\n"),
            path + ": the weight of the class 'two' at line 3 is -1, expected a number above 0");
  EXPECT_EQ(refused("class,weight\none,1\ntwo,NaN\n"),
            path + ": the weight of the class 'two' at line 3 is missing, expected a number above 0");
  write_text(path, "class,weight\n1,2\n10,3\n");
  EXPECT_EQ(read_class_weights(path, {"1", "10"}).of, (std::vector<double>{2, 3}));
}

TEST(ClassWeights, AreForClasses) {
  FitOptions options{.method = Method::algorithm_1};
  options.class_weights.balanced = true;
  EXPECT_EQ(message_of([&] { options.check(); }),
            "class-weights: balanced given with regression, expected the task classification");
}

}  // namespace
