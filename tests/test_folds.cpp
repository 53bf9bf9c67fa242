// Oracles: the definition (one of each fold in every run of K rows), read row by row.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/folds.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;
using Side = FoldSource::Side;

namespace {

// Rows that say their number: X(i, 0) = i, Y(i, 0) = −i, w_i = i + 1.
Rows numbered(Index n) {
  Rows rows{Matrix(n, 2), Matrix(n, 1), Vector(n)};
  for (Index i = 0; i < n; ++i) {
    const auto number = static_cast<double>(i);
    rows.X.row(i) << number, 0.5 * number;
    rows.Y(i, 0) = -number;
    rows.w[i] = number + 1;
  }
  return rows;
}

std::vector<Index> members(const Folds& folds, Index n, Index fold, Side side) {
  std::vector<Index> rows;
  for (Index i = 0; i < n; ++i)
    if ((folds.of(i) == fold) == (side == Side::inside)) rows.push_back(i);
  return rows;
}

void expect_rows(const Rows& found, const Rows& all, const std::vector<Index>& expected) {
  ASSERT_EQ(found.count(), static_cast<Index>(expected.size()));
  for (Index t = 0; t < found.count(); ++t) {
    const Index i = expected[static_cast<std::size_t>(t)];
    ASSERT_EQ(found.X.row(t), all.X.row(i));
    ASSERT_EQ(found.Y.row(t), all.Y.row(i));
    ASSERT_EQ(found.w[t], all.w[i]);
  }
}

class WithGaps final : public RowSource {
 public:
  [[nodiscard]] Index rows() const override { return 4; }
  [[nodiscard]] Index inputs() const override { return 1; }
  [[nodiscard]] Index targets() const override { return 1; }
  [[nodiscard]] bool has_missing() const override { return true; }
  void read(Index /*first*/, Index count, Block& block) const override {
    block.resize(count, 1, 1);
    block.X.setZero();
    block.Y.setZero();
    block.w.setOnes();
  }
};

// Classes of 1, 2, 3, … rows and two large ones, in an order that is none.
std::vector<Index> classes_of_many_sizes() {
  std::vector<Index> classes;
  for (Index c = 0; c < 12; ++c)
    for (Index i = 0; i <= c; ++i) classes.push_back(c);
  for (Index i = 0; i < 300; ++i) classes.push_back(12 + i % 3 / 2);
  for (Index i = 0; i < 5; ++i) classes.push_back(-1);
  const std::vector<Index> order = Stream(3, Purpose::noise).permutation(0, static_cast<Index>(classes.size()));
  std::vector<Index> shuffled;
  for (const Index at : order) shuffled.push_back(classes[static_cast<std::size_t>(at)]);
  return shuffled;
}

TEST(StratifiedFolds, DivideEveryClassEvenly) {
  const std::vector<Index> classes = classes_of_many_sizes();
  const auto n = static_cast<Index>(classes.size());
  for (const Index count : {2, 3, 5, 10}) {
    const std::vector<Index> folds = stratified_folds(classes, count, 7, Purpose::folds);
    std::map<Index, std::map<Index, Index>> rows;  // class → fold → rows
    std::map<Index, Index> sizes;
    for (std::size_t i = 0; i < classes.size(); ++i) {
      ASSERT_TRUE(folds[i] >= 0 && folds[i] < count);
      ++rows[classes[i]][folds[i]];
      ++sizes[folds[i]];
    }
    for (const auto& [fold, size] : sizes) EXPECT_TRUE(size == n / count || size == n / count + 1) << size;
    for (auto& [name, of] : rows) {
      const auto all = static_cast<Index>(std::ranges::count(classes, name));
      for (Index fold = 0; fold < count; ++fold)
        EXPECT_TRUE(of[fold] == all / count || of[fold] == (all + count - 1) / count) << name << " in " << fold;
    }
    EXPECT_EQ(stratified_folds(classes, count, 7, Purpose::folds), folds);
    EXPECT_NE(stratified_folds(classes, count, 8, Purpose::folds), folds);
  }
}

TEST(StratifiedFolds, WithGroupsKeepThemAndDivideClassesAsFarAsTheyLet) {
  // 60 groups of one to five rows; class 1 is rare, in four groups; class 2 in two.
  std::vector<Index> groups;
  std::vector<Index> classes;
  for (Index group = 0; group < 60; ++group)
    for (Index i = 0; i <= group % 5; ++i) {
      groups.push_back(group);
      classes.push_back(group % 15 == 4 ? 1 : group % 30 == 8 ? 2 : 0);
    }
  for (const std::uint64_t seed : {1, 2, 3}) {
    const std::vector<Index> folds = stratified_grouped_folds(groups, classes, 4, seed, Purpose::folds);
    std::map<Index, Index> fold_of;
    std::map<Index, std::set<Index>> folds_of_class;
    std::map<Index, Index> sizes;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      EXPECT_EQ(fold_of.emplace(groups[i], folds[i]).first->second, folds[i]);
      folds_of_class[classes[i]].insert(folds[i]);
      ++sizes[folds[i]];
    }
    EXPECT_EQ(folds_of_class[1].size(), 4U);  // one group of it in each
    EXPECT_EQ(folds_of_class[2].size(), 2U);
    for (const auto& [fold, size] : sizes) EXPECT_NEAR(static_cast<double>(size), 45, 5);
  }
}

}  // namespace

