// Choices between numbers that may differ by rounding alone: errors of candidates, objectives, sizes of eigenvalues.
//
// Two numbers within 1e-7 of each other, relative to their size, are tied. Of tied candidates the first in order is
// chosen (of ridge parameters the largest: ridge_head.h), so that another processor chooses the same.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

namespace sextant {

inline constexpr double tie_tolerance = 1e-7;

// a < b beyond a tie. Never where either is NaN.
[[nodiscard]] inline bool clearly_less(double a, double b) {
  if (std::isinf(a) || std::isinf(b)) return a < b;
  return a < b - tie_tolerance * std::fmax(std::abs(a), std::abs(b));
}

// 0 … n − 1, the smallest value first; of those tied with the smallest that is left, the first in order. NaN comes
// last. Cost n², for the few candidates of a choice or the eigenvalues of a matrix.
[[nodiscard]] std::vector<std::size_t> order_with_ties(std::span<const double> values);

}  // namespace sextant
