#include "core/panel_product.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

#include "core/panels.h"
#include "core/small_kernels.h"
#include "core/wide_loops.h"

namespace sextant::linalg {
namespace {

// What a kernel multiplies: so many rows of C, and so much of the inner dimension that B's part stays in the first
// cache.
constexpr Index rows_at_once = 64;
constexpr Index inner_at_once = 128;

// Consecutive pieces of 0 … total−1, of at most `most` each and as equal as can be.
template <class Work>
void in_pieces(Index total, Index most, const Work& work) {
  const Index count = (total + most - 1) / most;
  for (Index piece = 0; piece < count; ++piece) {
    const Index first = piece * total / count;
    work(first, (piece + 1) * total / count - first);
  }
}

// A kernel from among those this thread used last: finding one takes a few per cent of a product's time.
template <class Scalar>
SmallKernel<Scalar> recent_kernel(const SmallShape& shape) {
  struct Entry {
    SmallShape shape{};
    SmallKernel<Scalar> kernel;
  };
  thread_local std::array<Entry, 16> recent;
  const Index at = shape.rows + 3 * shape.inner + 5 * shape.cols + Index{7} * shape.C_stride + (shape.add ? 1 : 0);
  Entry& entry = recent[static_cast<std::size_t>(at) % recent.size()];
  if (entry.shape != shape) entry = {shape, SmallKernel<Scalar>(shape)};
  return entry.kernel;
}

// With `add`, C's rows are sums of their own before they are added: what adds to C term by term rounds at C's size with
// each, so that long sums of many calls would lose as many roundings as they have terms, where BLAS loses one in some
// hundred.
template <class Scalar>
void product_by_kernels(Op op_A, const ViewOf<Scalar>& A, const ViewOf<Scalar>& B, bool add, SpanOf<Scalar>& C) {
  const Index cols = C.cols();
  thread_local Panels<Scalar> own_sum;
  own_sum.resize(rows_at_once, {cols, 1, cols});
  const auto product = [&](const auto& a, const auto& b, bool more, auto c) {
    const SmallShape shape{op_A,
                           more,
                           static_cast<int>(c.rows()),
                           static_cast<int>(b.rows()),
                           static_cast<int>(cols),
                           static_cast<int>(a.outerStride()),
                           static_cast<int>(b.outerStride()),
                           static_cast<int>(c.outerStride())};
    if (const auto kernel = recent_kernel<Scalar>(shape))
      kernel(a.data(), b.data(), c.data());
    else
      gemm(op_A, Op::none, Scalar{1}, a, b, Scalar(more ? 1 : 0), c);
  };
  in_pieces(C.rows(), rows_at_once, [&](Index i, Index rows) {
    auto c = C.middleRows(i, rows);
    in_pieces(B.rows(), inner_at_once, [&](Index k, Index inner) {
      const auto a = op_A == Op::none ? A.block(i, k, rows, inner) : A.block(k, i, inner, rows);
      const auto b = B.middleRows(k, inner);
      if (add)
        product(a, b, k > 0, own_sum[0].topRows(rows));
      else
        product(a, b, k > 0, c);
    });
    if (add && c.outerStride() == cols)
      wide::add(rows * cols, own_sum.values().data(), c.data());
    else if (add)
      c += own_sum[0].topRows(rows);
  });
}

}  // namespace

template <class Scalar>
Index panel_width() {
  return have_small_kernels() ? 256 / static_cast<Index>(sizeof(Scalar)) : 256;
}

template <class Scalar>
void panel_product(Op op_A, const ViewOf<Scalar>& A, const ViewOf<Scalar>& B, bool add, SpanOf<Scalar> C) {
  eigen_assert(B.cols() == C.cols() && (op_A == Op::none ? A.rows() : A.cols()) == C.rows());
  // Kernels count in 32 bits, as BLAS does, which says so.
  constexpr Index most = std::numeric_limits<int>::max();
  const bool countable = std::max({A.outerStride(), B.outerStride(), C.outerStride()}) <= most;
  if (have_small_kernels() && countable && B.rows() > 0 && C.size() > 0)
    product_by_kernels<Scalar>(op_A, A, B, add, C);
  else
    gemm(op_A, Op::none, Scalar{1}, A, B, Scalar(add ? 1 : 0), C);
}

template <class Scalar>
void add_panel_square(const ViewOf<Scalar>& A, SpanOf<Scalar> C) {
  if (have_small_kernels())
    panel_product<Scalar>(Op::transpose, A, A, true, C);
  else
    syrk_upper(Scalar{1}, A, Scalar{1}, C);
}

template Index panel_width<double>();
template Index panel_width<float>();
template void panel_product(Op, const ViewOf<double>&, const ViewOf<double>&, bool, SpanOf<double>);
template void panel_product(Op, const ViewOf<float>&, const ViewOf<float>&, bool, SpanOf<float>);
template void add_panel_square(const ViewOf<double>&, SpanOf<double>);
template void add_panel_square(const ViewOf<float>&, SpanOf<float>);

}  // namespace sextant::linalg
