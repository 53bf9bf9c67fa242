#include "passes/prepared_map.h"

#include "core/panel_product.h"
#include "core/wide_loops.h"
#include "passes/unit_loops.h"

namespace sextant {
namespace {

using linalg::Op;
using linalg::panel_product;

template <class Scalar>
std::optional<FirstLayer<Scalar>> first_layer_of(const FeatureMap& map) {
  const auto* const network = std::get_if<ReluNetwork>(&map);
  if (network == nullptr) return std::nullopt;
  return std::optional<FirstLayer<Scalar>>(std::in_place, *network);
}

// X itself, or its entries rounded.
const MatrixView& rounded(const MatrixView& X, MatrixOf<double>&) { return X; }
const MatrixOf<float>& rounded(const MatrixView& X, MatrixOf<float>& copy) {
  copy.resize(X.rows(), X.cols());
  wide::copy(X.rows(), X.cols(), X.data(), X.outerStride(), copy.data(), X.cols());
  return copy;
}

}  // namespace

template <class Scalar>
FirstLayer<Scalar>::FirstLayer(const ReluNetwork& network)
    : W_(in_panels<Scalar>(network.W.transpose())), b_(network.b.template cast<Scalar>()) {}

template <class Scalar>
void FirstLayer<Scalar>::project(const ViewOf<Scalar>& X, Index p, SpanOf<Scalar> Z) const {
  panel_product<Scalar>(Op::none, X, W_[p], false, Z);
}

template <class Scalar>
PreparedFeatures<Scalar>::PreparedFeatures(const FeatureMap& map) : map_(map), layer_(first_layer_of<Scalar>(map)) {
  columns_ = panel_columns<Scalar>(layer_ ? layer_->units().total() : width(map), layer_ && layer_->mirrored() ? 2 : 1);
}

template <class Scalar>
void PreparedFeatures<Scalar>::operator()(const MatrixView& X, Panels<Scalar>& Phi, Index first) const {
  if (!layer_) {
    Matrix exact(X.rows(), width(map_));
    features(map_, X, exact);
    Phi.put(first, 0, exact);
    return;
  }
  MatrixOf<Scalar> copy;
  const auto& x = rounded(X, copy);
  for (Index p = 0; p < layer_->units().count(); ++p) {
    auto z = Phi[p].middleRows(first, X.rows());
    layer_->project(x, p, z);
    if (!layer_->mirrored()) {
      unit_loops::relu(z.rows(), z.cols(), layer_->b(p), z.data());
      continue;
    }
    auto phi = Phi[layer_->units().count() + p].middleRows(first, X.rows());
    unit_loops::mirrored_relu(z.rows(), z.cols(), layer_->b(p), layer_->mirrored_b(p), z.data(), phi.data());
  }
}

PreparedOutputs::PreparedOutputs(const FeatureMap& map, const MatrixView& a, double factor)
    : map_(map), layer_(first_layer_of<double>(map)), a_(factor * a), a_of_target_(a_.transpose()) {}

void PreparedOutputs::add(const MatrixView& X, MatrixSpan F) const {
  if (!layer_) return add_outputs(map_, X, a_, 1.0, F);
  const PanelColumns& units = layer_->units();
  const Index k = F.cols();
  const bool few = k <= 4;  // so few that a product is no faster
  Matrix Z(X.rows(), std::min(units.width, units.total()));
  Matrix mirrored(layer_->mirrored() && !few ? X.rows() : 0, Z.cols());
  for (Index p = 0; p < units.count(); ++p) {
    const Index length = units.length(p);
    Eigen::Map<Matrix> z(Z.data(), X.rows(), length);
    layer_->project(X, p, z);
    const double* const b = layer_->b(p);
    for (Index t = 0; few && t < k; ++t) {
      const double* const a = a_of_target_.row(t).data() + units.first(p);
      if (layer_->mirrored())
        unit_loops::add_mirrored_outputs(z.rows(), length, z.data(), b, a, layer_->mirrored_b(p), a + units.total(),
                                         &F(0, t), F.outerStride());
      else
        unit_loops::add_outputs(z.rows(), length, z.data(), b, a, &F(0, t), F.outerStride());
    }
    if (few) continue;
    if (layer_->mirrored()) {
      Eigen::Map<Matrix> phi(mirrored.data(), X.rows(), length);
      unit_loops::mirrored_relu(z.rows(), length, b, layer_->mirrored_b(p), z.data(), phi.data());
      panel_product<double>(Op::none, phi, a_.middleRows(units.total() + units.first(p), length), true, F);
    } else {
      unit_loops::relu(z.rows(), length, b, z.data());
    }
    panel_product<double>(Op::none, z, a_.middleRows(units.first(p), length), true, F);
  }
}

PreparedGradient::PreparedGradient(const FeatureMap& map, const VectorView& a)
    : map_(map), layer_(first_layer_of<double>(map)), a_(a) {
  if (layer_) W_ = in_panels<double>(std::get<ReluNetwork>(map).W);
}

// c_j = a_j 1[z_j + b_j > 0] − a'_j 1[b'_j − z_j > 0].
Matrix PreparedGradient::coefficients(const MatrixView& X) const {
  const PanelColumns& units = layer_->units();
  Matrix Z(X.rows(), std::min(units.width, units.total()));
  Matrix C(X.rows(), units.total());
  for (Index p = 0; p < units.count(); ++p) {
    const Index length = units.length(p);
    Eigen::Map<Matrix> z(Z.data(), X.rows(), length);
    layer_->project(X, p, z);
    double* const c = C.data() + units.first(p);
    const double* const a = a_.data() + units.first(p);
    if (layer_->mirrored())
      unit_loops::mirrored_slopes(z.rows(), length, z.data(), layer_->b(p), a, layer_->mirrored_b(p), a + units.total(),
                                  c, C.cols());
    else
      unit_loops::slopes(z.rows(), length, z.data(), layer_->b(p), a, c, C.cols());
  }
  return C;
}

Matrix PreparedGradient::operator()(const MatrixView& X) const {
  if (layer_) {
    Panels<double> G(X.rows(), W_.columns());
    add(X, G, 0);
    return G.dense();
  }
  Matrix G(X.rows(), X.cols());
  feature_gradient(map_, X, a_, G);
  return G;
}

void PreparedGradient::add(const MatrixView& X, Panels<double>& G, Index first) const {
  if (layer_) {
    const Matrix C = coefficients(X);
    for (Index p = 0; p < W_.columns().count(); ++p)
      panel_product<double>(Op::none, C, W_[p], true, G[p].middleRows(first, X.rows()));
    return;
  }
  const Matrix dense = (*this)(X);
  for (Index p = 0; p < G.columns().count(); ++p)
    G[p].middleRows(first, X.rows()) += dense.middleCols(G.columns().first(p), G.columns().length(p));
}

template class FirstLayer<double>;
template class FirstLayer<float>;
template class PreparedFeatures<double>;
template class PreparedFeatures<float>;

}  // namespace sextant
