// Oracle: the definitions, entry by entry.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "core/linalg.h"
#include "passes/unit_loops.h"

using namespace sextant;

namespace {

template <class Scalar>
class UnitLoops : public testing::Test {
 public:
  MatrixOf<Scalar> drawn(Index rows, Index cols) {
    MatrixOf<Scalar> M(rows, cols);
    // Multiples of 1/4, so that sums are exact and zeros come up.
    for (Scalar& value : M.reshaped()) value = static_cast<Scalar>(static_cast<int>(random_() % 17) - 8) / Scalar{4};
    return M;
  }
  // The usual width of panels in either precision, others, and more than coefficients are taken at a time.
  const std::vector<Index> widths = {1, 20, 32, 33, 64, 70, 150};

 private:
  std::mt19937 random_{5};
};

using Scalars = testing::Types<double, float>;
TYPED_TEST_SUITE(UnitLoops, Scalars);

}  // namespace

TYPED_TEST(UnitLoops, Relu) {
  for (const Index cols : this->widths) {
    const MatrixOf<TypeParam> z = this->drawn(5, cols);
    const MatrixOf<TypeParam> b = this->drawn(2, cols);
    MatrixOf<TypeParam> found = z;
    unit_loops::relu<TypeParam>(5, cols, b.data(), found.data());
    MatrixOf<TypeParam> both = z;
    MatrixOf<TypeParam> mirrored(5, cols);
    unit_loops::mirrored_relu<TypeParam>(5, cols, b.data(), b.row(1).data(), both.data(), mirrored.data());
    for (Index i = 0; i < 5; ++i)
      for (Index j = 0; j < cols; ++j) {
        EXPECT_EQ(found(i, j), std::max(z(i, j) + b(0, j), TypeParam{0}));
        EXPECT_EQ(both(i, j), found(i, j));
        EXPECT_EQ(mirrored(i, j), std::max(b(1, j) - z(i, j), TypeParam{0}));
      }
  }
}

TYPED_TEST(UnitLoops, Mask) {
  for (const Index cols : this->widths)
    for (const Index k : {1, 2, 3}) {
      const MatrixOf<TypeParam> z = this->drawn(5, cols);
      const MatrixOf<TypeParam> R = this->drawn(5, k);
      const MatrixOf<TypeParam> A = this->drawn(k, cols + 3);
      MatrixOf<TypeParam> found = z;
      unit_loops::mask<TypeParam>(5, cols, k, R.data(), A.data(), A.cols(), found.data());
      for (Index i = 0; i < 5; ++i)
        for (Index j = 0; j < cols; ++j)
          EXPECT_EQ(found(i, j), z(i, j) >= 0 ? R.row(i).dot(A.col(j)) : TypeParam{0}) << cols << ' ' << k;
    }
}

TEST(UnitLoopsInDouble, Outputs) {
  std::mt19937 random(6);
  for (const Index cols : {1, 20, 32, 33, 70}) {
    Matrix z(5, cols);
    Matrix ba(4, cols);
    for (Matrix* M : {&z, &ba})
      for (double& value : M->reshaped()) value = static_cast<double>(static_cast<int>(random() % 17) - 8) / 4;
    Matrix found = Matrix::Constant(5, 3, 2.0);
    Matrix mirrored = found;
    unit_loops::add_outputs(5, cols, z.data(), ba.row(0).data(), ba.row(1).data(), &found(0, 1), 3);
    unit_loops::add_mirrored_outputs(5, cols, z.data(), ba.row(0).data(), ba.row(1).data(), ba.row(2).data(),
                                     ba.row(3).data(), &mirrored(0, 1), 3);
    for (Index i = 0; i < 5; ++i) {
      // Multiples of 1/16, whose sums are exact.
      double own = 2;
      double both = 2;
      for (Index j = 0; j < cols; ++j) {
        own += ba(1, j) * std::max(z(i, j) + ba(0, j), 0.0);
        both += ba(1, j) * std::max(z(i, j) + ba(0, j), 0.0) + ba(3, j) * std::max(ba(2, j) - z(i, j), 0.0);
      }
      EXPECT_EQ(found.row(i), (Matrix(1, 3) << 2, own, 2).finished());
      EXPECT_EQ(mirrored.row(i), (Matrix(1, 3) << 2, both, 2).finished());
    }
  }
}

TYPED_TEST(UnitLoops, Slopes) {
  for (const Index cols : this->widths) {
    const Matrix z = this->drawn(5, cols).template cast<double>();
    const Matrix ba = this->drawn(4, cols).template cast<double>();
    Matrix found = Matrix::Constant(5, cols + 2, 7.0);
    Matrix mirrored = found;
    unit_loops::slopes(5, cols, z.data(), ba.row(0).data(), ba.row(1).data(), found.data(), cols + 2);
    unit_loops::mirrored_slopes(5, cols, z.data(), ba.row(0).data(), ba.row(1).data(), ba.row(2).data(),
                                ba.row(3).data(), mirrored.data(), cols + 2);
    for (Index i = 0; i < 5; ++i)
      for (Index j = 0; j < cols; ++j) {
        const double slope = z(i, j) + ba(0, j) > 0 ? ba(1, j) : 0.0;
        EXPECT_EQ(found(i, j), slope);
        EXPECT_EQ(mirrored(i, j), slope - (ba(2, j) - z(i, j) > 0 ? ba(3, j) : 0.0));
      }
    EXPECT_EQ(found.rightCols(2), Matrix::Constant(5, 2, 7.0));
    EXPECT_EQ(mirrored.rightCols(2), Matrix::Constant(5, 2, 7.0));
  }
}
