// What ReLU units do with their projections, for a panel of units at a time. Private.
//
// Rows lie one after another, unless a stride is given; biases and coefficients are one to a column. These take a sixth
// of the time of the products beside them, and are compiled for AVX2 and AVX-512 as well as for any processor.
#pragma once

#include "sextant/matrix.h"

namespace sextant::unit_loops {

// z_ij ← max(z_ij + b_j, 0).
template <class Scalar>
void relu(Index rows, Index cols, const Scalar* b, Scalar* z);

// The same, and φ_ij = max(b'_j − z_ij, 0) of z before. φ may be no part of z.
template <class Scalar>
void mirrored_relu(Index rows, Index cols, const Scalar* b, const Scalar* mirrored_b, Scalar* z, Scalar* phi);

// z_ij ← c_ij 1[z_ij ≥ 0] with c_ij = Σ_t r_it a_tj: R rows×k, A k×cols with `A_stride` from row to row.
template <class Scalar>
void mask(Index rows, Index cols, Index k, const Scalar* R, const Scalar* A, Index A_stride, Scalar* z);

// f_i += Σ_j a_j max(z_ij + b_j, 0), with `stride` from one f to the next.
void add_outputs(Index rows, Index cols, const double* z, const double* b, const double* a, double* f, Index stride);
// The same and Σ_j a'_j max(b'_j − z_ij, 0).
void add_mirrored_outputs(Index rows, Index cols, const double* z, const double* b, const double* a,
                          const double* mirrored_b, const double* mirrored_a, double* f, Index stride);

// c_ij = a_j 1[z_ij + b_j > 0], with `stride` from row to row of c.
void slopes(Index rows, Index cols, const double* z, const double* b, const double* a, double* c, Index stride);
// The same less a'_j 1[b'_j − z_ij > 0].
void mirrored_slopes(Index rows, Index cols, const double* z, const double* b, const double* a,
                     const double* mirrored_b, const double* mirrored_a, double* c, Index stride);

}  // namespace sextant::unit_loops
