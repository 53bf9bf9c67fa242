// Oracles: what must have run, written down by hand from the rule of the race.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "search/ground.h"
#include "test_support.h"

using namespace sextant;

namespace {

// A ground of some splits, all of the same rows.
class Race : public testing::Test {
 protected:
  Ground ground_of(std::size_t splits) {
    splits_.clear();
    for (std::size_t i = 0; i < splits; ++i) splits_.emplace_back().train = &source_;
    return {options_, context_, splits_, {}, {}, Vector::Ones(1)};
  }

  // What ran, and what came through, for settings of these errors.
  std::vector<std::size_t> run(const Ground& ground, const std::vector<double>& errors, std::size_t kept) {
    ran_.clear();
    return ground.race(
        errors.size(), kept,
        [&](std::size_t setting, std::size_t split, const Context&) {
          const std::scoped_lock lock(mutex_);
          EXPECT_TRUE(ran_.emplace(setting, split).second) << "twice";
        },
        [&](std::size_t setting, std::size_t splits) {
          EXPECT_EQ(splits, 2U);
          return errors[setting];
        });
  }

  const Rows rows_ = random_rows(20, 2, 1, 1, false);
  const MemorySource source_ = rows_.source();
  std::vector<LearningRows> splits_;
  const FitOptions options_;
  const Context context_ = run_with(2);
  std::mutex mutex_;
  std::set<std::pair<std::size_t, std::size_t>> ran_;
};

TEST_F(Race, TheBestOfTwoSplitsRunOnTheRest) {
  const Ground ground = ground_of(5);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(run(ground, {3, nan, 1, 2, 1}, 2), (std::vector<std::size_t>{2, 4}));
  std::set<std::pair<std::size_t, std::size_t>> expected;
  for (std::size_t setting = 0; setting < 5; ++setting)
    for (std::size_t split = 0; split < 5; ++split)
      if (split < 2 || setting == 2 || setting == 4) expected.emplace(setting, split);
  EXPECT_EQ(ran_, expected);
}

TEST_F(Race, WhereThereIsNothingToSpareAllRun) {
  for (const std::size_t splits : {1, 2}) {
    const Ground ground = ground_of(splits);
    EXPECT_EQ(run(ground, {3, 1, 2}, 1).size(), 3U);
    EXPECT_EQ(ran_.size(), 3 * splits);
  }
  const Ground ground = ground_of(5);
  EXPECT_EQ(run(ground, {3, 1, 2}, 3).size(), 3U);
  EXPECT_EQ(ran_.size(), 15U);
}

}  // namespace
