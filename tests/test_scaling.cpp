// Oracles: the formula of scaling.h, cell by cell.
#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>
#include <limits>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/scaling.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

Scaling crafted() {
  Scaling scaling;
  scaling.kept = {0, 2, 3};
  scaling.x_fill = Eigen::Vector3d(7, -1, 0.5);
  scaling.x_mean = Eigen::Vector3d(1, 2, 3);
  scaling.x_scale = Eigen::Vector3d(0.5, 4, 1e-3);
  scaling.y_mean = Eigen::Vector2d(10, -10);
  scaling.y_scale = Eigen::Vector2d(2, 0.1);
  return scaling;
}

// A matrix with missing cells behind the RowSource interface (MemorySource refuses NaN).
class Gapped final : public RowSource {
 public:
  Gapped(Matrix X, Matrix Y) : X_(std::move(X)), Y_(std::move(Y)) {}
  [[nodiscard]] Index rows() const override { return X_.rows(); }
  [[nodiscard]] Index inputs() const override { return X_.cols(); }
  [[nodiscard]] Index targets() const override { return Y_.cols(); }
  [[nodiscard]] bool has_missing() const override { return true; }
  void read(Index first, Index count, Block& block) const override {
    block.X = X_.middleRows(first, count);
    block.Y = Y_.middleRows(first, count);
    block.w = Vector::LinSpaced(X_.rows(), 0, 1).segment(first, count);
  }

 private:
  Matrix X_;
  Matrix Y_;
};

}  // namespace

// An implausible cell becomes the mean of a normal distribution given the others: by hand for three inputs, where a
// missing one says nothing, and drawn in to the limits; without a precision matrix it is the mean.
TEST(Scaling, ImplausibleCellsAreWhatOthersSay) {
  Scaling scaling = crafted();
  scaling.x_fill = scaling.x_mean;
  scaling.x_low = Vector::Constant(3, -50);
  scaling.x_high = Vector::Constant(3, 50);
  scaling.x_least = Vector::Constant(3, -1000);
  scaling.x_most = Vector::Constant(3, 1000);
  Matrix C(3, 3);
  C << 1, 0.8, 0.3, 0.8, 1, 0.5, 0.3, 0.5, 1;
  Matrix X(4, 4);
  X << 1e6, 0, 6, 3.001, 2e6, 0, 6, not_a_number, -1e5, 0, 1e5, 3.001, 40, 0, 2, 3;
  Matrix Z;
  scaling.apply(X, Z);
  EXPECT_EQ(Z(0, 0), 0);
  EXPECT_EQ(Z(0, 1), 1);
  scaling.x_precision = C.inverse();
  scaling.apply(X, Z);
  const Eigen::RowVector2d given = C.row(0).tail(2) * C.bottomRightCorner(2, 2).inverse();
  EXPECT_NEAR(Z(0, 0), given[0] * 1 + given[1] * Z(0, 2), 1e-12);
  EXPECT_NEAR(Z(1, 0), 0.8 * 1, 1e-12);  // given the second alone
  EXPECT_EQ(Z(1, 2), 0);
  EXPECT_NEAR(Z(2, 0), 0.3 * Z(2, 2), 1e-12);
  EXPECT_NEAR(Z(2, 1), 0.5 * Z(2, 2), 1e-12);
  EXPECT_EQ(Z(3, 0), 78);  // plausible: as it is
}

TEST(Scaling, CellByCell) {
  const Scaling scaling = crafted();
  Matrix X = 5 * normals(41, 5, 3);
  X(0, 0) = X(7, 2) = X(7, 3) = X(40, 3) = not_a_number;
  X(3, 1) = X(3, 4) = not_a_number;  // not kept: never looked at
  const Matrix Y = 3 * normals(41, 2, 4);
  Matrix Z;
  scaling.apply(X, Z);
  ASSERT_EQ(Z.cols(), 3);
  const Gapped source(X, Y);
  const ScaledSource scaled(source, scaling);
  EXPECT_EQ(scaled.rows(), 41);
  EXPECT_EQ(scaled.inputs(), 3);
  EXPECT_EQ(scaled.targets(), 2);
  EXPECT_FALSE(scaled.has_missing());
  for (const Index block_rows : {1, 8, 40, 41, 50}) {
    const Rows read = read_all(scaled, block_rows);
    EXPECT_EQ(read.X, Z);
    EXPECT_EQ(read.w, Vector::LinSpaced(41, 0, 1));
    for (Index i = 0; i < 41; ++i) {
      for (Index j = 0; j < 3; ++j) {
        const double x = X(i, scaling.kept[static_cast<std::size_t>(j)]);
        const double filled = std::isnan(x) ? scaling.x_fill[j] : x;
        EXPECT_EQ(Z(i, j), (filled - scaling.x_mean[j]) / scaling.x_scale[j]);
      }
      for (Index t = 0; t < 2; ++t) EXPECT_DOUBLE_EQ(read.Y(i, t), (Y(i, t) - scaling.y_mean[t]) / scaling.y_scale[t]);
    }
  }
}

