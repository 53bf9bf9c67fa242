// Oracles: a list of row numbers, read row by row.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/row_ranges.h"
#include "test_support.h"

using namespace sextant;

namespace {

// Rows that say their number.
Rows numbered(Index n) {
  Rows rows{Matrix(n, 1), Matrix(n, 1), Vector(n)};
  for (Index i = 0; i < n; ++i) {
    rows.X(i, 0) = static_cast<double>(i);
    rows.Y(i, 0) = -rows.X(i, 0);
    rows.w[i] = rows.X(i, 0) + 1;
  }
  return rows;
}

RC_GTEST_PROP(RowRanges, AreTheRowsThatWereAdded, ()) {
  const auto n = *rc::gen::inRange<Index>(1, 60);
  const auto chosen = *rc::gen::container<std::vector<bool>>(static_cast<std::size_t>(n), rc::gen::arbitrary<bool>());
  std::vector<Index> expected;
  RowRanges ranges;
  for (Index i = 0; i < n; ++i)
    if (chosen[static_cast<std::size_t>(i)]) {
      expected.push_back(i);
      ranges.add(i);
    }
  RC_ASSERT(ranges.rows() == static_cast<Index>(expected.size()));
  RC_ASSERT(ranges.end() == (expected.empty() ? 0 : expected.back() + 1));
  for (std::size_t t = 0; t < expected.size(); ++t) RC_ASSERT(ranges.at(static_cast<Index>(t)) == expected[t]);

  Rows all = numbered(n);
  std::vector<Index> groups;
  for (Index i = 0; i < n; ++i) groups.push_back(i / 3);
  const MemorySource whole(all.X, all.Y, all.w, groups);
  const RangeSource source(whole, ranges);
  RC_ASSERT(source.rows() == ranges.rows());
  const auto own_groups = source.groups();
  for (std::size_t t = 0; t < expected.size(); ++t) RC_ASSERT(own_groups[t] == expected[t] / 3);
  const auto block_rows = *rc::gen::inRange<Index>(1, n + 2);
  const Rows found = read_all(source, block_rows);
  for (std::size_t t = 0; t < expected.size(); ++t) {
    const auto at = static_cast<Index>(t);
    RC_ASSERT(found.X(at, 0) == static_cast<double>(expected[t]));
    RC_ASSERT(found.Y(at, 0) == -found.X(at, 0));
    RC_ASSERT(found.w[at] == found.X(at, 0) + 1);
  }
}

TEST(RowRanges, RulesAreChecked) {
  RowRanges ranges;
  ranges.add(2, 3);
  ranges.add(9, 0);
  EXPECT_EQ(ranges.end(), 5);
  EXPECT_EQ(message_of([&] { ranges.add(4); }), "rows: 1 rows from 4 after row 4, expected rows in ascending order");
  EXPECT_EQ(message_of([&] { ranges.add(7, -1); }),
            "rows: -1 rows from 7 after row 4, expected rows in ascending order");
  const Rows rows = numbered(4);
  const MemorySource source = rows.source();
  EXPECT_EQ(message_of([&] { RangeSource(source, ranges); }), "rows: row 5 wanted of 4, expected one of them");
  EXPECT_TRUE(RangeSource(source, RowRanges{}).groups().empty());
}

}  // namespace
