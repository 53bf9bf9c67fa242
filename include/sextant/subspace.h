// Measures of subspaces: spectra, a rank estimate, angles between subspaces.
#pragma once

#include "sextant/matrix.h"

namespace sextant {

// The directions in a symmetric non-negative d×d matrix (a gradient outer product, or WᵀW).
struct Spectrum {
  Vector values;      // d eigenvalues, ≥ 0, descending, sum 1 (all 0 if the matrix is 0)
  Matrix directions;  // d×d: row i is the unit eigenvector of values[i]; its entry of largest size is positive, the
                      // first of those within 1e-9 of it
};
// Throws NumericalError when A holds a value that is not finite. Cost about 9·d³.
[[nodiscard]] Spectrum spectrum(const Matrix& A);

// The spectrum of BᵀB for B q×d with orthogonal rows of descending length (gradient_factor of passes.h): q values and
// q×d directions. Cost q·d.
[[nodiscard]] Spectrum factor_spectrum(const Matrix& B);

// The spectrum of a first layer W m×d: eigenvalues of WᵀW (squared singular values) and right singular vectors.
[[nodiscard]] Spectrum first_layer_spectrum(const Matrix& W);

// How many directions matter, by the gap rule of active subspaces (Constantine 2015; the eigenvalue-ratio estimator of
// Ahn and Horenstein 2013 with a floor): the r < d with the largest ratio (λ_r + δ)/(λ_{r+1} + δ), where δ is a
// thousandth of the sum of the spectrum, so that ratios between eigenvalues which are all negligible do not count. Of
// ratios within 1e-7 of each other the first counts.
struct RankEstimate {
  Index rank = 0;    // d when no ratio reaches 2 (no gap), 0 when the spectrum is 0
  double ratio = 1;  // the ratio at the gap
  double share = 0;  // of the spectrum, carried by the first `rank` directions
};
[[nodiscard]] RankEstimate estimate_rank(const Vector& spectrum);

// An orthonormal basis of the row space of U r×d, as rows: rank(U)×d, each of the sign of Spectrum's. Row i is in the
// span of U's first i rows where U's rows are independent (Gram and Schmidt). Throws InvalidArgument, its message
// beginning with `what`, when U holds a value that is not finite or no row other than 0.
[[nodiscard]] Matrix orthonormal_basis(const Matrix& U, const char* what);

// The principal angles in radians, ascending, between the row spaces of U r×d and V q×d: min(r, q) of them. Rows need
// not be orthonormal; dependent ones count once. Small angles come from sines, so they are exact to rounding (Björck
// and Golub 1973). Throws InvalidArgument when the numbers of columns differ, or a row space is {0}.
[[nodiscard]] Vector principal_angles(const Matrix& U, const Matrix& V);

// ‖Π_U Π_V‖_F² / min(r, q): the mean squared cosine of the principal angles, 1 when one subspace holds the other and
// about max(r, q)/d for random ones. For two single directions, the square of |u·v|.
[[nodiscard]] double overlap(const Matrix& U, const Matrix& V);

}  // namespace sextant
