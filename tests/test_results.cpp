// The store. Oracles: what was put in; statistics by hand; files that are damaged, foreign or of a newer version, byte
// by byte unchanged.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/results.h"
#include "temporary_folder.h"

namespace sextant {
namespace {

using Claim = Results::Claim;

Spec spec_of(const std::string& text) { return parse_spec("name = \"test\"\n" + text, "test.toml"); }

Run seeded(sextant::Run run, std::uint64_t seed) {
  run.fit.seed = seed;
  return run;
}

Outcome outcome(double risk, std::optional<double> overlap = 0.5, double seconds = 2) {
  return {risk, risk / 10, overlap, 1e-3, seconds};
}

TEST(Spread, IsTheMeanAndTheSampleDeviation) {
  const Spread three = spread({1, 2, 6});
  EXPECT_EQ(three.count, 3);
  EXPECT_DOUBLE_EQ(three.mean, 3);
  EXPECT_DOUBLE_EQ(three.deviation, std::sqrt((4 + 1 + 9) / 2.0));
  EXPECT_DOUBLE_EQ(spread({5}).mean, 5);
  EXPECT_TRUE(std::isnan(spread({5}).deviation));
  EXPECT_TRUE(std::isnan(spread({}).mean));
}

TEST(Results, AreThereAgainWhenOpenedAgain) {
  const TemporaryFolder folder;
  const Spec spec = spec_of("seeds = 2\n[[grid]]\nn = [3, 4]\n");
  const Outcome exact{0.1, 1e-300, {}, std::numeric_limits<double>::infinity(), 0.25};
  {
    Results results = Results::open(folder.path("new"), "a machine");
    results.add(spec);
    results.record(seeded(spec.points[1], 1), exact);
    EXPECT_EQ(results.find(seeded(spec.points[1], 0)), std::nullopt);
  }
  const Results results = Results::open_to_read(folder.path("new"));
  const auto found = results.find(seeded(spec.points[1], 1));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->excess_risk, exact.excess_risk);
  EXPECT_EQ(found->excess_risk_error, exact.excess_risk_error);
  EXPECT_EQ(found->overlap, exact.overlap);
  EXPECT_EQ(found->lambda, exact.lambda);
  EXPECT_EQ(found->seconds, exact.seconds);
  const auto specs = results.specs();
  ASSERT_EQ(specs.size(), 1U);
  EXPECT_EQ(specs[0].spec.text, spec.text);
  EXPECT_EQ(specs[0].machine, "a machine");
  ASSERT_EQ(specs[0].points.size(), 2U);
  EXPECT_EQ(specs[0].points[0].missing, 2);
  EXPECT_EQ(specs[0].points[1].missing, 1);
  ASSERT_EQ(specs[0].points[1].seeds.size(), 1U);
  EXPECT_EQ(specs[0].points[1].seeds[0].seed, 1U);
}

TEST(Results, RecordARunOnce) {
  const TemporaryFolder folder;
  Results results = Results::open(folder.path());
  const sextant::Run run;
  results.record(run, outcome(1));
  EXPECT_THROW(results.record(run, outcome(2)), IoError);
  EXPECT_EQ(results.find(run)->excess_risk, 1);
}

TEST(Results, SummaryHasARowPerPointWithStatisticsOverSeeds) {
  const TemporaryFolder folder;
  Results results = Results::open(folder.path());
  const Spec spec = spec_of(R"(
seeds = 3
[[grid]]
n = [3, 4]
width = 8
[[grid]]
label = "so, \"quoted\""
n = 5
n_target = 7
width = 8
[[grid]]
n = 99
)");
  results.add(spec);
  const auto put = [&](std::size_t point, std::uint64_t seed, const Outcome& what) {
    results.record(seeded(spec.points[point], seed), what);
  };
  put(0, 0, outcome(1, 0.5, 2));
  put(0, 1, outcome(2, {}, 4));
  put(0, 2, outcome(6, 1.0, 6));
  put(1, 0, outcome(0.25, {}, 1));
  put(2, 0, outcome(4));
  put(2, 1, outcome(8));
  results.export_summary();
  EXPECT_EQ(folder.bytes("summary.csv"),
            "method,d,r,p,width,n,n_target,seeds,excess_risk_mean,excess_risk_std,overlap_mean,seconds_mean\n"
            "algorithm-1,10,1,4,8,3,,3,3,2.6457513110645907,0.75,4\n"
            "algorithm-1,10,1,4,8,4,,1,0.25,,,1\n"
            "\"so, \"\"quoted\"\"\",10,1,4,8,5,7,2,6,2.8284271247461903,0.5,2\n");
}

TEST(Results, SpecsThatShareRunsShareThem) {
  const TemporaryFolder folder;
  Results results = Results::open(folder.path());
  const Spec first = spec_of("seeds = 1\n[[grid]]\nn = [3, 4]\n");
  const Spec second = parse_spec("name = \"other\"\nseeds = 2\n[[grid]]\nn = [4, 5]\n", "other");
  results.add(first);
  results.add(second);
  results.record(seeded(first.points[1], 0), outcome(1));
  results.record(seeded(first.points[1], 1), outcome(3));
  const auto specs = results.specs();
  EXPECT_EQ(specs[0].points[1].seeds.size(), 1U);
  EXPECT_EQ(specs[1].points[0].seeds.size(), 2U);
  results.export_summary();
  EXPECT_NE(folder.bytes("summary.csv").find(",4,,2,2,"), std::string::npos);  // one row, both seeds
}

TEST(Results, ASpecOfTheSameNameTakesThePlaceOfTheOldOne) {
  const TemporaryFolder folder;
  Results results = Results::open(folder.path());
  results.add(spec_of("seeds = 1\n[[grid]]\nn = 3\n"));
  results.add(spec_of("seeds = 4\n[[grid]]\nn = 5\n"));
  const auto specs = results.specs();
  ASSERT_EQ(specs.size(), 1U);
  EXPECT_EQ(specs[0].spec.seeds, 4);
  EXPECT_EQ(specs[0].spec.points[0].n, 5);
}

TEST(Results, AClaimHoldsWhileItsWorkerLives) {
  const TemporaryFolder folder;
  std::optional<Results> a = Results::open(folder.path());
  Results b = Results::open(folder.path());
  EXPECT_EQ(a->claim("run 1"), Claim::mine);
  EXPECT_EQ(b.claim("run 1"), Claim::taken);
  EXPECT_EQ(a->claim("run 1"), Claim::taken);
  a->release("run 1");
  EXPECT_EQ(b.claim("run 1"), Claim::mine);
  EXPECT_EQ(a->claim("run 2"), Claim::mine);
  EXPECT_EQ(b.claim("run 2"), Claim::taken);
  a.reset();  // as when its process is killed: the lock goes, the claim stays in the table
  EXPECT_EQ(b.claim("run 2"), Claim::mine);
}

TEST(Results, AFinishedRunIsNotClaimed) {
  const TemporaryFolder folder;
  Results a = Results::open(folder.path());
  Results b = Results::open(folder.path());
  const sextant::Run run;
  ASSERT_EQ(a.claim(key(run)), Claim::mine);
  a.record(run, outcome(1));
  EXPECT_EQ(b.claim(key(run)), Claim::finished);
}

TEST(Results, AFailureIsKnownToTheOthersAndForgottenOnSuccess) {
  const TemporaryFolder folder;
  Results a = Results::open(folder.path());
  Results b = Results::open(folder.path());
  const sextant::Run run;
  ASSERT_EQ(a.claim(key(run), 0), Claim::mine);
  a.record_failure(run, "no luck");
  EXPECT_EQ(b.claim(key(run), 0), Claim::failed);
  EXPECT_EQ(b.claim(key(run), 1), Claim::mine);  // the next call tries again
  b.record_failure(run, "again");
  ASSERT_EQ(b.failed().size(), 1U);
  EXPECT_EQ(b.failed()[0].message, "again");
  EXPECT_EQ(b.failed()[0].attempts, 2);
  b.record(run, outcome(1));
  EXPECT_TRUE(b.failed().empty());
}

TEST(Results, OfAnotherFolderAreTakenOver) {
  const TemporaryFolder folder;
  Results a = Results::open(folder.path("a"));
  Results b = Results::open(folder.path("b"));
  const sextant::Run run;
  a.record(seeded(run, 0), outcome(1));
  b.record(seeded(run, 0), outcome(2));
  b.record(seeded(run, 1), outcome(3, {}));
  a.record_failure(seeded(run, 1), "no luck");
  EXPECT_EQ(a.take_from(b), 1);
  EXPECT_EQ(a.find(seeded(run, 0))->excess_risk, 1);  // what was there stays
  EXPECT_EQ(a.find(seeded(run, 1))->excess_risk, 3);
  EXPECT_EQ(a.find(seeded(run, 1))->overlap, std::nullopt);
  EXPECT_TRUE(a.failed().empty());
}

// ---- crossings of figures ----

TEST(FigureCrossings, FollowThePointsThatDifferInXAlone) {
  const TemporaryFolder folder;
  Results results = Results::open(folder.path());
  const Spec spec = spec_of(R"(
seeds = 1
[[grid]]
d = [10, 20]
width = [4, 8]
n = [100, 1000]
eta_factor = 1
[[figure]]
series = "d"
facet = "width"
crossings = [0.1]
)");
  results.add(spec);
  // Risk (d/10)²·w/n·40: at w = 4 it reaches 0.1 at n = 1600 and 6400 — beyond the grid — so scale it down by 10.
  for (const sextant::Run& run : spec.points) {
    const double d = static_cast<double>(run.d) / 10;
    const double w = static_cast<double>(run.fit.width) / 4;
    results.record(run, outcome(16 * d * d * w / static_cast<double>(run.n)));
  }
  const auto found = figure_crossings(results.specs().front());
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].run.fit.width, 4);
  EXPECT_EQ(found[0].d, 10);
  EXPECT_NEAR(*found[0].crossing.x, 160, 1e-9);
  EXPECT_NEAR(*found[1].crossing.x, 640, 1e-9);
  EXPECT_FALSE(found[0].slope);
  EXPECT_NEAR(*found[1].slope, 2, 1e-12);
  EXPECT_EQ(found[2].run.fit.width, 8);
  EXPECT_NEAR(*found[2].crossing.x, 320, 1e-9);
  EXPECT_EQ(found[3].crossing.kind, CrossingKind::above);  // 1280
  results.export_crossings();
  const std::string table = folder.bytes("crossings.csv");
  EXPECT_TRUE(
      table.starts_with("experiment,method,width,p,r,d,x,level,n_star,crossing,local_slope\n"
                        "test,algorithm-1,4,4,1,10,n,0.1,1"))
      << table;
  EXPECT_NE(table.find("test,algorithm-1,8,4,1,20,n,0.1,,above,\n"), std::string::npos) << table;
}

