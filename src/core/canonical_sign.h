// The sign of what mathematics determines only up to one: eigenvectors, singular vectors, rows of a basis, directions.
//
// Of v and −v, the one is taken whose entry of largest size is positive. Entries within 1e-9 of the largest count as
// equal, and the first of them decides, so that rounding does not. LAPACK's own signs are a matter of rounding: another
// processor, or another kernel of BLAS, gives others. This is the one place where signs are chosen.
#pragma once

#include <cmath>

#include "sextant/matrix.h"

namespace sextant {

// 1 or −1: what to multiply v by. 1 for v = 0, an empty v, and one that is not finite. Cost: two readings of v.
template <class Derived>
[[nodiscard]] double canonical_sign(const Eigen::MatrixBase<Derived>& v) {
  constexpr double equal = 1e-9;
  if (v.size() == 0) return 1.0;
  const double least = (1 - equal) * v.cwiseAbs().maxCoeff();
  for (Index i = 0; i < v.size(); ++i)
    if (std::abs(v(i)) >= least) return v(i) < 0 ? -1.0 : 1.0;
  return 1.0;
}

// Gives each row its canonical sign.
void set_row_signs(MatrixSpan A);

}  // namespace sextant
