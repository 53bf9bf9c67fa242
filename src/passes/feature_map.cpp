#include "sextant/feature_map.h"

#include <algorithm>
#include <cmath>

#include "core/linalg.h"
#include "core/wide_loops.h"
#include "passes/executor.h"
#include "passes/kernel_sums.h"
#include "passes/unit_loops.h"
#include "sextant/hermite.h"
#include "sextant/product_terms.h"

namespace sextant {
namespace {

using linalg::gemm;
using linalg::Op;

// ---- ReLU network ----

// [σ(z_j + b_j)]_j and, mirrored, [σ(b_{h+j} − z_j)]_j of the projections z = Wx on h rows.
void features(const ReluNetwork& network, const MatrixView& X, MatrixSpan Phi) {
  const Index h = network.W.rows();
  gemm(Op::none, Op::transpose, 1.0, X, network.W, 0.0, Phi.leftCols(h));
  // Row by row, so that a row's projections are still in cache when its mirrored half is written.
  for (Index i = 0; i < X.rows(); ++i) {
    double* const z = &Phi.coeffRef(i, 0);
    if (network.mirrored)
      unit_loops::mirrored_relu(1, h, network.b.data(), network.b.data() + h, z, z + h);
    else
      unit_loops::relu(1, h, network.b.data(), z);
  }
}

void feature_gradient(const ReluNetwork& network, const MatrixView& X, const VectorView& c, MatrixSpan G) {
  const Index h = network.W.rows();
  Matrix Z(X.rows(), h);
  gemm(Op::none, Op::transpose, 1.0, X, network.W, 0.0, Z);
  Matrix D(X.rows(), h);
  if (network.mirrored)
    unit_loops::mirrored_slopes(X.rows(), h, Z.data(), network.b.data(), c.data(), network.b.data() + h, c.data() + h,
                                D.data(), h);
  else
    unit_loops::slopes(X.rows(), h, Z.data(), network.b.data(), c.data(), D.data(), h);
  gemm(Op::none, Op::none, 1.0, D, network.W, 0.0, G);
}

void add_outputs(const ReluNetwork& network, const MatrixView& X, const MatrixView& a, double factor, MatrixSpan F) {
  Matrix Phi(X.rows(), network.width());
  features(network, X, Phi);
  linalg::add_product(factor, Phi, a, F);
}

Matrix activations(const ReluNetwork& network, const MatrixView& X) {
  Matrix Phi(X.rows(), network.width());
  features(network, X, Phi);
  return Phi;
}

void inner_products(const ReluNetwork&, const MatrixView&, const MatrixView& Phi, const MatrixView&,
                    const MatrixView& Phi_other, MatrixSpan K) {
  gemm(Op::none, Op::transpose, 1.0, Phi, Phi_other, 0.0, K);
}

// ---- linearised network ----

// z = Wx + b, n×m.
Matrix activations(const LinearisedNetwork& network, const MatrixView& X) {
  Matrix Z(X.rows(), network.units());
  gemm(Op::none, Op::transpose, 1.0, X, network.W, 0.0, Z);
  Z.rowwise() += network.b.transpose();
  return Z;
}

// Units first … first + count − 1 of the network, with every one of their features.
LinearisedNetwork some_units(const LinearisedNetwork& network, Index first, Index count) {
  LinearisedNetwork part = network;
  part.W = network.W.middleRows(first, count);
  part.b = network.b.segment(first, count);
  part.a = network.a.segment(first, count);
  return part;
}

void features(const LinearisedNetwork& network, const MatrixView& X, MatrixSpan Phi) {
  const Index m = network.units();
  const Index d = network.inputs();
  const Matrix Z = activations(network, X);
  const Index W_at = network.blocks.a ? m : 0;
  const Index b_at = W_at + (network.blocks.W ? m * d : 0);
  for (Index i = 0; i < X.rows(); ++i) {
    if (network.blocks.a) Phi.row(i).head(m) = network.unit_scale * Z.row(i).cwiseMax(0.0);
    for (Index j = 0; j < m; ++j) {
      const double slope = Z(i, j) >= 0 ? network.gradient_scale * network.a[j] : 0.0;
      if (network.blocks.W) Phi.row(i).segment(W_at + j * d, d) = slope * X.row(i);
      if (network.blocks.b) Phi(i, b_at + j) = slope;
    }
  }
}

void add_outputs(const LinearisedNetwork& network, const MatrixView& X, const MatrixView& a, double factor,
                 MatrixSpan F) {
  const Index m = network.units();
  const Index d = network.inputs();
  const Index W_at = network.blocks.a ? m : 0;
  const Index b_at = W_at + (network.blocks.W ? m * d : 0);
  // Some units at a time, so that their features stay in cache.
  const Tiles tiles{m, std::max<Index>(8, 2048 / (d + 2))};
  Matrix Phi;
  Matrix head;
  for (Index tile = 0; tile < tiles.count(); ++tile) {
    const Index first = tiles.first(tile);
    const Index count = tiles.length(tile);
    const LinearisedNetwork part = some_units(network, first, count);
    Phi.resize(X.rows(), part.width());
    head.resize(part.width(), a.cols());
    features(part, X, Phi);
    Index row = 0;
    const auto take = [&](Index from, Index rows) {
      head.middleRows(row, rows) = a.middleRows(from, rows);
      row += rows;
    };
    if (network.blocks.a) take(first, count);
    if (network.blocks.W) take(W_at + first * d, count * d);
    if (network.blocks.b) take(b_at + first, count);
    gemm(Op::none, Op::none, factor, Phi, head, 1.0, F);
  }
}

// aᵀφ(x) = Σ_j 1[z_j ≥ 0] (c_a c_j z_j + c_W a_j (V_j·x + u_j)) for the blocks c, V, u of the head.
void feature_gradient(const LinearisedNetwork& network, const MatrixView& X, const VectorView& c, MatrixSpan G) {
  const Index m = network.units();
  const Index d = network.inputs();
  const Matrix Z = activations(network, X);
  const Matrix active = (Z.array() >= 0.0).cast<double>();
  Matrix slopes = Matrix::Zero(m, d);
  if (network.blocks.a) slopes += network.unit_scale * c.head(m).asDiagonal() * network.W;
  if (network.blocks.W)
    slopes += network.gradient_scale * network.a.asDiagonal() *
              Eigen::Map<const Matrix>(c.data() + (network.blocks.a ? m : 0), m, d);
  gemm(Op::none, Op::none, 1.0, active, slopes, 0.0, G);
}

void inner_products(const LinearisedNetwork& network, const MatrixView& X, const MatrixView& Z,
                    const MatrixView& X_other, const MatrixView& Z_other, MatrixSpan K) {
  const auto& blocks = network.blocks;
  K.setZero();
  if (blocks.W || blocks.b) {
    // (X X'ᵀ + 1) ∘ (active active'ᵀ): a_j² = 1.
    if (blocks.W) gemm(Op::none, Op::transpose, 1.0, X, X_other, 0.0, K);
    if (blocks.b) K.array() += 1.0;
    const Matrix active = (Z.array() >= 0.0).cast<double>();
    const Matrix active_other = (Z_other.array() >= 0.0).cast<double>();
    Matrix both(K.rows(), K.cols());
    gemm(Op::none, Op::transpose, network.gradient_scale * network.gradient_scale, active, active_other, 0.0, both);
    K = K.cwiseProduct(both);
  }
  if (blocks.a) {
    const Matrix S = Z.cwiseMax(0.0);
    const Matrix S_other = Z_other.cwiseMax(0.0);
    gemm(Op::none, Op::transpose, network.unit_scale * network.unit_scale, S, S_other, 1.0, K);
  }
}

// ---- kernel sections ----

void features(const KernelSections& sections, const MatrixView& X, MatrixSpan Phi) {
  kernel_matrix(sections.kernel, sections.coordinates(X), sections.centres, Phi);
}

void add_outputs(const KernelSections& sections, const MatrixView& X, const MatrixView& a, double factor,
                 MatrixSpan F) {
  add_kernel_outputs(sections.kernel, sections.coordinates(X), sections.centres, a, factor, F);
}

void feature_gradient(const KernelSections& sections, const MatrixView& X, const VectorView& c, MatrixSpan G) {
  const Matrix Z = sections.coordinates(X);
  const Tiles tiles{sections.width(), 512};
  Matrix part(Z.rows(), Z.cols());
  Matrix sum = Matrix::Zero(Z.rows(), Z.cols());
  for (Index tile = 0; tile < tiles.count(); ++tile) {
    const Index first = tiles.first(tile);
    const Index count = tiles.length(tile);
    kernel_gradient(sections.kernel, Z, sections.centres.middleRows(first, count), c.segment(first, count), part);
    sum += part;
  }
  if (sections.S.size() > 0)
    gemm(Op::none, Op::none, 1.0, sum, sections.S, 0.0, G);
  else
    G = sum;
}

Matrix activations(const KernelSections& sections, const MatrixView& X) {
  return sections.S.size() > 0 ? sections.coordinates(X) : Matrix(X.rows(), 0);
}

void inner_products(const KernelSections& sections, const MatrixView& X, const MatrixView& Z, const MatrixView& X_other,
                    const MatrixView& Z_other, MatrixSpan K) {
  if (sections.S.size() > 0)
    kernel_matrix(sections.kernel, Z, Z_other, K);
  else
    kernel_matrix(sections.kernel, X, X_other, K);
}

// ---- Hermite features ----

// he_0 … he_D at each z_j, along their tangents beyond [low, high]: (D + 1)×n.
void extended_hermites(const VectorView& z, double low, double high, MatrixSpan he) {
  const Vector inside = z.cwiseMax(low).cwiseMin(high);
  normalised_hermites(inside, he);
  const Vector beyond = z - inside;
  if (beyond.isZero(0.0)) return;
  for (Index k = he.rows() - 1; k > 0; --k)
    he.row(k).array() += std::sqrt(static_cast<double>(k)) * he.row(k - 1).array() * beyond.transpose().array();
}

// φ_t = φ_parent · he_power of an axis, for every term but the first, on `width` rows at a time: he and φ row-major.
struct TermProducts {
  SEXTANT_ALWAYS_INLINE void run(const ProductTerm* __restrict terms, std::size_t count, Index degrees,
                                 const double* __restrict he, double* __restrict phi) {
    for (std::size_t t = 1; t < count; ++t) {
      const double* const parent = phi + terms[t].parent * width;
      const double* const factor = he + (terms[t].axis * degrees + terms[t].power) * width;
      double* const product = phi + static_cast<Index>(t) * width;
#pragma omp simd
      for (Index i = 0; i < width; ++i) product[i] = parent[i] * factor[i];
    }
  }
  static constexpr Index width = 32;
};

// Rows Z n×r → Φ n×P. A few rows at a time, term by term, so that each is a product of vectors in the cache.
void hermite_products(const HermiteFeatures& map, const Matrix& Z, MatrixSpan Phi) {
  const auto& terms = product_terms(map.U.rows(), map.degree);
  const Index degrees = map.degree + 1;
  const Tiles pieces{Z.rows(), TermProducts::width};
  Matrix he = Matrix::Zero(Z.cols() * degrees, pieces.size);
  Matrix columns(map.width(), pieces.size);  // Φᵀ of a piece
  columns.row(0).setOnes();
  for (Index piece = 0; piece < pieces.count(); ++piece) {
    const Index first = pieces.first(piece);
    const Index count = pieces.length(piece);
    for (Index l = 0; l < Z.cols(); ++l)
      extended_hermites(Z.col(l).segment(first, count), map.low[l], map.high[l],
                        he.block(l * degrees, 0, degrees, count));
    run_wide<TermProducts>(terms.data(), terms.size(), degrees, static_cast<const double*>(he.data()), columns.data());
    Phi.middleRows(first, count) = columns.leftCols(count).transpose();
  }
}

Matrix link_coordinates(const HermiteFeatures& map, const MatrixView& X) {
  Matrix Z(X.rows(), map.U.rows());
  gemm(Op::none, Op::transpose, 1.0, X, map.U, 0.0, Z);
  Z.rowwise() -= map.c.transpose();
  return Z;
}

void features(const HermiteFeatures& map, const MatrixView& X, MatrixSpan Phi) {
  hermite_products(map, link_coordinates(map, X), Phi);
}

void add_outputs(const HermiteFeatures& map, const MatrixView& X, const MatrixView& a, double factor, MatrixSpan F) {
  Matrix Phi(X.rows(), map.width());
  features(map, X, Phi);
  gemm(Op::none, Op::none, factor, Phi, a, 1.0, F);
}

// he_k' = √k he_{k−1}, so ∂_l of a product is √α_l times the product of one degree less in z_l, at a z_l held inside
// its range (a tangent's slope is that at its end).
void feature_gradient(const HermiteFeatures& map, const MatrixView& X, const VectorView& c, MatrixSpan G) {
  const Index r = map.U.rows();
  const auto& terms = product_terms(r, map.degree);
  Matrix C = Matrix::Zero(map.width(), r);  // C_{α − e_l, l} = √α_l c_α
  for (std::size_t t = 1; t < terms.size(); ++t)
    for (Index l = 0; l < r; ++l) {
      const auto axis = static_cast<std::size_t>(l);
      if (terms[t].lower[axis] >= 0)
        C(terms[t].lower[axis], l) = std::sqrt(static_cast<double>(terms[t].alpha[axis])) * c[static_cast<Index>(t)];
    }
  const Matrix Z = link_coordinates(map, X);
  Matrix Phi(X.rows(), map.width());
  hermite_products(map, Z, Phi);
  Matrix D(X.rows(), r);
  gemm(Op::none, Op::none, 1.0, Phi, C, 0.0, D);
  Matrix held(1, r);
  Matrix phi(1, map.width());
  for (Index i = 0; i < Z.rows(); ++i)
    for (Index l = 0; l < r; ++l) {
      if (Z(i, l) >= map.low[l] && Z(i, l) <= map.high[l]) continue;
      held = Z.row(i);
      held(0, l) = std::clamp(Z(i, l), map.low[l], map.high[l]);
      hermite_products(map, held, phi);
      D(i, l) = phi.row(0).dot(C.col(l));
    }
  gemm(Op::none, Op::none, 1.0, D, map.U, 0.0, G);
}

Matrix activations(const HermiteFeatures& map, const MatrixView& X) {
  Matrix Phi(X.rows(), map.width());
  features(map, X, Phi);
  return Phi;
}

void inner_products(const HermiteFeatures&, const MatrixView&, const MatrixView& Phi, const MatrixView&,
                    const MatrixView& Phi_other, MatrixSpan K) {
  gemm(Op::none, Op::transpose, 1.0, Phi, Phi_other, 0.0, K);
}

// ---- leaf machines ----

// Calls visit(rows of X, their T_l z, leaf) for some rows of one leaf at a time.
template <class Visit>
void for_each_leaf(const LeafMachine& machine, const MatrixView& X, Visit visit) {
  const Matrix Z = machine.coordinates(X);
  for (const LeafQueries& queries : queries_by_leaf(machine, Z, queries_together))
    visit(queries.rows, machine.local_coordinates(queries.leaf, Z(queries.rows, Eigen::all)), queries.leaf);
}

void features(const LeafMachine& machine, const MatrixView& X, MatrixSpan Phi) {
  Phi.setZero();
  for_each_leaf(machine, X, [&](const std::vector<Index>& rows, const Matrix& Z, Index leaf) {
    const Matrix centres = machine.centres(leaf);
    Matrix K(Z.rows(), centres.rows());
    kernel_matrix(machine.kernel, Z, centres, K);
    const Index first = machine.first[static_cast<std::size_t>(leaf)];
    for (std::size_t i = 0; i < rows.size(); ++i)
      Phi.row(rows[i]).segment(first, K.cols()) = K.row(static_cast<Index>(i));
  });
}

void add_outputs(const LeafMachine& machine, const MatrixView& X, const MatrixView& a, double factor, MatrixSpan F) {
  const Matrix Z = machine.coordinates(X);
  for (const LeafQueries& queries : queries_by_leaf(machine, Z, queries_together))
    add_leaf_outputs(machine, queries, Z, a, factor, F, Precision::float64);
}

void feature_gradient(const LeafMachine& machine, const MatrixView& X, const VectorView& c, MatrixSpan G) {
  Matrix of_coordinates(X.rows(), machine.S.rows());
  for_each_leaf(machine, X, [&](const std::vector<Index>& rows, const Matrix& Z, Index leaf) {
    const Matrix centres = machine.centres(leaf);
    Matrix slopes(Z.rows(), Z.cols());
    kernel_gradient(machine.kernel, Z, centres,
                    c.segment(machine.first[static_cast<std::size_t>(leaf)], centres.rows()), slopes);
    if (!machine.local.empty()) slopes = slopes * machine.local[static_cast<std::size_t>(leaf)];
    for (std::size_t i = 0; i < rows.size(); ++i) of_coordinates.row(rows[i]) = slopes.row(static_cast<Index>(i));
  });
  gemm(Op::none, Op::none, 1.0, of_coordinates, machine.S, 0.0, G);
}

Matrix activations(const LeafMachine& machine, const MatrixView& X) {
  Matrix Phi(X.rows(), machine.width());
  features(machine, X, Phi);
  return Phi;
}

void inner_products(const LeafMachine&, const MatrixView&, const MatrixView& Phi, const MatrixView&,
                    const MatrixView& Phi_other, MatrixSpan K) {
  gemm(Op::none, Op::transpose, 1.0, Phi, Phi_other, 0.0, K);
}

}  // namespace

Matrix ReluNetwork::first_layer() const {
  if (!mirrored) return W;
  Matrix all(2 * W.rows(), W.cols());
  all << W, -W;
  return all;
}

Matrix KernelSections::coordinates(const MatrixView& X) const {
  if (S.size() == 0) return X;
  Matrix Z(X.rows(), S.rows());
  gemm(Op::none, Op::transpose, 1.0, X, S, 0.0, Z);
  return Z;
}

Index HermiteFeatures::width() const { return product_term_count(U.rows(), degree); }

Index width(const FeatureMap& map) {
  return std::visit([](const auto& kind) { return kind.width(); }, map);
}

Index inputs(const FeatureMap& map) {
  return std::visit([](const auto& kind) { return kind.inputs(); }, map);
}

void features(const FeatureMap& map, const MatrixView& X, MatrixSpan Phi) {
  std::visit([&](const auto& kind) { features(kind, X, Phi); }, map);
}

void add_outputs(const FeatureMap& map, const MatrixView& X, const MatrixView& a, double factor, MatrixSpan F) {
  std::visit([&](const auto& kind) { add_outputs(kind, X, a, factor, F); }, map);
}

void feature_gradient(const FeatureMap& map, const MatrixView& X, const VectorView& c, MatrixSpan G) {
  std::visit([&](const auto& kind) { feature_gradient(kind, X, c, G); }, map);
}

Matrix activations(const FeatureMap& map, const MatrixView& X) {
  return std::visit([&](const auto& kind) { return activations(kind, X); }, map);
}

void inner_products(const FeatureMap& map, const MatrixView& X, const MatrixView& A, const MatrixView& X_other,
                    const MatrixView& A_other, MatrixSpan K) {
  std::visit([&](const auto& kind) { inner_products(kind, X, A, X_other, A_other, K); }, map);
}

}  // namespace sextant
