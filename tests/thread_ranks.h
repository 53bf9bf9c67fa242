// Ranks that are threads of one process, for tests of what is shared among ranks.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "sextant/error.h"
#include "sextant/ranks.h"

namespace sextant {

// A place where threads put what they have, and leave with what was made of all of it.
class ThreadTeam {
 public:
  explicit ThreadTeam(int size) : size_(size), brought_(static_cast<std::size_t>(size)) {}
  [[nodiscard]] int size() const { return size_; }

  // Rank `rank` brings `values`; the last to come calls combine(all of them, in their order), whose result all have.
  // Throws RankError once a thread has failed.
  void meet(int rank, std::span<double> values,
            const std::function<std::vector<double>(const std::vector<std::vector<double>>&)>& combine) {
    std::unique_lock lock(mutex_);
    brought_[static_cast<std::size_t>(rank)].assign(values.begin(), values.end());
    const auto turn = turn_;
    if (++waiting_ == size_) {
      result_ = combine(brought_);
      waiting_ = 0;
      ++turn_;
      all_here_.notify_all();
    } else {
      all_here_.wait(lock, [&] { return turn_ != turn || failed_; });
      if (turn_ == turn) throw RankError("another rank has failed");
    }
    if (result_.size() != values.size()) throw RankError("the ranks brought different numbers of values");
    std::copy(result_.begin(), result_.end(), values.begin());
  }
  void fail() {
    const std::scoped_lock lock(mutex_);
    failed_ = true;
    all_here_.notify_all();
  }

 private:
  const int size_;
  std::mutex mutex_;
  std::condition_variable all_here_;
  std::vector<std::vector<double>> brought_;
  std::vector<double> result_;  // the next meeting begins when all have left this one with it: they bring theirs first
  int waiting_ = 0;
  long turn_ = 0;
  bool failed_ = false;
};

class ThreadRank final : public Ranks {
 public:
  ThreadRank(ThreadTeam& team, int rank) : team_(team), rank_(rank) {}
  [[nodiscard]] int rank() const override { return rank_; }
  [[nodiscard]] int size() const override { return team_.size(); }
  void maximum(std::span<double> values) override {
    reduce(values, [](double a, double b) { return std::max(a, b); });
  }
  void sum(std::span<double> values) override {
    reduce(values, [](double a, double b) { return a + b; });
  }
  void broadcast(std::span<std::byte> bytes, int from) override {
    std::vector<double> values(bytes.size());
    for (std::size_t i = 0; i < bytes.size(); ++i) values[i] = static_cast<double>(bytes[i]);
    team_.meet(rank_, values, [from](const auto& all) { return all.at(static_cast<std::size_t>(from)); });
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(values[i]);
    ++broadcasts_;
  }
  [[nodiscard]] int broadcasts() const { return broadcasts_; }

 private:
  template <class Add>
  void reduce(std::span<double> values, const Add& add) {
    team_.meet(rank_, values, [&](const auto& all) {
      std::vector<double> result = all.front();
      for (std::size_t r = 1; r < all.size(); ++r) {
        if (all[r].size() != result.size()) return std::vector<double>();
        for (std::size_t i = 0; i < result.size(); ++i) result[i] = add(result[i], all[r][i]);
      }
      return result;
    });
  }

  ThreadTeam& team_;
  int rank_;
  int broadcasts_ = 0;
};

// Calls work(ranks) on `size` threads at once. What each threw, if anything, in the order of the ranks.
inline std::vector<std::exception_ptr> outcomes(int size, const std::function<void(Ranks&)>& work) {
  ThreadTeam team(size);
  std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] {
      ThreadRank own(team, rank);
      try {
        work(own);
      } catch (...) {
        thrown[static_cast<std::size_t>(rank)] = std::current_exception();
        team.fail();
      }
    });
  for (std::thread& thread : threads) thread.join();
  return thrown;
}

// The same, where nothing is to go wrong.
inline void on_ranks(int size, const std::function<void(Ranks&)>& work) {
  for (const std::exception_ptr& each : outcomes(size, work))
    if (each) std::rethrow_exception(each);
}

}  // namespace sextant
