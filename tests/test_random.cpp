// Oracles: NumPy's Philox4x64-10, which increments the counter before its first block, so its first block is our block
// 1; moments of the uniform and normal distributions.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sextant/random.h"

using namespace sextant;

// numpy.random.Philox(key=[7, 6]).random_raw(8)
TEST(Random, BitsAreNumPysPhilox) {
  const Stream stream(7, Purpose::inputs);
  const std::vector<std::uint64_t> numpy = {
      0x94f47018857a564eULL, 0x78a0b42d7aca798bULL, 0x32d989aab797f0ceULL, 0x62b27e0e12d3d9e2ULL,
      0xd795ea9c195974feULL, 0xbd2eb1dd6baf6a31ULL, 0x1c59ff0ee710d323ULL, 0xe97e1f3ee7dcca73ULL,
  };
  for (std::size_t i = 0; i < numpy.size(); ++i) EXPECT_EQ(stream.bits(4 + i), numpy[i]) << i;
}

TEST(Random, AnyPartOfAStreamIsTheSame) {
  const Stream stream(3, Purpose::noise);
  std::vector<double> whole(41);
  stream.fill_normal(0, whole);
  for (std::size_t first = 0; first < whole.size(); ++first) {
    std::vector<double> part(std::min<std::size_t>(7, whole.size() - first));
    stream.fill_normal(first, part);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + static_cast<std::ptrdiff_t>(first))) << first;
  }
}

TEST(Random, PurposesAndSeedsDiffer) {
  EXPECT_NE(Stream(1, Purpose::inputs).bits(0), Stream(1, Purpose::noise).bits(0));
  EXPECT_NE(Stream(1, Purpose::inputs).bits(0), Stream(2, Purpose::inputs).bits(0));
}

TEST(Random, MomentsWithinFiveStandardErrors) {
  const std::size_t n = 200'000;
  const Stream stream(11, Purpose::inputs);
  std::vector<double> u(n);
  std::vector<double> z(n);
  stream.fill_uniform(0, u);
  stream.fill_normal(0, z);
  double sum_u = 0;
  double sum_z = 0;
  double sum_z2 = 0;
  double sum_z4 = 0;
  double sum_lag = 0;
  double signs = 0;
  for (std::size_t i = 0; i < n; ++i) {
    ASSERT_GT(u[i], 0.0);
    ASSERT_LT(u[i], 1.0);
    sum_u += u[i];
    sum_z += z[i];
    sum_z2 += z[i] * z[i];
    sum_z4 += z[i] * z[i] * z[i] * z[i];
    sum_lag += z[i] * z[(i + 1) % n];
    signs += stream.sign(i);
  }
  const double N = static_cast<double>(n);
  const double root = std::sqrt(N);
  EXPECT_NEAR(sum_u / N, 0.5, 5 * std::sqrt(1.0 / 12) / root);
  EXPECT_NEAR(sum_z / N, 0.0, 5 / root);
  EXPECT_NEAR(sum_z2 / N, 1.0, 5 * std::sqrt(2.0) / root);
  EXPECT_NEAR(sum_z4 / N, 3.0, 5 * std::sqrt(96.0) / root);
  EXPECT_NEAR(sum_lag / N, 0.0, 5 / root);
  EXPECT_NEAR(signs / N, 0.0, 5 / root);
}

TEST(Random, PermutationsArePermutationsAndUniform) {
  const Stream stream(5, Purpose::folds);
  const Index size = 4;
  const int draws = 24'000;
  std::vector<int> counts(24, 0);
  for (int draw = 0; draw < draws; ++draw) {
    auto order = stream.permutation(static_cast<std::uint64_t>(draw) * size, size);
    int code = 0;  // rank of the permutation
    for (Index i = 0; i < size; ++i) {
      int smaller = 0;
      for (Index j = i + 1; j < size; ++j)
        smaller += order[static_cast<std::size_t>(j)] < order[static_cast<std::size_t>(i)];
      code = code * static_cast<int>(size - i) + smaller;
    }
    ++counts[static_cast<std::size_t>(code)];
    std::sort(order.begin(), order.end());
    EXPECT_EQ(order, (std::vector<Index>{0, 1, 2, 3}));
  }
  double chi2 = 0;
  for (const int count : counts) chi2 += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi2, 49.7);  // 99.9 % point of χ² with 23 degrees of freedom
}
