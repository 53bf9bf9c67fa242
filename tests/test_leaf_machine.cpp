// Oracles: the definition of leaf_machine.h written out; kernel ridge regression by Eigen's own factorisation where
// there is one leaf; central differences; rows given twice for rows of weight two.
#include <gtest/gtest.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <set>

#include "method/leaf_partition.h"
#include "sextant/feature_map.h"
#include "sextant/predictor.h"
#include "sextant/random.h"
#include "test_support.h"

using namespace sextant;

namespace {

constexpr Kernel kernel = {.kind = KernelKind::exponential, .bandwidth = 1.5, .exponent = 1.4};

std::shared_ptr<const SingleMatrix> rows_of(Index n, Index q, std::uint64_t seed = 3) {
  return std::make_shared<const SingleMatrix>(Stream(seed, Purpose::inputs).normal_matrix(n, q).cast<float>());
}

double kernel_of(const Matrix& a, const Matrix& b) {
  return std::exp(-std::pow((a - b).norm() / kernel.bandwidth, kernel.exponent));
}

// Of 300 rows in 3 coordinates of 5 inputs, with and without coordinates of leaves' own.
class LeafMachines : public testing::TestWithParam<bool> {
 protected:
  LeafMachines() {
    machine_ = partition(rows_of(300, 3), {.most = 60, .overlap = 0.2}, {});
    machine_.S = Stream(8, Purpose::inputs).normal_matrix(3, 5);
    Y_ = Stream(9, Purpose::inputs).normal_matrix(300, 2);
    a_ = fit_leaves(machine_, Y_, Vector::Ones(300), {kernel, 1e-2, GetParam() ? 2 : 0}, {});
  }

  LeafMachine machine_;
  Matrix Y_;
  Matrix a_;
};

}  // namespace

TEST(LeafPartition, LeavesAreFewRowsAndHoldTheirOwn) {
  const auto Z = rows_of(1000, 4);
  for (const double overlap : {0.0, 0.1, 0.3}) {
    const LeafMachine machine = partition(Z, {.most = 150, .overlap = overlap, .seed = 5}, {});
    std::set<std::int32_t> seen;
    for (Index leaf = 0; leaf < machine.leaves(); ++leaf) {
      const auto begin = machine.members.begin() + machine.first[static_cast<std::size_t>(leaf)];
      const auto end = machine.members.begin() + machine.first[static_cast<std::size_t>(leaf) + 1];
      EXPECT_LE(end - begin, 155);
      EXPECT_GT(end - begin, 60);
      EXPECT_TRUE(std::is_sorted(begin, end));
      seen.insert(begin, end);
    }
    EXPECT_EQ(seen.size(), 1000U);
    if (overlap == 0) {
      EXPECT_EQ(machine.members.size(), 1000U);
    }
    for (Index row = 0; row < 1000; ++row) {
      const Matrix z = Z->row(row).cast<double>();
      const Index leaf = machine.leaf_of(z.data());
      const auto begin = machine.members.begin() + machine.first[static_cast<std::size_t>(leaf)];
      const auto end = machine.members.begin() + machine.first[static_cast<std::size_t>(leaf) + 1];
      EXPECT_TRUE(std::binary_search(begin, end, static_cast<std::int32_t>(row))) << row;
    }
  }
}

TEST(LeafPartition, EqualRowsArePartedByTheirNumber) {
  const auto Z = std::make_shared<const SingleMatrix>(SingleMatrix::Constant(64, 2, 1.0F));
  const LeafMachine machine = partition(Z, {.most = 16, .overlap = 0}, {});
  ASSERT_EQ(machine.leaves(), 4);
  for (std::size_t i = 0; i < machine.members.size(); ++i) EXPECT_EQ(machine.members[i], static_cast<std::int32_t>(i));
}

