// Oracles: projections row by row; a target whose one direction is known.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "message_of.h"
#include "sextant/direction_ranges.h"
#include "sextant/error.h"
#include "sextant/model.h"
#include "test_support.h"

using namespace sextant;

namespace {

TEST(DirectionRanges, HoldTheProjectionsOfRowsThatCount) {
  Rows rows = random_rows(57, 4, 1, 3);
  rows.X.row(2).setConstant(1e6);  // weight 0
  Scaling scaling = Scaling::identity(4, 1);
  scaling.kept = {0, 2, 3};
  scaling.x_fill = Vector::Zero(3);
  scaling.x_mean = Eigen::Vector3d(0.5, -1, 0);
  scaling.x_scale = Eigen::Vector3d(2, 1, 0.5);
  const Eigen::Vector3d u = Eigen::Vector3d(1, 2, -2) / 3.0;
  const Eigen::Vector3d v = Eigen::Vector3d(2, 1, 2) / 3.0;
  const Matrix A = 5 * u * u.transpose() + 2 * v * v.transpose();
  const DirectionRanges ranges = direction_ranges(rows.source(), scaling, A, run_with(1, 10));
  ASSERT_EQ(ranges.directions.rows(), 2);  // the third carries nothing
  Matrix Z;
  scaling.apply(rows.X, Z);
  for (Index j = 0; j < 2; ++j) {
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (Index i = 0; i < 57; ++i) {
      if (!(rows.w[i] > 0)) continue;
      low = std::min(low, Z.row(i).dot(ranges.directions.row(j)));
      high = std::max(high, Z.row(i).dot(ranges.directions.row(j)));
    }
    EXPECT_NEAR(ranges.low[j], low, 1e-13);
    EXPECT_NEAR(ranges.high[j], high, 1e-13);
  }
  EXPECT_NEAR(std::abs(ranges.directions.row(0).dot(u)), 1, 1e-12);
  EXPECT_EQ(direction_ranges(rows.source(), scaling, Matrix::Zero(3, 3)).low.size(), 0);
  EXPECT_EQ(direction_ranges(rows.source(), scaling, Eigen::Vector3d(1, 0.02, 0.001).asDiagonal()).low.size(), 2);
  // At most ten, whatever they carry.
  const Rows wide = random_rows(20, 15, 1, 4);
  EXPECT_EQ(direction_ranges(wide.source(), Scaling::identity(15, 1), Matrix::Identity(15, 15)).low.size(), 10);
}

TEST(DirectionRanges, RowsOutsideAreCounted) {
  // y = x₁: the first direction is the first input, which spans [0, 1] in steps of 0.01.
  Matrix X = normals(101, 3, 1);
  X.col(0) = Vector::LinSpaced(101, 0, 1);
  const Model model = fit(X, Matrix(X.col(0)), {.method = Method::algorithm_1, .width = 16});
  ASSERT_GE(model.ranges.low.size(), 1);
  EXPECT_GT(std::abs(model.ranges.directions(0, 0)), 0.999);
  EXPECT_TRUE(extrapolation(model, MemorySource(X, X.col(0))).outside.empty());

  const Matrix middle = X.colwise().mean();
  Matrix other = middle.replicate(9, 1);
  other.col(0) << 0.5, 0.999, -0.001, 2.0, 0.4, -1.0, 1.0, 0.7, 1.2;  // the second and third within the tolerance
  Vector w = Vector::Ones(9);
  w[8] = 0;
  const Matrix nothing = Matrix::Zero(9, 1);
  for (const Index block_rows : {1, 4, 100}) {
    const Extrapolation found = extrapolation(model, MemorySource(other, nothing, w), run_with(1, block_rows));
    EXPECT_EQ(found.rows, 8);
    ASSERT_GE(found.outside.size(), 1U);
    EXPECT_EQ(found.outside[0].direction, 0);
    EXPECT_EQ(found.outside[0].rows, 2);
    EXPECT_EQ(found.outside[0].first_row, 3);
  }
  EXPECT_EQ(message_of([&] { (void)extrapolation(model, MemorySource(nothing, nothing)); }),
            "extrapolation: the rows have 1 inputs, expected the model's 3");
}

TEST(DirectionRanges, OfATransferredModelAreThoseOfItsNewRows) {
  const Matrix X = normals(80, 3, 2);
  const Model model = fit(X, Matrix(X.col(0)), {.method = Method::algorithm_1, .width = 16});
  const Matrix far = 3 * X;
  Encoding encoding = model.encoding;
  const Model other = transfer(model, MemorySource(far, X.col(1)), encoding);
  EXPECT_TRUE(extrapolation(other, MemorySource(far, X.col(1))).outside.empty());
  EXPECT_FALSE(extrapolation(model, MemorySource(far, X.col(1))).outside.empty());
}

}  // namespace
