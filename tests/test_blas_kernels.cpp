// Oracles: the processor's own list of instructions (/proc/cpuinfo); loops.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <sstream>
#include <string>

#include "core/blas_kernels.h"
#include "core/linalg.h"
#include "sextant/matrix.h"

using namespace sextant;

namespace {

std::set<std::string> instructions() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

}  // namespace

TEST(BlasKernels, UseTheInstructionsThatThereAre) {
  if (std::getenv("OPENBLAS_CORETYPE") != nullptr) GTEST_SKIP() << "OPENBLAS_CORETYPE says which kernels to take";
  const std::set<std::string> has = instructions();
  if (!has.contains("avx2") || !has.contains("fma")) GTEST_SKIP() << "this processor has no AVX2";
  const std::set<std::string> before_avx2 = {"Prescott", "Core2", "Penryn",     "Dunnington",
                                             "Nehalem",  "Atom",  "Sandybridge"};
  const std::set<std::string> before_avx512 = {"Haswell", "Zen"};
  const std::string used = linalg::kernels_in_use();
  EXPECT_FALSE(before_avx2.contains(used)) << used;
  if (has.contains("avx512f") && has.contains("avx512bw") && has.contains("avx512dq") && has.contains("avx512vl") &&
      has.contains("avx512cd")) {
    EXPECT_FALSE(before_avx512.contains(used)) << used;
  }
}

TEST(BlasKernels, ChoosingAgainChangesNothing) {
  const std::string used = linalg::kernels_in_use();
  const char* const wish = std::getenv("OPENBLAS_CORETYPE");
  linalg::choose_kernels();
  EXPECT_EQ(linalg::kernels_in_use(), used);
  EXPECT_EQ(std::getenv("OPENBLAS_CORETYPE"), wish);
}

// Sizes beyond a kernel's own, and what is left over at their edges.
TEST(BlasKernels, MultiplyRight) {
  std::mt19937 random(3);
  const auto drawn = [&](Index rows, Index cols) {
    Matrix values(rows, cols);
    for (double& value : values.reshaped()) value = static_cast<double>(random()) / 4294967296.0 - 0.5;
    return values;
  };
  const Matrix A = drawn(301, 403);
  const Matrix B = drawn(403, 97);
  Matrix C(301, 97);
  linalg::gemm(linalg::Op::none, linalg::Op::none, 1.0, A, B, 0.0, C);
  for (Index i = 0; i < C.rows(); ++i)
    for (Index j = 0; j < C.cols(); ++j) {
      double sum = 0;
      for (Index l = 0; l < A.cols(); ++l) sum += A(i, l) * B(l, j);
      EXPECT_NEAR(C(i, j), sum, 1e-13 * static_cast<double>(A.cols()));
    }
}
