// Oracle: the definition, in loops of long double.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <type_traits>

#include "core/panel_product.h"
#include "core/small_kernels.h"

using namespace sextant;
using linalg::Op;
using linalg::panel_product;

namespace {

template <class Scalar>
class PanelProduct : public testing::Test {
 public:
  MatrixOf<Scalar> drawn(Index rows, Index cols) {
    MatrixOf<Scalar> M(rows, cols);
    for (Scalar& value : M.reshaped()) value = static_cast<Scalar>(static_cast<double>(random_()) / 4294967296.0 - 0.5);
    return M;
  }
  // The largest difference to start + op(A)·B, in roundings of a sum of so many terms.
  static double roundings(Op op_A, const ViewOf<Scalar>& A, const ViewOf<Scalar>& B, const ViewOf<Scalar>& start,
                          const ViewOf<Scalar>& C) {
    const Index inner = B.rows();
    double worst = 0;
    for (Index i = 0; i < C.rows(); ++i)
      for (Index j = 0; j < C.cols(); ++j) {
        long double sum = start(i, j);
        for (Index l = 0; l < inner; ++l)
          sum += static_cast<long double>(op_A == Op::none ? A(i, l) : A(l, i)) * static_cast<long double>(B(l, j));
        const auto error = static_cast<double>(std::abs(static_cast<long double>(C(i, j)) - sum));
        worst = std::max(worst, error / (static_cast<double>(inner + 1) * unit));
      }
    return worst;
  }
  static constexpr double unit = static_cast<double>(std::numeric_limits<Scalar>::epsilon());

 private:
  std::mt19937 random_{7};
};

using Scalars = testing::Types<double, float>;
TYPED_TEST_SUITE(PanelProduct, Scalars);

}  // namespace

// Rows, inner dimensions and columns about those of kernels and of what they take at once; matrices that are parts of
// wider ones.
TYPED_TEST(PanelProduct, AgreesWithItsDefinition) {
  const Index width = linalg::panel_width<TypeParam>();
  for (const Op op : {Op::none, Op::transpose})
    for (const Index rows : {1, 7, 64, 65, 129})
      for (const Index inner : {1, 3, 127, 128, 129, 300})
        for (const Index cols : {Index{1}, Index{3}, Index{20}, width - 1, width, width + 1}) {
          const MatrixOf<TypeParam> around_A = this->drawn((op == Op::none ? rows : inner) + 2, rows + inner + 2);
          const auto A = op == Op::none ? around_A.block(1, 2, rows, inner) : around_A.block(1, 1, inner, rows);
          const MatrixOf<TypeParam> around_B = this->drawn(inner, cols + 3);
          const auto B = around_B.middleCols(2, cols);
          const MatrixOf<TypeParam> start = this->drawn(rows + 2, cols + 2);
          MatrixOf<TypeParam> around_C = start;
          panel_product<TypeParam>(op, A, B, true, around_C.block(1, 1, rows, cols));
          EXPECT_LT(this->roundings(op, A, B, start.block(1, 1, rows, cols), around_C.block(1, 1, rows, cols)), 1.0)
              << rows << ' ' << inner << ' ' << cols;
          around_C.block(1, 1, rows, cols) = start.block(1, 1, rows, cols);
          EXPECT_EQ(around_C, start) << "written beside C";

          MatrixOf<TypeParam> C =
              MatrixOf<TypeParam>::Constant(rows, cols, std::numeric_limits<TypeParam>::quiet_NaN());
          panel_product<TypeParam>(op, A, B, false, C);
          EXPECT_LT(this->roundings(op, A, B, MatrixOf<TypeParam>::Zero(rows, cols), C), 1.0)
              << rows << ' ' << inner << ' ' << cols;
        }
}

TYPED_TEST(PanelProduct, OfNothingIsZeroAndAddsNothing) {
  const MatrixOf<TypeParam> A = this->drawn(5, 0);
  const MatrixOf<TypeParam> B = this->drawn(0, 3);
  const MatrixOf<TypeParam> start = this->drawn(5, 3);
  MatrixOf<TypeParam> C = start;
  panel_product<TypeParam>(Op::none, A, B, true, C);
  EXPECT_EQ(C, start);
  panel_product<TypeParam>(Op::none, A, B, false, C);
  EXPECT_EQ(C, (MatrixOf<TypeParam>::Zero(5, 3)));
  MatrixOf<TypeParam> none(0, 3);
  panel_product<TypeParam>(Op::none, this->drawn(0, 5), this->drawn(5, 3), false, none);
}

TYPED_TEST(PanelProduct, OfASquareIsInItsUpperTriangle) {
  for (const Index cols : {Index{1}, Index{20}, linalg::panel_width<TypeParam>()}) {
    const MatrixOf<TypeParam> A = this->drawn(70, cols);
    const MatrixOf<TypeParam> start = this->drawn(cols, cols);
    MatrixOf<TypeParam> C = start;
    linalg::add_panel_square<TypeParam>(A, C);
    MatrixOf<TypeParam> whole = start;
    panel_product<TypeParam>(Op::transpose, A, A, true, whole);
    for (Index i = 0; i < cols; ++i)
      EXPECT_LT((C.row(i).tail(cols - i) - whole.row(i).tail(cols - i)).cwiseAbs().maxCoeff(), 71 * this->unit);
  }
}

TYPED_TEST(PanelProduct, PanelsAreAsWideAsWhatMultipliesLikes) {
  const Index bytes = linalg::panel_width<TypeParam>() * static_cast<Index>(sizeof(TypeParam));
  if (linalg::have_small_kernels()) {
    EXPECT_EQ(bytes, 256);
    EXPECT_EQ(linalg::small_kernels_description().rfind("LIBXSMM 1.", 0), 0U);
  } else {
    EXPECT_EQ(linalg::panel_width<TypeParam>(), 256);
    EXPECT_EQ(linalg::small_kernels_description(), "");
  }
}
