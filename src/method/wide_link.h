// A smooth function of one index of few rows: g(u·x), g a polynomial in Hermite form (HermiteFeatures) whose degree and
// ridge are those of the least leave-one-out error, u from a start by Gauss and Newton:
//   δ = argmin Σ_i w_i (r_i − g′(u·x_i) x_iᵀδ)² + μ‖δ‖²,   u ← u + δ, halved until the error falls.
// Private to the method layer.
#pragma once

#include <vector>

#include "sextant/feature_map.h"

namespace sextant {

struct IndexLink {
  HermiteFeatures map;  // of the coordinates given, U 1×m
  Vector a;             // of its features
  double constant = 0;
  double error = 0;  // leave-one-out, Σ w r²
};

// g of the index u·x for X n×m, y centred, w of sum 1. Where the index's values at the rows should be others than Xu
// (what models that had not seen a row say of it), these are `seen`.
[[nodiscard]] IndexLink link_of(const Matrix& X, const Vector& u, const Vector& y, const Vector& w,
                                const Vector* seen = nullptr);

// The best of the starts, each improved in at most four steps. Cost of a step: n·m² + 6 links of n·8².
[[nodiscard]] IndexLink single_index(const Matrix& X, const std::vector<Vector>& starts, const Vector& y,
                                     const Vector& w);

}  // namespace sextant
