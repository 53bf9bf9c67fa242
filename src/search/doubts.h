// Rows whose targets the others contradict: a wrong entry between the limits of what is plausible (winsorise.h) is no
// outlier among targets, but one among what a good predictor leaves of them. Private to the search.
//
// Of held-out residuals r of what a first look chose, with s their scale (robust_scale.h, and at least 0.02 of the
// targets' spread), a row is doubtful where |r| > 5s, unless
//   - more than 2 % of the rows are, or 1.5 % of the targets lie 5 spreads from their median: these have tails;
//   - the prediction is itself among the 3 % at that end: the function's own tails;
//   - it is among the 5 % of rows furthest from any other: those know too little of it;
//   - another is more than twice as far off, which comes first.
// What is learned without the doubtful rows D is compared with what was learned with them, on each other row j:
//
//   g_j = min(|r_j|, 5s) − min(|r_j without D|, 5s),   t = Σ g_j/√(Σ g_j²),   t > max(1.5, 14 s/max_D |r_i|).
//
// By what belongs to the function others are better predicted, by what does not they are worse; what is no surprise
// must be the more of a burden. A row that fits once others are gone is no longer doubtful.
#pragma once

#include <vector>

#include "sextant/train.h"

namespace sextant {

// What a search says of rows that were held out of what it learned from.
struct Judged {
  HeldOut held_out;
  std::vector<Index> rows;  // their numbers in the table, in its order
};

// The numbers of the rows that splits of such a source hold out, one split after the other. Cost: one reading.
[[nodiscard]] std::vector<Index> held_out_rows(const RowSource& data, const FitOptions& options);

// Ascending. `doubted`: those that nothing was learned from already, some of which may be doubtful no more. `scaling`:
// of the inputs, by which rows are near or far. Cost n²d where there are others.
[[nodiscard]] std::vector<Index> doubtful_rows(const Judged& judged, const std::vector<Index>& doubted,
                                               const RowSource& data, const Scaling& scaling);

// Whether the rows that are not among `doubted` are better predicted without those, of which nothing was learned from
// those `before` (both ascending) by either fit.
[[nodiscard]] bool better_without(const Judged& with, const std::vector<Index>& before, const Judged& without,
                                  const std::vector<Index>& doubted);

// What the rows of these numbers (ascending) have for targets, and what is predicted for them. Gives them their weights
// in the table back: what is calibrated on held-out rows must hold for all.
[[nodiscard]] std::vector<Contradicted> contradicted(const std::vector<Index>& doubted, const RowSource& data,
                                                     Judged& judged);

}  // namespace sextant
