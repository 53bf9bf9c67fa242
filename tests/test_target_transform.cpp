// Oracles: the formulas; inverses as properties; normal scores known in closed form.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/scaling.h"
#include "sextant/target_transform.h"
#include "test_support.h"

using namespace sextant;

namespace {

constexpr double largest = std::numeric_limits<double>::max();

Vector ones(Index n) { return Vector::Ones(n); }

// Targets of every kind: any sign, offset and size, ties, heavy tails.
Vector any_targets() {
  const auto n = *rc::gen::inRange<Index>(2, 80);
  const auto seed = *rc::gen::inRange<std::uint64_t>(0, 10000);
  const auto shape = *rc::gen::inRange(0, 5);
  const double scale = std::pow(10.0, *rc::gen::inRange(-12, 13));
  Vector y = normals(n, 1, seed);
  if (shape == 1) y = y.array().exp();
  if (shape == 2) y = y.array().cube();
  if (shape == 3) y = y.array().round();
  if (shape == 4) y.array() += 1e6;
  return scale * y;
}

RC_GTEST_PROP(TargetTransform, InverseIsExactAndBothAscend, ()) {
  const Vector y = any_targets();
  for (const TransformKind kind : {TransformKind::none, TransformKind::log, TransformKind::rank}) {
    const TargetTransform T = learn_transform(kind, y, ones(y.size()));
    const double range = y.maxCoeff() - y.minCoeff();
    std::vector<double> points(y.begin(), y.end());
    for (const double beyond : {0.001, 0.1, 1.0, 10.0, 1000.0}) {
      points.push_back(y.maxCoeff() + beyond * range);
      points.push_back(y.minCoeff() - beyond * range);
    }
    std::sort(points.begin(), points.end());
    double before = -INFINITY;
    for (const double point : points) {
      const double u = T(point);
      RC_ASSERT(std::isfinite(u));
      RC_ASSERT(u >= before);
      before = u;
      // Below the log's least value a unit of u is a thousandth of it, of which point − shift may be many.
      RC_ASSERT(std::abs(T.inverse(u) - point) <= 1e-9 * std::max(std::abs(point), std::abs(point - T.shift)));
    }
  }
}

RC_GTEST_PROP(TargetTransform, InverseOfAnyOutputIsFiniteAndAscends, ()) {
  const Vector y = any_targets();
  for (const TransformKind kind : {TransformKind::log, TransformKind::rank}) {
    const TargetTransform T = learn_transform(kind, y, ones(y.size()));
    double before = -INFINITY;
    for (const double u : {-largest, -1e200, -1e10, -800.0, -30.0, -3.0, 0.0, 3.0, 30.0, 800.0, 1e10, 1e200, largest}) {
      const double found = T.inverse(u);
      RC_ASSERT(std::isfinite(found));
      RC_ASSERT(found >= before);
      before = found;
    }
    for (const double value : {-largest, -1e100, 0.0, 1e100, largest}) RC_ASSERT(std::isfinite(T(value)));
    RC_ASSERT(std::isnan(T.inverse(NAN)));  // an output that is not finite must be seen
  }
}

TEST(TargetTransform, LogOfWideRangesOfPositiveTargetsIsPlain) {
  Vector y(4);
  y << 1, 3, 20, 10;
  const TargetTransform T = learn_transform(TransformKind::log, y, ones(4));
  EXPECT_EQ(T.kind, TransformKind::log);
  EXPECT_EQ(T.shift, 0);
  for (const double value : {1.0, 2.5, 20.0, 50.0}) EXPECT_DOUBLE_EQ(T(value), std::log(value));
  // Beyond e times the largest it is a line, so that an output far outside is no astronomical prediction.
  EXPECT_DOUBLE_EQ(T.inverse(T(20 * M_E) + 1), 2 * 20 * M_E);
  EXPECT_GT(T.inverse(-50), -0.1);
}

TEST(TargetTransform, LogFindsTheShiftOfALogNormal) {
  // 20 001 quantiles of a log-normal of σ = 0.5 about −7, below which nothing lies: skewed whatever its sign.
  const Index n = 20'001;
  Vector y(n);
  const Vector z = normals(n, 1, 3);
  for (Index i = 0; i < n; ++i) y[i] = -7 + 2 * std::exp(0.5 * z[i]);
  const TargetTransform T = learn_transform(TransformKind::log, y, ones(n));
  EXPECT_NEAR(T.shift, -7, 0.15);
}

TEST(TargetTransform, LogOfLeftSkewedTargetsIsNearlyALine) {
  const Vector y = -Vector(normals(500, 1, 4)).array().exp();
  const TargetTransform T = learn_transform(TransformKind::log, y, ones(500));
  const double range = y.maxCoeff() - y.minCoeff();
  EXPECT_DOUBLE_EQ(T.shift, y.minCoeff() - 10 * range);
}

TEST(TargetTransform, RanksAreNormalScores) {
  Vector y(4);
  y << 10, -1, 3, 3;
  const TargetTransform T = learn_transform(TransformKind::rank, y, ones(4));
  ASSERT_EQ(T.y.size(), 3);
  EXPECT_NEAR(T(3), 0, 1e-15);                     // half of the weight below its middle
  EXPECT_NEAR(T(10), 1.1503493803760079, 1e-12);   // Φ⁻¹(7/8)
  EXPECT_NEAR(T(-1), -1.1503493803760079, 1e-12);  // Φ⁻¹(1/8)
  EXPECT_NEAR(T(6.5), 0.5 * 1.1503493803760079, 1e-12);
  // Beyond the ends with the mean slope of all.
  EXPECT_NEAR(T.inverse(T(10) + 1), 10 + 11 / (2 * 1.1503493803760079), 1e-9);
}

TEST(TargetTransform, ManyRanksAreThinned) {
  const Index n = 50'000;
  const Vector y = Vector(normals(n, 1, 5)).array().exp();
  const TargetTransform T = learn_transform(TransformKind::rank, y, ones(n));
  EXPECT_GT(T.y.size(), 600);
  EXPECT_LE(T.y.size(), 1002);
  EXPECT_EQ(T.y[0], y.minCoeff());
  EXPECT_EQ(T.y[T.y.size() - 1], y.maxCoeff());
  // What they score is nearly the normal that made them, within the sampling of the empirical quantiles.
  for (const double z : {-2.0, -1.0, 0.0, 0.5, 2.0}) EXPECT_NEAR(T(std::exp(z)), z, 0.05);
}

TEST(TargetTransform, AWeightOfTwoIsARowTwice) {
  Vector y(5);
  y << 1, 2, 2, 3, 7;
  Vector twice(4);
  twice << 1, 2, 3, 7;
  Vector w(5);
  w << 1, 2, 1, 0, 1;
  Vector plain(5);
  plain << 1, 2, 2, 2, 7;
  const TargetTransform weighted = learn_transform(TransformKind::rank, y, w);
  const TargetTransform repeated = learn_transform(TransformKind::rank, plain, ones(5));
  EXPECT_EQ(weighted.y, repeated.y);
  EXPECT_EQ(weighted.z, repeated.z);
}

TEST(TargetTransform, OfWhatDoesNotVaryIsNone) {
  for (const TransformKind kind : {TransformKind::log, TransformKind::rank}) {
    EXPECT_EQ(learn_transform(kind, Vector::Constant(5, 3), ones(5)).kind, TransformKind::none);
    EXPECT_EQ(learn_transform(kind, Vector(0), Vector(0)).kind, TransformKind::none);
    Vector far(2);
    far << -largest, largest;
    EXPECT_EQ(learn_transform(kind, far, ones(2)).kind, TransformKind::none);
  }
  EXPECT_EQ(message_of([] { (void)learn_transform(TransformKind::automatic, ones(2), ones(2)); }),
            "target-transform: auto given where one is to be learned, expected none, log or rank");
}

TEST(TargetTransform, IsLearnedFromASampleThatHasTheExtremes) {
  const Index n = (Index{1} << 18) + 1000;  // every other row is taken
  Matrix Y = normals(n, 2, 6);
  Y(1, 0) = -100;
  Y(3, 1) = 200;
  const Matrix X = Matrix::Zero(n, 1);
  const MemorySource source(X, Y);
  const auto T = learn_transforms(source, {TransformKind::rank, TransformKind::rank}, {});
  EXPECT_EQ(T[0].y[0], -100);
  EXPECT_EQ(T[1].y[T[1].y.size() - 1], 200);
  EXPECT_NEAR(T[0](1.0), 1.0, 0.02);
}

TEST(TargetTransform, ScalesTargetsAndBack) {
  const Rows rows = random_rows(30, 2, 2, 7, false);
  Scaling scaling = Scaling::identity(2, 2);
  scaling.y_mean << 0.2, 1;
  scaling.y_scale << 2, 0.5;
  const Vector first = rows.Y.col(0);
  scaling.y_transforms = {learn_transform(TransformKind::log, first, ones(30)), {}};
  const MemorySource source = rows.source();
  const Matrix scaled = read_all(ScaledSource(source, scaling), 7).Y;
  for (Index i = 0; i < 30; ++i) {
    EXPECT_DOUBLE_EQ(scaled(i, 0), (scaling.y_transforms[0](rows.Y(i, 0)) - 0.2) / 2);
    EXPECT_DOUBLE_EQ(scaled(i, 1), (rows.Y(i, 1) - 1) / 0.5);
  }
  EXPECT_LT(relative_error(scaling.own_units(scaled), rows.Y), 1e-13);
}

TEST(TargetTransform, Names) {
  EXPECT_EQ(name(transform_kinds_named("log,none,rank,auto")), "log,none,rank,auto");
  EXPECT_TRUE(transform_kinds_named("none,log").any());
  EXPECT_FALSE(TransformKinds{}.any());
  EXPECT_EQ(transform_kinds_named("log").of(2), (std::vector<TransformKind>(2, TransformKind::log)));
  EXPECT_EQ(message_of([] { (void)transform_kinds_named("log,"); }),
            "target-transform: '' is not known, expected one of none, log, rank, auto");
  EXPECT_EQ(message_of([] { (void)transform_kinds_named("log,none").of(3); }),
            "target-transform: 2 given for 3 targets, expected one for all or one for each");
}

}  // namespace
