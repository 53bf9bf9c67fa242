// Oracle: the tensors of models that were learned by these recipes, and the definitions.
#include <gtest/gtest.h>

#include "message_of.h"
#include "method/model_size.h"
#include "sextant/footprint.h"
#include "sextant/model.h"
#include "test_support.h"

using namespace sextant;

namespace {

Model fitted(Method method, Index n, Index d) {
  const Rows rows = random_rows(n, d, 1, 3, false);
  FitOptions options;
  options.method = method;
  options.width = 64;
  options.symmetric = method != Method::ntk;
  return fit(rows.X, rows.Y, options, run_with(1));
}

KernelSettings settings(Index centres) { return {{1.4, 1.0}, Vector::Constant(1, 1e-3), centres}; }

}  // namespace

TEST(ModelSize, OfMethodsWithOneMap) {
  for (const Method method :
       {Method::algorithm_1, Method::random_features, Method::ntk, Method::kernel_gaussian, Method::kernel_ntk}) {
    const Model model = fitted(method, 300, 12);
    const Footprint found = footprint(model);
    // What every model has: a few numbers per input, A, the linear part, intervals.
    const double others = found.bytes - stored_bytes(model.options, 300, 12, 1);
    EXPECT_GT(others, 0) << name(method);
    EXPECT_LT(others, 8e3) << name(method);
    EXPECT_EQ(found.training_rows, stores_training_rows(method)) << name(method);
  }
}

TEST(ModelSize, WhichRecipesStoreRows) {
  EXPECT_FALSE(stores_training_rows(LinearRecipe{}));
  EXPECT_FALSE(stores_training_rows(RandomFeaturesRecipe{}));
  EXPECT_FALSE(stores_training_rows(NetworkRecipe{}));
  EXPECT_FALSE(stores_training_rows(LinkRecipe{}));
  LinkRecipe of_kernel;
  of_kernel.kernel = settings(4000);
  EXPECT_TRUE(stores_training_rows(of_kernel));
  EXPECT_TRUE(stores_training_rows(KernelRecipe{}));
  EXPECT_TRUE(stores_training_rows(LeafRecipe{}));
  EXPECT_TRUE(stores_training_rows(KeptRecipe{}));
}

TEST(ModelSize, GrowsWithWhatIsStored) {
  const FitOptions options{.method = Method::algorithm_1};
  const auto bytes = [&](const Recipe& recipe, Index n, Index d) { return stored_bytes(recipe, options, n, d, 1); };
  // 1 000 rows of 8 inputs and a coefficient each, in double precision; landmarks are no more than there are rows.
  EXPECT_EQ(bytes(KernelRecipe{false, {settings(4000)}}, 1000, 8), 8.0 * 1000 * 9);
  EXPECT_EQ(bytes(KernelRecipe{false, {settings(200)}}, 1000, 8), 8.0 * 200 * 9);
  // Of lifted inputs the rows before the lift, not twenty times as much.
  EXPECT_LT(bytes(KernelRecipe{true, {settings(4000)}}, 1000, 8), 8.0 * 1000 * 9 + 8.0 * 21 * 9);
  // A link of 3 directions and degree 2 has (3 + 2 choose 2) terms.
  LinkRecipe link;
  link.rank = 3;
  EXPECT_EQ(bytes(link, 1000, 8), 8.0 * (3 * 8 + 3 * 3 + 10));
  // Rows once for all partitions of leaf machines.
  LeafRecipe leaves;
  leaves.partitions = 3;
  const double three = bytes(leaves, 36'000, 8);
  leaves.partitions = 1;
  const double one = bytes(leaves, 36'000, 8);
  EXPECT_NEAR(three - 3 * one, -2 * 4.0 * 36'000 * 8, 1);
}

TEST(ModelSize, MostBytes) {
  FitOptions options{.method = Method::algorithm_1};
  EXPECT_EQ(most_bytes(options, 1000, 8, 1), 256e6);
  EXPECT_EQ(most_bytes(options, 100'000'000, 8, 1), 2 * 4.0 * 9 * 100'000'000);
  options.compact = true;
  EXPECT_EQ(most_bytes(options, 100'000'000, 8, 1), 8e6);
}

TEST(ModelSize, WhatIsAskedForAndCannotBeIsRefused) {
  for (const Method method : {Method::kernel_gaussian, Method::kernel_ntk, Method::refined_kernel}) {
    FitOptions options{.method = method};
    EXPECT_NO_THROW(options.check());
    options.training_rows = false;
    EXPECT_EQ(
        message_of([&] { options.check(); }),
        "training-rows: false given with " + name(method) +
            ", whose centres are rows of the table, expected a method that keeps none, as auto, polish, refine or "
            "algorithm-1");
  }
  for (const Method method : {Method::automatic, Method::polish, Method::refine, Method::algorithm_1})
    EXPECT_NO_THROW((FitOptions{.method = method, .training_rows = false}.check()));
  const Rows rows = random_rows(60, 700, 1, 3, false);
  FitOptions options{.method = Method::algorithm_1, .compact = true, .width = 4096};
  EXPECT_EQ(
      message_of([&] { (void)fit(rows.X, rows.Y, options, run_with(1)); }),
      "compact: given with algorithm-1, whose model of these rows takes 11.5 MB, expected at most 8 MB: a smaller "
      "width or fewer rows, or a method that searches, as auto");
}
