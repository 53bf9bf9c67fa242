// The products Π_l he_{α_l}(z_l) of total degree |α| ≤ D in r variables, each as another one times a single factor:
// what links of few directions are made of (feature_map.h).
#pragma once

#include <vector>

#include "sextant/matrix.h"

namespace sextant {

// Term 0 is the constant 1, and term t is term `parent` times he_power(z_axis), where axis is the largest with a
// positive exponent. `lower[l]` is the term with one degree less in z_l, −1 if α_l = 0.
struct ProductTerm {
  Index parent = 0;
  Index axis = 0;
  int power = 0;
  std::vector<int> alpha;    // r exponents
  std::vector<Index> lower;  // r
};

// Those of r ≥ 1 directions up to degree D ≥ 0, by total degree, then in lexicographic order of α. A list is made once
// and kept for as long as the program runs, since every block of rows needs it. Safe to call from several threads.
[[nodiscard]] const std::vector<ProductTerm>& product_terms(Index r, int degree);

// (r + D choose D), or the largest Index where it overflows.
[[nodiscard]] Index product_term_count(Index r, int degree);

}  // namespace sextant
