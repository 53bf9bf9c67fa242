// The runner. Oracles: perform() on each run by itself; lists put together again from their parts.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/runner.h"
#include "temporary_folder.h"

namespace sextant {
namespace {

const std::string small_grid = R"(
name = "small"
seeds = 3
[defaults]
d = 4
noise = 1
holdout = 50
test = 60
width = 8
preprocess = "none"
standardise = false
refit = false
[[grid]]
method = ["algorithm-1", "random-features"]
n = [1, 20, 50]
[[grid]]
n = [20, 50]
n_target = [1, 10]
)";

Spec spec_of(const std::string& text = small_grid) { return parse_spec(text, "test.toml"); }

TEST(Runner, ComputesEachRunAsItIsAlone) {
  for (const int jobs : {1, 2, 5}) {
    const TemporaryFolder folder;
    const Spec spec = spec_of();
    Results results = Results::open(folder.path());
    const RunnerReport report = run_experiment(spec, results, {.jobs = jobs});
    EXPECT_EQ(report.total, 30);
    EXPECT_EQ(report.computed, 30);
    EXPECT_EQ(report.found + report.elsewhere, 0);
    EXPECT_TRUE(report.failures.empty());
    for (const sextant::Run& run : spec.runs()) {
      const Outcome alone = perform(run, {.threads = 1});
      const auto stored = results.find(run);
      ASSERT_TRUE(stored) << key(run);
      EXPECT_EQ(stored->excess_risk, alone.excess_risk) << key(run);
      EXPECT_EQ(stored->overlap, alone.overlap) << key(run);
      EXPECT_EQ(stored->lambda, alone.lambda) << key(run);
    }
    EXPECT_TRUE(folder.names().contains("summary.csv"));
  }
}

TEST(Runner, DoesNotComputeAgainWhatIsThere) {
  const TemporaryFolder folder;
  Results results = Results::open(folder.path());
  run_experiment(spec_of(), results, {.jobs = 2});
  const auto before = results.finished();
  const RunnerReport again = run_experiment(spec_of(), results, {.jobs = 2});
  EXPECT_EQ(again.computed, 0);
  EXPECT_EQ(again.found, 30);
  std::string more = small_grid;
  more.replace(more.find("seeds = 3"), 9, "seeds = 4");
  EXPECT_EQ(run_experiment(spec_of(more), results, {.jobs = 2}).computed, 10);
  const auto after = results.finished();
  ASSERT_EQ(after.size(), 40U);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].key, before[i].key);
    EXPECT_EQ(after[i].seconds, before[i].seconds);  // measured anew, it would differ
  }
}

TEST(Runner, StoppedKeepsWhatIsFinishedAndGoesOnFromThere) {
  const TemporaryFolder folder;
  Results results = Results::open(folder.path());
  RunnerOptions options;
  options.jobs = 1;
  options.progress = [](const RunnerProgress& now) { return now.done < 4; };
  const RunnerReport stopped = run_experiment(spec_of(), results, options);
  EXPECT_TRUE(stopped.cancelled);
  EXPECT_GE(stopped.computed, 4);
  EXPECT_EQ(static_cast<Index>(results.finished().size()), stopped.computed);
  EXPECT_TRUE(folder.names().contains("summary.csv"));
  const RunnerReport rest = run_experiment(spec_of(), results, {.jobs = 2});
  EXPECT_EQ(rest.found, stopped.computed);
  EXPECT_EQ(rest.found + rest.computed, 30);
}

TEST(Runner, AFailingRunIsNamedAndTriedAgainWhileTheOthersGoOn) {
  // With one row there is none to hold out.
  const std::string text = "name = \"x\"\nseeds = 2\n[[grid]]\nd = 3\nwidth = 8\ntest = 20\nn = [1, 30]\n";
  const TemporaryFolder folder;
  Results results = Results::open(folder.path());
  for (Index attempt = 1; attempt <= 2; ++attempt) {
    const RunnerReport report = run_experiment(spec_of(text), results, {.jobs = 2});
    ASSERT_EQ(report.failures.size(), 2U);
    EXPECT_EQ(report.failures[0].run.n, 1);
    EXPECT_NE(report.failures[0].message.find("1 row in the table, expected at least 2"), std::string::npos);
    EXPECT_EQ(report.computed, attempt == 1 ? 2 : 0);
    ASSERT_EQ(results.failed().size(), 2U);
    EXPECT_EQ(results.failed()[0].attempts, attempt);
  }
}

