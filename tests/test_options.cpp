// Oracles: docs/method.md's grid; the names that command line, spec files and model files share.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/options.h"
#include "temporary_folder.h"

using namespace sextant;

TEST(Options, NamesReadBack) {
  EXPECT_EQ(name(Method::algorithm_1), "algorithm-1");
  EXPECT_EQ(method_named("algorithm-1"), Method::algorithm_1);
  EXPECT_EQ(name(Method::random_features), "random-features");
  EXPECT_EQ(method_named("random-features"), Method::random_features);
  EXPECT_EQ(name(Preprocess::none), "none");
  EXPECT_EQ(name(Preprocess::correlation), "correlation");
  EXPECT_EQ(name(Preprocess::linear), "linear");
  for (const Preprocess preprocess : {Preprocess::none, Preprocess::correlation, Preprocess::linear})
    EXPECT_EQ(preprocess_named(name(preprocess)), preprocess);
  EXPECT_EQ(name(Head::ridge), "ridge");
  EXPECT_EQ(name(Head::gradient_descent), "gradient-descent");
  for (const Head head : {Head::ridge, Head::gradient_descent}) EXPECT_EQ(head_named(name(head)), head);
  EXPECT_EQ(message_of<InvalidArgument>([] { (void)preprocess_named("Linear"); }),
            "preprocess: 'Linear' is not known, expected one of none, correlation, linear");
  EXPECT_EQ(message_of<InvalidArgument>([] { (void)head_named(""); }),
            "head: '' is not known, expected one of ridge, gradient-descent");
  EXPECT_EQ(message_of<InvalidArgument>([] { (void)method_named("x"); }),
            "method: 'x' is not known, expected one of auto, refine, refined-kernel, polish, algorithm-1, "
            "random-features, ntk, "
            "kernel-arc-cosine, kernel-ntk, "
            "kernel-polynomial, kernel-gaussian, kernel-laplace, oracle, sir, save, phd, directional-regression");
  for (const Method method : known_methods()) EXPECT_EQ(method_named(name(method)), method);
  EXPECT_EQ(known_methods().size(), 17U);
  for (const Precision precision : {Precision::float64, Precision::mixed, Precision::float32})
    EXPECT_EQ(precision_named(name(precision)), precision);
  for (const NtkScale scale : {NtkScale::standard, NtkScale::balanced}) EXPECT_EQ(ntk_scale_named(name(scale)), scale);
  EXPECT_EQ(name(NtkBlocks{}), "a,W,b");
  for (const char* blocks : {"a", "W", "b", "a,W", "W,b", "a,W,b"}) EXPECT_EQ(name(ntk_blocks_named(blocks)), blocks);
  for (const char* blocks : {"", "c", "a,", "aW", "a;W"})
    EXPECT_EQ(message_of<InvalidArgument>([&] { (void)ntk_blocks_named(blocks); }),
              fmt::format("ntk-blocks: '{}' given, expected some of a, W, b, separated by commas", blocks));
}

TEST(Options, BudgetsHaveNames) {
  EXPECT_EQ(budget_named("low"), 3);
  EXPECT_EQ(budget_named("medium"), FitOptions{}.budget);
  EXPECT_EQ(budget_named("high"), 600);
  EXPECT_EQ(budget_named("2.5"), 2.5);
  for (const char* text : {"", "Low", "3 s"})
    EXPECT_EQ(message_of<InvalidArgument>([&] { (void)budget_named(text); }),
              fmt::format("budget: '{}' given, expected a number of seconds, or low, medium or high", text));
}

TEST(Options, LambdaGridIsHalfDecadesAndInfinity) {
  const auto& grid = lambda_grid();
  ASSERT_EQ(grid.size(), 38U);
  for (std::size_t l = 0; l < 37; ++l) EXPECT_NEAR(std::log10(grid[l]), -10 + 0.5 * static_cast<double>(l), 1e-13);
  EXPECT_EQ(grid.back(), std::numeric_limits<double>::infinity());
}

TEST(Options, PrecisionIsOfOneMapOfFeatures) {
  FitOptions options;
  options.precision = Precision::mixed;
  for (const Method method : {Method::algorithm_1, Method::random_features, Method::ntk, Method::sir}) {
    options.method = method;
    EXPECT_NO_THROW(options.check());
  }
  for (const Method method : {Method::automatic, Method::polish, Method::kernel_ntk}) {
    options.method = method;
    EXPECT_EQ(message_of<InvalidArgument>([&] { options.check(); }),
              fmt::format("precision: mixed given with {}, expected float64, or a method with one map of features, as "
                          "algorithm-1",
                          name(method)));
  }
}

TEST(Options, DefaultsAreValid) {
  EXPECT_NO_THROW(FitOptions{}.check());
  const FitOptions limits{.width = 2,
                          .eta = 1e-300,
                          .rank = 1,
                          .first_layer_decay = 0.0,
                          .lambda = {0.0, std::numeric_limits<double>::infinity()},
                          .validation_share = 0.5,
                          .folds = 2};
  EXPECT_NO_THROW(limits.check());
}
