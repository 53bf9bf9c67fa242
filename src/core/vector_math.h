// exp and log for loops: glibc's libmvec has them for vectors of doubles, within 4 units in the last place, and GCC
// calls those in loops that are told to be of vectors (`omp simd`). Elsewhere they are the usual ones. Private.
#pragma once

#include <cmath>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
extern "C" {
__attribute__((simd("notinbranch"))) double exp(double) noexcept;
__attribute__((simd("notinbranch"))) double log(double) noexcept;
}
#endif

namespace sextant {

// What an exponential of a power takes, in multiply-adds of a matrix product.
inline constexpr double exponential_cost = 60;

}  // namespace sextant