TEST(FigureCrossings, AreWrittenOnlyWhenAFigureAsksForThem) {
  const TemporaryFolder folder;
  Results results = Results::open(folder.path());
  results.add(spec_of("[[grid]]\n[[figure]]\n"));
  results.export_crossings();
  EXPECT_FALSE(std::filesystem::exists(folder.path("crossings.csv")));
}

// ---- hostile files ----

std::string database_bytes() {
  const TemporaryFolder folder;
  { Results::open(folder.path()).record({}, outcome(1)); }
  return folder.bytes("results.sqlite");
}

template <class Expected>
void expect_refused(const std::string& bytes, const std::string& reason) {
  const TemporaryFolder folder;
  const std::string path = folder.put("results.sqlite", bytes);
  for (const bool write : {true, false}) {
    const std::string message = message_of<Expected>(
        [&] { static_cast<void>(write ? Results::open(folder.path()) : Results::open_to_read(folder.path())); });
    EXPECT_TRUE(message.starts_with(path + ": " + reason)) << message;
    EXPECT_EQ(folder.bytes("results.sqlite"), bytes);
  }
}

TEST(HostileResults, AreRefusedAndLeftAsTheyAre) {
  std::string bytes = database_bytes();
  expect_refused<DataError>("", "is no database of results");
  expect_refused<DataError>("n,risk\n1,2\n", "is no database of results");
  expect_refused<DataError>(bytes.substr(0, 50), "is no database of results");
  std::string foreign = bytes;
  foreign[68] = 0;
  expect_refused<DataError>(foreign, "is a database of another program");
  std::string newer = bytes;
  newer[63] = 9;
  expect_refused<DataError>(newer, "was written by a newer version of Sextant (format 9, this one reads up to 1)");
}

