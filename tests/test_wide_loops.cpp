// Oracle: the definitions, entry by entry; the same loop as compiled for any processor.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "core/linalg.h"
#include "core/wide_loops.h"

using namespace sextant;

namespace {

Matrix drawn(Index rows, Index cols) {
  static std::mt19937 random(11);
  Matrix M(rows, cols);
  for (double& value : M.reshaped()) value = static_cast<double>(random()) / 4294967296.0 - 0.5;
  return M;
}

struct Halve {
  SEXTANT_ALWAYS_INLINE void run(Index n, double* x) {
    for (Index i = 0; i < n; ++i) x[i] *= 0.5;
  }
};

}  // namespace

// Lengths about those of vectors.
TEST(WideLoops, RunTheLoop) {
  for (const Index n : {0, 1, 3, 4, 7, 8, 9, 31, 33}) {
    const Matrix x = drawn(1, n);
    Matrix found = x;
    run_wide<Halve>(n, found.data());
    EXPECT_EQ(found, x / 2) << n;
    run_as_compiled<Halve>(n, found.data());
    EXPECT_EQ(found, x / 4) << n;
  }
}

TEST(WideLoops, Add) {
  for (const Index n : {0, 1, 7, 8, 9, 33}) {
    const Matrix from = drawn(1, n);
    const Matrix to = drawn(1, n);
    Matrix found = to;
    wide::add(n, from.data(), found.data());
    EXPECT_EQ(found, to + from);
    const MatrixOf<float> single = from.cast<float>();
    found = to;
    wide::add(n, single.data(), found.data());
    EXPECT_EQ(found, to + single.cast<double>());
  }
}

TEST(WideLoops, CopyAndScaleRowsOfPartsOfMatrices) {
  const Matrix from = drawn(5, 40);
  const Matrix factors = drawn(5, 2);
  for (const Index cols : {1, 8, 19}) {
    Matrix to = Matrix::Constant(5, 30, 7.0);
    Matrix expected = to;
    expected.middleCols(2, cols) = from.middleCols(11, cols);
    wide::copy(5, cols, from.data() + 11, 40, to.data() + 2, 30);
    EXPECT_EQ(to, expected);
    MatrixOf<float> single = MatrixOf<float>::Constant(5, 30, 7.0F);
    wide::copy(5, cols, from.data() + 11, 40, single.data() + 2, 30);
    EXPECT_EQ(single, expected.cast<float>());
    expected.middleCols(2, cols) = factors.col(1).asDiagonal() * from.middleCols(11, cols);
    wide::scale_rows(5, cols, factors.data() + 1, 2, from.data() + 11, 40, to.data() + 2, 30);
    EXPECT_EQ(to, expected);
  }
}
