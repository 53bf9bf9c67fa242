// Oracles: counts; OpenBLAS's own word for its number of threads.
#include <cblas.h>
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/parallel.h"

using namespace sextant;

namespace {

// Sets BLAS to two threads, and back at the end.
class TwoBlasThreads {
 public:
  TwoBlasThreads() : before_(openblas_get_num_threads()) { openblas_set_num_threads(2); }
  ~TwoBlasThreads() { openblas_set_num_threads(before_); }
  TwoBlasThreads(const TwoBlasThreads&) = delete;
  TwoBlasThreads& operator=(const TwoBlasThreads&) = delete;

 private:
  int before_;
};

}  // namespace

TEST(Parallel, EveryTileRunsOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    for (const Index tiles : {0, 1, 2, 7, 8, 9, 100}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tiles));
      parallel_tiles(threads, tiles, [&](Index tile) { ++runs[static_cast<std::size_t>(tile)]; });
      for (const auto& count : runs) EXPECT_EQ(count, 1) << threads << ' ' << tiles;
    }
  }
}

TEST(Parallel, SeveralThreadsWork) {
  // Two tiles that wait for each other finish only when they run at the same time.
  std::atomic<int> here = 0;
  parallel_tiles(2, 2, [&](Index) {
    ++here;
    while (here < 2) std::this_thread::yield();
  });
  EXPECT_EQ(here, 2);
}

TEST(Parallel, AnExceptionComesOutOnceAfterAllThreadsStopped) {
  for (const int threads : {1, 2, 3}) {
    std::atomic<int> inside = 0;
    std::atomic<int> runs = 0;
    int caught = 0;
    try {
      parallel_tiles(threads, 50, [&](Index tile) {
        ++inside;
        ++runs;
        if (tile % 3 == 1) {
          --inside;
          throw std::runtime_error(fmt::format("tile {}", tile));
        }
        --inside;
      });
    } catch (const std::runtime_error& error) {
      ++caught;
      EXPECT_EQ(std::string(error.what()).rfind("tile ", 0), 0U);
    }
    EXPECT_EQ(caught, 1);
    EXPECT_EQ(inside, 0);
    EXPECT_LE(runs, 50);
    // Alone, tile 1 is the first to fail and the last to run.
    if (threads == 1) {
      EXPECT_EQ(runs, 2);
    }
  }
  EXPECT_THROW(parallel_tiles(2, 4, [](Index) { throw 17; }), int);
  // The team is usable afterwards.
  std::atomic<int> runs = 0;
  parallel_tiles(2, 10, [&](Index) { ++runs; });
  EXPECT_EQ(runs, 10);
}

TEST(Parallel, BlasRunsOnOneThreadInsideAndIsRestored) {
  const TwoBlasThreads two;
  ASSERT_EQ(openblas_get_num_threads(), 2);
  std::atomic<int> others = 0;
  parallel_tiles(2, 8, [&](Index) { others += openblas_get_num_threads() != 1; });
  EXPECT_EQ(others, 0);
  EXPECT_EQ(openblas_get_num_threads(), 2);
  EXPECT_THROW(parallel_tiles(2, 8, [](Index) { throw std::runtime_error("stop"); }), std::runtime_error);
  EXPECT_EQ(openblas_get_num_threads(), 2);
}

TEST(Parallel, GuardsNest) {
  const TwoBlasThreads two;
  {
    const SingleThreadedBlas outer;
    EXPECT_EQ(openblas_get_num_threads(), 1);
    {
      const SingleThreadedBlas inner;
      EXPECT_EQ(openblas_get_num_threads(), 1);
    }
    EXPECT_EQ(openblas_get_num_threads(), 1);
    parallel_tiles(2, 2, [](Index) {});
    EXPECT_EQ(openblas_get_num_threads(), 1);
  }
  EXPECT_EQ(openblas_get_num_threads(), 2);
  // The one that came first may also go first.
  auto first = std::make_unique<SingleThreadedBlas>();
  auto second = std::make_unique<SingleThreadedBlas>();
  first.reset();
  EXPECT_EQ(openblas_get_num_threads(), 1);
  second.reset();
  EXPECT_EQ(openblas_get_num_threads(), 2);
}

