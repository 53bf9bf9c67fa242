#include "core/canonical_sign.h"

namespace sextant {

void set_row_signs(MatrixSpan A) {
  for (Index i = 0; i < A.rows(); ++i)
    if (canonical_sign(A.row(i)) < 0) A.row(i) *= -1;
}

}  // namespace sextant