// Limits of inputs, targets and predictions; a fill beyond its input's limit is drawn in, too, and NaN targets of rows
// that do not count stay.
TEST(Scaling, Limits) {
  Scaling scaling = crafted();
  scaling.x_low = Eigen::Vector3d(-4, -std::numeric_limits<double>::infinity(), 0);
  scaling.x_high = Eigen::Vector3d(6, 3, std::numeric_limits<double>::infinity());
  scaling.y_low = Eigen::Vector2d(-2, -1);
  scaling.y_high = Eigen::Vector2d(2, 4);
  scaling.prediction_low = Eigen::Vector2d(9, -11);
  scaling.prediction_high = Eigen::Vector2d(12, -9.9);
  Matrix X = 5 * normals(41, 5, 3);
  X(0, 0) = not_a_number;  // filled by 7
  Matrix Z;
  scaling.apply(X, Z);
  EXPECT_EQ(Z(0, 0), (6 - 1) / 0.5);
  for (Index i = 1; i < 41; ++i)
    for (Index j = 0; j < 3; ++j) {
      const double x =
          std::min(std::max(X(i, scaling.kept[static_cast<std::size_t>(j)]), scaling.x_low[j]), scaling.x_high[j]);
      EXPECT_EQ(Z(i, j), (x - scaling.x_mean[j]) / scaling.x_scale[j]);
    }
  Matrix Y = 3 * normals(41, 2, 4);
  Y(7, 1) = not_a_number;
  const Matrix U = scaling.scaled_targets(Y);
  const Matrix P = scaling.predictions(Y);
  EXPECT_TRUE(std::isnan(U(7, 1)));
  for (Index i = 0; i < 41; ++i)
    for (Index t = 0; t < 2; ++t) {
      if (i == 7) continue;
      const double y = std::min(std::max(Y(i, t), scaling.y_low[t]), scaling.y_high[t]);
      EXPECT_DOUBLE_EQ(U(i, t), (y - scaling.y_mean[t]) / scaling.y_scale[t]);
      const double f = scaling.y_mean[t] + scaling.y_scale[t] * Y(i, t);
      EXPECT_DOUBLE_EQ(P(i, t), std::min(std::max(f, scaling.prediction_low[t]), scaling.prediction_high[t]));
    }
  // A source of other limits is another source.
  const Rows rows = random_rows(9, 5, 2, 7);
  const MemorySource source = rows.source();
  const std::uint64_t before = ScaledSource(source, scaling).fingerprint();
  for (Vector* limit : {&scaling.x_low, &scaling.x_high, &scaling.y_low, &scaling.y_high}) {
    (*limit)[0] += 1;
    EXPECT_NE(ScaledSource(source, scaling).fingerprint(), before);
    (*limit)[0] -= 1;
  }
}

TEST(Scaling, IdentityChangesNoBit) {
  const Rows rows = random_rows(17, 4, 2, 5);
  const MemorySource source = rows.source();
  const Rows read = read_all(ScaledSource(source, Scaling::identity(4, 2)), 5);
  EXPECT_EQ(read.X, rows.X);
  EXPECT_EQ(read.Y, rows.Y);
  EXPECT_EQ(read.w, rows.w);
}

TEST(Scaling, OtherShapesAreRefused) {
  const Rows rows = random_rows(5, 3, 2, 6);
  const MemorySource source = rows.source();
  EXPECT_EQ(message_of<InvalidArgument>([&] { ScaledSource(source, crafted()); }),
            "scaling: the data has 3 inputs, expected at least 4");
  EXPECT_EQ(message_of<InvalidArgument>([&] { ScaledSource(source, Scaling::identity(3, 1)); }),
            "scaling: the data has 2 targets, expected 1");
}
