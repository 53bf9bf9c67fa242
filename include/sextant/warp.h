// One increasing function per input, for inputs whose units say little about how the target varies: heavy tails, a few
// crowded values, steps. Each result has mean 0 and variance 1 over the rows it was learned from, but for slopes.
//
//   soft_clip      u/√(1 + (u/c)²) of the robust u = (x − median)/(interquartile range/1.349), c = 3: linear in the
//                  middle, within ±c beyond (as in RealMLP: Holzmüller, Grinsztajn and Steinwart, NeurIPS 2024)
//   normal_scores  Φ⁻¹ of the share of rows below x, half of those at x counted, at up to 1 001 knots and linear
//                  between them; constant beyond the rows
//   slopes         steepest where a predictor is, linear between quantiles of x; constant beyond the rows
//                  (method/axis_warp.h)
#pragma once

#include <string>
#include <vector>

#include "sextant/context.h"
#include "sextant/row_source.h"

namespace sextant {

enum class WarpKind { none, soft_clip, normal_scores, slopes };

struct Warp {
  WarpKind kind = WarpKind::none;
  // Per input j, ascending: of normal scores the values x at the knots; of a soft clip the median and the median plus
  // interquartile range/1.349.
  std::vector<Vector> knots;
  std::vector<Vector> scores;  // at the knots; of a soft clip none
  Vector mean;                 // d: of the function over the rows
  Vector scale;                // d, > 0: its standard deviation

  [[nodiscard]] Index inputs() const { return static_cast<Index>(knots.size()); }  // d
  // X n×d → Z n×d. Cost n·d, times log of the knots for normal scores.
  void apply(const MatrixView& X, Matrix& Z) const;
  // The chain rule: slopes G n×d after the warp at the rows X → slopes n×d before it. At a knot the slope is that of
  // the interval above it.
  [[nodiscard]] Matrix pull_back(const MatrixView& X, const MatrixView& G) const;
};

[[nodiscard]] std::string name(WarpKind kind);                    // "none", "soft-clip", "normal-scores", "slopes"
[[nodiscard]] WarpKind warp_kind_named(const std::string& name);  // throws InvalidArgument that lists them

// From all rows with positive weight if they are few, else a regular sample of at most 20 000; weights count. An input
// of which half the rows are one value has the standard deviation in place of a range of 0. One pass. Throws
// InvalidArgument for none and slopes, which rows alone do not teach.
[[nodiscard]] Warp learn_warp(const RowSource& rows, WarpKind kind, const Context& context);

// Another source whose inputs are warped.
class WarpedSource final : public RowView {
 public:
  // `source` must outlive this. Throws InvalidArgument when the source has another number of inputs than the warp.
  WarpedSource(const RowSource& source, Warp warp);

  void read(Index first, Index count, Block& block) const override;
  [[nodiscard]] const Warp& warp() const { return warp_; }

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override;
  Warp warp_;
  mutable Matrix warped_;
};

}  // namespace sextant