TEST(Folds, EveryRunHoldsEachFoldOnce) {
  for (const Index K : {2, 3, 5, 10}) {
    for (const std::uint64_t seed : {0, 1, 99}) {
      const Folds folds{seed, K};
      for (Index run = 0; run < 50; ++run) {
        std::set<Index> seen;
        for (Index t = 0; t < K; ++t) seen.insert(folds.of(run * K + t));
        EXPECT_EQ(static_cast<Index>(seen.size()), K);
        EXPECT_EQ(*seen.begin(), 0);
        EXPECT_EQ(*seen.rbegin(), K - 1);
        const auto order = folds.order(run);
        for (Index t = 0; t < K; ++t) EXPECT_EQ(order[static_cast<std::size_t>(t)], folds.of(run * K + t));
      }
    }
  }
}

TEST(Folds, InsideAndOutsidePartitionTheRowsInOrder) {
  for (const Index K : {2, 3, 5, 7}) {
    const Folds folds{4, K};
    for (const Index n : {Index{1}, Index{2}, Index{7}, Index{8}, Index{9}, K - 1, K, K + 1, Index{1000}}) {
      const Rows rows = numbered(n);
      const MemorySource source = rows.source();
      Index total = 0;
      for (Index fold = 0; fold < K; ++fold) {
        for (const Side side : {Side::inside, Side::outside}) {
          const FoldSource part(source, folds, fold, side);
          const auto expected = members(folds, n, fold, side);
          ASSERT_EQ(part.rows(), static_cast<Index>(expected.size())) << n << ' ' << K;
          EXPECT_EQ(part.inputs(), 2);
          EXPECT_EQ(part.targets(), 1);
          for (const Index block_rows : {Index{1}, Index{2}, K - 1, K, K + 1, Index{64}, Index{5000}})
            expect_rows(read_all(part, block_rows), rows, expected);
          if (side == Side::inside) {
            total += part.rows();
            EXPECT_TRUE(part.rows() == n / K || part.rows() == (n + K - 1) / K);
          } else {
            EXPECT_EQ(part.rows() + FoldSource(source, folds, fold, Side::inside).rows(), n);
          }
        }
      }
      EXPECT_EQ(total, n);  // every row in exactly one fold
    }
  }
}

