// Oracles: the matrices themselves; the rules written in row_source.h.
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "message_of.h"
#include "sextant/error.h"
#include "sextant/row_source.h"
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
