#include "passes/distance_loops.h"

#include <algorithm>

#include "core/vector_math.h"
#include "core/wide_loops.h"

namespace sextant::distance_loops {
namespace {

// A power that square roots and products make is not left to logarithms.
struct Itself {
  SEXTANT_ALWAYS_INLINE double of(double p, double) { return p; }
};
struct Root {
  SEXTANT_ALWAYS_INLINE double of(double p, double) { return std::sqrt(p); }
};
struct Power {
  SEXTANT_ALWAYS_INLINE double of(double p, double half) { return ::exp(half * ::log(p)); }  // 0 to −∞ and back
};

// What exp is asked for: beyond, it underflows, and vectors of it give way to one call an entry.
constexpr double most = 700;

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

// Powers and their exponentials in loops of their own: in one, the compiler makes a branch of what lies beyond.
template <class Raised>
struct Exponentials {
  SEXTANT_ALWAYS_INLINE void run(Index cols, double scale, double half, double* __restrict s) {
#pragma omp simd
    for (Index j = 0; j < cols; ++j) {
      const double p = Raised::of(scale * s[j], half);
      s[j] = p > most ? -most : -p;
    }
#pragma omp simd
    for (Index j = 0; j < cols; ++j) s[j] = ::exp(s[j]);
  }
};

template <class Raised>
struct ExponentialSlopes {
  SEXTANT_ALWAYS_INLINE void run(Index cols, double scale, double half, const double* __restrict c,
                                 double* __restrict s, double* sum) {
    constexpr Index some = 512;
    double slope[some];
    double minus_p[some];
    double total = 0;
    for (Index at = 0; at < cols; at += some, s += some, c += some) {
      const Index count = std::min(some, cols - at);
#pragma omp simd
      for (Index j = 0; j < count; ++j) {
        const double p = Raised::of(scale * s[j], half);
        slope[j] = 2 * half * c[j] * p / s[j];
        minus_p[j] = p > most ? -most : -p;
      }
#pragma omp simd reduction(+ : total)
      for (Index j = 0; j < count; ++j) {
        const double value = slope[j] * ::exp(minus_p[j]);
        s[j] = s[j] > 0 ? value : 0.0;
        total += s[j];
      }
    }
    *sum = total;
  }
};

// Runs the loop for this power.
template <template <class> class Loop, class... Args>
void run(Index cols, double scale, double half, Args... args) {
  if (half == 1)
    run_wide<Loop<Itself>>(cols, scale, half, args...);
  else if (half == 0.5)
    run_wide<Loop<Root>>(cols, scale, half, args...);
  else
    run_wide<Loop<Power>>(cols, scale, half, args...);
}

}  // namespace

bool squared_distances(Index cols, double x, const double* z, double* s) {
  bool any = false;
  run_wide<SquaredDistances>(cols, x, z, s, &any);
  return any;
}

void exponentials(Index cols, double scale, double half, double* s) { run<Exponentials>(cols, scale, half, s); }

double exponential_slopes(Index cols, double scale, double half, const double* c, double* s) {
  double sum = 0;
  run<ExponentialSlopes>(cols, scale, half, c, s, &sum);
  return sum;
}

}  // namespace sextant::distance_loops
