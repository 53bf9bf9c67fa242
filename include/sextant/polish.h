// Polish: damped Gauss–Newton steps on the directions themselves, with the head projected out (variable projection,
// Golub and Pereyra 1973).
//
// The model is f(x) = α + βᵀx + Σ_α c_α he_α(z), z = Ux − Ux̄, a polynomial link of total degree D (feature_map.h:
// HermiteFeatures), U scaled to UΣ̂Uᵀ = I. For every U the coefficients are the ridge solution, so
//   J(U) = min_c (1/n) Σ_i w_i (r_i − cᵀφ(z_i))² + (λ/2)‖c‖²
// is a function of U alone. A step solves (H + μ h̄ I) δ = g for the normal equations of passes.h (gauss_newton_sums), h̄
// their mean diagonal, and moves U by δ; J decides: a step that lowers it is taken and μ falls by 5, else μ rises by 4
// and the step is tried again. With r·d above a threshold the equations are solved by conjugate gradients, products
// only.
#pragma once

#include <vector>

#include "sextant/context.h"
#include "sextant/feature_map.h"
#include "sextant/linear_part.h"
#include "sextant/passes.h"
#include "sextant/row_source.h"

namespace sextant {

struct PolishOptions {
  int degree = 4;           // D ≥ 1, of the link
  double ridge = 1e-3;      // λ > 0, of its coefficients
  Index steps = 15;         // ≥ 0 steps at most
  double tolerance = 1e-5;  // stops when a step lowers J by less than this share of it
  Index direct = 512;       // largest r·d whose normal equations are factorised

  // Throws InvalidArgument naming the field, its value and the rule.
  void check() const;
};

// What one step did.
struct PolishStep {
  double objective = 0;   // J after it
  double damping = 0;     // the μ that was accepted
  double angle = 0;       // largest principal angle to the subspace before it, in radians
  double validation = 0;  // held-out mean square over all targets; NaN without held-out rows
};

struct Polished {
  HermiteFeatures link;  // its U, r×d, are the directions
  Matrix a;              // P×k coefficients
  double objective = 0;  // J, summed over targets
  bool converged = false;
  Index best_step = 0;  // whose result this is: the best validated one; without held-out rows the last. 0: the start
  std::vector<PolishStep> trace;  // one entry per step taken
};

// Polishes from the rows of U r×d (made independent if they are not: dependent rows are dropped). `of_rows`: the
// moments of the same rows. Throws InvalidArgument when U spans nothing, NumericalError when sums are not finite. Cost
// per step n·(P²/2 + (rd)²/2).
[[nodiscard]] Polished polish(const RowSource& rows, const Moments& of_rows, const LinearPart& linear, const Matrix& U,
                              const PolishOptions& options, const Context& context,
                              const RowSource* held_out = nullptr);

// Directions to start from, on the scale of x, each r×d or fewer rows: where to look for hidden directions when nothing
// is known. From the leading generalised eigenvectors v of the spectral moments M_t (by size, summed over targets as
// |M_t|), taken back to x by Σ̂⁻¹: `clipped` and `magnitude`, alone and with the linear relation β first. For r = 1 each
// of the leading `tries` vectors is a start of its own. Cost 2·k·n·d²/2 and a few d³.
[[nodiscard]] std::vector<Matrix> discovered_starts(const RowSource& rows, const Moments& of_rows,
                                                    const LinearPart& linear, Index r, Index tries,
                                                    const Context& context);

// What may go with a link's directions, each count×d or fewer rows, to start more directions from. With r = y − f(x)
// what the link leaves, drawn in to three of its standard deviations, and φ products of its z up to degree 3, these are
// the leading generalised eigenvectors, with respect to Σ̂ and beside the link's own directions, of
//
//   Σ_φ G_φᵀG_φ,   G_φ = mean r φ(z)(x − x̄)ᵀ,
//
// and, by size, of at most 8 pairs of a target and a φ,
//
//   M_φ = mean r φ(z)((x − x̄)(x − x̄)ᵀ − Σ̂).
//
// A direction whose part in y is odd, or of a high degree, may not show in moments of y, but for given z it is of a
// lower one (sin(2z₁)z₂ is: mean y(xxᵀ − I) is nearly of rank one). Cost that of `interaction_cost`.
[[nodiscard]] std::vector<Matrix> interacting_starts(const RowSource& rows, const Moments& of_rows,
                                                     const LinearPart& linear, const Polished& polished, Index count,
                                                     const Context& context);

// Multiply-adds of that at most: n·d² and an eigendecomposition for each pair and for the first sum.
[[nodiscard]] double interaction_cost(Index rows, Index inputs);

}  // namespace sextant