TEST(LeafPartition, IsTheSameForAnyNumberOfThreads) {
  const auto Z = rows_of(700, 3);
  const LeafMachine one = partition(Z, {.most = 90, .seed = 2, .number = 1}, {.threads = 1});
  const LeafMachine four = partition(Z, {.most = 90, .seed = 2, .number = 1}, {.threads = 4});
  EXPECT_EQ(one.members, four.members);
  EXPECT_EQ(one.directions, four.directions);
  EXPECT_EQ(one.thresholds, four.thresholds);
  const LeafMachine other = partition(Z, {.most = 90, .seed = 2, .number = 2}, {});
  EXPECT_NE(one.directions, other.directions);
}

TEST(LeafPartition, DirectionsHaveTheRowsCovariance) {
  SingleMatrix Z = *rows_of(2000, 2);
  Z.col(0) *= 3.0F;
  Z.col(1) += 0.5F * Z.col(0);
  std::vector<Index> all(2000);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<Index>(i);
  Matrix found = Matrix::Zero(2, 2);
  constexpr int draws = 4000;
  for (int draw = 0; draw < draws; ++draw) {
    const Vector g = random_direction(Z, all, 1, static_cast<std::uint64_t>(draw));
    found += g * g.transpose() / draws;
  }
  const Matrix centred = (Z.rowwise() - Z.colwise().mean()).cast<double>();
  const Matrix expected = centred.transpose() * centred / 2000;
  EXPECT_LT((found - expected).norm() / expected.norm(), 0.1);  // 4 standard errors of 4 000 draws
}

TEST(LeafPartition, OneLeafIsKernelRidgeRegression) {
  const auto Z = rows_of(40, 3);
  LeafMachine machine = partition(Z, {.most = 40}, {});
  ASSERT_EQ(machine.leaves(), 1);
  machine.S = Matrix::Identity(3, 3);
  const Matrix Y = Stream(4, Purpose::inputs).normal_matrix(40, 2);
  Vector w = Vector::Ones(40);
  w[7] = 2.5;
  const Matrix a = fit_leaves(machine, Y, w, {kernel, 0.3, 0}, {});
  Matrix K(40, 40);
  const Matrix X = Z->cast<double>();
  for (Index i = 0; i < 40; ++i)
    for (Index j = 0; j < 40; ++j) K(i, j) = kernel_of(X.row(i), X.row(j));
  K.diagonal().array() += 0.3 / w.array();
  EXPECT_LT((a - Matrix(K.ldlt().solve(Y))).cwiseAbs().maxCoeff(), 1e-10);
}

TEST(LeafPartition, ARowOfWeightTwoIsARowTwice) {
  const SingleMatrix rows = *rows_of(30, 2);
  SingleMatrix repeated(31, 2);
  repeated << rows, rows.row(4);
  const Matrix Y = Stream(4, Purpose::inputs).normal_matrix(30, 1);
  Matrix Y_repeated(31, 1);
  Y_repeated << Y, Y.row(4);
  Vector w = Vector::Ones(30);
  w[4] = 2;
  const auto outputs_of = [](const SingleMatrix& Z, const Matrix& targets, const Vector& weights) {
    LeafMachine machine = partition(std::make_shared<const SingleMatrix>(Z), {.most = 100}, {});
    machine.S = Matrix::Identity(2, 2);
    const Matrix a = fit_leaves(machine, targets, weights, {kernel, 0.1, 0}, {});
    Matrix F = Matrix::Zero(25, 1);
    add_outputs(machine, Stream(11, Purpose::inputs).normal_matrix(25, 2), a, 1.0, F);
    return F;
  };
  const Matrix weighted = outputs_of(rows, Y, w);
  EXPECT_LT((weighted - outputs_of(repeated, Y_repeated, Vector::Ones(31))).cwiseAbs().maxCoeff(), 1e-9);
}

TEST(LeafPartition, RowsThatAreAllEqualHaveAMachine) {
  LeafMachine machine = partition(std::make_shared<const SingleMatrix>(SingleMatrix::Zero(50, 2)), {.most = 20}, {});
  const Matrix a = fit_leaves(machine, Matrix::Ones(50, 1), Vector::Ones(50), {kernel, 1e-20, 0}, {});
  EXPECT_TRUE(a.allFinite());
}

