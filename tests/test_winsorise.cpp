// Oracles: the rule of winsorise.h on values that are counted by hand; order statistics of large samples against the
// exact quantiles of their distributions; a view against the cells it replaces.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "sextant/winsorise.h"
#include "test_support.h"

using namespace sextant;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> column(const Matrix& X, Index j) { return {X.col(j).begin(), X.col(j).end()}; }

std::vector<double> counting(Index n) {
  std::vector<double> values;
  for (Index i = 0; i < n; ++i) values.push_back(static_cast<double>(i));
  return values;
}

Index beyond(const std::vector<double>& values, const Limits& limits) {
  Index count = 0;
  for (const double value : values) count += value < limits.low || value > limits.high ? 1 : 0;
  return count;
}

}  // namespace

// 0 … 1000: a = 5, b = 995; 0 … 100: the third smallest and largest, 2 and 98; c = 2 for both. 0 … 19: c = 4.
TEST(Winsorise, LimitsByHand) {
  const Limits many = winsor_limits(counting(1001));
  EXPECT_DOUBLE_EQ(many.low, 5 - 2 * 990);
  EXPECT_DOUBLE_EQ(many.high, 995 + 2 * 990);
  const Limits some = winsor_limits(counting(101));
  EXPECT_DOUBLE_EQ(some.low, 2 - 2 * 96);
  EXPECT_DOUBLE_EQ(some.high, 98 + 2 * 96);
  const Limits few = winsor_limits(counting(20));
  EXPECT_DOUBLE_EQ(few.low, 2 - 4 * 15);
  EXPECT_DOUBLE_EQ(few.high, 17 + 4 * 15);
}

// Two wild values at each end do not move a and b; more do, until the quartiles hold them.
TEST(Winsorise, WildValuesDoNotMoveTheLimits) {
  std::vector<double> values = counting(101);
  values[0] = values[1] = -1e9;
  values[99] = values[100] = 1e12;
  const Limits two = winsor_limits(values);
  EXPECT_DOUBLE_EQ(two.low, 2 - 2 * 96);
  EXPECT_DOUBLE_EQ(two.high, 98 + 2 * 96);
  for (std::size_t i = 90; i < 101; ++i) values[i] = 1e12;
  const Limits eleven = winsor_limits(values);
  EXPECT_LT(eleven.high, 3 * (50 + 20 * 50 / 1.349) + 100);
}

// 95 zeros of 100: no quartiles to go by, a = 0 and b the third largest. 998 of 1000: the values that differ say.
TEST(Winsorise, ColumnsOfMostlyOneValue) {
  std::vector<double> values(100, 0.0);
  for (int i = 0; i < 5; ++i) values[static_cast<std::size_t>(i)] = i + 1;
  const Limits some = winsor_limits(values);
  EXPECT_DOUBLE_EQ(some.low, -6);
  EXPECT_DOUBLE_EQ(some.high, 9);
  values.assign(1000, 7.0);
  values[3] = 8;
  values[5] = 9;
  values[6] = 1e6;
  const Limits nearly_all = winsor_limits(values);
  EXPECT_DOUBLE_EQ(nearly_all.low, 7 - 6);
  EXPECT_DOUBLE_EQ(nearly_all.high, 7 + 6);
  for (const Limits& none :
       {winsor_limits(std::vector<double>(50, 3.0)), winsor_limits({1, 2, 3, 4, 1e9}), winsor_limits({})}) {
    EXPECT_EQ(none.low, -infinity);
    EXPECT_EQ(none.high, infinity);
  }
}

// Of normal and uniform columns none is touched, in training rows or in new ones; nor are indicators.
TEST(Winsorise, OrdinaryCellsStay) {
  for (const Index n : {20, 50, 100, 200, 599, 600, 5000}) {
    const Matrix X = normals(n, 50, 1);
    const Matrix uniform = X.unaryExpr([](double x) { return std::erfc(-x / std::sqrt(2.0)); });
    const Matrix fresh = normals(2000, 50, 2);
    for (Index j = 0; j < 50; ++j) {
      const Limits limits = winsor_limits(column(X, j));
      EXPECT_EQ(beyond(column(X, j), limits), 0) << n;
      EXPECT_EQ(beyond(column(fresh, j), limits), 0) << n;
      EXPECT_EQ(beyond(column(uniform, j), winsor_limits(column(uniform, j))), 0) << n;
      const std::vector<double> some = column(X.unaryExpr([](double x) { return x > 1.5 ? 1.0 : 0.0; }), j);
      EXPECT_EQ(beyond({0, 1}, winsor_limits(some)), 0) << n;
    }
  }
}

