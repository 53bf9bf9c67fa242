// Oracles: the matrices themselves; the rules written in row_source.h.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "message_of.h"
#include "sextant/class_weights.h"
#include "sextant/error.h"
#include "sextant/folds.h"
#include "sextant/lift.h"
#include "sextant/resampling.h"
#include "sextant/row_ranges.h"
#include "sextant/row_source.h"
#include "sextant/scaling.h"
#include "sextant/winsorise.h"
#include "temporary_folder.h"
#include "test_support.h"

using namespace sextant;

TEST(RowSource, MemoryHandsOutItsRows) {
  const Rows rows = random_rows(23, 3, 2, 1);
  const MemorySource source = rows.source();
  EXPECT_EQ(source.rows(), 23);
  EXPECT_EQ(source.inputs(), 3);
  EXPECT_EQ(source.targets(), 2);
  EXPECT_FALSE(source.has_missing());
  for (const Index block_rows : {1, 2, 7, 8, 9, 22, 23, 24}) {
    const Rows read = read_all(source, block_rows);
    EXPECT_EQ(read.X, rows.X);
    EXPECT_EQ(read.Y, rows.Y);
    EXPECT_EQ(read.w, rows.w);
  }
  Block block;
  source.read(23, 0, block);
  EXPECT_EQ(block.rows(), 0);
  // Without weights every row weighs 1; Y may have no columns.
  const Matrix none(23, 0);
  const MemorySource plain(rows.X, none);
  plain.read(5, 4, block);
  EXPECT_EQ(block.X, rows.X.middleRows(5, 4));
  EXPECT_EQ(block.Y.cols(), 0);
  EXPECT_EQ(block.w, Vector::Ones(4));
}

TEST(RowSource, MemoryMayBelongToOthers) {
  const Rows rows = random_rows(23, 3, 2, 1);
  std::vector<double> x(rows.X.data(), rows.X.data() + rows.X.size());
  const MemorySource source(Eigen::Map<const Matrix>(x.data(), 23, 3), Eigen::Map<const Matrix>(rows.Y.data(), 23, 2),
                            rows.w);
  EXPECT_EQ(read_all(source, 7).X, rows.X);
  x[3 * 4 + 1] = 42;  // read where it lies, not copied
  EXPECT_EQ(read_all(source, 7).X(4, 1), 42);
  EXPECT_EQ(read_all(source, 7).Y, rows.Y);
}

TEST(RowSource, BlocksMakeRoom) {
  Block block;
  block.resize(4, 3, 2);
  EXPECT_EQ(block.rows(), 4);
  EXPECT_EQ(block.X.cols(), 3);
  EXPECT_EQ(block.Y.rows(), 4);
  EXPECT_EQ(block.Y.cols(), 2);
  EXPECT_EQ(block.w.size(), 4);
}

TEST(RowSource, RulesAreChecked) {
  constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
  constexpr double inf = std::numeric_limits<double>::infinity();
  const Matrix X = Matrix::Ones(3, 2);
  const Matrix Y = Matrix::Ones(3, 1);
  const auto refused = [](const Matrix& x, const Matrix& y, const Vector& w) {
    return message_of<InvalidArgument>([&] { MemorySource(x, y, w); });
  };
  EXPECT_EQ(refused(X, Y, Vector::Zero(3)), "nothing was thrown");
  EXPECT_EQ(refused(X, Matrix::Ones(4, 1), {}), "data: X has 3 rows and Y has 4, expected as many");
  EXPECT_EQ(refused(X, Y, Vector::Ones(2)), "data: X has 3 rows and there are 2 weights, expected as many");
  for (const double bad : {not_a_number, inf, -inf}) {
    Matrix broken_X = X;
    broken_X(2, 1) = bad;
    EXPECT_EQ(refused(broken_X, Y, {}), "data: X holds a value that is not finite");
    Matrix broken_Y = Y;
    broken_Y(0, 0) = bad;
    EXPECT_EQ(refused(X, broken_Y, {}), "data: Y holds a value that is not finite");
    EXPECT_EQ(refused(X, Y, Vector::Constant(3, bad)), "data: a row weight is negative or not finite");
  }
  EXPECT_EQ(refused(X, Y, Eigen::Vector3d(1, -1e-300, 1)), "data: a row weight is negative or not finite");
}

