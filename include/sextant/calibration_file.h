// Calibrations of `plan` (theory.h) from a table of measured crossings, as the experiment `dimension` writes it.
//
// Columns, in any order and among others: level (of the excess risk), method, width (m), p, r, d, n_star (n at which
// the level is reached; empty where it was not), and kappa, 1 throughout when it is not there. Only rows whose method
// is algorithm-1 count.
#pragma once

#include <string>

#include "sextant/table.h"
#include "sextant/theory.h"

namespace sextant {

// The crossings at one level for problems like `problem`: those of its p, r and κ if there are any, otherwise all must
// be of one p, r and κ, and the plan scales them. Of several widths the one with most crossings, then the largest.
// Throws DataError that says where the table is wrong, which levels or problems it has when what is asked for is not
// among them, and what open_table throws. `options.choose` is replaced.
[[nodiscard]] Calibration read_calibration(const std::string& path, double level, const Problem& problem,
                                           TableOptions options = {});

}  // namespace sextant
