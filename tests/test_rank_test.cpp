// Oracles: targets whose directions are known (synthetic.h); the binomial law of rejections where there is nothing to
// find; what must not change: affine maps of inputs and targets, threads, rows of weight 0.
#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/rank_test.h"
#include "sextant/subspace.h"
#include "sextant/synthetic.h"
#include "test_support.h"

using namespace sextant;

namespace {

Rows rows_of(const HermiteTarget& target, Index n, double noise, std::uint64_t seed) {
  return read_all(GaussianSource({target}, {.rows = n, .noise = noise, .seed = seed}), 1024);
}

// y = g(x) + noise on standard normal inputs.
Rows rows_of(const std::function<double(const Vector&)>& g, Index n, Index d, double noise, std::uint64_t seed) {
  Rows rows{normals(n, d, seed, 21), noise * normals(n, 1, seed, 22), Vector::Ones(n)};
  for (Index i = 0; i < n; ++i) rows.Y(i, 0) += g(rows.X.row(i));
  return rows;
}

RankTest tested(const Rows& rows, const RankTestOptions& options = {}) {
  return rank_test(rows.source(), options, run_with(1));
}

double largest_angle(const Matrix& U, const Matrix& V) {
  return principal_angles(U, V).maxCoeff() * 180 / std::numbers::pi;
}

// With B = 19 the level is 1/20 exactly. Of 400 noise tables 20 ± 4.4 are rejected; the bounds are 4.5 deviations off.
// Inputs are correlated and skewed, targets have no variance: neither matters.
TEST(RankTest, NoiseIsRejectedAtTheLevel) {
  int rejected = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    Rows rows{normals(60, 3, seed, 31), Matrix(60, 1), Vector::Ones(60)};
    rows.X.col(1) += 2 * rows.X.col(0);
    rows.X = rows.X.array().exp();
    const Stream noise(seed, Purpose::noise);
    for (Index i = 0; i < 60; ++i)
      rows.Y(i, 0) = std::tan(std::numbers::pi * (noise.uniform(static_cast<std::uint64_t>(i)) - 0.5));
    const RankTest test = tested(rows, {.permutations = 19, .seed = seed});
    EXPECT_EQ(test.steps.size(), static_cast<std::size_t>(test.rank) + 1);
    if (test.rank > 0) ++rejected;
  }
  EXPECT_GE(rejected, 1);
  EXPECT_LE(rejected, 40);
}

// One direction that all three signs see: a second is found in 1 of 20 tables at most, up to what the estimated first
// direction leaves. 200 tables: 10 ± 3.1, bound at 5 deviations (2 were found). The first is always found.
TEST(RankTest, ASecondDirectionIsRarelyImagined) {
  int second = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Rows rows = rows_of([](const Vector& x) { return x[0] + x[0] * x[0]; }, 200, 5, 0.5, seed);
    const RankTest test = tested(rows, {.permutations = 19, .seed = seed});
    EXPECT_GE(test.rank, 1) << seed;
    if (test.rank > 1) ++second;
  }
  EXPECT_LE(second, 25);
}

