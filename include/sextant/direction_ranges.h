// Where a model has seen rows: the range of the training rows' projections on the directions that matter, and which
// other rows lie outside it. There a prediction is extrapolation.
#pragma once

#include <vector>

#include "sextant/context.h"
#include "sextant/row_source.h"
#include "sextant/scaling.h"
#include "sextant/subspace.h"

namespace sextant {

struct Model;

// Of the leading eigenvectors v_i of A = gradient outer product: as many as carry 99 % of its spectrum, at most 10.
struct DirectionRanges {
  Matrix directions;  // r×d: row i is v_i, on scaled kept inputs
  Vector low;         // r: min over the rows of v_i·z
  Vector high;        // r: max; ≥ low
};

// Over the rows of positive weight of `data` (all inputs, in their own units), scaled by `scaling`. r = 0 when A = 0.
// Cost: one reading of the rows and n·r·d, besides 9·d³ for the eigenvectors. Throws what passes throw.
[[nodiscard]] DirectionRanges direction_ranges(const RowSource& data, const Scaling& scaling, const Matrix& A,
                                               const Context& context = {});
// The same of A's leading eigenpairs, of which `found.directions` may hold fewer than d. Cost without the 9·d³.
[[nodiscard]] DirectionRanges direction_ranges(const RowSource& data, const Scaling& scaling, const Spectrum& found,
                                               const Context& context = {});

// Rows that lie outside along one direction.
struct OutsideRange {
  Index direction = 0;  // from 0: row of DirectionRanges::directions
  Index rows = 0;       // how many, > 0
  Index first_row = 0;  // the first of them, from 0
};
struct Extrapolation {
  Index rows = 0;  // rows looked at: of positive weight, and without a missing cell under Missing::drop
  std::vector<OutsideRange> outside;  // of the directions along which some row lies outside, in their order
  Index drawn_in = 0;                 // rows with an input beyond its limits (Scaling::x_low), drawn in to it
  Index first_drawn_in = 0;           // the first of them, from 0
  // Rows with a number that the model learned from as a code and no training row has (Scaling::levels).
  Index unseen_codes = 0;
  Index first_unseen_code = 0;
};

// Predictions that lie at the ends of what the model may predict (Scaling::prediction_low): they were held back there.
struct HeldBack {
  std::vector<Index> rows;       // per target: how many
  std::vector<Index> first_row;  // per target: the first of them

  // Adds predictions of rows first_row … in the order of the rows. Rows with NaN do not count.
  void add(const Model& model, const Matrix& Y, Index first_row);
};

// Rows further outside than a hundredth of the range count. Nothing is outside of a model without ranges (read from a
// file of an earlier version). Throws InvalidArgument for rows of other inputs than the model's.
[[nodiscard]] Extrapolation extrapolation(const Model& model, const RowSource& data, const Context& context = {});

}  // namespace sextant
