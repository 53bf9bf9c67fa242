// Oracles: what must have run, written down by hand from the rule of the race.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <mutex>
#include <set>
#include <utility>

#include "method/workbench.h"
#include "test_support.h"

using namespace sextant;

namespace {

// A bench of some splits, all of the same rows.
class Race : public testing::Test {
 protected:
  Workbench bench_of(std::size_t splits) {
    Workbench bench{options_, context_, {}, {}, {}, Vector::Ones(1), Budget(1)};
    for (std::size_t i = 0; i < splits; ++i) bench.splits.emplace_back().train = &source_;
    return bench;
  }

  // What ran, and what came through, for settings of these errors.
  std::vector<std::size_t> run(const Workbench& bench, const std::vector<double>& errors, std::size_t kept) {
    ran_.clear();
    return bench.race(
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
  const FitOptions options_;
  const Context context_ = run_with(2);
  std::mutex mutex_;
  std::set<std::pair<std::size_t, std::size_t>> ran_;
};

TEST_F(Race, TheBestOfTwoSplitsRunOnTheRest) {
  const Workbench bench = bench_of(5);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(run(bench, {3, nan, 1, 2, 1}, 2), (std::vector<std::size_t>{2, 4}));
  std::set<std::pair<std::size_t, std::size_t>> expected;
  for (std::size_t setting = 0; setting < 5; ++setting)
    for (std::size_t split = 0; split < 5; ++split)
      if (split < 2 || setting == 2 || setting == 4) expected.emplace(setting, split);
  EXPECT_EQ(ran_, expected);
}

TEST_F(Race, WhereThereIsNothingToSpareAllRun) {
  for (const std::size_t splits : {1, 2}) {
    const Workbench bench = bench_of(splits);
    EXPECT_EQ(run(bench, {3, 1, 2}, 1).size(), 3U);
    EXPECT_EQ(ran_.size(), 3 * splits);
  }
  const Workbench bench = bench_of(5);
  EXPECT_EQ(run(bench, {3, 1, 2}, 3).size(), 3U);
  EXPECT_EQ(ran_.size(), 15U);
}

}  // namespace
