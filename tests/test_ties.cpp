// Oracles: orders told by eye; std::stable_sort where nothing is tied; the same values with rounding in them.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "core/ties.h"
#include "test_support.h"

using namespace sextant;

namespace {

using Order = std::vector<std::size_t>;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST(Ties, LessIsMoreThanATie) {
  EXPECT_TRUE(clearly_less(1, 2));
  EXPECT_FALSE(clearly_less(2, 1));
  EXPECT_FALSE(clearly_less(1, 1));
  EXPECT_FALSE(clearly_less(1, 1 + 0.9e-7));
  EXPECT_TRUE(clearly_less(1, 1 + 1.1e-7));
  EXPECT_FALSE(clearly_less(-1 - 0.9e-7, -1));
  EXPECT_TRUE(clearly_less(-1 - 1.1e-7, -1));
  EXPECT_TRUE(clearly_less(0, 1e-300));  // relative to their size, whatever it is
  EXPECT_TRUE(clearly_less(1, infinity));
  EXPECT_TRUE(clearly_less(-infinity, 1));
  EXPECT_FALSE(clearly_less(infinity, infinity));
  EXPECT_FALSE(clearly_less(infinity, 1));
  EXPECT_FALSE(clearly_less(not_a_number, 1));
  EXPECT_FALSE(clearly_less(1, not_a_number));
  EXPECT_FALSE(clearly_less(not_a_number, infinity));
}

TEST(Ties, TheFirstOfTiedValuesComesFirst) {
  EXPECT_EQ(order_with_ties({}), Order{});
  EXPECT_EQ(order_with_ties(std::vector<double>{3, 1, 2}), (Order{1, 2, 0}));
  for (const double rounding : {0.0, 1e-15, -1e-15, 1e-9, -1e-9})
    EXPECT_EQ(order_with_ties(std::vector<double>{2, 1 + rounding, 5, 1, 2 - rounding}), (Order{1, 3, 0, 4, 2}))
        << rounding;
  EXPECT_EQ(order_with_ties(std::vector<double>{not_a_number, infinity, 1, not_a_number, -infinity}),
            (Order{4, 2, 1, 0, 3}));
}

TEST(Ties, WithoutTiesItIsTheUsualOrder) {
  for (const Index n : {1, 2, 7, 50}) {
    const Vector values = normals(n, 1, 3, static_cast<std::uint64_t>(n));
    Order expected(static_cast<std::size_t>(n));
    std::iota(expected.begin(), expected.end(), 0);
    std::stable_sort(expected.begin(), expected.end(), [&](std::size_t i, std::size_t j) {
      return values[static_cast<Index>(i)] < values[static_cast<Index>(j)];
    });
    EXPECT_EQ(order_with_ties({values.data(), static_cast<std::size_t>(n)}), expected);
  }
}
