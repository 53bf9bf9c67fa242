// A piecewise-linear lift of the inputs: each input becomes as many coordinates as it has intervals between knots, each
// of which rises from 0 to 1 over its own interval,
//   e_ji(x) = clamp((x_j − t_ji)/(t_j,i+1 − t_ji), 0, 1),
// so that Σ_i c_i e_ji is any continuous function of x_j that is linear between the knots and constant beyond them.
// Distances in lifted coordinates count quantiles and levels, not units: heavy tails, steps and inputs of a few levels
// (which real tables are full of) become harmless, and directions of the lifted space are sums of functions of single
// inputs. Knots are quantiles of the training rows, or the levels themselves where there are few.
// Source: Gorishniy, Rubachev and Babenko, On Embeddings for Numerical Features in Tabular Deep Learning, NeurIPS 2022.
#pragma once

#include <vector>

#include "sextant/context.h"
#include "sextant/linear_part.h"
#include "sextant/row_source.h"

namespace sextant {

struct Lift {
  std::vector<Vector> knots;  // per input j: at least 2, strictly ascending

  [[nodiscard]] Index inputs() const { return static_cast<Index>(knots.size()); }  // d
  [[nodiscard]] Index coordinates() const;                                         // D = Σ_j (knots of j − 1)

  // X n×d → Z n×D.
  void apply(const MatrixView& X, Matrix& Z) const;
  // The chain rule: slopes G n×D in the coordinates at the rows X → slopes n×d in the inputs, which are 0 beyond the
  // knots. At a knot the slope is that of the interval above it.
  [[nodiscard]] Matrix pull_back(const MatrixView& X, const MatrixView& G) const;
};

// Knots at `intervals` ≥ 1 equal shares of the rows with positive weight, or at all levels of an input with at most
// intervals + 1 of them. Quantiles are of all rows if they are few, else of a regular sample of at most 20 000. An
// input that never varies gets one interval around its value, which tells nothing. One pass. Throws InvalidArgument
// when intervals < 1.
[[nodiscard]] Lift learn_lift(const RowSource& rows, Index intervals, const Context& context);

// Another source whose linear part is taken off and whose inputs are lifted: y − α − βᵀx against e(x).
class LiftedSource final : public RowSource {
 public:
  // `source` must outlive this. Throws InvalidArgument when the source has another number of inputs than the lift.
  LiftedSource(const RowSource& source, LinearPart linear, Lift lift);

  [[nodiscard]] Index rows() const override { return source_.rows(); }
  [[nodiscard]] Index inputs() const override { return lift_.coordinates(); }
  [[nodiscard]] Index targets() const override { return source_.targets(); }
  [[nodiscard]] std::string target_label(Index t) const override { return source_.target_label(t); }
  void read(Index first, Index count, Block& block) const override;

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override;
  const RowSource& source_;
  LinearPart linear_;
  Lift lift_;
  mutable Matrix lifted_;
};

}  // namespace sextant
