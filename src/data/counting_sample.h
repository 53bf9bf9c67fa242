// Rows that count, those of positive weight, in memory: all of few, of many a regular sample. Private to the data and
// method layers.
#pragma once

#include <string>

#include "sextant/context.h"
#include "sextant/row_source.h"

namespace sextant {

// X and w of every s-th row that counts, s the least with which `most` suffices were they all to count; so there are
// some wherever any row counts, however weights and row numbers go together. Y is empty. One pass, reported as `stage`.
[[nodiscard]] Block counting_sample(const RowSource& rows, Index most, const Context& context,
                                    const std::string& stage);

}  // namespace sextant
