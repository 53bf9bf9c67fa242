#include "core/wide_loops.h"

namespace sextant::wide {
namespace {

struct Add {
  template <class From, class To>
  SEXTANT_ALWAYS_INLINE void run(Index n, const From* __restrict from, To* __restrict to) {
    for (Index i = 0; i < n; ++i) to[i] += static_cast<To>(from[i]);
  }
};

struct Copy {
  template <class From, class To>
  SEXTANT_ALWAYS_INLINE void run(Index rows, Index cols, const From* __restrict from, Index from_stride,
                                 To* __restrict to, Index to_stride) {
    for (Index i = 0; i < rows; ++i, from += from_stride, to += to_stride)
      for (Index j = 0; j < cols; ++j) to[j] = static_cast<To>(from[j]);
  }
};

struct ScaleRows {
  SEXTANT_ALWAYS_INLINE void run(Index rows, Index cols, const double* __restrict factor, Index factor_stride,
                                 const double* __restrict from, Index from_stride, double* __restrict to,
                                 Index to_stride) {
    for (Index i = 0; i < rows; ++i, factor += factor_stride, from += from_stride, to += to_stride)
      for (Index j = 0; j < cols; ++j) to[j] = *factor * from[j];
  }
};

}  // namespace

template <class From, class To>
void add(Index n, const From* from, To* to) {
  run_wide<Add>(n, from, to);
}

template <class From, class To>
void copy(Index rows, Index cols, const From* from, Index from_stride, To* to, Index to_stride) {
  run_wide<Copy>(rows, cols, from, from_stride, to, to_stride);
}

void scale_rows(Index rows, Index cols, const double* factor, Index factor_stride, const double* from,
                Index from_stride, double* to, Index to_stride) {
  run_wide<ScaleRows>(rows, cols, factor, factor_stride, from, from_stride, to, to_stride);
}

template void add(Index, const double*, double*);
template void add(Index, const float*, float*);
template void add(Index, const float*, double*);
template void copy(Index, Index, const double*, Index, double*, Index);
template void copy(Index, Index, const double*, Index, float*, Index);

}  // namespace sextant::wide
