// Oracles: what a ground may hold, by its definition; labels that nothing can predict; a function of two known inputs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "search/leaf_race.h"
#include "search/leaf_search.h"
#include "sextant/random.h"
#include "test_support.h"

using namespace sextant;

namespace {

GatheredRows rows_of(Index n, Index d) {
  GatheredRows rows;
  const Matrix X = Stream(21, Purpose::inputs).normal_matrix(n, d);
  rows.X = X.cast<float>();
  rows.Y = Matrix(n, 1);
  for (Index i = 0; i < n; ++i) rows.Y(i, 0) = std::sin(2 * X(i, 0)) * X(i, 1);
  rows.w = Vector::Ones(n);
  rows.mean = Vector::Zero(1);
  return rows;
}

LeafArm arm_of(const GatheredRows& rows) {
  LeafArm arm;
  arm.exponent = 1.9;
  arm.power = 0.5;
  arm.S = scaled_coordinates(Matrix::Identity(rows.X.cols(), rows.X.cols()), rows.X, {});
  return arm;
}

LeafGround ground_of_all(const GatheredRows& rows, Index count, Index size) {
  return leaf_ground(rows, arm_of(rows).S, count, size, 1, 0, {});
}

}  // namespace

TEST(LeafRace, LeavesAreNeighboursAndAFifthIsHeldOut) {
  const GatheredRows rows = rows_of(2000, 2);
  const LeafGround ground = ground_of_all(rows, 5, 200);
  ASSERT_EQ(ground.leaves.size(), 5U);
  const auto spread = [&](const std::vector<Index>& leaf) {
    const Matrix X = rows.X(leaf, Eigen::all).cast<double>();
    return (X.rowwise() - X.colwise().mean()).squaredNorm() / static_cast<double>(X.rows());
  };
  for (const auto& leaf : ground.leaves) {
    const std::size_t size = leaf.learned.size() + leaf.held_out.size();
    EXPECT_LE(size, 200U);
    EXPECT_EQ(leaf.held_out.size(), size / 5);
    std::set<Index> distinct(leaf.learned.begin(), leaf.learned.end());
    distinct.insert(leaf.held_out.begin(), leaf.held_out.end());
    EXPECT_EQ(distinct.size(), size);
    EXPECT_LT(spread(leaf.learned), 0.75 * 2);  // of the 2 of all rows
  }
}

TEST(LeafRace, GroupsStayOnOneSide) {
  GatheredRows rows = rows_of(1200, 3);
  for (Index i = 0; i < 1200; ++i) rows.groups.push_back(i % 60);
  for (const auto& leaf : ground_of_all(rows, 6, 300).leaves)
    for (const Index out : leaf.held_out)
      for (const Index in : leaf.learned)
        EXPECT_NE(rows.groups[static_cast<std::size_t>(out)], rows.groups[static_cast<std::size_t>(in)]);
}

TEST(LeafRace, WhatIsHeldOutComesLaterWhereRowsAreOrdered) {
  GatheredRows rows = rows_of(1200, 3);
  rows.ordered = true;
  for (const auto& leaf : ground_of_all(rows, 6, 300).leaves)
    EXPECT_LT(*std::max_element(leaf.learned.begin(), leaf.learned.end()),
              *std::min_element(leaf.held_out.begin(), leaf.held_out.end()));
}

// Each row twice, under one label of chance: who sees the twin knows the label. With the pair as a group nobody does.
TEST(LeafRace, TwinsInOneGroupTellNothing) {
  GatheredRows rows = rows_of(1000, 3);
  const Vector chance = Stream(30, Purpose::noise).normal_vector(500);
  for (Index i = 0; i < 1000; ++i) {
    rows.X.row(i) = rows.X.row(i - i % 2);
    rows.Y(i, 0) = chance[i / 2];
  }
  LeafArm arm = arm_of(rows);
  climb(arm, rows, ground_of_all(rows, 4, 400), {-2, 2, 6}, 2, 4, {});
  EXPECT_LT(arm.score, 0.7);
  for (Index i = 0; i < 1000; ++i) rows.groups.push_back(i / 2);
  arm = arm_of(rows);
  climb(arm, rows, ground_of_all(rows, 4, 400), {-2, 2, 6}, 2, 4, {});
  EXPECT_GT(arm.score, 0.93);  // the least of a dozen settings on 320 held-out rows; 0.966 here
}

TEST(LeafRace, ClimbsToABetterSettingAndKnowsItsScore) {
  const GatheredRows rows = rows_of(2000, 4);
  const LeafGround ground = ground_of_all(rows, 4, 500);
  LeafArm start = arm_of(rows);
  start.bandwidth_step = -8;
  start.lambda_step = 2;
  LeafArm first = start;
  climb(first, rows, ground, {}, 2, 0, {});
  LeafArm best = start;
  climb(best, rows, ground, {}, 2, 20, {});
  EXPECT_LT(best.score, 0.8 * first.score);
  LeafArm again = best;
  climb(again, rows, ground, {}, 2, 0, {.threads = 3});
  EXPECT_EQ(again.score, best.score);
  EXPECT_GT(best.standard_error, 0);
}

TEST(LeafRace, CoordinatesComeToTheInputsThatMatter) {
  const GatheredRows rows = rows_of(3000, 8);
  const LeafGround ground = ground_of_all(rows, 4, 700);
  LeafArm arm = arm_of(rows);
  climb(arm, rows, ground, {2, 6}, 2, 4, {});
  const double before = arm.score;
  for (int round = 0; round < 4; ++round) {
    arm.S = next_coordinates(arm, ground_outer_product(arm, rows, ground, {}), rows.X, {});
    climb(arm, rows, ground, {}, 2, 2, {});
  }
  const Vector share = arm.S.colwise().squaredNorm() / arm.S.squaredNorm();
  EXPECT_GT(share[0] + share[1], 0.9);
  EXPECT_LT(arm.score, 0.5 * before);
}

// A recipe without coordinates learns its own from the rows at hand: along the two inputs of six that matter.
TEST(LeafRace, CoordinatesAreLearnedAfresh) {
  const GatheredRows rows = rows_of(2000, 6);
  LeafRecipe recipe;
  recipe.exponent = 1.9;
  recipe.bandwidth = 2;
  recipe.power = 0.5;
  recipe.leaf_rows = 500;
  const auto share = [&](Index rounds) {
    recipe.rounds = rounds;
    const Matrix S = learned_coordinates(recipe, rows, 1, {});
    return S.leftCols(2).squaredNorm() / S.squaredNorm();
  };
  EXPECT_NEAR(share(0), 2.0 / 6, 1e-12);
  EXPECT_GT(share(4), 0.9);
  EXPECT_EQ(
      coordinates_cost(recipe, 6), 2 * [&] {
        LeafRecipe half = recipe;
        half.rounds = 2;
        return coordinates_cost(half, 6);
      }());
}
