// Runs experiments in parallel: worker threads, each with one run at a time on one thread, so that an outcome never
// depends on how many work beside it. Most expensive runs first.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sextant/results.h"

namespace sextant {

// Part i of k of a list of runs, i from 1. Parts are disjoint, together everything, and equal in estimated cost as far
// as dealing out runs by falling cost makes them.
struct Shard {
  Index index = 1;
  Index count = 1;

  // Throws InvalidArgument unless 1 ≤ index ≤ count.
  void check() const;
};
// "2/8". Throws InvalidArgument.
[[nodiscard]] Shard shard_from(const std::string& text);
// The part's runs, most expensive first.
[[nodiscard]] std::vector<Run> shard_of(std::vector<Run> runs, const Shard& shard);

// Seconds that runs take, calibrated by those already finished in a folder: per method where it has any, else overall,
// else by a typical machine.
class CostModel {
 public:
  CostModel() = default;
  explicit CostModel(const Results& results);
  void learn(const std::string& method, double cost, double seconds);
  [[nodiscard]] double seconds(const Run& run) const;

 private:
  struct Sums {
    std::string method;
    double cost = 0;
    double seconds = 0;
  };
  std::vector<Sums> sums_;
};

struct RunnerProgress {
  Index done = 0;  // of this call's runs: found, computed here, by other processes, or failed
  Index total = 0;
  Index failed = 0;
  double seconds_left = 0;
};

struct RunnerOptions {
  int jobs = 0;  // worker threads; 0: all cores
  Shard shard = {};
  // Called about ten times a second from the calling thread; returning false stops the runs at their next block.
  std::function<bool(const RunnerProgress&)> progress = {};
};

struct RunnerReport {
  Index total = 0;
  Index found = 0;      // finished before this call
  Index computed = 0;   // by this call
  Index elsewhere = 0;  // finished meanwhile by other processes
  struct Failure {
    Run run;
    std::string message;
  };
  std::vector<Failure> failures;
  bool cancelled = false;  // stopped by `progress`; finished runs are stored
  double seconds = 0;
};

// Computes the runs of a spec that are not finished yet and stores each at once; adds the spec to the results first and
// writes the summary at the end, also when stopped. A run that throws is recorded as failed and tried again by the next
// call; the others go on. Runs that another live process computes are waited for. Throws what storing throws.
RunnerReport run_experiment(const Spec& spec, Results& results, const RunnerOptions& options = {});

}  // namespace sextant
