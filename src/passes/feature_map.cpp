#include "sextant/feature_map.h"

#include "core/linalg.h"

namespace sextant {
namespace {

using linalg::gemm;
using linalg::Op;

void features(const ReluNetwork& network, const MatrixView& X, MatrixSpan Phi) {
  const Index h = network.W.rows();
  gemm(Op::none, Op::transpose, 1.0, X, network.W, 0.0, Phi.leftCols(h));
  // Row by row, so that a row's projections are still in cache when its mirrored half is written.
  for (Index i = 0; i < X.rows(); ++i) {
    auto z = Phi.row(i).head(h);
    if (network.mirrored) Phi.row(i).tail(h) = (network.b.tail(h).transpose() - z).cwiseMax(0.0);
    z = (z + network.b.head(h).transpose()).cwiseMax(0.0);
  }
}

void feature_gradient(const ReluNetwork& network, const MatrixView& X, const VectorView& c, MatrixSpan G) {
  const Index h = network.W.rows();
  Matrix D(X.rows(), h);
  gemm(Op::none, Op::transpose, 1.0, X, network.W, 0.0, D);
  for (Index i = 0; i < X.rows(); ++i) {
    for (Index j = 0; j < h; ++j) {
      const double z = D(i, j);
      double slope = z + network.b[j] > 0 ? c[j] : 0.0;
      if (network.mirrored && network.b[h + j] - z > 0) slope -= c[h + j];
      D(i, j) = slope;
    }
  }
  gemm(Op::none, Op::none, 1.0, D, network.W, 0.0, G);
}

}  // namespace

Matrix ReluNetwork::first_layer() const {
  if (!mirrored) return W;
  Matrix all(2 * W.rows(), W.cols());
  all << W, -W;
  return all;
}

Index width(const FeatureMap& map) {
  return std::visit([](const auto& kind) { return kind.width(); }, map);
}

Index inputs(const FeatureMap& map) {
  return std::visit([](const auto& kind) { return kind.inputs(); }, map);
}

void features(const FeatureMap& map, const MatrixView& X, MatrixSpan Phi) {
  std::visit([&](const auto& kind) { features(kind, X, Phi); }, map);
}

void feature_gradient(const FeatureMap& map, const MatrixView& X, const VectorView& c, MatrixSpan G) {
  std::visit([&](const auto& kind) { feature_gradient(kind, X, c, G); }, map);
}

}  // namespace sextant
