// Oracles: errors with one valley, whose least is known; what must be asked for, written down by hand from the rule.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "search/lambda_walk.h"
#include "sextant/options.h"

using namespace sextant;

namespace {

using Places = std::vector<std::size_t>;

// Walks to the end; errors(place) of each target. Gives the places that were asked for.
template <class Errors>
std::set<std::size_t> walked(LambdaWalk& walk, const Errors& errors) {
  std::set<std::size_t> asked;
  for (Places wanted = walk.wanted(); !wanted.empty(); wanted = walk.wanted())
    for (const std::size_t place : wanted) {
      EXPECT_TRUE(asked.insert(place).second) << place << " twice";
      walk.learn(place, errors(place));
    }
  return asked;
}

Vector one(double value) { return Vector::Constant(1, value); }

}  // namespace

TEST(LambdaWalk, AsksWhereItStandsAndAround) {
  LambdaWalk walk(lambda_grid(), one(1e-5));  // place 10
  EXPECT_EQ(walk.wanted(), (Places{6, 8, 10, 12}));
  for (const std::size_t place : {6, 10, 12}) walk.learn(place, one(1));
  walk.learn(8, one(0.5));
  EXPECT_EQ(walk.wanted(), Places{});
  EXPECT_EQ(walk.place(0), 8U);
  EXPECT_EQ(walk.error(0), 0.5);
}

TEST(LambdaWalk, GoesOnWhileANeighbourIsBetter) {
  const auto& lambda = lambda_grid();
  const std::size_t last = lambda.size() - 1;
  for (std::size_t least = 0; least <= last; least += 2)
    for (const double from : {1e-10, 1e-4, 1.0, 1e8}) {
      LambdaWalk walk(lambda, one(from));
      const auto valley = [&](std::size_t place) {
        return one(std::abs(static_cast<double>(place) - static_cast<double>(least)));
      };
      const auto asked = walked(walk, valley);
      EXPECT_LE(std::abs(static_cast<double>(walk.place(0)) - static_cast<double>(least)), 1) << from;
      EXPECT_EQ(walk.error(0), valley(walk.place(0))[0]);
      EXPECT_LE(asked.size(), 4 + last / 2);
    }
}

// λ = ∞ is the last place; a start between places is the next.
TEST(LambdaWalk, StartsAnywhereOnThePath) {
  const auto& lambda = lambda_grid();
  const std::size_t last = lambda.size() - 1;
  EXPECT_EQ(LambdaWalk(lambda, one(std::numeric_limits<double>::infinity())).place(0), last);
  EXPECT_EQ(LambdaWalk(lambda, one(2e-10)).place(0), 1U);
  EXPECT_EQ(LambdaWalk(lambda, one(1e-30)).wanted(), (Places{0, 2}));
  EXPECT_EQ(LambdaWalk({0.5}, one(0.5)).wanted(), Places{0});
}

TEST(LambdaWalk, EachTargetWalksAlone) {
  LambdaWalk walk(lambda_grid(), Eigen::Vector2d(1e-8, 1.0));  // places 4 and 20
  EXPECT_EQ(walk.wanted(), (Places{0, 2, 4, 6, 16, 18, 20, 22}));
  walked(walk, [](std::size_t place) -> Vector {
    const auto at = static_cast<double>(place);
    return Eigen::Vector2d(std::abs(at - 10), std::abs(at - 18));
  });
  EXPECT_EQ(walk.place(0), 10U);
  EXPECT_EQ(walk.place(1), 18U);
}

TEST(LambdaWalk, WhatIsNoNumberIsBehindAll) {
  LambdaWalk walk(lambda_grid(), one(1e-5));
  walked(walk, [](std::size_t place) {
    return one(place <= 10 ? std::numeric_limits<double>::quiet_NaN() : static_cast<double>(place));
  });
  EXPECT_EQ(walk.place(0), 12U);
}