TEST(HostileResults, DamageIsNoticed) {
  const std::string bytes = database_bytes();
  // Pages of 4096 bytes: the header's page stays, the others become noise, one after the other; and a cut file.
  std::vector<std::string> damaged = {bytes.substr(0, bytes.size() - 5000)};
  for (std::size_t page = 1; page * 4096 < bytes.size(); ++page) {
    damaged.push_back(bytes);
    for (std::size_t i = page * 4096; i < (page + 1) * 4096; ++i)
      damaged.back()[i] = static_cast<char>((i * 2654435761U) >> 13U);
  }
  for (const std::string& each : damaged) {
    const TemporaryFolder folder;
    folder.put("results.sqlite", each);
    const std::string message = message_of<DataError>([&] { static_cast<void>(Results::open(folder.path())); });
    EXPECT_TRUE(message.starts_with(folder.path("results.sqlite") + ": is damaged: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_EQ(folder.bytes("results.sqlite"), each);
  }
}

TEST(HostileResults, APlaceThatIsNoFolderIsRefused) {
  const TemporaryFolder folder;
  const std::string file = folder.put("file", "x");
  EXPECT_EQ(message_of<IoError>([&] { static_cast<void>(Results::open(file)); }), file + ": is not a folder");
  EXPECT_EQ(message_of<IoError>([&] { static_cast<void>(Results::open(folder.path("a/b"))); }),
            folder.path("a/b") + ": the folder cannot be made: No such file or directory");
  EXPECT_EQ(message_of<IoError>([&] { static_cast<void>(Results::open_to_read(folder.path())); }),
            folder.path() + ": holds no results.sqlite, expected the folder of an experiment");
}

TEST(HostileResults, AStoredSpecThatCannotBeReadIsNamed) {
  const TemporaryFolder folder;
  Results results = Results::open(folder.path());
  Spec spec = spec_of("[[grid]]\n");
  spec.text = "name = 3";
  results.add(spec);
  const std::string message = message_of<DataError>([&] { static_cast<void>(results.specs()); });
  EXPECT_TRUE(message.starts_with(folder.path("results.sqlite") + ", spec 'test', line 1: name is a whole number"))
      << message;
}

}  // namespace
}  // namespace sextant
