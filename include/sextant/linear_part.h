// The affine part of a predictor: x ↦ α + βᵀx, with α k and β d×k.
#pragma once

#include "sextant/matrix.h"

namespace sextant {

struct LinearPart {
  Vector alpha;
  Matrix beta;

  // α = 0, β = 0.
  [[nodiscard]] static LinearPart zero(Index inputs, Index targets) {
    return {Vector::Zero(targets), Matrix::Zero(inputs, targets)};
  }

  // X n×d → n×k.
  [[nodiscard]] Matrix operator()(const MatrixView& X) const {
    Matrix Y = X * beta;
    Y.rowwise() += alpha.transpose();
    return Y;
  }
};

}  // namespace sextant