TEST(Runner, ProgressEndsWithEverythingDone) {
  const TemporaryFolder folder;
  Results results = Results::open(folder.path());
  RunnerProgress last;
  Index before = 0;
  RunnerOptions options;
  options.progress = [&](const RunnerProgress& now) {
    EXPECT_GE(now.done, before);
    before = now.done;
    last = now;
    return true;
  };
  run_experiment(spec_of(), results, options);
  EXPECT_EQ(last.done, 30);
  EXPECT_EQ(last.total, 30);
  EXPECT_EQ(last.seconds_left, 0);
}

TEST(Runner, TwoOnOneFolderShareTheWork) {
  const TemporaryFolder folder;
  const Spec spec = spec_of();
  std::vector<RunnerReport> reports(2);
  {
    Results a = Results::open(folder.path());
    Results b = Results::open(folder.path());
    std::thread other([&] { reports[1] = run_experiment(spec, b, {.jobs = 2}); });
    reports[0] = run_experiment(spec, a, {.jobs = 2});
    other.join();
  }
  EXPECT_EQ(reports[0].computed + reports[1].computed, 30);
  for (const RunnerReport& report : reports) EXPECT_EQ(report.found + report.computed + report.elsewhere, 30);
  EXPECT_EQ(Results::open_to_read(folder.path()).finished().size(), 30U);
}

TEST(Shard, PartsAreDisjointAndTogetherEverything) {
  const auto runs = spec_of().runs();
  for (const Index count : {1, 2, 3, 7, 40}) {
    std::multiset<std::string> together;
    std::size_t least = runs.size();
    std::size_t most = 0;
    for (Index i = 1; i <= count; ++i) {
      const auto part = shard_of(runs, {i, count});
      least = std::min(least, part.size());
      most = std::max(most, part.size());
      for (std::size_t j = 0; j < part.size(); ++j) {
        together.insert(key(part[j]));
        if (j == 0) continue;
        EXPECT_LE(estimated_cost(part[j]), estimated_cost(part[j - 1]));
      }
    }
    std::multiset<std::string> all;
    for (const sextant::Run& run : runs) all.insert(key(run));
    EXPECT_EQ(together, all);
    EXPECT_LE(most - least, 1U);
  }
}

TEST(Shard, IsReadFromText) {
  EXPECT_EQ(shard_from("2/8").index, 2);
  EXPECT_EQ(shard_from("2/8").count, 8);
  for (const char* wrong : {"", "2", "2/", "/8", "2/8x", "a/b", "2 / 8", "99999999999999999999/2"})
    EXPECT_EQ(message_of([&] { static_cast<void>(shard_from(wrong)); }),
              "shard: '" + std::string(wrong) + "' given, expected i/k, for instance 1/4");
  for (const char* outside : {"0/2", "3/2", "-1/2", "1/0"})
    EXPECT_EQ(message_of([&] { static_cast<void>(shard_from(outside)); }),
              "shard: " + std::string(outside) + " given, expected i/k with 1 ≤ i ≤ k");
}

TEST(CostModel, IsCalibratedPerMethodElseOverall) {
  CostModel model;
  sextant::Run run;
  const double cost = estimated_cost(run);
  EXPECT_GT(model.seconds(run), 0);
  model.learn("random-features", 100, 1);
  EXPECT_DOUBLE_EQ(model.seconds(run), cost / 100);
  model.learn("algorithm-1", 100, 3);
  model.learn("algorithm-1", 300, 1);
  EXPECT_DOUBLE_EQ(model.seconds(run), cost / 100);  // (3 + 1)/(100 + 300)
  run.fit.method = Method::ntk;
  EXPECT_DOUBLE_EQ(model.seconds(run), estimated_cost(run) * 5 / 500);
}

}  // namespace
}  // namespace sextant
