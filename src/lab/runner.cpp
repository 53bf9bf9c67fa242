#include "sextant/runner.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <thread>

#include "core/parallel.h"
#include "sextant/error.h"

namespace sextant {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// A multiply-add of this estimate on a machine of today, until runs have been measured.
constexpr double typical_seconds_per_cost = 2.5e-10;

// The runs of one call and its worker threads.
class Crew {
 public:
  Crew(std::vector<Run> runs, Results& results, int jobs) : results_(results), model_(results), jobs_(jobs) {
    std::map<std::string, Index> attempts;
    for (const auto& failed : results.failed()) attempts[failed.key] = failed.attempts;
    for (Run& run : runs) {
      Slot slot{std::move(run), {}, 0, Slot::State::waiting, {}};
      slot.key = key(slot.run);
      slot.attempts = attempts[slot.key];
      if (results.find(slot.key)) {
        slot.state = Slot::State::found;
        ++report_.found;
      }
      slots_.push_back(std::move(slot));
    }
    report_.total = static_cast<Index>(slots_.size());
  }

  RunnerReport work(const std::function<bool(const RunnerProgress&)>& progress) {
    const auto start = Clock::now();
    const SingleThreadedBlas guard;  // so that no run's guard switches BLAS while another computes
    std::vector<std::thread> threads;
    try {
      const auto needed = std::min<Index>(jobs_, report_.total - report_.found);
      for (Index i = 0; i < needed; ++i) threads.emplace_back([this] { work_until_done(); });
      watch(progress);
    } catch (...) {
      stop(std::current_exception());
    }
    for (std::thread& thread : threads) thread.join();
    if (fatal_) std::rethrow_exception(fatal_);
    for (Slot& slot : slots_)
      if (slot.state == Slot::State::failed) report_.failures.push_back({slot.run, slot.message});
    report_.seconds = seconds_since(start);
    return report_;
  }

 private:
  struct Slot {
    enum class State { waiting, running, elsewhere, found, computed, failed };
    Run run;
    std::string key;
    Index attempts;  // failed ones before this call
    State state;
    std::string message;
    Clock::time_point since = {};  // when it began to run, or was seen to run elsewhere

    [[nodiscard]] bool over() const { return state >= State::found; }
  };

  void stop(std::exception_ptr failure) {
    const std::scoped_lock lock(mutex_);
    if (!fatal_) fatal_ = std::move(failure);
    cancelled_ = true;
    changed_.notify_all();
  }

  void set(Slot& slot, Slot::State state) {
    const std::scoped_lock lock(mutex_);
    slot.state = state;
    slot.since = Clock::now();
    changed_.notify_all();
  }

  // The next run to try: one that waits, else one that was last seen with another process a while ago. Null when there
  // is nothing left to do.
  Slot* next() {
    using namespace std::chrono_literals;
    std::unique_lock lock(mutex_);
    while (!cancelled_) {
      Slot* again = nullptr;
      bool left = false;
      while (first_ < slots_.size() && slots_[first_].over()) ++first_;
      for (std::size_t i = first_; i < slots_.size(); ++i) {
        Slot& slot = slots_[i];
        if (slot.state == Slot::State::waiting) {
          slot.state = Slot::State::running;
          slot.since = Clock::now();
          return &slot;
        }
        if (slot.state != Slot::State::elsewhere) continue;
        left = true;
        if (again == nullptr && Clock::now() - slot.since > 500ms) again = &slot;
      }
      if (again != nullptr) {
        again->state = Slot::State::running;
        return again;
      }
      if (!left) return nullptr;
      changed_.wait_for(lock, 100ms);
    }
    return nullptr;
  }

  void work_until_done() {
    try {
      while (Slot* slot = next()) {
        switch (results_.claim(slot->key, slot->attempts)) {
          case Results::Claim::mine:
            compute(*slot);
            break;
          case Results::Claim::taken:
            set(*slot, Slot::State::elsewhere);
            break;
          case Results::Claim::finished:
            finish(*slot, Slot::State::found, report_.elsewhere);
            break;
          case Results::Claim::failed:
            slot->message = "it failed in another process; see there";
            set(*slot, Slot::State::failed);
            break;
        }
      }
    } catch (...) {
      stop(std::current_exception());  // of storing: nothing more could be kept
    }
  }

  void finish(Slot& slot, Slot::State state, Index& count) {
    {
      const std::scoped_lock lock(mutex_);
      ++count;
    }
    set(slot, state);
  }

