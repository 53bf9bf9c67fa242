// Crossing points and slopes. Oracles: power laws, whose crossings and slopes are known, and curves read by hand.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "message_of.h"
#include "sextant/crossings.h"

namespace sextant {
namespace {

TEST(Crossing, OfAPowerLawIsExactBetweenAnyPoints) {
  // y = 5 x^−0.7 reaches 0.1 at x = 50^(1/0.7).
  std::vector<double> x;
  std::vector<double> y;
  for (const double at : {3.0, 50.0, 170.0, 900.0, 2000.0}) {
    x.push_back(at);
    y.push_back(5 * std::pow(at, -0.7));
  }
  const Crossing found = crossing(x, y, 0.1);
  EXPECT_EQ(found.kind, CrossingKind::crossed);
  EXPECT_NEAR(*found.x, std::pow(50.0, 1 / 0.7), 1e-9);
}

TEST(Crossing, SaysWhenTheLevelIsNeverReachedOrNeverLeft) {
  EXPECT_EQ(crossing({1, 2}, {3, 2}, 1).kind, CrossingKind::above);
  EXPECT_EQ(crossing({1, 2}, {3, 2}, 3).kind, CrossingKind::below);
  EXPECT_EQ(crossing({}, {}, 1).kind, CrossingKind::above);
  EXPECT_FALSE(crossing({1, 2}, {3, 2}, 1).x.has_value());
}

TEST(Crossing, CountsFromWhereTheCurveStaysBelow) {
  // Dips below 1 at x = 2, comes back, and stays below from between 3 and 4 on.
  const Crossing found = crossing({1, 2, 3, 4}, {4, 0.5, 4, 0.25}, 1);
  EXPECT_NEAR(*found.x, 3 * std::pow(4.0 / 3, 0.5), 1e-12);
  EXPECT_EQ(crossing({1, 2}, {0.5, 2}, 1).kind, CrossingKind::above);
}

TEST(Crossing, AtTheLevelExactlyIsReached) { EXPECT_EQ(*crossing({1, 10, 100}, {2, 1, 0.5}, 1).x, 10.0); }

TEST(Crossing, APointWithoutAValueIsNotBelow) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(crossing({1, 2, 3}, {2, 0.5, nan}, 1).kind, CrossingKind::above);
  EXPECT_EQ(*crossing({1, 2, 3}, {2, nan, 0.5}, 1).x, 3.0);
}

TEST(Crossing, RefusesWhatIsNoCurve) {
  EXPECT_EQ(message_of([] {
              static_cast<void>(crossing({1, 1}, {2, 1}, 1));
            }),
            "crossing: x holds 1, expected ascending numbers above 0");
  EXPECT_EQ(message_of([] {
              static_cast<void>(crossing({1}, {2, 1}, 1));
            }),
            "crossing: 1 values of x and 2 of y given, expected as many");
  EXPECT_EQ(message_of([] { static_cast<void>(crossing({1}, {2}, 0)); }),
            "crossing: the level 0 given, expected a number above 0");
}

TEST(LocalSlopes, OfAPowerLawAreItsExponent) {
  const auto slopes = local_slopes({10, 20, 80}, {3 * 100.0, 3 * 400.0, 3 * 6400.0});
  EXPECT_FALSE(slopes[0].has_value());
  EXPECT_NEAR(*slopes[1], 2, 1e-12);
  EXPECT_NEAR(*slopes[2], 2, 1e-12);
}

TEST(LocalSlopes, AreMissingBesideAMissingCrossing) {
  const auto slopes = local_slopes({10, 20, 40, 80}, {1.0, std::nullopt, 4.0, 8.0});
  EXPECT_FALSE(slopes[1].has_value());
  EXPECT_FALSE(slopes[2].has_value());
  EXPECT_NEAR(*slopes[3], 1, 1e-12);
}

}  // namespace
}  // namespace sextant
