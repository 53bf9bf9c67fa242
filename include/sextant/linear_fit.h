// Step 1 of Algorithm 1: the affine part α + βᵀx that is taken off the targets, in its three readings, all from
// moments.
//
//   none          α = 0, β = 0
//   correlation   α = ȳ, β = (1/n) Σ y_i x_i
//   linear        (Σ̂ + εI) β = (1/n) Σ (x − x̄)(y − ȳ), α = ȳ − βᵀx̄, eigenvalues of Σ̂ below 10⁻¹⁰ of the largest
//   dropped.
//                 ε is chosen per target on held-out moments, from 0, the half decades of lambda_grid() and ∞ (β = 0):
//                 with fewer rows than inputs, plain least squares would leave nothing but noise to the network.
#pragma once

#include <vector>

#include "sextant/linear_part.h"
#include "sextant/options.h"
#include "sextant/passes.h"

namespace sextant {

// The candidates for ε, ascending from 0 to ∞.
[[nodiscard]] const std::vector<double>& epsilon_grid();

// The affine part for one ε per target. Cost d³/3, or 9·d³ where Σ̂ is close to singular, then d² per target.
[[nodiscard]] LinearPart fit_linear(const Moments& train, Preprocess preprocess, const Vector& epsilon);

// The ε of the residual that the gradient step sees, per target: 0 where the linear relation is no more than chance
// makes, else the validated one. A correlation that is there by chance adds the same Σ_i r_i x_i/2 to the gradient of
// every unit, and only ε = 0 takes all of it off, while validation prefers a large ε for predicting. Chance alone makes
// R² = p/n for p directions of Σ̂; up to 3p/n counts as chance. With fewer than 6 rows per direction nothing is decided.
[[nodiscard]] Vector step_epsilon(const Moments& train, const Vector& epsilon);

// Held-out mean squared error of the `linear` reading: candidates×k, from moments alone. Cost d³ + candidates·k·d².
[[nodiscard]] Matrix linear_risks(const Moments& train, const Moments& validation);

// (1/n) Σ w (y − ȳ_train)² over the validation rows, per target: the risk of the training mean.
[[nodiscard]] Vector mean_risk(const Moments& train, const Moments& validation);

}  // namespace sextant