// A slipped decimal point is implausible whatever the number of rows. Normal, log-normal and few-level columns have no
// such cell, nor have columns where three of a thousand values are as far out.
TEST(Winsorise, ImplausibleCells) {
  const auto plausible = [](const std::vector<double>& values) {
    return plausible_limits(values, winsor_limits(values));
  };
  for (const Index n : {50, 100, 200, 600, 5000}) {
    const Matrix X = normals(n, 20, 1);
    const Matrix fresh = normals(2000, 20, 2);
    Index log_normal = 0;
    for (Index j = 0; j < 20; ++j) {
      const Limits limits = plausible(column(X, j));
      EXPECT_LE(limits.low, winsor_limits(column(X, j)).low);
      EXPECT_EQ(beyond(column(fresh, j), limits), 0) << n;
      EXPECT_LT(limits.high, 1e5);
      EXPECT_GT(limits.low, -1e5);
      std::vector<double> one_wild = column(X, j);
      one_wild[7] = 1e6;
      EXPECT_EQ(beyond(one_wild, plausible(one_wild)), 1) << n;
      log_normal += beyond(column(fresh.array().exp(), j), plausible(column(X.array().exp(), j)));
      const std::vector<double> levels = column(X.unaryExpr([](double x) { return std::floor(x); }), j);
      EXPECT_EQ(beyond(levels, plausible(levels)), 0) << n;
    }
    EXPECT_LE(log_normal, 4) << n;  // of 40 000
  }
  std::vector<double> regime = column(normals(1000, 1, 3), 0);
  for (std::size_t i = 0; i < 3; ++i) regime[80 * i] = 1e6 + static_cast<double>(i);
  EXPECT_EQ(beyond(regime, plausible(regime)), 0);
  EXPECT_EQ(plausible({1, 2, 3}).high, infinity);
}

// Ten overflowing differences end in no limits, not in NaN.
TEST(Winsorise, HugeValues) {
  std::vector<double> values = counting(40);
  for (std::size_t i = 0; i < 20; ++i) values[i] = (i % 2 == 0 ? 1.7e308 : -1.7e308);
  const Limits limits = winsor_limits(values);
  EXPECT_LT(limits.low, limits.high);
}

// Rows without weight and missing cells do not count; of many rows a sample gives nearly the limits of all.
TEST(Winsorise, OfATable) {
  Rows rows{normals(300, 2, 3), normals(300, 1, 4), Vector::Ones(300)};
  const TableLimits clean = table_limits(rows.source(), run_with(1, 64));
  EXPECT_EQ(clean.x_low[0], winsor_limits(column(rows.X, 0)).low);
  EXPECT_EQ(clean.y_high[0], winsor_limits(column(rows.Y, 0)).high);
  EXPECT_EQ(clean.y_max[0], rows.Y.maxCoeff());
  for (const Index i : {7, 70, 170, 171, 172}) {
    rows.X(i, 0) = 1e9;
    rows.Y(i, 0) = 1e9;
    rows.w[i] = 0;
  }
  const TableLimits weighted = table_limits(rows.source(), run_with(1, 10));
  EXPECT_NEAR(weighted.x_high[0], clean.x_high[0], 0.3 * clean.x_high[0]);
  EXPECT_LT(weighted.y_max[0], 10);

  const Matrix X = normals(90'000, 1, 5);
  const MemorySource many(X, X);
  EXPECT_NEAR(table_limits(many, {}).x_high[0], 5 * 2.5758, 0.8);  // b + 2(b − a) at b = Φ⁻¹(0.995)
}

TEST(Winsorise, ViewOfDrawnTargets) {
  const Rows rows = random_rows(30, 2, 2, 6);
  const MemorySource source = rows.source();
  const std::vector<DrawnTarget> none;
  const std::vector<DrawnTarget> drawn = {{4, 1, -1.5}, {20, 0, 2.5}, {20, 1, 3.5}};
  Matrix Y = rows.Y;
  for (const DrawnTarget& each : drawn) Y(each.row, each.target) = each.value;
  const DrawnTargetsSource view(source, drawn);
  for (const Index block_rows : {1, 7, 20, 21, 64}) {
    const Rows read = read_all(view, block_rows);
    EXPECT_EQ(read.X, rows.X);
    EXPECT_EQ(read.Y, Y);
    EXPECT_EQ(read.w, rows.w);
  }
  EXPECT_EQ(DrawnTargetsSource(source, none).fingerprint(), source.fingerprint());
  EXPECT_NE(view.fingerprint(), source.fingerprint());
}

TEST(Winsorise, ViewWithoutRows) {
  const Rows rows = random_rows(30, 2, 2, 6);
  const MemorySource source = rows.source();
  const std::vector<Index> none;
  const std::vector<Index> without = {0, 7, 8, 29};
  Vector w = rows.w;
  w(without).setZero();
  const WithoutRowsSource view(source, without);
  for (const Index block_rows : {1, 7, 8, 30, 64}) {
    const Rows read = read_all(view, block_rows);
    EXPECT_EQ(read.X, rows.X);
    EXPECT_EQ(read.Y, rows.Y);
    EXPECT_EQ(read.w, w);
  }
  EXPECT_EQ(WithoutRowsSource(source, none).fingerprint(), source.fingerprint());
  EXPECT_NE(view.fingerprint(), source.fingerprint());
}