TEST(RankTest, FindsWhatThereIs) {
  struct Case {
    const char* what;
    Rows rows;
    Matrix U;
    DirectionSign sign;
  };
  const auto axis = [](Index d, std::initializer_list<Index> of) {
    Matrix U = Matrix::Zero(static_cast<Index>(of.size()), d);
    Index i = 0;
    for (const Index j : of) U(i++, j) = 1;
    return U;
  };
  const TargetOptions ten{.d = 10, .orientation = Orientation::random, .seed = 4};
  const HermiteTarget two = multi_index_target(2, 3, ten);
  const HermiteTarget three = multi_index_target(3, 3, ten);
  const HermiteTarget square = hermite_target(2, ten);
  const HermiteTarget cube = hermite_target(3, ten);
  const std::vector<Case> cases = {
      {"linear", rows_of([](const Vector& x) { return x[2]; }, 500, 8, 1, 1), axis(8, {2}), DirectionSign::slope},
      {"He_2", rows_of(square, 2000, 0.5, 2), square.U, DirectionSign::clipped},
      {"He_3", rows_of(cube, 4000, 0.5, 3), cube.U, DirectionSign::magnitude},
      {"kink", rows_of([](const Vector& x) { return std::abs(x[1] - 0.5); }, 2000, 8, 0.3, 4), axis(8, {1}),
       DirectionSign::slope},
      {"r = 2", rows_of(two, 6000, 0.3, 5), two.U, DirectionSign::clipped},
      {"r = 3", rows_of(three, 12'000, 0.3, 6), three.U, DirectionSign::clipped},
      {"a slope and a square", rows_of([](const Vector& x) { return x[0] + x[3] * x[3]; }, 3000, 6, 0.3, 7),
       axis(6, {0, 3}), DirectionSign::clipped},
  };
  for (const Case& each : cases) {
    const RankTest test = tested(each.rows);
    EXPECT_EQ(test.rank, each.U.rows()) << each.what;
    if (test.rank != each.U.rows()) continue;
    EXPECT_LT(largest_angle(test.directions, each.U), 15) << each.what;
    EXPECT_EQ(test.steps.front().sign, each.sign) << each.what;
    EXPECT_EQ(test.steps.front().p, 0.01);
    EXPECT_TRUE((test.directions * test.directions.transpose()).isIdentity(1e-9));
  }
}

TEST(RankTest, SeveralTargetsTogether) {
  Rows rows = rows_of([](const Vector& x) { return x[0]; }, 1500, 5, 0.5, 8);
  rows.Y.conservativeResize(1500, 2);
  rows.Y.col(1) = rows.X.col(1).cwiseAbs() + 0.3 * normals(1500, 1, 9);
  const RankTest test = tested(rows);
  ASSERT_EQ(test.rank, 2);
  EXPECT_LT(largest_angle(test.directions, Matrix::Identity(2, 5)), 10);
  EXPECT_NE(test.steps[0].target, test.steps[1].target);
}

TEST(RankTest, AffineMapsAndThreadsAndEmptyRowsChangeNothing) {
  const Rows rows = rows_of([](const Vector& x) { return x[0] + x[1] * x[1]; }, 300, 4, 0.5, 10);
  const RankTest plain = tested(rows, {.permutations = 39});
  Rows mapped = rows;
  const Matrix A = normals(4, 4, 3);
  mapped.X = rows.X * A;
  mapped.X.array() += 5;
  mapped.Y = (100 - 7 * rows.Y.array()).matrix();
  const auto expect_same = [&](const RankTest& other, double tolerance) {
    ASSERT_EQ(other.rank, plain.rank);
    for (std::size_t j = 0; j < plain.steps.size(); ++j) {
      EXPECT_NEAR(other.steps[j].statistic, plain.steps[j].statistic, tolerance);
      EXPECT_NEAR(other.steps[j].threshold, plain.steps[j].threshold, tolerance);
      EXPECT_EQ(other.steps[j].p, plain.steps[j].p);
    }
  };
  const RankTest other = tested(mapped, {.permutations = 39});
  expect_same(other, 1e-8);
  // x' = Aᵀx: a direction u of x is A⁻¹u of x'.
  EXPECT_LT(largest_angle(other.directions, plain.directions * A.transpose().inverse()), 1e-6);
  const RankTest threads = rank_test(rows.source(), {.permutations = 39}, run_with(3));
  expect_same(threads, 0);
  EXPECT_EQ(threads.directions, plain.directions);
  expect_same(rank_test(rows.source(), {.permutations = 39}, run_with(1, 37)), 1e-9);

  Rows gaps{Matrix::Constant(400, 4, 1e9), Matrix::Constant(400, 1, -1e9), Vector::Zero(400)};
  for (Index i = 0; i < 300; ++i) {
    gaps.X.row(i + i / 3) = rows.X.row(i);
    gaps.Y.row(i + i / 3) = rows.Y.row(i);
    gaps.w[i + i / 3] = 2;
  }
  expect_same(tested(gaps, {.permutations = 39}), 1e-9);
}

TEST(RankTest, DependentInputsCountOnce) {
  Rows rows = rows_of([](const Vector& x) { return x[0]; }, 200, 4, 0.3, 11);
  rows.X.col(3) = rows.X.col(0) + rows.X.col(1);
  const RankTest test = tested(rows);
  EXPECT_EQ(test.rank, 1);
  EXPECT_TRUE(test.directions.allFinite());
}

TEST(RankTest, AnExactlyLinearTargetHasOneDirection) {
  const RankTest test = tested(rows_of([](const Vector& x) { return 2 * x[0] - x[1]; }, 100, 3, 0, 12));
  EXPECT_EQ(test.rank, 1);
  EXPECT_LT(largest_angle(test.directions, Eigen::RowVector3d(2, -1, 0)), 1e-4);
}

TEST(RankTest, AConstantTargetHasNone) {
  const RankTest test = tested(rows_of([](const Vector&) { return 3.0; }, 100, 3, 0, 13));
  EXPECT_EQ(test.rank, 0);
  EXPECT_EQ(test.steps.front().p, 1);
}

TEST(RankTest, WhatCannotBeTestedIsSaid) {
  const Rows few = rows_of([](const Vector& x) { return x[0]; }, 9, 4, 1, 14);
  EXPECT_EQ(message_of<DataError>([&] { (void)tested(few); }),
            "rank test: 9 rows for 4 inputs that vary independently, expected at least 10");
  const Rows rows = rows_of([](const Vector& x) { return x[0]; }, 20, 2, 1, 14);
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)tested(rows, {.permutations = 18}); }),
            "permutations: 18 given, expected at least 19: fewer can never reject at level 0.05");
  EXPECT_EQ(message_of<InvalidArgument>([&] { (void)tested(rows, {.level = 1}); }),
            "level: 1 given, expected a number between 0 and 1");
  EXPECT_THROW((void)tested(rows, {.most = 0}), InvalidArgument);
  EXPECT_EQ(tested(rows, {.permutations = 19}).steps.size(), 2U);
}

}  // namespace
