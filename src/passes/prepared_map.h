// Feature maps made ready for many rows. Private.
//
// A ReLU network's first layer is copied into panels once, and a panel's projections are used while they are in a
// core's cache. Other maps do as sextant/feature_map.h says, whatever the number of rows.
#pragma once

#include <variant>

#include "core/linalg.h"
#include "core/panels.h"
#include "sextant/feature_map.h"

namespace sextant {

// Projections z = Wx on a ReLU network's h rows of W, some units at a time.
template <class Scalar>
class FirstLayer {
 public:
  explicit FirstLayer(const ReluNetwork& network);
  [[nodiscard]] const PanelColumns& units() const { return W_.columns(); }
  [[nodiscard]] bool mirrored() const { return b_.size() > units().total(); }
  // Z = those of the rows X on the units of panel p.
  void project(const ViewOf<Scalar>& X, Index p, SpanOf<Scalar> Z) const;
  // Biases of the units of panel p, and of those that mirror them.
  [[nodiscard]] const Scalar* b(Index p) const { return b_.data() + units().first(p); }
  [[nodiscard]] const Scalar* mirrored_b(Index p) const { return b(p) + units().total(); }

 private:
  Panels<Scalar> W_;                            // Wᵀ, d×h
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> b_;  // m
};

// φ(x) in one precision: of a ReLU network computed so, of other maps rounded.
template <class Scalar>
class PreparedFeatures {
 public:
  // Keeps a reference to the map.
  explicit PreparedFeatures(const FeatureMap& map);
  // In which panels features lie.
  [[nodiscard]] const PanelColumns& columns() const { return columns_; }
  // Features of the rows X, into rows of Phi from `first` on.
  void operator()(const MatrixView& X, Panels<Scalar>& Phi, Index first) const;

 private:
  const FeatureMap& map_;
  std::optional<FirstLayer<Scalar>> layer_;
  PanelColumns columns_;
};

// factor·aᵀφ(x) for a m×k.
class PreparedOutputs {
 public:
  // Keeps a reference to the map.
  PreparedOutputs(const FeatureMap& map, const MatrixView& a, double factor);
  // F += those of the rows X; F rows×k.
  void add(const MatrixView& X, MatrixSpan F) const;

 private:
  const FeatureMap& map_;
  std::optional<FirstLayer<double>> layer_;
  Matrix a_;            // times the factor
  Matrix a_of_target_;  // the same, k×m
};

// ∇ aᵀφ(x) for one target's a.
class PreparedGradient {
 public:
  // Keeps a reference to the map.
  PreparedGradient(const FeatureMap& map, const VectorView& a);
  // Those at the rows X, rows×d.
  [[nodiscard]] Matrix operator()(const MatrixView& X) const;
  // Adds them to rows of G from `first` on.
  void add(const MatrixView& X, Panels<double>& G, Index first) const;

 private:
  // c_j(x) of a network with ∇aᵀφ(x) = Σ_j c_j(x) w_j, rows×h.
  [[nodiscard]] Matrix coefficients(const MatrixView& X) const;

  const FeatureMap& map_;
  std::optional<FirstLayer<double>> layer_;
  Panels<double> W_;  // h×d
  Vector a_;
};

}  // namespace sextant