TEST(RowSource, FingerprintsTellRowsApart) {
  const Rows rows = random_rows(50, 3, 2, 1);
  const MemorySource source = rows.source();
  // The same rows elsewhere, and read through a view that changes nothing.
  EXPECT_EQ(random_rows(50, 3, 2, 1).source().fingerprint(), source.fingerprint());
  EXPECT_EQ(GatheredSource(source).fingerprint(), source.fingerprint());
  EXPECT_EQ(MemorySource(source).fingerprint(), source.fingerprint());

  Rows changed = rows;
  std::vector<std::uint64_t> all = {source.fingerprint()};
  changed.X(49, 2) = -changed.X(49, 2);
  all.push_back(changed.source().fingerprint());
  changed = rows;
  changed.Y(20, 0) = std::nextafter(changed.Y(20, 0), 9);
  all.push_back(changed.source().fingerprint());
  changed = rows;
  changed.w[3] = 0.5;
  all.push_back(changed.source().fingerprint());
  changed = rows;
  changed.X.row(7).swap(changed.X.row(8));
  all.push_back(changed.source().fingerprint());
  for (const Index fold : {0, 1, 2})
    for (const auto side : {FoldSource::Side::inside, FoldSource::Side::outside})
      all.push_back(FoldSource(source, {7, 3, Purpose::folds}, fold, side).fingerprint());
  all.push_back(FoldSource(source, {8, 3, Purpose::folds}, 0, FoldSource::Side::inside).fingerprint());
  all.push_back(FoldSource(source, {7, 3, Purpose::halves}, 0, FoldSource::Side::inside).fingerprint());
  all.push_back(FoldSource(source, {7, 4, Purpose::folds}, 0, FoldSource::Side::inside).fingerprint());
  for (const auto& [first, count] : {std::pair<Index, Index>{0, 10}, {0, 11}, {1, 10}, {20, 10}}) {
    RowRanges ranges;
    ranges.add(first, count);
    all.push_back(RangeSource(source, ranges).fingerprint());
    ranges.add(40, 2);
    all.push_back(RangeSource(source, ranges).fingerprint());
  }
  for (const Index replicate : {0, 1}) all.push_back(ResampledSource(source, 7, replicate).fingerprint());
  Scaling scaling = Scaling::identity(3, 2);
  const auto scaled = [&] { all.push_back(ScaledSource(source, scaling).fingerprint()); };
  scaled();
  scaling.x_mean[1] = 1;
  scaled();
  scaling.y_scale[1] = 2;
  scaled();
  scaling.y_transforms.resize(2);
  scaling.y_transforms[0].kind = TransformKind::log;
  scaled();
  scaling.y_transforms[0].shift = -1;
  scaled();
  scaling.kept = {0, 2};
  for (Vector* each : {&scaling.x_fill, &scaling.x_mean, &scaling.x_scale}) *each = Vector::Ones(2);
  scaled();
  Lift lift{std::vector<Vector>(3, Vector::LinSpaced(3, -1.0, 1.0))};
  all.push_back(LiftedSource(source, LinearPart::zero(3, 2), lift).fingerprint());
  lift.knots[2][1] = 0.1;
  all.push_back(LiftedSource(source, LinearPart::zero(3, 2), lift).fingerprint());
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(all[i], all[j]) << i << " and " << j;
}

namespace {

// Two rows of two inputs, of kinds, names and groups of their own.
class Known final : public RowSource {
 public:
  [[nodiscard]] Index rows() const override { return 2; }
  [[nodiscard]] Index inputs() const override { return 2; }
  [[nodiscard]] Index targets() const override { return 1; }
  [[nodiscard]] bool has_missing() const override { return true; }
  [[nodiscard]] InputKind input_kind(Index j) const override { return j == 1 ? InputKind::missing : InputKind::number; }
  [[nodiscard]] std::string input_label(Index j) const override { return j == 0 ? "wing" : "wing=missing"; }
  [[nodiscard]] std::string target_label(Index) const override { return "weight"; }
  [[nodiscard]] std::vector<Index> groups() const override { return {4, 7}; }
  void read(Index, Index count, Block& block) const override {
    block = {Matrix::Ones(count, 2), Matrix::Ones(count, 1), Vector::Ones(count)};
  }
};

void expect_known(const RowSource& view, const std::string& what) {
  EXPECT_EQ(std::tuple(view.rows(), view.inputs(), view.targets()), std::tuple(2, 2, 1)) << what;
  EXPECT_TRUE(view.has_missing()) << what;
  EXPECT_EQ(view.input_kind(1), InputKind::missing) << what;
  EXPECT_EQ(view.input_label(1), "wing=missing") << what;
  EXPECT_EQ(view.target_label(0), "weight") << what;
  EXPECT_EQ(view.groups(), (std::vector<Index>{4, 7})) << what;
}

}  // namespace

TEST(RowView, IsTheSourceInWhatItDoesNotChange) {
  const Known source;
  const std::vector<DrawnTarget> drawn(1);
  const std::vector<Index> none;
  RowRanges all;
  all.add(0, 2);
  expect_known(DrawnTargetsSource(source, drawn), "drawn targets");
  expect_known(WithoutRowsSource(source, none), "without rows");
  expect_known(ClassWeightedSource(source, Vector::Ones(1)), "class weights");
  expect_known(ResampledSource(source, 1, 0), "resampled");
  expect_known(RangeSource(source, all), "ranges");
}
