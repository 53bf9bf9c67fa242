// A feature map in one precision. Private.
#pragma once

#include "core/linalg.h"
#include "sextant/feature_map.h"

namespace sextant {

// Features of rows X n×d in double precision.
class FeaturesInDouble {
 public:
  explicit FeaturesInDouble(const FeatureMap& map) : map_(map) {}
  void operator()(const MatrixView& X, MatrixSpan Phi) const { features(map_, X, Phi); }

 private:
  const FeatureMap& map_;
};

// In single precision: those of a ReLU network are computed so, those of other maps in double and then rounded.
class FeaturesInSingle {
 public:
  explicit FeaturesInSingle(const FeatureMap& map);
  void operator()(const MatrixView& X, SpanOf<float> Phi) const;

 private:
  const FeatureMap& map_;
  MatrixOf<float> W_;  // of a ReLU network
  Eigen::VectorXf b_;
};

}  // namespace sextant
