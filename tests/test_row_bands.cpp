// Oracle: the matrix that bands are fetched from, and a list of which bands were fetched.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "data/row_bands.h"

using namespace sextant;

namespace {

// Rows of which row i is (i, −i), and what was asked of it.
class Rows {
 public:
  explicit Rows(Index rows) : rows_(rows) {}

  RowBands in_bands_of(Index band_rows, bool ahead = true) {
    return {rows_, band_rows, ahead, [this](Index first, Index count, Matrix& cells) { fetch(first, count, cells); }};
  }
  [[nodiscard]] Matrix expected(Index first, Index count) const {
    Matrix cells(count, 2);
    for (Index i = 0; i < count; ++i) cells.row(i) << static_cast<double>(first + i), -static_cast<double>(first + i);
    return cells;
  }
  [[nodiscard]] std::vector<Index> fetched() {
    const std::scoped_lock lock(mutex_);
    return fetched_;
  }
  void fail_at(Index first) { fails_at_ = first; }
  [[nodiscard]] bool ever_two_at_a_time() const { return two_at_a_time_; }

 private:
  void fetch(Index first, Index count, Matrix& cells) {
    if (++busy_ > 1) two_at_a_time_ = true;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    {
      const std::scoped_lock lock(mutex_);
      fetched_.push_back(first);
    }
    cells = expected(first, count);
    --busy_;
    if (first == fails_at_) throw std::runtime_error("row " + std::to_string(first));
  }

  Index rows_;
  std::mutex mutex_;
  std::vector<Index> fetched_;
  std::atomic<int> busy_ = 0;
  std::atomic<bool> two_at_a_time_ = false;
  std::atomic<Index> fails_at_ = -1;
};

}  // namespace

TEST(RowBands, AnyOrderGivesTheRows) {
  std::mt19937_64 random(2206);
  for (const Index n : {1, 2, 7, 8, 9, 40}) {
    for (const auto& [band, ahead] :
         std::vector<std::pair<Index, bool>>{{1, true}, {3, true}, {3, false}, {8, true}, {100, true}}) {
      Rows rows(n);
      RowBands bands = rows.in_bands_of(band, ahead);
      for (int trial = 0; trial < 60; ++trial) {
        const auto first = static_cast<Index>(random() % static_cast<std::uint64_t>(n));
        const auto count = static_cast<Index>(random() % static_cast<std::uint64_t>(n - first + 1));
        Matrix cells(count, 2);
        bands.copy(first, cells);
        ASSERT_EQ(cells, rows.expected(first, count)) << n << " " << band;
      }
      EXPECT_FALSE(rows.ever_two_at_a_time());
    }
  }
}

// A pass over the rows fetches every band once, also where each read begins before the end of the last, as folds do.
TEST(RowBands, APassFetchesEachBandOnce) {
  std::vector<Index> once;
  for (Index first = 0; first < 95; first += 10) once.push_back(first);
  for (const bool ahead : {false, true}) {
    Rows rows(95);
    RowBands bands = rows.in_bands_of(10, ahead);
    std::vector<Index> expected;
    for (int pass = 0; pass < 2; ++pass) {
      for (Index first = 0; first < 95; first += 7) {
        Matrix cells(std::min<Index>(12, 95 - first), 2);
        bands.copy(first, cells);
        ASSERT_EQ(cells, rows.expected(first, cells.rows()));
      }
      expected.insert(expected.end(), once.begin(), once.end());
      EXPECT_EQ(rows.fetched(), expected);
    }
  }
}

TEST(RowBands, TheNextBandIsFetchedAhead) {
  Rows rows(40);
  RowBands bands = rows.in_bands_of(10);
  Matrix cells(1, 2);
  bands.copy(0, cells);
  for (int wait = 0; wait < 1000 && rows.fetched().size() < 2; ++wait)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(rows.fetched(), (std::vector<Index>{0, 10}));

  Rows others(40);
  RowBands waiting = others.in_bands_of(10, false);
  waiting.copy(0, cells);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(others.fetched(), (std::vector<Index>{0}));
}

// What fails ahead is told when the band is asked for, and again when it is asked for again.
TEST(RowBands, FailuresAreThrownByTheReadThatNeedsTheBand) {
  Rows rows(30);
  rows.fail_at(10);
  RowBands bands = rows.in_bands_of(10);
  Matrix cells(10, 2);
  EXPECT_NO_THROW(bands.copy(0, cells));
  EXPECT_NO_THROW(bands.copy(0, cells));
  EXPECT_THROW(bands.copy(5, cells), std::runtime_error);
  EXPECT_THROW(bands.copy(15, cells), std::runtime_error);
  EXPECT_NO_THROW(bands.copy(20, cells));
  EXPECT_EQ(cells, rows.expected(20, 10));
  rows.fail_at(-1);
  bands.copy(10, cells);
  EXPECT_EQ(cells, rows.expected(10, 10));
}

TEST(RowBands, DestroyingWaitsForTheFetchUnderWay) {
  for (int trial = 0; trial < 20; ++trial) {
    Rows rows(40);
    Matrix cells(1, 2);
    RowBands bands = rows.in_bands_of(10);
    bands.copy(0, cells);
  }
}
