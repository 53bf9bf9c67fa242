// Oracles: the formulas of level_encoding.h, row by row over all other rows; and what rows were made of.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "level_rows.h"
#include "method/level_choice.h"
#include "sextant/folds.h"

namespace sextant {
namespace {

FitOptions regression(std::uint64_t seed = 0) {
  FitOptions options;
  options.method = Method::automatic;
  options.seed = seed;
  options.clip_targets = false;
  return options;
}

// n rows of `columns` columns of codes and one normal target.
LevelTestRows level_rows(Index n, Index columns, Index levels, std::uint64_t seed, Vector w = {},
                         std::vector<Index> groups = {}) {
  return {random_levels(n, columns, levels, seed), normals(n, 1, seed, 9), columns, std::move(w), std::move(groups)};
}

// The view's inputs of training rows and what they should be. learns(i, r): whether row i learns from row r.
// counted(i, count): what is counted of row i's level, given Σ w over the rows that it learns from.
template <class Learns, class Counted>
void expect_inputs(LevelTestRows& rows, const std::vector<Index>& inputs, const LearnedLevels& learned, const Vector& w,
                   Learns learns, Counted counted) {
  const Index n = rows.rows();
  const LevelledSource view(rows, learned.encoding, learned.parts);
  const Rows all = read_all(view, 37);
  const double unit = static_cast<double>((w.array() > 0).count()) / w.sum();
  const double prior = rows.Y().col(0).dot(w) / w.sum();
  const auto same_level = [&](Index i, Index r) {
    for (const Index j : inputs)
      if (rows.X()(i, j) != rows.X()(r, j)) return false;
    return true;
  };
  for (Index i = 0; i < n; ++i) {
    double N = 0;
    double S = 0;
    for (Index r = 0; r < n; ++r) {
      if (!same_level(i, r) || !learns(i, r)) continue;
      N += unit * w[r];
      S += unit * w[r] * rows.Y()(r, 0);
    }
    double others = 0;
    for (Index r = 0; r < n; ++r)
      if (r != i && same_level(i, r)) others += unit * w[r];
    EXPECT_NEAR(all.X(i, rows.inputs()), (S + 3 * prior) / (N + 3), 1e-12) << i;
    EXPECT_NEAR(all.X(i, rows.inputs() + 1), std::log1p(counted(i, N, others)), 1e-12) << i;
  }
}

TEST(LevelChoice, RowsLearnFromOtherPartsAndCountAllOthers) {
  Vector w(200);
  for (Index i = 0; i < w.size(); ++i) w[i] = i % 7 == 3 ? 0.0 : 0.5 + static_cast<double>(i % 3);
  LevelTestRows rows = level_rows(200, 2, 12, 1, w);
  const Folds folds{0, 10, Purpose::level_parts};
  for (const std::vector<Index>& inputs : {std::vector<Index>{1}, std::vector<Index>{0, 1}}) {
    const LearnedLevels learned = learn_levels(rows, {{.inputs = inputs, .targets = {0}}}, regression(), {});
    expect_inputs(
        rows, inputs, learned, w, [&](Index i, Index r) { return folds.of(i) != folds.of(r); },
        [](Index, double, double others) { return others; });
  }
}

TEST(LevelChoice, GroupsStayTogether) {
  const Index n = 240;
  std::vector<Index> groups;
  for (Index i = 0; i < n; ++i) groups.push_back(i / 6);
  LevelTestRows rows = level_rows(n, 1, 15, 2, {}, groups);
  const LearnedLevels learned = learn_levels(rows, {{.inputs = {0}, .targets = {0}}}, regression(3), {});
  const std::vector<Index> folds = grouped_folds(groups, 10, 3, Purpose::level_parts);
  const auto part_of = [&](Index i) { return folds[static_cast<std::size_t>(i)]; };
  std::map<Index, double> size;
  for (const Index fold : folds) size[fold] += 1;
  expect_inputs(
      rows, {0}, learned, Vector::Ones(n), [&](Index i, Index r) { return part_of(i) != part_of(r); },
      [&](Index i, double N, double) { return N * n / (n - size[part_of(i)]); });
}

TEST(LevelChoice, NoRowLearnsFromLaterOnes) {
  const Index n = 320;
  LevelTestRows rows = level_rows(n, 1, 15, 4);
  FitOptions options = regression();
  options.ordered = true;
  const LearnedLevels learned = learn_levels(rows, {{.inputs = {0}, .targets = {0}}}, options, {});
  expect_inputs(
      rows, {0}, learned, Vector::Ones(n), [&](Index i, Index r) { return r / 20 < i / 20; },
      [](Index, double N, double) { return N; });
}

// A row's own target may change as it likes: its own inputs stay, but for p0, which is the same for all.
TEST(LevelChoice, OwnTargetsDoNotEnterOwnInputs) {
  LevelTestRows rows = level_rows(300, 2, 20, 5);
  const std::vector<LevelSet> plan = {{.inputs = {0}, .targets = {0}}, {.inputs = {0, 1}, .targets = {0}}};
  const auto inputs_of = [&] {
    LearnedLevels learned = learn_levels(rows, plan, regression(), {});
    auto encoding = std::make_shared<LevelEncoding>(*learned.encoding);
    encoding->prior.setZero();
    return read_all(LevelledSource(rows, encoding, learned.parts), 64).X;
  };
  const Matrix before = inputs_of();
  for (const Index i : {0, 17, 299}) {
    const double target = rows.Y()(i, 0);
    rows.Y()(i, 0) = target + 100;
    const Matrix after = inputs_of();
    rows.Y()(i, 0) = target;
    EXPECT_NEAR((after.row(i) - before.row(i)).norm(), 0, 1e-10) << i;
    EXPECT_GT((after - before).norm(), 1) << i;
  }
}

TEST(LevelChoice, NewRowsSeeAllTrainingRows) {
  LevelTestRows rows = level_rows(150, 1, 10, 6);
  const LearnedLevels learned = learn_levels(rows, {{.inputs = {0}, .targets = {0}}}, regression(), {});
  Matrix X(3, 1);
  X << 4, 99, std::nan("");
  Matrix all;
  learned.encoding->append(X, all);
  double N = 0;
  double S = 0;
  for (Index i = 0; i < rows.rows(); ++i)
    if (rows.X()(i, 0) == 4) {
      N += 1;
      S += rows.Y()(i, 0);
    }
  const double prior = rows.Y().mean();
  EXPECT_NEAR(all(0, 1), (S + 3 * prior) / (N + 3), 1e-12);
  EXPECT_NEAR(all(0, 2), std::log1p(N), 1e-12);
  EXPECT_NEAR(all(1, 1), prior, 1e-12);  // a level that no row has
  EXPECT_EQ(all(1, 2), 0);
  EXPECT_TRUE(std::isnan(all(2, 1)) && std::isnan(all(2, 2)));
}

TEST(LevelChoice, ClassesHaveLogOdds) {
  const Index n = 200;
  Matrix X = random_levels(n, 1, 8, 7);
  std::vector<bool> second;
  for (Index i = 0; i < n; ++i) second.push_back(X(i, 0) < 3 || i % 5 == 0);
  const LevelTestRows rows(X, two_classes(second), 1);
  FitOptions options = regression();
  options.task = Task::classification;
  const std::vector<LevelSet> plan = choose_levels(rows, level_candidates(rows, true, {}), true, options, {});
  ASSERT_EQ(plan.size(), 1U);
  EXPECT_EQ(plan[0].targets, std::vector<Index>{1});  // one of two classes says all
  const LearnedLevels learned = learn_levels(rows, plan, options, {});
  Matrix all;
  learned.encoding->append(Matrix::Constant(1, 1, 2.0), all);
  double N = 0;
  for (Index i = 0; i < n; ++i) N += X(i, 0) == 2 ? 1 : 0;
  double ones = 0;
  for (const bool each : second) ones += each ? 1 : 0;
  const double p0 = (ones + 0.5) / (n + 1);
  const double p = (N + 3 * p0) / (N + 3);
  EXPECT_NEAR(all(0, 1), std::log(p / (1 - p)), 1e-12);
}

TEST(LevelChoice, ManyClassesHaveTheMostFrequent) {
  const Index n = 3000;
  Matrix X = random_levels(n, 1, 70, 8);
  Matrix Y = Matrix::Zero(n, 30);
  for (Index i = 0; i < n; ++i) Y(i, i % 4 == 0 ? i / 4 % 30 : 20 + i % 8) = 1;
  const LevelTestRows rows(X, Y, 1);
  FitOptions options = regression();
  options.task = Task::classification;
  const std::vector<LevelSet> plan = choose_levels(rows, level_candidates(rows, true, {}), true, options, {});
  ASSERT_EQ(plan.size(), 1U);
  std::vector<std::pair<double, Index>> by_size;
  for (Index t = 0; t < 30; ++t) by_size.emplace_back(-Y.col(t).sum(), t);
  std::sort(by_size.begin(), by_size.end());
  std::vector<Index> expected;
  for (std::size_t t = 0; t < 8; ++t) expected.push_back(by_size[t].second);
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(plan[0].targets, expected);
}

TEST(LevelChoice, CandidatesAreWholeNumbersThatRepeat) {
  const Index n = 400;
  Matrix X(n, 6);
  for (Index i = 0; i < n; ++i) {
    const auto x = static_cast<double>(i);
    X.row(i) << std::fmod(x, 200), std::fmod(x, 201), std::fmod(x, 9), std::fmod(x, 10), x + 0.5, -std::fmod(x, 50);
  }
  X(7, 3) = std::nan("");  // a missing cell is no level
  const LevelTestRows rows(X, normals(n, 1, 3), 0);
  EXPECT_EQ(level_candidates(rows, true, {}).numbers, (std::vector<Index>{0, 3, 5}));
  EXPECT_TRUE(level_candidates(rows, false, {}).empty());
}

// Codes whose effects have nothing to do with the numbers are found; grids of numbers that targets follow smoothly, or
// not at all, are left alone, whatever their steps.
TEST(LevelChoice, CodesAreToldFromGrids) {
  const Index n = 8000;
  int codes_found = 0;
  int grids_found = 0;
  const int tables = 10;
  for (int table = 0; table < tables; ++table) {
    const auto seed = static_cast<std::uint64_t>(100 + table);
    Matrix X(n, 6);
    const Matrix drawn = random_levels(n, 6, 1 << 20, seed);
    const Matrix noise = normals(n, 1, seed, 3);
    const Matrix effect = normals(500, 1, seed, 4);
    Matrix y(n, 1);
    for (Index i = 0; i < n; ++i) {
      const auto cell = [&](Index j, Index levels) { return static_cast<Index>(drawn(i, j)) % levels; };
      const Index code = cell(0, 500);
      const auto year = static_cast<double>(1980 + cell(1, 40));
      const double u = drawn(i, 2) / (1 << 20);
      const double price = 50 * std::round(std::exp(4 * u));                        // steps, crowded below
      const double count = std::floor(-20 * std::log1p(-drawn(i, 3) / (1 << 20)));  // few large ones
      X.row(i) << 1000 + 37.0 * static_cast<double>(code), year, price, count, static_cast<double>(cell(4, 300)),
          static_cast<double>(cell(5, 12));
      y(i, 0) = effect(code, 0) + std::sin((year - 1980) / 6) + std::log(50 + price) + 0.02 * count + noise(i, 0);
    }
    const LevelTestRows rows(X, y, 0);
    for (const LevelSet& set : choose_levels(rows, level_candidates(rows, true, {}), true, regression(seed), {}))
      (set.inputs == std::vector<Index>{0} ? codes_found : grids_found) += 1;
  }
  EXPECT_EQ(codes_found, tables);
  EXPECT_LE(grids_found, 1);
}

// Of 45 pairs of columns without any effect of pairs hardly one is found in many tables; an effect of one pair is.
TEST(LevelChoice, PairsAreFoundWhereTheyPay) {
  const Index n = 6000;
  int false_pairs = 0;
  int found = 0;
  const int tables = 6;
  for (int table = 0; table < tables; ++table) {
    const auto seed = static_cast<std::uint64_t>(200 + table);
    const Matrix X = random_levels(n, 10, 80, seed);
    const Matrix effects = normals(80, 80, seed, 5);
    Matrix y = normals(n, 1, seed, 6);
    for (Index i = 0; i < n; ++i) {
      const auto a = static_cast<Index>(X(i, 3));
      const auto b = static_cast<Index>(X(i, 8)) % 10;
      y(i, 0) += effects(0, static_cast<Index>(X(i, 1))) + (table % 2 == 0 ? 1.5 * effects(a, b) : 0.0);
    }
    Matrix coarse = X;
    for (double& cell : coarse.col(8)) cell = static_cast<double>(static_cast<Index>(cell) % 10);
    const LevelTestRows rows(coarse, y, 10);
    for (const LevelSet& set : choose_levels(rows, level_candidates(rows, true, {}), true, regression(seed), {}))
      if (set.inputs.size() == 2) (table % 2 == 0 && set.inputs == std::vector<Index>{3, 8} ? found : false_pairs) += 1;
  }
  EXPECT_EQ(found, tables / 2);
  EXPECT_LE(false_pairs, 1);
}

// Splits that do not ask for an input have 0 there, in all rows.
TEST(LevelChoice, SplitsAreSilentWhereTheirRowsDoNotAsk) {
  const LevelSet a{.inputs = {0}, .targets = {0, 2}};
  const LevelSet b{.inputs = {1}, .targets = {0}};
  const LevelSet pair{.inputs = {0, 1}, .targets = {2}};
  const std::vector<LevelSet> model = in_most({{a, pair}, {a, b}, {{.inputs = {0}, .targets = {2}}, pair}});
  ASSERT_EQ(model.size(), 2U);
  EXPECT_EQ(model[0].targets, (std::vector<Index>{0, 2}));
  EXPECT_EQ(model[1].inputs, pair.inputs);
  const std::vector<LevelSet> own = silenced(model, {{.inputs = {0}, .targets = {2}}});
  EXPECT_EQ(own[0].silent, (std::vector<char>{1, 0, 0}));
  EXPECT_EQ(own[1].silent, (std::vector<char>{1, 1}));
  Matrix Y = normals(90, 3, 2);
  const LevelTestRows rows(random_levels(90, 2, 6, 3), Y, 2);
  const LearnedLevels learned = learn_levels(rows, own, regression(), {});
  const Matrix seen = read_all(LevelledSource(rows, learned.encoding, learned.parts), 40).X;
  EXPECT_TRUE(seen.col(2).isZero(0) && seen.rightCols(2).isZero(0));
  EXPECT_GT(seen.col(3).norm(), 0.1);
}

TEST(LevelChoice, BlocksAndThreadsChangeNothing) {
  LevelTestRows rows = level_rows(500, 3, 30, 9);
  const LevelCandidates candidates = level_candidates(rows, true, {});
  const auto learned = [&](int threads, Index block_rows) {
    const std::vector<LevelSet> plan = {{.inputs = {0}, .targets = {0}}, {.inputs = {1, 2}, .targets = {0}}};
    EXPECT_EQ(choose_levels(rows, candidates, true, regression(), run_with(threads, block_rows)).size(), 3U);
    const LearnedLevels result = learn_levels(rows, plan, regression(), run_with(threads, block_rows));
    return read_all(LevelledSource(rows, result.encoding, result.parts), block_rows).X;
  };
  const Matrix expected = learned(1, 1024);
  for (const Index block_rows : {7, 500, 64}) EXPECT_EQ(learned(2, block_rows), expected);
}

}  // namespace
}  // namespace sextant
