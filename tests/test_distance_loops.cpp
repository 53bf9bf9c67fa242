// Oracle: the definitions, entry by entry, with the C library's functions.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "passes/distance_loops.h"

using namespace sextant;

namespace {

// Squared distances from 0 over what exp can tell to far beyond, in a row of so many.
std::vector<double> distances(Index cols) {
  std::mt19937 random(7);
  std::vector<double> s(static_cast<std::size_t>(cols));
  for (double& value : s) value = std::exp(static_cast<double>(random()) / 4294967296.0 * 40 - 30);
  s.front() = 0;
  s.back() = 1e12;
  return s;
}

const std::vector<Index> widths = {2, 3, 8, 31, 600};
const std::vector<double> halves = {0.5, 0.7, 0.95, 1.0};

}  // namespace

TEST(DistanceLoops, SquaredDistancesFromProducts) {
  for (const Index cols : widths) {
    const std::vector<double> z = distances(cols);
    std::vector<double> found(z.size(), 0.25);
    EXPECT_FALSE(distance_loops::squared_distances(cols, 3.0, z.data(), found.data()));
    for (std::size_t j = 0; j < z.size(); ++j) EXPECT_EQ(found[j], 3.0 + z[j] - 0.5);

    // Nearly the same point, or no number: mostly rounding.
    for (const double product : {3.0, std::nan("")}) {
      std::vector<double> near(z.size(), 0.0);
      std::vector<double> same(z.size(), 3.0);
      near.back() = product;
      EXPECT_TRUE(distance_loops::squared_distances(cols, 3.0, same.data(), near.data()));
      EXPECT_TRUE(distance_loops::cancels(near.back(), 3.0, 3.0));
      EXPECT_FALSE(distance_loops::cancels(near.front(), 3.0, 3.0));
    }
  }
}

TEST(DistanceLoops, Exponentials) {
  for (const Index cols : widths)
    for (const double half : halves) {
      const std::vector<double> s = distances(cols);
      std::vector<double> found = s;
      distance_loops::exponentials(cols, 0.3, half, found.data());
      for (std::size_t j = 0; j < s.size(); ++j) {
        const double p = std::pow(0.3 * s[j], half);
        const double expected = std::exp(-p);
        EXPECT_NEAR(found[j], expected, 1e-13 * (1 + p) * expected + 1e-300) << s[j] << " " << half;
      }
      EXPECT_EQ(found.front(), 1.0);
    }
}

TEST(DistanceLoops, ExponentialSlopes) {
  for (const Index cols : widths)
    for (const double half : halves) {
      const std::vector<double> s = distances(cols);
      std::vector<double> c(s.size());
      for (std::size_t j = 0; j < c.size(); ++j) c[j] = j % 3 == 0 ? -0.5 : 1.5;
      std::vector<double> found = s;
      const double sum = distance_loops::exponential_slopes(cols, 0.3, half, c.data(), found.data());
      double expected_sum = 0;
      double size = 0;
      for (std::size_t j = 0; j < s.size(); ++j) {
        const double p = std::pow(0.3 * s[j], half);
        const double expected = s[j] > 0 ? c[j] * 2 * half * p * std::exp(-p) / s[j] : 0.0;
        EXPECT_NEAR(found[j], expected, 1e-13 * (1 + p) * std::abs(expected) + 1e-300) << s[j] << " " << half;
        expected_sum += expected;
        size += std::abs(expected);
      }
      EXPECT_NEAR(sum, expected_sum, 1e-12 * size + 1e-300);
    }
}

TEST(DistanceLoops, WhatIsNoNumberStaysNone) {
  std::vector<double> s(9, 1.0);
  s[4] = std::nan("");
  distance_loops::exponentials(9, 1.0, 0.7, s.data());
  for (std::size_t j = 0; j < s.size(); ++j) EXPECT_EQ(std::isnan(s[j]), j == 4);
}
