// Oracles: the rules written in context.h.
#include <gtest/gtest.h>
#include <sched.h>

#include <string>
#include <thread>
#include <vector>

#include "message_of.h"
#include "sextant/context.h"
#include "sextant/error.h"
#include "temporary_folder.h"

using namespace sextant;

TEST(Context, RulesAreChecked) {
  EXPECT_NO_THROW(Context{}.check());
  EXPECT_EQ(message_of<InvalidArgument>([] { Context{.threads = -1}.check(); }),
            "threads: -1 given, expected at least 1 (or 0 for all cores)");
  EXPECT_EQ(message_of<InvalidArgument>([] { Context{.block_rows = 0}.check(); }),
            "block_rows: 0 given, expected at least 1");
}

TEST(Context, ThreadCount) {
  EXPECT_EQ((Context{.threads = 3}.thread_count()), 3);
  EXPECT_GE(Context{}.thread_count(), 1);
  // Those that this thread may run on, as `taskset` and mpirun's binding leave them.
  std::thread([] {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    ASSERT_EQ(sched_getaffinity(0, sizeof cores, &cores), 0);
    EXPECT_EQ(Context{}.thread_count(), CPU_COUNT(&cores));
    int one = 0;
    while (CPU_ISSET(one, &cores) == 0) ++one;
    CPU_ZERO(&cores);
    CPU_SET(one, &cores);
    ASSERT_EQ(sched_setaffinity(0, sizeof cores, &cores), 0);
    EXPECT_EQ(Context{}.thread_count(), 1);
  }).join();
}

TEST(Context, ReportTellsAndCancels) {
  EXPECT_NO_THROW(Context{}.report("head", 0.5));
  std::vector<std::string> told;
  Context context;
  context.progress = [&](const Progress& progress) {
    told.push_back(std::string(progress.stage) + ' ' + std::to_string(progress.fraction));
    return progress.fraction < 1;
  };
  context.report("head", 0.5);
  EXPECT_THROW(context.report("risk", 1.0), Cancelled);
  EXPECT_EQ(told, (std::vector<std::string>{"head 0.500000", "risk 1.000000"}));
}