  void compute(Slot& slot) {
    set(slot, Slot::State::running);
    Context context;
    context.threads = 1;
    context.progress = [this](const Progress&) { return !cancelled_; };
    Outcome outcome;
    std::string failure;
    try {
      outcome = perform(slot.run, context, &workshop_);
    } catch (const Cancelled&) {
      results_.release(slot.key);
      set(slot, Slot::State::waiting);
      return;
    } catch (const std::bad_alloc&) {
      failure = "out of memory: fewer --jobs need less";
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty()) {
      results_.record_failure(slot.run, failure);
      slot.message = failure;
      set(slot, Slot::State::failed);
      return;
    }
    results_.record(slot.run, outcome);
    {
      const std::scoped_lock lock(mutex_);
      model_.learn(name(slot.run.fit.method), estimated_cost(slot.run), outcome.seconds);
    }
    finish(slot, Slot::State::computed, report_.computed);
  }

  // Tells the progress until all runs are over.
  void watch(const std::function<bool(const RunnerProgress&)>& progress) {
    using namespace std::chrono_literals;
    while (true) {
      RunnerProgress now;
      bool all_over = true;
      {
        std::unique_lock lock(mutex_);
        now = measure();
        all_over = now.done == now.total;
      }
      const bool go_on = !progress || progress(now);
      std::unique_lock lock(mutex_);
      if (!go_on && !cancelled_) {
        report_.cancelled = true;
        cancelled_ = true;
        changed_.notify_all();
      }
      if (all_over || cancelled_) return;
      changed_.wait_for(lock, 100ms);
    }
  }

  // With the mutex held.
  [[nodiscard]] RunnerProgress measure() const {
    RunnerProgress now;
    now.total = report_.total;
    double left = 0;
    double longest = 0;
    for (const Slot& slot : slots_) {
      now.failed += slot.state == Slot::State::failed ? 1 : 0;
      if (slot.over()) {
        ++now.done;
        continue;
      }
      double seconds = model_.seconds(slot.run);
      if (slot.state == Slot::State::running) seconds = std::max(0.0, seconds - seconds_since(slot.since));
      left += seconds;
      longest = std::max(longest, seconds);
    }
    now.seconds_left = std::max(longest, left / jobs_);
    return now;
  }

  Results& results_;
  CostModel model_;
  int jobs_;
  Workshop workshop_;
  std::vector<Slot> slots_;
  std::size_t first_ = 0;  // all before it are over
  RunnerReport report_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> cancelled_ = false;
  std::exception_ptr fatal_;
};

}  // namespace

void Shard::check() const {
  if (count < 1 || index < 1 || index > count)
    throw InvalidArgument(fmt::format("shard: {}/{} given, expected i/k with 1 ≤ i ≤ k", index, count));
}

Shard shard_from(const std::string& text) {
  Shard shard;
  const char* const end = text.data() + text.size();
  const auto index = std::from_chars(text.data(), end, shard.index);
  if (index.ec == std::errc() && index.ptr != end && *index.ptr == '/') {
    const auto count = std::from_chars(index.ptr + 1, end, shard.count);
    if (count.ec == std::errc() && count.ptr == end) {
      shard.check();
      return shard;
    }
  }
  throw InvalidArgument(fmt::format("shard: '{}' given, expected i/k, for instance 1/4", text));
}

std::vector<Run> shard_of(std::vector<Run> runs, const Shard& shard) {
  shard.check();
  std::stable_sort(runs.begin(), runs.end(),
                   [](const Run& a, const Run& b) { return estimated_cost(a) > estimated_cost(b); });
  std::vector<Run> part;
  for (std::size_t i = 0; i < runs.size(); ++i)
    if (static_cast<Index>(i) % shard.count == shard.index - 1) part.push_back(std::move(runs[i]));
  return part;
}

CostModel::CostModel(const Results& results) {
  for (const auto& run : results.finished()) learn(run.method, run.cost, run.seconds);
}

void CostModel::learn(const std::string& method, double cost, double seconds) {
  auto found = std::find_if(sums_.begin(), sums_.end(), [&](const Sums& sums) { return sums.method == method; });
  if (found == sums_.end()) found = sums_.insert(sums_.end(), {method, 0, 0});
  found->cost += cost;
  found->seconds += seconds;
}

double CostModel::seconds(const Run& run) const {
  const double cost = estimated_cost(run);
  const std::string method = name(run.fit.method);
  Sums all;
  for (const Sums& sums : sums_) {
    if (sums.method == method && sums.cost > 0) return cost * sums.seconds / sums.cost;
    all.cost += sums.cost;
    all.seconds += sums.seconds;
  }
  return cost * (all.cost > 0 ? all.seconds / all.cost : typical_seconds_per_cost);
}

RunnerReport run_experiment(const Spec& spec, Results& results, const RunnerOptions& options) {
  options.shard.check();
  if (options.jobs < 0)
    throw InvalidArgument(fmt::format("jobs: {} given, expected at least 1 (or 0 for all cores)", options.jobs));
  const int jobs = Context{.threads = options.jobs}.thread_count();
  results.add(spec);
  Crew crew(shard_of(spec.runs(), options.shard), results, jobs);
  RunnerReport report = crew.work(options.progress);
  results.export_summary();
  results.export_crossings();
  return report;
}

}  // namespace sextant
