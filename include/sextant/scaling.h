// Standardisation: which inputs are used and how inputs and targets are winsorised, centred and scaled. Learned from
// training rows (passes.h: moments; winsorise.h: limits) and stored in the model.
//
//   z_j = (clamp(x_j, low_j, high_j) − mean_j) / scale_j  for the kept inputs j,
//   y'_t = (T_t(clamp(y_t, low_t, high_t)) − mean_t) / scale_t,
//
// where x are the table's inputs and after them those that `levels` makes of them, and
// T_t a transform of target t (target_transform.h), mostly the identity. Limits may be infinite.
//
// An implausible cell, beyond x_least or x_most, counts as unknown: what it is likely to be is said by the row's other
// cells. With P the inverse of the inputs' covariance, U a row's unknown cells, O the others and z̄ the mean,
//
//   z_U = z̄_U − P_UU⁻¹ P_UO (z_O − z̄_O),
//
// the mean of a normal distribution given z_O, drawn in to the limits like any cell; z̄_U where there is no P. (A
// missing cell is z̄ whatever the others say: as such it was learned from.)
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sextant/level_encoding.h"
#include "sextant/row_source.h"
#include "sextant/target_transform.h"

namespace sextant {

struct Scaling {
  std::vector<Index> kept;  // the inputs used, ascending; inputs that never vary are left out
  Vector x_fill;            // per kept input: what stands in for a missing cell (NaN), in the input's own units
  Vector x_mean;            // per kept input
  Vector x_scale;           // > 0
  Vector y_mean;            // per target
  Vector y_scale;           // > 0
  std::vector<TargetTransform> y_transforms = {};  // per target, or empty where none is transformed
  Vector x_low = {};            // per kept input, in its own units: cells beyond are drawn in to it; empty: none is
  Vector x_high = {};           // of the same size
  Vector x_least = {};          // of the same size, or empty: cells below are implausible
  Vector x_most = {};           // and those above
  Matrix x_precision = {};      // P, of scaled kept inputs; empty: implausible cells are the mean
  Vector y_low = {};            // per target, the same of targets that are learned from or chosen by
  Vector y_high = {};           //
  Vector prediction_low = {};   // per target, in its own units: predictions beyond are held back to it; empty: none is
  Vector prediction_high = {};  //
  // Makes inputs d, d + 1, … of the table's d, or null where there are none.
  std::shared_ptr<const LevelEncoding> levels = {};

  [[nodiscard]] Index inputs() const { return static_cast<Index>(kept.size()); }
  [[nodiscard]] Index targets() const { return y_mean.size(); }

  // Means 0, scales 1, every input kept.
  [[nodiscard]] static Scaling identity(Index inputs, Index targets);

  // The same for rows that have the inputs of `levels` already.
  [[nodiscard]] Scaling of_all_inputs() const;

  // X n×(the table's inputs) → Z n×(kept inputs), of rows that `levels` was not learned from. A row with u unknown
  // cells costs d·u + u³/3 more.
  void apply(const MatrixView& X, Matrix& Z) const;
  // Y n×k in the targets' own units → y', and y' → T⁻¹(mean + scale·y'), in the targets' own units.
  [[nodiscard]] Matrix scaled_targets(const Matrix& Y) const;
  [[nodiscard]] Matrix own_units(const Matrix& F) const;
  // Outputs F of a model → predictions: own_units, held back to prediction_low … prediction_high.
  [[nodiscard]] Matrix predictions(const Matrix& F) const;
  // The same of one target.
  [[nodiscard]] Vector predictions(const Vector& f, Index target) const;

 private:
  // `apply` of X that has the inputs of `levels` already.
  void scale(const MatrixView& X, Matrix& Z) const;
};

// Another source, scaled. Throws InvalidArgument when the source has too few inputs or other targets.
class ScaledSource final : public RowView {
 public:
  ScaledSource(const RowSource& source, Scaling scaling);

  [[nodiscard]] Index inputs() const override { return scaling_.inputs(); }
  [[nodiscard]] Index targets() const override { return scaling_.targets(); }
  [[nodiscard]] bool has_missing() const override { return false; }  // they are filled
  [[nodiscard]] InputKind input_kind(Index j) const override {
    const Index at = scaling_.kept[static_cast<std::size_t>(j)];
    return at < source_.inputs() ? source_.input_kind(at) : InputKind::effect;
  }
  [[nodiscard]] std::string input_label(Index j) const override;
  void read(Index first, Index count, Block& block) const override;

 private:
  [[nodiscard]] std::uint64_t find_fingerprint() const override;
  Scaling scaling_;
  mutable Block raw_;
};

}  // namespace sextant