TEST_P(LeafMachines, FeaturesAreKernelsAtTheRowsOfTheLeaf) {
  const Matrix X = Stream(12, Purpose::inputs).normal_matrix(30, 5);
  Matrix Phi(30, machine_.width());
  features(machine_, X, Phi);
  for (Index i = 0; i < 30; ++i) {
    const Matrix z = X.row(i) * machine_.S.transpose();
    const Index leaf = machine_.leaf_of(z.data());
    const Matrix T = GetParam() ? machine_.local[static_cast<std::size_t>(leaf)] : Matrix(Matrix::Identity(3, 3));
    for (Index p = 0; p < machine_.width(); ++p) {
      const bool own =
          p >= machine_.first[static_cast<std::size_t>(leaf)] && p < machine_.first[static_cast<std::size_t>(leaf) + 1];
      const Matrix centre = machine_.rows->row(machine_.members[static_cast<std::size_t>(p)]).cast<double>();
      EXPECT_NEAR(Phi(i, p), own ? kernel_of(z * T.transpose(), centre * T.transpose()) : 0.0, 1e-12);
    }
  }
}

TEST_P(LeafMachines, OutputsAreTheHeadOnTheFeatures) {
  const Matrix X = Stream(12, Purpose::inputs).normal_matrix(500, 5);
  Matrix Phi(500, machine_.width());
  features(machine_, X, Phi);
  Matrix F = Matrix::Ones(500, 2);
  add_outputs(machine_, X, a_, 0.5, F);
  const Matrix expected = (0.5 * Phi * a_).array() + 1;
  EXPECT_LT((F - expected).cwiseAbs().maxCoeff(), 1e-11);
  LinearPart linear = LinearPart::zero(5, 2);
  linear.alpha.setOnes();
  for (const int threads : {1, 3})
    EXPECT_LT(
        (outputs(linear, {{0.5, machine_, a_, {}, {}}}, X, {.threads = threads}) - expected).cwiseAbs().maxCoeff(),
        1e-11);
}

TEST_P(LeafMachines, OutputsStayBetweenTheirLimits) {
  const Matrix X = Stream(12, Purpose::inputs).normal_matrix(200, 5);
  const LinearPart nothing = LinearPart::zero(5, 2);
  Predictor predictor{0.5, machine_, a_, {}, {}};
  const Matrix free = outputs(nothing, {predictor}, X, {});
  predictor.low = Vector::Constant(2, -0.1);
  predictor.high = Vector::Constant(2, 0.2);
  EXPECT_EQ(outputs(nothing, {predictor}, X, {}), free.cwiseMax(-0.05).cwiseMin(0.1));
  EXPECT_LT(free.minCoeff(), -0.05);
  EXPECT_GT(free.maxCoeff(), 0.1);
}

TEST_P(LeafMachines, GradientsAreCentralDifferences) {
  const Matrix X = Stream(13, Purpose::inputs).normal_matrix(40, 5);
  Matrix G(40, 5);
  feature_gradient(machine_, X, a_.col(1), G);
  constexpr double h = 1e-6;
  const LinearPart nothing = LinearPart::zero(5, 2);
  const auto leaf_at = [&](const Matrix& x) { return machine_.leaf_of(Matrix(x * machine_.S.transpose()).data()); };
  int checked = 0;
  for (Index i = 0; i < 40; ++i)
    for (Index j = 0; j < 5; ++j) {
      Matrix above = X.row(i);
      Matrix below = X.row(i);
      above(0, j) += h;
      below(0, j) -= h;
      if (leaf_at(above) != leaf_at(below)) continue;  // a border between leaves
      const std::vector<Predictor> predictor = {{1.0, machine_, a_, {}, {}}};
      const double slope =
          (outputs(nothing, predictor, above, {})(0, 1) - outputs(nothing, predictor, below, {})(0, 1)) / (2 * h);
      EXPECT_NEAR(G(i, j), slope, 1e-5 * std::max(1.0, std::abs(slope)));
      ++checked;
    }
  EXPECT_GT(checked, 190);
}

INSTANTIATE_TEST_SUITE_P(Coordinates, LeafMachines, testing::Bool(),
                         [](const auto& of) { return of.param ? "Own" : "Shared"; });