RC_GTEST_PROP(Folds, AnyBlockIsPartOfTheWhole, ()) {
  const Index K = *rc::gen::inRange<Index>(2, 12);
  const Index n = *rc::gen::inRange<Index>(1, 200);
  const Folds folds{*rc::gen::inRange<std::uint64_t>(0, 1000), K};
  const Index fold = *rc::gen::inRange<Index>(0, K);
  const Side side = *rc::gen::element(Side::inside, Side::outside);
  const Rows rows = numbered(n);
  const MemorySource source = rows.source();
  const FoldSource part(source, folds, fold, side);
  const auto expected = members(folds, n, fold, side);
  RC_ASSERT(part.rows() == static_cast<Index>(expected.size()));
  const Index first = *rc::gen::inRange<Index>(0, part.rows() + 1);
  const Index count = *rc::gen::inRange<Index>(0, part.rows() - first + 1);
  Block block;
  part.read(first, count, block);
  RC_ASSERT(block.rows() == count);
  for (Index t = 0; t < count; ++t)
    RC_ASSERT(block.X(t, 0) == static_cast<double>(expected[static_cast<std::size_t>(first + t)]));
}

TEST(Folds, MoreRowsMoveNone) {
  const Folds folds{8, 5};
  const Rows many = numbered(97);
  const MemorySource all = many.source();
  for (const Index n : {3, 5, 23, 96}) {
    const Rows few = numbered(n);
    const MemorySource source = few.source();
    for (const Side side : {Side::inside, Side::outside}) {
      const FoldSource part(source, folds, 2, side);
      const Rows begin = read_all(part, 16);
      const Rows whole = read_all(FoldSource(all, folds, 2, side), 16);
      EXPECT_EQ(begin.X, whole.X.topRows(begin.count())) << n;
    }
  }
}

TEST(Folds, FoldsOfFolds) {
  // Sample splitting inside a training split: a FoldSource of a FoldSource.
  const Rows rows = numbered(103);
  const MemorySource source = rows.source();
  const Folds outer{1, 5};
  const Folds halves{1, 2, Purpose::halves};
  const FoldSource train(source, outer, 0, Side::outside);
  std::vector<Index> expected;
  const auto outside = members(outer, 103, 0, Side::outside);
  for (const Index at : members(halves, train.rows(), 0, Side::inside))
    expected.push_back(outside[static_cast<std::size_t>(at)]);
  for (const Index block_rows : {1, 7, 1024})
    expect_rows(read_all(FoldSource(train, halves, 0, Side::inside), block_rows), rows, expected);
}

TEST(Folds, SeedsAndPurposesDiffer) {
  const auto pattern = [](const Folds& folds) { return members(folds, 400, 0, Side::inside); };
  EXPECT_NE(pattern({1, 2}), pattern({2, 2}));
  EXPECT_NE(pattern({1, 2, Purpose::folds}), pattern({1, 2, Purpose::halves}));
}

TEST(Folds, EveryPositionIsEquallyLikely) {
  const Index K = 4;
  const Folds folds{3, K};
  std::vector<int> counts(16, 0);
  for (Index run = 0; run < 4000; ++run)
    for (Index t = 0; t < K; ++t) ++counts[static_cast<std::size_t>(4 * t + folds.of(run * K + t))];
  double chi2 = 0;
  for (const int count : counts) chi2 += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi2, 36.0);  // above the 99.9 % point of χ² with 9 degrees of freedom (27.9), margins being fixed
}

TEST(Folds, RulesAreChecked) {
  const Rows rows = numbered(5);
  const MemorySource source = rows.source();
  EXPECT_EQ(message_of<InvalidArgument>([&] {
              FoldSource(source, {0, 1}, 0, Side::inside);
            }),
            "folds: 1 given, expected at least 2");
  EXPECT_FALSE(FoldSource(source, {0, 2}, 0, Side::inside).has_missing());
  const WithGaps gaps;
  EXPECT_TRUE(FoldSource(gaps, {0, 2}, 0, Side::inside).has_missing());
}
