// Oracles: what a division by group or by time means, row by row; errors on rows of groups that were never seen.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "message_of.h"
#include "sextant/comparison.h"
#include "sextant/error.h"
#include "sextant/model.h"
#include "sextant/splits.h"
#include "test_support.h"

using namespace sextant;

namespace {

// n rows whose input is their number.
Matrix numbers(Index n) { return Vector::LinSpaced(n, 0, static_cast<double>(n - 1)); }

std::vector<Index> rows_of(const RowSource& source) {
  const Rows all = read_all(source, 5);
  std::vector<Index> rows;
  for (Index i = 0; i < all.count(); ++i) rows.push_back(static_cast<Index>(all.X(i, 0)));
  return rows;
}

std::set<Index> groups_in(const std::vector<Index>& rows, const std::vector<Index>& groups) {
  std::set<Index> found;
  for (const Index row : rows) found.insert(groups[static_cast<std::size_t>(row)]);
  return found;
}

// Every row on exactly one side.
void expect_partition(const Split& split, Index n) {
  auto all = rows_of(*split.train);
  const auto validation = rows_of(*split.validation);
  all.insert(all.end(), validation.begin(), validation.end());
  std::sort(all.begin(), all.end());
  ASSERT_EQ(static_cast<Index>(all.size()), n);
  for (Index i = 0; i < n; ++i) ASSERT_EQ(all[static_cast<std::size_t>(i)], i);
}

RC_GTEST_PROP(Splits, NoGroupIsOnBothSides, ()) {
  const auto groups_count = *rc::gen::inRange<Index>(2, 12);
  auto groups = *rc::gen::container<std::vector<Index>>(*rc::gen::inRange<std::size_t>(12, 60),
                                                        rc::gen::inRange<Index>(0, groups_count));
  for (Index g = 0; g < groups_count; ++g) groups[static_cast<std::size_t>(g)] = g;
  const auto n = static_cast<Index>(groups.size());
  const Matrix X = numbers(n);
  const MemorySource source(X, X, {}, groups);
  FitOptions options{.seed = *rc::gen::arbitrary<std::uint64_t>()};
  if (*rc::gen::arbitrary<bool>()) options.folds = *rc::gen::inRange<Index>(2, groups_count + 1);
  const auto splits = make_splits(source, nullptr, options);
  RC_ASSERT(static_cast<Index>(splits.size()) == options.folds.value_or(1));
  std::set<Index> validated;
  for (const Split& split : splits) {
    const auto train = groups_in(rows_of(*split.train), groups);
    const auto validation = groups_in(rows_of(*split.validation), groups);
    RC_ASSERT(!train.empty());
    RC_ASSERT(!validation.empty());
    for (const Index group : validation) RC_ASSERT(train.count(group) == 0);
    RC_ASSERT(split.train->rows() + split.validation->rows() == n);
    validated.insert(validation.begin(), validation.end());
  }
  if (options.folds) RC_ASSERT(static_cast<Index>(validated.size()) == groups_count);
}

TEST(Splits, FoldsOfGroupsHaveAboutEquallyManyRows) {
  // Groups of 1 … 40 rows: 820 in all. Largest first, the fullest fold has at most one smallest group's worth too many.
  std::vector<Index> groups;
  for (Index g = 1; g <= 40; ++g) groups.insert(groups.end(), static_cast<std::size_t>(g), g);
  for (const std::uint64_t seed : {0, 1, 2}) {
    std::map<Index, Index> sizes;
    for (const Index fold : grouped_folds(groups, 5, seed, Purpose::folds)) ++sizes[fold];
    ASSERT_EQ(sizes.size(), 5U);
    for (const auto& [fold, size] : sizes) EXPECT_NEAR(static_cast<double>(size), 164, 3) << fold;
  }
}

TEST(Splits, FoldsOfGroupsDoNotDependOnTheRowsOrder) {
  std::vector<Index> groups;
  for (Index i = 0; i < 60; ++i) groups.push_back(i % 12);
  const auto folds = grouped_folds(groups, 3, 7, Purpose::folds);
  std::vector<Index> sorted = groups;
  std::sort(sorted.begin(), sorted.end());
  const auto of_sorted = grouped_folds(sorted, 3, 7, Purpose::folds);
  for (std::size_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(of_sorted[i], folds[static_cast<std::size_t>(sorted[i])]);
  EXPECT_NE(grouped_folds(groups, 3, 8, Purpose::folds), folds);
  EXPECT_NE(grouped_folds(groups, 3, 7, Purpose::test_rows), folds);
}

TEST(Splits, OneLargeGroupIsNotHeldOut) {
  std::vector<Index> groups(100, 0);
  for (Index i = 60; i < 100; ++i) groups[static_cast<std::size_t>(i)] = i / 10;
  const Matrix X = numbers(100);
  const MemorySource source(X, X, {}, groups);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Split split = hold_out(source, 0.2, {.seed = seed}, Purpose::folds);
    EXPECT_EQ(split.validation->rows(), 10) << seed;
    expect_partition(split, 100);
  }
}

TEST(Splits, OrderedFoldsNeverLearnFromLaterRows) {
  for (const Index n : {4, 7, 8, 9, 50}) {
    const Matrix X = numbers(n);
    const MemorySource source(X, X);
    for (const Index K : {2, 3}) {
      const auto splits = make_splits(source, nullptr, {.folds = K, .ordered = true});
      ASSERT_EQ(static_cast<Index>(splits.size()), K);
      Index next = -1;
      for (const Split& split : splits) {
        const auto train = rows_of(*split.train);
        const auto validation = rows_of(*split.validation);
        ASSERT_FALSE(train.empty());
        ASSERT_FALSE(validation.empty());
        EXPECT_EQ(train.front(), 0);
        EXPECT_EQ(train.back() + 1, static_cast<Index>(train.size()));
        EXPECT_EQ(validation.front(), train.back() + 1);
        EXPECT_TRUE(next < 0 || validation.front() == next);  // blocks follow each other
        next = validation.back() + 1;
        EXPECT_LE(std::abs(static_cast<Index>(validation.size()) * (K + 1) - n), K + 1);
      }
      EXPECT_EQ(next, n);
    }
  }
}

TEST(Splits, OrderedHoldsOutTheLastShare) {
  const Matrix X = numbers(10);
  const MemorySource source(X, X);
  const Split split = hold_out(source, 0.3, {.ordered = true}, Purpose::folds);
  EXPECT_EQ(rows_of(*split.validation), (std::vector<Index>{7, 8, 9}));
  expect_partition(split, 10);
  const Matrix two = numbers(2);
  EXPECT_EQ(rows_of(*hold_out(MemorySource(two, two), 0.01, {.ordered = true}, Purpose::folds).validation),
            std::vector<Index>{1});
}

// Forty groups: inputs near the group's place, targets around the group's level, which its place says nothing about.
struct Grouped {
  Matrix X;
  Matrix Y;
  std::vector<Index> groups;
};
Grouped grouped_table(std::uint64_t seed) {
  constexpr Index count = 40;
  constexpr Index each = 15;
  const Matrix places = normals(count, 5, seed, 1);
  const Matrix levels = normals(count, 1, seed, 2);
  Grouped table{0.1 * normals(count * each, 5, seed, 3), 0.3 * normals(count * each, 1, seed, 4), {}};
  for (Index i = 0; i < count * each; ++i) {
    table.X.row(i) += places.row(i % count);
    table.Y(i, 0) += levels(i % count, 0);
    table.groups.push_back(i % count);
  }
  return table;
}

TEST(Splits, GroupsAreNotFlattered) {
  const Grouped table = grouped_table(1);
  const Grouped fresh = grouped_table(2);
  const FitOptions options{.method = Method::kernel_gaussian, .folds = 5};
  Encoding encoding;
  for (const char* name : {"a", "b", "c", "d", "e"}) encoding.columns.push_back({name, ColumnKind::number, {}});
  encoding.targets = {"y"};
  const Model random = fit(MemorySource(table.X, table.Y), encoding, options);
  const Model grouped = fit(MemorySource(table.X, table.Y, {}, table.groups), encoding, options);
  const auto error = [&](const Model& model) {
    const double rmse = evaluate(model, MemorySource(fresh.X, fresh.Y)).targets[0].rmse;
    return rmse * rmse;
  };
  // Of new groups nothing but the mean can be known: an error of 1.09, up to forty levels' spread. Random folds promise
  // the noise's 0.09 or so.
  EXPECT_LT(random.validation.chosen[0], 0.2);
  EXPECT_GT(error(random), 4 * random.validation.chosen[0]);
  EXPECT_GT(grouped.validation.chosen[0], 0.7);
  EXPECT_LT(grouped.validation.chosen[0], 1.5);
  EXPECT_LT(error(grouped), error(random));

  // compare holds out whole groups, too, and finds that nothing beats the mean by much.
  const MemorySource rows(table.X, table.Y, {}, table.groups);
  const Comparison found = compare(rows, encoding, {.methods = {Method::kernel_gaussian}, .fit = options});
  EXPECT_GT(found.contenders.front().relative_error, 0.8);
  EXPECT_EQ(found.test_rows, 120);
}

TEST(Splits, NoMoreFoldsThanRowsGroupsOrBlocks) {
  const Matrix X = numbers(6);
  const MemorySource plain(X, X);
  const MemorySource grouped(X, X, {}, {0, 0, 1, 1, 2, 2});
  EXPECT_EQ(most_folds(plain, {}), 6);
  EXPECT_EQ(most_folds(grouped, {}), 3);
  EXPECT_EQ(most_folds(plain, {.ordered = true}), 5);
  for (const MemorySource* source : {&plain, &grouped}) {
    const Index most = most_folds(*source, {});
    EXPECT_EQ(static_cast<Index>(make_splits(*source, nullptr, {.folds = most}).size()), most);
  }
  EXPECT_EQ(make_splits(plain, nullptr, {.folds = 5, .ordered = true}).size(), 5U);
}

TEST(Splits, RulesAreChecked) {
  const Matrix X = numbers(6);
  const MemorySource grouped(X, X, {}, {0, 0, 1, 1, 2, 2});
  EXPECT_EQ(message_of<DataError>([&] { (void)make_splits(grouped, nullptr, {.folds = 4}); }),
            "folds: 4 given for 3 groups, expected at most as many folds as groups");
  EXPECT_EQ(message_of([&] { (void)make_splits(grouped, nullptr, {.ordered = true}); }),
            "ordered: given together with groups, expected one of the two");
  const MemorySource one(X, X, {}, std::vector<Index>(6, 3));
  EXPECT_EQ(message_of<DataError>([&] { (void)make_splits(one, nullptr, {}); }),
            "fit: every row is of the same group, expected at least 2 groups: one to train on, one to choose by");
  const MemorySource plain(X, X);
  EXPECT_EQ(message_of<DataError>([&] { (void)make_splits(plain, nullptr, {.folds = 6, .ordered = true}); }),
            "folds: 6 given for 6 rows in order, expected more rows than folds: fold j is chosen by block j + 1 of 7");
  EXPECT_EQ(message_of([&] {
              (void)grouped_folds({0, 1}, 1, 0, Purpose::folds);
            }),
            "folds: 1 given, expected at least 2");
  EXPECT_EQ(message_of([&] {
              MemorySource(X, X, {}, {0, 1});
            }),
            "data: X has 6 rows and there are 2 groups, expected as many");
  EXPECT_EQ(message_of([&] {
              MemorySource(X, X, {}, {0, 1, 2, 3, 4, -1});
            }),
            "data: a row's group is negative, expected whole numbers of at least 0");
}

TEST(Splits, RowsOfNoGroupAreNeverChosenBy) {
  std::vector<Index> folds = grouped_folds({0, -1, 1, 1, -1, 2}, 3, 1, Purpose::folds);
  EXPECT_EQ(folds[1], -1);
  EXPECT_EQ(folds[4], -1);
  EXPECT_EQ(std::set<Index>(folds.begin(), folds.end()).size(), 4U);
}

// Where targets are classes, each is on both sides of what is held out.
TEST(Splits, OfClassesAreStratified) {
  const Index n = 203;
  const Matrix X = Matrix::Zero(n, 1);
  Matrix Y = Matrix::Zero(n, 4);
  for (Index i = 0; i < n; ++i) Y(i, i < 2 ? 3 : i < 7 ? 2 : i % 40 == 0 ? 1 : 0) = 1;
  std::vector<Index> groups;
  for (Index i = 0; i < n; ++i) groups.push_back(i / 2);
  FitOptions options;
  options.task = Task::classification;
  const auto sums = [](const RowSource& rows) {
    Block block;
    rows.read(0, rows.rows(), block);
    return Vector(block.Y.colwise().sum().transpose());
  };
  for (const bool grouped : {false, true})
    for (const bool folds : {false, true})
      for (options.seed = 0; options.seed < 20; ++options.seed) {
        const MemorySource data(X, Y, {}, grouped ? groups : std::vector<Index>());
        options.folds = folds ? std::optional<Index>(5) : std::nullopt;
        Vector held_out = Vector::Zero(4);
        for (const Split& split : make_splits(data, nullptr, options)) {
          const Vector outside = sums(*split.train);
          EXPECT_GT(outside.head(3).minCoeff(), 0) << grouped << folds << options.seed;
          if (!grouped) {
            EXPECT_GT(outside[3], 0);  // the two rows of the last class are one group
          }
          held_out += sums(*split.validation);
          EXPECT_NEAR(static_cast<double>(split.validation->rows()), n / 5.0, grouped ? 4 : 1);
        }
        // The third class is in three groups, which are in three of five folds.
        EXPECT_GT(held_out.head(grouped && !folds ? 2 : 3).minCoeff(), 0) << grouped << folds << options.seed;
      }
  options.ordered = true;
  options.folds = {};
  const MemorySource data(X, Y);
  EXPECT_EQ(sums(*make_splits(data, nullptr, options).front().validation)[3], 0);  // the first rows are no later ones
}

}  // namespace