TEST(Parallel, GuardsOfSeveralThreads) {
  const TwoBlasThreads two;
  std::atomic<int> others = 0;
  std::vector<std::thread> team;
  for (int t = 0; t < 4; ++t) {
    team.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        const SingleThreadedBlas guard;
        others += openblas_get_num_threads() != 1;
      }
    });
  }
  for (std::thread& thread : team) thread.join();
  EXPECT_EQ(others, 0);
  EXPECT_EQ(openblas_get_num_threads(), 2);
}

TEST(Parallel, StagesKeepTheOrderOfItems) {
  // What each tile has seen, and what was complete when it began.
  for (const int threads : {1, 2, 3, 8}) {
    for (const Index items : {0, 1, 2, 3, 7, 40}) {
      const std::thread::id caller = std::this_thread::get_id();
      Index fed = 0;
      std::vector<Index> item_in(items_in_flight, -1);
      std::vector<std::atomic<int>> first_done(static_cast<std::size_t>(items));
      std::vector<std::vector<Index>> seen(4);
      std::atomic<int> wrong = 0;
      const auto first = [&](int slot, Index) {
        ++first_done[static_cast<std::size_t>(item_in[static_cast<std::size_t>(slot)])];
      };
      const auto second = [&](int slot, Index tile) {
        const Index item = item_in[static_cast<std::size_t>(slot)];
        if (first_done[static_cast<std::size_t>(item)] != 5) ++wrong;
        seen[static_cast<std::size_t>(tile)].push_back(2 * item);
      };
      // In the same lane.
      const auto third = [&](int slot, Index tile) {
        seen[static_cast<std::size_t>(tile)].push_back(2 * item_in[static_cast<std::size_t>(slot)] + 1);
      };
      parallel_stages(threads, items,
                      [&](Index item, int slot) {
                        if (std::this_thread::get_id() != caller || item != fed++) ++wrong;
                        item_in[static_cast<std::size_t>(slot)] = item;
                      },
                      {{5, 0, first}, {4, 1, second}, {4, 1, third}});
      EXPECT_EQ(wrong, 0) << threads << ' ' << items;
      for (const auto& of_tile : seen) {
        ASSERT_EQ(static_cast<Index>(of_tile.size()), 2 * items);
        for (Index at = 0; at < 2 * items; ++at) EXPECT_EQ(of_tile[static_cast<std::size_t>(at)], at);
      }
    }
  }
}

TEST(Parallel, AnExceptionEndsTheStages) {
  for (const int threads : {1, 2, 3}) {
    for (const bool in_feed : {false, true}) {
      constexpr int tiles = 4;
      std::atomic<int> runs = 0;
      const auto feed = [&](Index item, int) {
        if (in_feed && item == 5) throw std::runtime_error("fed");
      };
      const auto work = [&](int, Index) {
        if (++runs == 20 && !in_feed) throw std::runtime_error("worked");
      };
      try {
        parallel_stages(threads, 1000, feed, {{tiles, 0, work}});
        FAIL() << "nothing was thrown";
      } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), in_feed ? "fed" : "worked");
      }
      // While a thread is still unwinding, the others may go on with the items that share the failed one's window.
      EXPECT_LE(runs, 20 + 2 * items_in_flight * tiles);
    }
  }
}

TEST(Parallel, StagesEndWhenThereIsEnough) {
  for (const int threads : {1, 2, 3}) {
    std::atomic<int> runs = 0;
    const auto feed = [](Index, int) {};
    const auto work = [&](int, Index) { ++runs; };
    EXPECT_EQ(parallel_stages(threads, 10, feed, {{4, 0, work}}, [](Index item) { return item == 7; }), 7);
    EXPECT_EQ(runs, 7 * 4);  // all that was taken went through
    EXPECT_EQ(parallel_stages(threads, 10, feed, {{4, 0, work}}, [](Index) { return false; }), 10);
    EXPECT_EQ(parallel_stages(threads, 10, feed, {{4, 0, work}}, [](Index) { return true; }), 0);
    EXPECT_EQ(runs, 17 * 4);
  }
}
