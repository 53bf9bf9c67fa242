// What the rows say of whether a column's levels are worth encoding: squared errors of a target by what rows learn from
// the other parts (level_encoding.h). Everything follows from the sums by level and part, since rows of one level and
// part are predicted alike. Private to the method layer.
#pragma once

#include "method/level_sums.h"

namespace sextant {

// How far something is better than what it is compared with: in standard errors, and as a share of the squared error.
struct Gain {
  double z = 0;
  double share = 0;
};

// Means are drawn to p0 by as many rows of it as serve best, of 3, 10, 30 and 100, on either side of a comparison.
// In all of these, `target` is a position in of.set.targets, `prior` and `square` its mean and mean square.

// Of a column of numbers: the mean of a level's own rows, against means of neighbouring numbers without those rows, of
// as many rows or 4, 16 or 64 times as many, whichever has the least error. None where without the two levels that gain
// most it is below two standard errors: a number that means something of its own does not make the others codes.
[[nodiscard]] Gain gain_over_neighbours(const LevelSums& of, Index target, double prior, double square, PartRule rule,
                                        Index parts);

// How much of the squared error about p0 the levels' means take off.
[[nodiscard]] double gain_over_mean(const LevelSums& of, Index target, double prior, PartRule rule, Index parts);

// Of a linear regression on the means of two columns' levels and of their pair's: t of the pair's coefficient, none
// where it is negative, and the share of what the two leave that it takes off.
[[nodiscard]] Gain gain_over_two(const LevelSums& pair, const LevelSums& first, const LevelSums& second, Index target,
                                 double prior, double square, PartRule rule, Index parts);

}  // namespace sextant
