#include "passes/distance_loops.h"

#include <cmath>
#include <numbers>

#include "core/vector_math.h"
#include "core/wide_loops.h"

namespace sextant::distance_loops {
namespace {

using vector_math::exp2_of;
using vector_math::log2_of;

// p = t^half. A power that square roots and products make is not left to logarithms.
struct Itself {
  template <class Scalar>
  SEXTANT_ALWAYS_INLINE Scalar of(Scalar t, Scalar) {
    return t;
  }
};
struct Root {
  template <class Scalar>
  SEXTANT_ALWAYS_INLINE Scalar of(Scalar t, Scalar) {
    return std::sqrt(t);
  }
};
struct Power {
  template <class Scalar>
  SEXTANT_ALWAYS_INLINE Scalar of(Scalar t, Scalar half) {
    const Scalar p = exp2_of(half * log2_of(t));
    return t > 0 ? p : t;  // 0 and what is no number
  }
};

// exp(−p) for p ≥ 0; what is below the least number is about that.
template <class Scalar>
SEXTANT_ALWAYS_INLINE Scalar exp_minus(Scalar p) {
  constexpr Scalar most = sizeof(Scalar) == sizeof(double) ? 700 : 86;
  return exp2_of(static_cast<Scalar>(-std::numbers::log2e) * (p > most ? most : p));
}

struct SquaredDistances {
  SEXTANT_ALWAYS_INLINE void run(Index cols, double x, const double* __restrict z, double* __restrict s, bool* any) {
    Index count = 0;
#pragma omp simd reduction(+ : count)
    for (Index j = 0; j < cols; ++j) {
      s[j] = x + z[j] - 2 * s[j];
      count += cancels(s[j], x, z[j]) ? 1 : 0;
    }
    *any = count > 0;
  }
};

template <class Raised>
struct Exponentials {
  SEXTANT_ALWAYS_INLINE void run(Index cols, double scale, double half, double* __restrict s) {
#pragma omp simd
    for (Index j = 0; j < cols; ++j) s[j] = exp_minus(Raised::of(scale * s[j], half));
  }
};

template <class Raised>
struct ExponentialSlopes {
  SEXTANT_ALWAYS_INLINE void run(Index cols, double scale, double half, const double* __restrict c,
                                 double* __restrict s, double* sum) {
    double total = 0;
#pragma omp simd reduction(+ : total)
    for (Index j = 0; j < cols; ++j) {
      const double p = Raised::of(scale * s[j], half);
      const double value = 2 * half * c[j] * p / s[j] * exp_minus(p);
      s[j] = s[j] > 0 ? value : 0.0;
      total += s[j];
    }
    *sum = total;
  }
};

struct CityBlockDistances {
  SEXTANT_ALWAYS_INLINE void run(Index cols, Index d, const double* __restrict x, const double* __restrict z,
                                 double* __restrict s) {
    for (Index j = 0; j < cols; ++j) s[j] = 0;
    for (Index l = 0; l < d; ++l, z += cols) {
#pragma omp simd
      for (Index j = 0; j < cols; ++j) s[j] += std::abs(x[l] - z[j]);
    }
  }
};

struct CityBlockSlopes {
  SEXTANT_ALWAYS_INLINE void run(Index cols, Index d, const double* __restrict x, const double* __restrict z,
                                 const double* __restrict c, double* __restrict G) {
    for (Index l = 0; l < d; ++l, z += cols) {
      double sum = 0;
#pragma omp simd reduction(+ : sum)
      for (Index j = 0; j < cols; ++j) sum += z[j] > x[l] ? c[j] : (z[j] < x[l] ? -c[j] : 0.0);
      G[l] += sum;
    }
  }
};

// What a difference of coordinates adds to the distance.
struct Squared {
  template <class Scalar>
  SEXTANT_ALWAYS_INLINE Scalar of(Scalar d) {
    return d * d;
  }
};
struct Absolute {
  template <class Scalar>
  SEXTANT_ALWAYS_INLINE Scalar of(Scalar d) {
    return std::abs(d);
  }
};

template <class Raised, class Difference = Squared>
struct KernelSums {
  template <class Scalar>
  SEXTANT_ALWAYS_INLINE void run(Index rows, Index q, const Scalar* __restrict x, const Scalar* __restrict z,
                                 Scalar half, Index k, const double* __restrict a, double* __restrict sums) {
    constexpr Index m = centres_together;
    alignas(64) Scalar s[m];
    for (Index i = 0; i < rows; ++i, x += q, sums += k) {
      for (Index j = 0; j < m; ++j) s[j] = 0;
      for (Index l = 0; l < q; l += coordinates_together) {
        const Scalar* const z_l = z + l * m;
#pragma omp simd
        for (Index j = 0; j < m; ++j) {
          const Scalar d_0 = x[l] - z_l[j];
          const Scalar d_1 = x[l + 1] - z_l[j + m];
          const Scalar d_2 = x[l + 2] - z_l[j + 2 * m];
          const Scalar d_3 = x[l + 3] - z_l[j + 3 * m];
          s[j] += (Difference::of(d_0) + Difference::of(d_1)) + (Difference::of(d_2) + Difference::of(d_3));
        }
      }
#pragma omp simd
      for (Index j = 0; j < m; ++j) s[j] = exp_minus(Raised::of(s[j], half));
      for (Index t = 0; t < k; ++t) {
        const double* const a_t = a + t * m;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (Index j = 0; j < m; ++j) sum += a_t[j] * static_cast<double>(s[j]);
        sums[t] += sum;
      }
    }
  }
};

// Runs the loop for this power.
template <template <class...> class Loop, class... Args>
void run(double half, Args... args) {
  if (half == 1)
    run_wide<Loop<Itself>>(args...);
  else if (half == 0.5)
    run_wide<Loop<Root>>(args...);
  else
    run_wide<Loop<Power>>(args...);
}

}  // namespace

std::optional<DistanceKernel> of_distance(const Kernel& kernel) {
  const double L = kernel.bandwidth;
  switch (kernel.kind) {
    case KernelKind::gaussian:
      return DistanceKernel{Norm::euclidean, 1 / (2 * L * L), 1};
    case KernelKind::laplace:
      return DistanceKernel{Norm::euclidean, 1 / (L * L), 0.5};
    case KernelKind::exponential:
      return DistanceKernel{Norm::euclidean, 1 / (L * L), kernel.exponent / 2};
    case KernelKind::city_block:
      return DistanceKernel{Norm::city_block, 1 / L, 1};
    default:
      return {};
  }
}

bool squared_distances(Index cols, double x, const double* z, double* s) {
  bool any = false;
  run_wide<SquaredDistances>(cols, x, z, s, &any);
  return any;
}

void city_block_distances(Index cols, Index d, const double* x, const double* z, double* s) {
  run_wide<CityBlockDistances>(cols, d, x, z, s);
}

void add_city_block_slopes(Index cols, Index d, const double* x, const double* z, const double* c, double* G) {
  run_wide<CityBlockSlopes>(cols, d, x, z, c, G);
}

void exponentials(Index cols, double scale, double half, double* s) { run<Exponentials>(half, cols, scale, half, s); }

double exponential_slopes(Index cols, double scale, double half, const double* c, double* s) {
  double sum = 0;
  run<ExponentialSlopes>(half, cols, scale, half, c, s, &sum);
  return sum;
}

template <class Scalar>
void add_kernel_sums(Norm norm, Index rows, Index q, const Scalar* x, const Scalar* z, double half, Index k,
                     const double* a, double* sums) {
  if (norm == Norm::city_block)
    run_wide<KernelSums<Itself, Absolute>>(rows, q, x, z, static_cast<Scalar>(half), k, a, sums);
  else
    run<KernelSums>(half, rows, q, x, z, static_cast<Scalar>(half), k, a, sums);
}
template void add_kernel_sums(Norm, Index, Index, const float*, const float*, double, Index, const double*, double*);
template void add_kernel_sums(Norm, Index, Index, const double*, const double*, double, Index, const double*, double*);

}  // namespace sextant::distance_loops
