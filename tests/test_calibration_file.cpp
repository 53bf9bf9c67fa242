// Oracles: tables written here, and what they say when read by eye.
#include <gtest/gtest.h>

#include <string>

#include "message_of.h"
#include "sextant/calibration_file.h"
#include "sextant/error.h"
#include "temporary_folder.h"

using namespace sextant;

namespace {

const std::string header = "level,method,width,p,r,d,n_star,slope\n";
const Problem quartic{.d = 30, .r = 1, .p = 4, .kappa = 1};

}  // namespace

TEST(CalibrationFile, CrossingsOfOneLevelRiseWithD) {
  const TemporaryFolder folder;
  const std::string path = folder.put("crossings.csv", header +
                                                           "0.1,algorithm-1,100,4,1,40,30000,1.5\n"
                                                           "0.5,algorithm-1,100,4,1,10,1000,\n"
                                                           "0.1,ntk,100,4,1,10,77777,\n"
                                                           "0.1,algorithm-1,100,4,1,80,,\n"
                                                           "0.1,algorithm-1,100,4,1,10,4000,\n");
  const Calibration tenth = read_calibration(path, 0.1, quartic);
  EXPECT_EQ(tenth.excess_risk, 0.1);
  EXPECT_EQ(tenth.units, 100);
  EXPECT_EQ(tenth.problem.p, 4);
  EXPECT_EQ(tenth.problem.r, 1);
  EXPECT_EQ(tenth.problem.kappa, 1);
  ASSERT_EQ(tenth.crossings.size(), 2);
  EXPECT_EQ(tenth.crossings[0].d, 10);
  EXPECT_EQ(tenth.crossings[0].samples, 4000);
  EXPECT_EQ(tenth.crossings[1].d, 40);
  EXPECT_EQ(tenth.crossings[1].samples, 30000);
  EXPECT_EQ(read_calibration(path, 0.5, quartic).crossings.size(), 1);
  EXPECT_TRUE(plan(quartic, tenth).same_problem);
}

TEST(CalibrationFile, TheProblemAskedForThenTheBestMeasuredWidth) {
  const TemporaryFolder folder;
  const std::string one = header +
                          "0.1,algorithm-1,100,4,1,10,4000,\n"
                          "0.1,algorithm-1,100,4,1,20,9000,\n"
                          "0.1,algorithm-1,300,4,1,10,3800,\n"
                          "0.1,algorithm-1,200,4,1,10,3900,\n"
                          "0.1,algorithm-1,200,4,1,20,8900,\n";
  EXPECT_EQ(read_calibration(folder.put("one.csv", one), 0.1, quartic).units, 200);
  // Another problem than any measured: scaled from the only one there is, refused when there are several.
  const Problem two{.d = 30, .r = 2, .p = 4, .kappa = 1};
  EXPECT_EQ(read_calibration(folder.path("one.csv"), 0.1, two).problem.r, 1);
  const std::string several = folder.put("several.csv", one + "0.1,algorithm-1,100,4,2,20,12000,\n");
  EXPECT_EQ(read_calibration(several, 0.1, two).crossings.front().samples, 12000);
  EXPECT_EQ(message_of<DataError>([&] { (void)read_calibration(several, 0.1, {.d = 30, .r = 3, .p = 4, .kappa = 1}); }),
            several +
                ": nothing was measured for p = 4, r = 3, κ = 1, expected one of p = 4, r = 1, κ = 1; p = 4, "
                "r = 2, κ = 1");
  // As an experiment writes them: other axes than n do not count, nor other columns.
  const std::string written =
      folder.put("written.csv",
                 "experiment,method,width,p,r,d,x,level,n_star,crossing,local_slope\n"
                 "dimension,algorithm-1,300,4,1,10,n,0.1,3800.5,crossed,\n"
                 "dimension,algorithm-1,300,4,1,20,n,0.1,,above,\n"
                 "widths,algorithm-1,300,4,1,10,width,0.1,64,crossed,\n"
                 "transfer-dimension,algorithm-1 (transfer),300,3,1,10,n_target,0.1,90,crossed,\n");
  const Calibration from_experiment = read_calibration(written, 0.1, quartic);
  ASSERT_EQ(from_experiment.crossings.size(), 1);
  EXPECT_EQ(from_experiment.crossings.front().samples, 3800.5);
  // A column kappa tells problems apart.
  const std::string curved =
      folder.put("curved.csv", "kappa,n_star,d,r,p,width,method,level\n2,500,10,1,4,100,algorithm-1,0.1\n");
  EXPECT_EQ(read_calibration(curved, 0.1, quartic).problem.kappa, 2);
}

TEST(CalibrationFile, SaysWhereATableIsWrong) {
  const TemporaryFolder folder;
  const auto message = [&](const std::string& text) {
    const std::string path = folder.put("bad.csv", text);
    const std::string said = message_of<DataError>([&] { (void)read_calibration(path, 0.1, quartic); });
    return said.substr(said.find("bad.csv"));
  };
  EXPECT_EQ(message("level,method,width,p,r,d\n0.1,algorithm-1,100,4,1,10\n"),
            "bad.csv: there is no column 'n_star', expected level, method, width, p, r, d, n_star");
  EXPECT_EQ(message(header + "0.1,algorithm-1,100,4,1,10.5,4000,\n"),
            "bad.csv: 'd' has 10.5 at line 2, expected a whole number of at least 1");
  EXPECT_EQ(message(header + "0.1,algorithm-1,100,4,1,10,-4,\n"),
            "bad.csv: 'n_star' has -4 at line 2, expected a number above 0");
  EXPECT_EQ(message(header + "0.1,algorithm-1,100,4,1,10,4000,\n0.1,algorithm-1,100,4,1,10,4000,\n"),
            "bad.csv: 'd' has 10 at line 3, expected each d once for a level, width, p and r");
  EXPECT_EQ(message(header + "0.1,algorithm-1,100,1,1,10,4000,\n"),
            "bad.csv: 'p' has 1 at line 2, expected a whole number of at least 2");
  EXPECT_EQ(message(header + "0.5,algorithm-1,100,4,1,10,4000,\n"),
            "bad.csv: no crossing of algorithm-1 at the level 0.1, expected one of 0.5");
  EXPECT_EQ(message(header + "0.1,ntk,100,4,1,10,4000,\n"),
            "bad.csv: no crossing of algorithm-1 was measured, expected at least one row with n_star");
  EXPECT_EQ(message(header + "0.1,,100,4,1,10,4000,\n"), "bad.csv: 'method' has nothing at line 2, expected a name");
}
