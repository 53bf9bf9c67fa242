#include <fmt/core.h>
#include <immintrin.h>
#include <libxsmm.h>

#include "core/small_kernels.h"

namespace sextant::linalg {
namespace {

// LIBXSMM's matrices are column-major: its C is ours transposed, and its factors come in the other order.
template <class Scalar>
auto compiled(auto dispatch, const SmallShape& shape) {
  const Scalar alpha = 1;
  const Scalar beta = shape.add ? 1 : 0;
  const int flags = shape.op_A == Op::transpose ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
  const int prefetch = LIBXSMM_GEMM_PREFETCH_NONE;
  return dispatch(shape.cols, shape.rows, shape.inner, &shape.B_stride, &shape.A_stride, &shape.C_stride, &alpha, &beta,
                  &flags, &prefetch);
}

// What kernels leave undone: until then, each of the compiler's own SSE instructions waits a few hundred cycles.
__attribute__((target("avx"))) void clear_upper_halves() { _mm256_zeroupper(); }

}  // namespace

bool have_small_kernels() {
  static const bool have = libxsmm_get_target_archid() >= LIBXSMM_X86_AVX2;
  return have;
}

template <>
SmallKernel<double>::SmallKernel(const SmallShape& shape) : compiled_(compiled<double>(libxsmm_dmmdispatch, shape)) {}
template <>
SmallKernel<float>::SmallKernel(const SmallShape& shape) : compiled_(compiled<float>(libxsmm_smmdispatch, shape)) {}

template <class Scalar>
void SmallKernel<Scalar>::operator()(const Scalar* A, const Scalar* B, Scalar* C) const {
  compiled_(B, A, C);
  clear_upper_halves();
}
template class SmallKernel<double>;
template class SmallKernel<float>;

std::string small_kernels_description() {
  if (!have_small_kernels()) return {};
  return fmt::format("LIBXSMM {}.{} for {}", LIBXSMM_VERSION_MAJOR, LIBXSMM_VERSION_MINOR, libxsmm_get_target_arch());
}

}  // namespace sextant::linalg
