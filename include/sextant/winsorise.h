// Winsorising: limits beyond which a number is drawn in to the limit, so that a few wild cells (a slipped decimal
// point, a unit mixed up, 10⁶ for "missing") decide nothing, neither where means and standard deviations are taken nor
// where a model predicts. Ordinary numbers of heavy tails stay as they are.
//
// With a, b the quantiles of n values at 0.5 and 99.5 %, but a at least the third smallest and b at most the third
// largest, and below 600 values both also within median ± 20·IQR/1.349 (IQR, the distance of the quartiles, is 1.349
// standard deviations of a normal distribution):
//
//   low = a − c(b − a),   high = b + c(b − a),   c = 2·max(1, 40/n).
//
// Fewer than 40 values know their spread badly, so c grows. Of Gaussian values of any n from 10 on, less than one in
// 1000 columns has a cell beyond these limits; fewer than 8 values have none. Where a = b (nearly all values are the
// same), the limits are median ± 3·(median of |x − median| over the values that differ from it).
//
// A cell far beyond its limits says nothing of its row, not even that it is large: it counts as one that is unknown
// (Scaling). With m the median, s the larger distance of a quartile from it and p the share of values beyond b, a tail
// that goes on as a power from the quartile through b has one value in 10 000 beyond
//
//   m + (b − m)·((b − m)/s)^γ,   γ = ln(10⁴p)/ln(0.25/p),
//
// which no more than heavier tails than a power's exceed. Cells beyond it and beyond `high` are implausible, and alike
// on the other side. Where more than max(1, n/1000) of the values on one side are, none is: being so far out is a thing
// that happens in this column, and may mean something.
#pragma once

#include <limits>
#include <vector>

#include "sextant/context.h"
#include "sextant/row_source.h"

namespace sextant {

struct Limits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

// Of these values, none of them NaN. Infinite for fewer than 8 of them, or where all are the same. Cost: sorting them.
[[nodiscard]] Limits winsor_limits(std::vector<double> values);

// Beyond which a value is implausible; never within `limits`, the values' own. Infinite where s = 0. Cost: sorting.
[[nodiscard]] Limits plausible_limits(std::vector<double> values, const Limits& limits);

// The limits of a table's columns, from rows of positive weight: all of few, a regular sample of at most 20 000 of many
// (fewer where there are many inputs). Missing cells do not count.
struct TableLimits {
  Vector x_low;              // per input; never beyond ±10¹⁴⁰, whose squares can still be added up
  Vector x_high;             //
  Vector x_least;            // per input: cells below are implausible
  Vector x_most;             // and those above
  bool implausible = false;  // whether any row of positive weight has such a cell
  Vector y_low;              // per target
  Vector y_high;             //
  Vector y_min;              // per target: the least of all rows of positive weight
  Vector y_max;              // the largest
};
// Cost: one reading of the rows. Throws what reading them throws.
[[nodiscard]] TableLimits table_limits(const RowSource& rows, const Context& context);

// A target that is learned from as another value than the table's.
struct DrawnTarget {
  Index row = 0;
  Index target = 0;
  double value = 0;
};

// Another source with some of its targets replaced. `drawn`: by row, then by target, ascending; it and the source must
// outlive the view.
class DrawnTargetsSource final : public RowView {
 public:
  DrawnTargetsSource(const RowSource& source, const std::vector<DrawnTarget>& drawn) : RowView(source), drawn_(drawn) {}

  void read(Index first, Index count, Block& block) const override;

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override;
  const std::vector<DrawnTarget>& drawn_;
};

// Another source with some of its rows at weight 0. `rows`: ascending; they and the source must outlive the view.
class WithoutRowsSource final : public RowView {
 public:
  WithoutRowsSource(const RowSource& source, const std::vector<Index>& rows) : RowView(source), without_(rows) {}

  void read(Index first, Index count, Block& block) const override;

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override;
  const std::vector<Index>& without_;
};

}  // namespace sextant
