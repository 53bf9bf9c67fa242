// All that a fit is a function of, by name, for its checkpoint: rows, columns, options and seed, and the version and
// BLAS whose rounding it has. Rows and other large things are named by a fingerprint, against mistakes, not against
// malice.
#pragma once

#include "sextant/checkpoint.h"
#include "sextant/context.h"
#include "sextant/encoding.h"
#include "sextant/model.h"
#include "sextant/options.h"
#include "sextant/row_source.h"

namespace sextant {

// Of fit(data, encoding, options, context, validation). Costs a reading of the rows, whose fingerprints are known then.
[[nodiscard]] Provenance provenance(const RowSource& data, const Encoding& encoding, const FitOptions& options,
                                    const Context& context, const RowSource* validation = nullptr);

// What a transfer takes from a model, to be added to that: a number of all that is in it.
[[nodiscard]] std::string content_of(const Model& model);

}  // namespace sextant
