// Several methods on one table: fitted on the same rows, measured on the same other rows that none of them saw, ranked,
// and asked whether they found the same directions.
//
// The test rows are taken off first; every method then scales, trains, chooses and trains again within the rest, as
// `fit` does. Two rows of the ranking are always there: the mean of the training targets, and the linear model (ridge
// chosen like everything else), which say what the others are worth.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sextant/model.h"

namespace sextant {

struct ComparisonOptions {
  std::vector<Method> methods;  // at least one, none twice
  FitOptions fit;               // of every method; `method` is not read
  double test_share = 0.2;  // in (0, 0.5]: of the rows, unless test rows are given; as hold_out (splits.h) takes them

  // Throws InvalidArgument naming the field, its value and the rule.
  void check() const;
};

// The leading directions of a model beside others: see subspace.h.
struct Agreement {
  double largest_angle = 0;  // principal angle, in radians; 0 when one subspace holds the other
  double overlap = 0;        // mean squared cosine of the principal angles
};

struct Contender {
  std::string method;   // as `name(Method)` says, "linear" or "mean"
  std::string failure;  // why there is no result: the sentence of what was thrown. What follows is then empty or NaN
  Scores scores;        // on the test rows
  double rmse = 0;      // mean over targets, each in its own unit
  double r2 = 0;        // mean over targets; NaN when one of them does not vary over the test rows
  // Mean over targets of the squared error over that of the mean: what the ranking goes by. For one target it ranks as
  // rmse does. (A target that the mean predicts without error counts as it is.) Of a class: the log-loss over that of
  // the mean, whose outputs are the frequencies; scores.classes has accuracy and log-loss.
  double relative_error = 0;
  double seconds = 0;
  std::optional<Directions> directions;  // none for a constant model
  std::optional<Agreement> with_best;    // none without directions, or when `Comparison::rank` is 0
};

struct Comparison {
  Index rows = 0;                     // to learn from, validation rows included
  Index test_rows = 0;                // with positive weight
  std::vector<Contender> contenders;  // the smallest error first, those that failed last, in the order asked for
  std::string best;  // whose directions the others' are compared with: the first contender that found any but "linear"
  // and "mean"; empty if none did
  Index rank = 0;  // r of that comparison: fit.rank, or the best's own estimate; 0 when no few directions stand out
};

// `data` is read through `encoding`. `test`: rows to measure on, or null to take off a share of `data`; `validation`:
// as in `fit`. A method that throws (too large, not applicable) becomes a contender with a failure; what the mean and
// the linear model throw concerns the table, and is thrown on, as is Cancelled. Progress tells "METHOD: stage". Throws
// InvalidArgument for options that break their rules, DataError when there are no test rows. Cost: those of the fits.
[[nodiscard]] Comparison compare(const RowSource& data, const Encoding& encoding, const ComparisonOptions& options,
                                 const Context& context = {}, const RowSource* test = nullptr,
                                 const RowSource* validation = nullptr);

// The leading r directions of a model, those that carry anything, beside the rows of U (on the same inputs).
[[nodiscard]] Agreement agreement(const Directions& found, Index r, const Matrix& U);

}  // namespace sextant
