// Shares from logits. Private.
#pragma once

#include "sextant/matrix.h"

namespace sextant {

// exp(z_c)/Σ exp(z), for logits of any size.
[[nodiscard]] inline Eigen::RowVectorXd softmax(const Eigen::Ref<const Eigen::RowVectorXd>& z) {
  Eigen::RowVectorXd p = (z.array() - z.maxCoeff()).exp();
  return p / p.sum();
}

}  // namespace sextant
