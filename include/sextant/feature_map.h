// Feature maps φ: R^d → R^m. The head knows only sums over φ(x_i), so whatever is listed in FeatureMap shares one ridge
// head, one λ path and one validation rule. The list is closed: an executor implements every pass for every kind on it.
#pragma once

#include <variant>

#include "sextant/matrix.h"

namespace sextant {

// φ(x) = σ(Wx + b), σ = ReLU, W m×d, b m.
//
// A mirrored network stores only the first m/2 rows of W: unit j + m/2 has row −w_j (and its own bias), so its
// projection differs in sign only.
struct ReluNetwork {
  Matrix W;  // m×d, or (m/2)×d when mirrored
  Vector b;  // m
  bool mirrored = false;

  [[nodiscard]] Index width() const { return b.size(); }   // m
  [[nodiscard]] Index inputs() const { return W.cols(); }  // d
  [[nodiscard]] Matrix first_layer() const;                // all m rows
};

using FeatureMap = std::variant<ReluNetwork>;

[[nodiscard]] Index width(const FeatureMap& map);
[[nodiscard]] Index inputs(const FeatureMap& map);

// X n×d → Φ n×m, on the calling thread. Cost n·d·m multiply-adds, half of it for a mirrored network.
void features(const FeatureMap& map, const MatrixView& X, MatrixSpan Phi);

// ∇_x of x ↦ cᵀφ(x) for one column c (m) of a head, at each row of X: G n×d. Cost 2·n·d·m multiply-adds, half if
// mirrored. For the ReLU network it is Σ_j c_j 1[w_j·x + b_j > 0] w_j.
void feature_gradient(const FeatureMap& map, const MatrixView& X, const VectorView& c, MatrixSpan G);

}  // namespace sextant
