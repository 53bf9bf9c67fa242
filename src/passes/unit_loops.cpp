#include "passes/unit_loops.h"

#include <algorithm>
#include <type_traits>

#include "core/wide_loops.h"

namespace sextant::unit_loops {
namespace {

// In these, `cols` is an Index or a number known to the compiler, which then keeps biases and coefficients in
// registers.

template <class Scalar>
SEXTANT_ALWAYS_INLINE Scalar positive(Scalar z) {
  return z > 0 ? z : Scalar{0};
}

struct Relu {
  template <class Scalar>
  SEXTANT_ALWAYS_INLINE void run(Index rows, auto cols, const Scalar* __restrict b, Scalar* __restrict z) {
    for (Index i = 0; i < rows; ++i, z += cols)
      for (Index j = 0; j < cols; ++j) z[j] = positive(z[j] + b[j]);
  }
};

struct MirroredRelu {
  template <class Scalar>
  SEXTANT_ALWAYS_INLINE void run(Index rows, auto cols, const Scalar* __restrict b, const Scalar* __restrict mirrored_b,
                                 Scalar* __restrict z, Scalar* __restrict phi) {
    for (Index i = 0; i < rows; ++i, z += cols, phi += cols)
      for (Index j = 0; j < cols; ++j) {
        const Scalar projection = z[j];
        z[j] = positive(projection + b[j]);
        phi[j] = positive(mirrored_b[j] - projection);
      }
  }
};

struct Mask {
  template <class Scalar>
  SEXTANT_ALWAYS_INLINE void run(Index rows, auto cols, const Scalar* __restrict r, const Scalar* __restrict a,
                                 Scalar* __restrict z) {
    for (Index i = 0; i < rows; ++i, z += cols)
      for (Index j = 0; j < cols; ++j) {
        const Scalar c = r[i] * a[j];
        z[j] = z[j] >= 0 ? c : Scalar{0};
      }
  }
};

struct MaskOfSeveral {
  template <class Scalar>
  SEXTANT_ALWAYS_INLINE void run(Index rows, auto cols, Index k, const Scalar* __restrict R, const Scalar* __restrict A,
                                 Index A_stride, Scalar* __restrict z) {
    constexpr Index most = 64;  // coefficients at a time
    for (Index i = 0; i < rows; ++i, z += cols, R += k)
      for (Index at = 0; at < cols; at += most) {
        const Index count = std::min<Index>(most, cols - at);
        Scalar c[most] = {};
        for (Index t = 0; t < k; ++t)
          for (Index j = 0; j < count; ++j) c[j] += R[t] * A[t * A_stride + at + j];
        for (Index j = 0; j < count; ++j) z[at + j] = z[at + j] >= 0 ? c[j] : Scalar{0};
      }
  }
};

struct AddOutputs {
  SEXTANT_ALWAYS_INLINE void run(Index rows, auto cols, const double* __restrict z, const double* __restrict b,
                                 const double* __restrict a, double* __restrict f, Index stride) {
    for (Index i = 0; i < rows; ++i, z += cols, f += stride) {
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (Index j = 0; j < cols; ++j) sum += a[j] * positive(z[j] + b[j]);
      *f += sum;
    }
  }
};

struct AddMirroredOutputs {
  SEXTANT_ALWAYS_INLINE void run(Index rows, auto cols, const double* __restrict z, const double* __restrict b,
                                 const double* __restrict a, const double* __restrict mirrored_b,
                                 const double* __restrict mirrored_a, double* __restrict f, Index stride) {
    for (Index i = 0; i < rows; ++i, z += cols, f += stride) {
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (Index j = 0; j < cols; ++j)
        sum += a[j] * positive(z[j] + b[j]) + mirrored_a[j] * positive(mirrored_b[j] - z[j]);
      *f += sum;
    }
  }
};

struct Slopes {
  SEXTANT_ALWAYS_INLINE void run(Index rows, auto cols, const double* __restrict z, const double* __restrict b,
                                 const double* __restrict a, double* __restrict c, Index stride) {
    for (Index i = 0; i < rows; ++i, z += cols, c += stride)
      for (Index j = 0; j < cols; ++j) c[j] = z[j] + b[j] > 0 ? a[j] : 0.0;
  }
};

struct MirroredSlopes {
  SEXTANT_ALWAYS_INLINE void run(Index rows, auto cols, const double* __restrict z, const double* __restrict b,
                                 const double* __restrict a, const double* __restrict mirrored_b,
                                 const double* __restrict mirrored_a, double* __restrict c, Index stride) {
    for (Index i = 0; i < rows; ++i, z += cols, c += stride)
      for (Index j = 0; j < cols; ++j)
        c[j] = (z[j] + b[j] > 0 ? a[j] : 0.0) - (mirrored_b[j] - z[j] > 0 ? mirrored_a[j] : 0.0);
  }
};

// Runs it on so many columns, which the compiler knows where they are as many as usual.
template <class Loop, class Scalar, class... Args>
void run(Index rows, Index cols, Args... args) {
  using Usual = std::integral_constant<Index, 256 / sizeof(Scalar)>;
  if (cols == Usual::value)
    run_wide<Loop>(rows, Usual{}, args...);
  else
    run_wide<Loop>(rows, cols, args...);
}

}  // namespace

template <class Scalar>
void relu(Index rows, Index cols, const Scalar* b, Scalar* z) {
  run<Relu, Scalar>(rows, cols, b, z);
}

template <class Scalar>
void mirrored_relu(Index rows, Index cols, const Scalar* b, const Scalar* mirrored_b, Scalar* z, Scalar* phi) {
  run<MirroredRelu, Scalar>(rows, cols, b, mirrored_b, z, phi);
}

template <class Scalar>
void mask(Index rows, Index cols, Index k, const Scalar* R, const Scalar* A, Index A_stride, Scalar* z) {
  if (k == 1)
    run<Mask, Scalar>(rows, cols, R, A, z);
  else
    run<MaskOfSeveral, Scalar>(rows, cols, k, R, A, A_stride, z);
}

void add_outputs(Index rows, Index cols, const double* z, const double* b, const double* a, double* f, Index stride) {
  run<AddOutputs, double>(rows, cols, z, b, a, f, stride);
}

void add_mirrored_outputs(Index rows, Index cols, const double* z, const double* b, const double* a,
                          const double* mirrored_b, const double* mirrored_a, double* f, Index stride) {
  run<AddMirroredOutputs, double>(rows, cols, z, b, a, mirrored_b, mirrored_a, f, stride);
}

void slopes(Index rows, Index cols, const double* z, const double* b, const double* a, double* c, Index stride) {
  run<Slopes, double>(rows, cols, z, b, a, c, stride);
}

void mirrored_slopes(Index rows, Index cols, const double* z, const double* b, const double* a,
                     const double* mirrored_b, const double* mirrored_a, double* c, Index stride) {
  run<MirroredSlopes, double>(rows, cols, z, b, a, mirrored_b, mirrored_a, c, stride);
}

template void relu(Index, Index, const double*, double*);
template void relu(Index, Index, const float*, float*);
template void mirrored_relu(Index, Index, const double*, const double*, double*, double*);
template void mirrored_relu(Index, Index, const float*, const float*, float*, float*);
template void mask(Index, Index, Index, const double*, const double*, Index, double*);
template void mask(Index, Index, Index, const float*, const float*, Index, float*);

}  // namespace sextant::unit_loops
