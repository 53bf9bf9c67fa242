// Oracles: gradients of linear functions and of a network written out; sums by hand over a text column's indicators.
#include <gtest/gtest.h>

#include <vector>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/importance.h"
#include "test_support.h"

using namespace sextant;

namespace {

TEST(Importance, OfALinearFunctionIsItsSquaredWeights) {
  Matrix X = normals(400, 4, 1);
  X.col(3).setConstant(7);  // left out
  const Matrix Y = 3 * X.col(0) - 2 * X.col(1);
  const Model model = fit(X, Y, {.method = Method::algorithm_1, .width = 4, .lambda = {INFINITY}}, run_with(1));
  const Importance found = importance(model);
  EXPECT_EQ(found.inputs, (std::vector<std::string>{"x1", "x2", "x3"}));
  EXPECT_EQ(found.columns, (std::vector<std::string>{"x1", "x2", "x3", "x4"}));
  // On standardised inputs the weights are 3·s₁ and −2·s₂.
  const Vector s = model.scaling.x_scale;
  const double a = 9 * s[0] * s[0];
  const double b = 4 * s[1] * s[1];
  EXPECT_NEAR(found.by_input[0], a / (a + b), 1e-9);
  EXPECT_NEAR(found.by_input[1], b / (a + b), 1e-9);
  EXPECT_NEAR(found.by_input[2], 0, 1e-9);
  EXPECT_EQ(found.by_column.head(3), found.by_input);
  EXPECT_EQ(found.by_column[3], 0);
}

TEST(Importance, IsTheMeanSquaredSlopeOfTheNetwork) {
  const Rows rows = random_rows(300, 3, 2, 2, false);
  const Model model = fit(rows.X, rows.Y, {.method = Method::algorithm_1, .width = 16}, run_with(1));
  Matrix Z;
  model.scaling.apply(rows.X, Z);
  Vector square = Vector::Zero(3);
  for (Index t = 0; t < 2; ++t) {
    Matrix G(300, 3);
    feature_gradient(model.predictors[0].map, Z, model.predictors[0].a.col(t), G);
    G.rowwise() += model.linear.beta.col(t).transpose();
    square += G.cwiseAbs2().colwise().sum().transpose();
  }
  EXPECT_LT(relative_error(importance(model).by_input, Vector(square / square.sum())), 1e-12);
}

TEST(Importance, OfATextColumnIsTheSumOverItsIndicators) {
  Model model;
  model.encoding.columns = {{"a", ColumnKind::number, {}}, {"colour", ColumnKind::text, {"blue", "green", "red"}}};
  model.scaling = Scaling::identity(4, 1);
  model.scaling.kept = {0, 1, 3};  // green never varied
  model.gradient_outer_product = Eigen::Vector3d(5, 3, 2).asDiagonal();
  const Importance found = importance(model);
  EXPECT_EQ(found.inputs, (std::vector<std::string>{"a", "colour=blue", "colour=red"}));
  EXPECT_TRUE(found.by_input.isApprox(Eigen::Vector3d(0.5, 0.3, 0.2)));
  EXPECT_TRUE(found.by_column.isApprox(Eigen::Vector2d(0.5, 0.5)));
  EXPECT_NE(message_of([&] { (void)importance(model, Matrix::Zero(2, 3)); }).find("A is 2×3, expected 3×3"),
            std::string::npos);
  EXPECT_EQ(importance(model, Matrix::Zero(3, 3)).by_input, Vector::Zero(3));
}

}  // namespace
