// Loops in the widest instructions that the processor has. Private.
//
// Sextant is compiled for any processor of its kind, whose vectors are two doubles. A loop that counts is compiled for
// AVX2 and AVX-512 as well, and which to run is found out when it runs.
#pragma once

#include "sextant/matrix.h"

namespace sextant {

#define SEXTANT_ALWAYS_INLINE [[gnu::always_inline]] static inline

// A loop is a class with a SEXTANT_ALWAYS_INLINE void run(args…): inlined here, it is compiled with these instructions.
template <class Loop, class... Args>
void run_as_compiled(Args... args) {
  Loop::run(args...);
}
#ifdef __x86_64__
template <class Loop, class... Args>
__attribute__((target("avx2,fma"))) void run_with_avx2(Args... args) {
  Loop::run(args...);
}
template <class Loop, class... Args>
__attribute__((target("avx512f,avx512dq,avx512vl,prefer-vector-width=512"))) void run_with_avx512(Args... args) {
  Loop::run(args...);
}
#endif

template <class Loop, class... Args>
void run_wide(Args... args) {
#ifdef __x86_64__
  static const bool avx512 =
      __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx512) return run_with_avx512<Loop>(args...);
  if (avx2) return run_with_avx2<Loop>(args...);
#endif
  run_as_compiled<Loop>(args...);
}

// Some that several passes need, between float and double as well. Rows of matrices are so many entries apart.
namespace wide {

// to_i += from_i.
template <class From, class To>
void add(Index n, const From* from, To* to);

// to = from, rounded where To is narrower.
template <class From, class To>
void copy(Index rows, Index cols, const From* from, Index from_stride, To* to, Index to_stride);

// to_ij = factor_i · from_ij, with `factor_stride` from one factor to the next.
void scale_rows(Index rows, Index cols, const double* factor, Index factor_stride, const double* from,
                Index from_stride, double* to, Index to_stride);

}  // namespace wide
}  // namespace sextant
