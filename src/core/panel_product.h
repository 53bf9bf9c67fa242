// Products with few columns, of what lies in a core's cache: the passes are sums of such. Private.
//
// BLAS copies both factors before it multiplies them, which for products as narrow as the tiles of a pass takes a fifth
// of the time and more. Small kernels (small_kernels.h) read them where they are, and as fast, if consecutive rows of B
// and C lie close together: in panels (panels.h).
#pragma once

#include "core/linalg.h"

namespace sextant::linalg {

// Columns for which panel_product is at its best: 256 bytes with small kernels, 256 columns where BLAS takes their
// place. The same for all of a process's life.
template <class Scalar>
[[nodiscard]] Index panel_width();

// C = op(A)·B, or C += op(A)·B with `add`: B and C of at most about panel_width columns.
template <class Scalar>
void panel_product(Op op_A, const ViewOf<Scalar>& A, const ViewOf<Scalar>& B, bool add, SpanOf<Scalar> C);

// Upper triangle of C += AᵀA, at no more than a panel_product; what is below it may change as well.
template <class Scalar>
void add_panel_square(const ViewOf<Scalar>& A, SpanOf<Scalar> C);

}  // namespace sextant::linalg
