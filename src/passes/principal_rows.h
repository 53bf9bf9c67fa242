// Pairs of rows where columns are many: Gram matrices n×n, and the few rows that say what Gᵀ G says. Private.
#pragma once

#include "sextant/context.h"
#include "sextant/matrix.h"

namespace sextant {

// XXᵀ and XZᵀ for X n×d, Z m×d, in tiles of rows: the same bits for any number of threads. Cost n²·d/2 and n·m·d.
[[nodiscard]] Matrix row_gram(const Matrix& X, const Context& context);
[[nodiscard]] Matrix row_products(const Matrix& X, const Matrix& Z, const Context& context);

// B q×d with BᵀB ≈ GᵀG: rows √λ_i v_i of its leading eigenpairs, λ descending, each v_i of its canonical sign. As many
// as leave no more than `negligible` of the trace, at most `most`; at least one. From GGᵀ: cost n²·d/2 + 9·n³ + q·n·d.
[[nodiscard]] Matrix principal_rows(const Matrix& G, Index most, double negligible, const Context& context);

}  // namespace sextant
