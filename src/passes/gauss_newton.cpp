#include "core/linalg.h"
#include "passes/executor.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

using linalg::gemm;
using linalg::Op;

Matrix projected(const MatrixView& X, const MatrixView& U) {
  Matrix Z(X.rows(), U.rows());
  gemm(Op::none, Op::transpose, 1.0, X, U, 0.0, Z);
  return Z;
}

// A strip of a block's rows, and what the link gives there.
struct LinkStrip {
  Index first;
  Index length;
  MatrixView X;   // length×d
  Vector root_w;  // length
  Matrix Z;       // length×r: XUᵀ
};

// Calls visit(strip) for strip number `at` of the block's rows, if it has so many.
template <class Visit>
void visit_strip(const BlockInFlight& block, Index at, const MatrixView& U, const Visit& visit) {
  const Tiles strips = row_strips(block.rows.rows());
  if (at >= strips.count()) return;
  const Index first = strips.first(at);
  const Index length = strips.length(at);
  const auto X = block.rows.X.middleRows(first, length);
  visit(LinkStrip{first, length, X, block.rows.w.segment(first, length).cwiseSqrt(), projected(X, U)});
}

// Slopes of one target in z, length×r, times √w.
Matrix weighted_slopes(const FeatureMap& map, const LinkStrip& strip, const VectorView& a) {
  Matrix D(strip.Z.rows(), strip.Z.cols());
  feature_gradient(map, strip.Z, a, D);
  return strip.root_w.asDiagonal() * D;
}

// Errors e_it of a strip, length×k, times √w.
Matrix weighted_errors(const Block& rows, const LinearPart& linear, const FeatureMap& map, const MatrixView& a,
                       const LinkStrip& strip) {
  Matrix E = rows.Y.middleRows(strip.first, strip.length) - linear(strip.X);
  add_outputs(map, strip.Z, a, -1.0, E);
  return strip.root_w.asDiagonal() * E;
}

void depends_on_link(Pass& pass, const MatrixView& U, const FeatureMap& map, const MatrixView& a) {
  pass.depends_on(U);
  pass.depends_on(map);
  pass.depends_on(a);
}

// (1/n) Σ_i Σ_t c_it x_iᵀ, r×d, for coefficients c_it = coefficients(block, strip, t), length×r, of which `pass` knows
// what they depend on.
template <class Coefficients>
Matrix sum_of_directions(Pass& pass, const Tiles& strips, const MatrixView& U, Index targets,
                         const Coefficients& coefficients) {
  const Index r = U.rows();
  const Index d = U.cols();
  const Tiles columns = column_tiles(d);
  Matrix sum = Matrix::Zero(r, d);
  std::array<Matrix, items_in_flight> C;  // of the blocks in flight: rows×r
  std::vector<BlockStage> stages;
  for (Index t = 0; t < targets; ++t) {
    stages.push_back({strips.count(), lane_of_strips, [&, t](const BlockInFlight& block, Index at) {
                        visit_strip(block, at, U, [&](const LinkStrip& strip) {
                          C[block.slot].middleRows(strip.first, strip.length) = coefficients(block.rows, strip, t);
                        });
                      }});
    stages.push_back({columns.count(), lane_of_sums, [&](const BlockInFlight& block, Index tile) {
                        const Index first = columns.first(tile);
                        const Index length = columns.length(tile);
                        gemm(Op::transpose, Op::none, 1.0, C[block.slot], block.rows.X.middleCols(first, length), 1.0,
                             sum.middleCols(first, length));
                      }});
  }
  pass.sums(sum);
  const double n = pass.run([&](BlockInFlight& block) { C[block.slot].resize(block.rows.rows(), r); }, stages);
  return sum / n;
}

}  // namespace

GaussNewtonSums gauss_newton_sums(const RowSource& source, const LinearPart& linear, const MatrixView& U,
                                  const FeatureMap& map, const MatrixView& a, const Context& context) {
  const Index r = U.rows();
  const Index d = U.cols();
  const Index k = a.cols();
  const Tiles strips = row_strips(largest_block(source, context));
  OuterProducts<double> products(panel_columns<double>(r * d), context.thread_count());
  const PanelColumns& of_J = products.columns();
  GaussNewtonSums sums;
  sums.g = Vector::Zero(r * d);
  std::array<Matrix, items_in_flight> E;          // of the blocks in flight: rows×k, √w e_it
  std::array<Panels<double>, items_in_flight> J;  // rows×rd: √w D_it ⊗ x_i

  std::vector<BlockStage> stages;
  for (Index t = 0; t < k; ++t) {
    stages.push_back({strips.count(), lane_of_strips, [&, t](const BlockInFlight& block, Index at) {
                        visit_strip(block, at, U, [&](const LinkStrip& strip) {
                          if (t == 0)
                            E[block.slot].middleRows(strip.first, strip.length) =
                                weighted_errors(block.rows, linear, map, a, strip);
                          const Matrix D = weighted_slopes(map, strip, a.col(t));
                          Panels<double>& j = J[block.slot];
                          for (Index l = 0; l < r; ++l)
                            j.visit_columns(l * d, d, [&](Index p, Index c, Index from, Index cols) {
                              auto to = j[p].block(strip.first, c, strip.length, cols);
                              wide::scale_rows(strip.length, cols, D.data() + l, r, strip.X.data() + from,
                                               strip.X.outerStride(), to.data(), to.outerStride());
                            });
                        });
                      }});
    stages.push_back({products.tiles() + 1, lane_of_sums, [&, t](const BlockInFlight& block, Index tile) {
                        const Panels<double>& j = J[block.slot];
                        if (tile < products.tiles()) return products.add(block.number, j, tile);
                        for (Index p = 0; p < of_J.count(); ++p)
                          sums.g.segment(of_J.first(p), of_J.length(p)) += j[p].transpose() * E[block.slot].col(t);
                      }});
  }
  const auto prepare = [&](BlockInFlight& block) {
    E[block.slot].resize(block.rows.rows(), k);
    J[block.slot].resize(block.rows.rows(), of_J);
  };
  Pass pass(source, context, "polish");
  pass.sums(products);
  pass.sums(sums.g);
  pass.depends_on(linear);
  depends_on_link(pass, U, map, a);
  const double n = pass.run(prepare, stages);
  sums.H = products.take(1.0 / n);
  sums.g /= n;
  return sums;
}

Matrix gauss_newton_product(const RowSource& source, const MatrixView& U, const FeatureMap& map, const MatrixView& a,
                            const MatrixView& delta, const Context& context) {
  Pass pass(source, context, "polish");
  depends_on_link(pass, U, map, a);
  pass.depends_on(delta);
  const Tiles strips = row_strips(largest_block(source, context));
  // D_it (D_itᵀ δ x_i)
  return sum_of_directions(pass, strips, U, a.cols(), [&](const Block&, const LinkStrip& strip, Index t) -> Matrix {
    const Matrix D = weighted_slopes(map, strip, a.col(t));
    const Vector along = D.cwiseProduct(projected(strip.X, delta)).rowwise().sum();
    return along.asDiagonal() * D;
  });
}

Matrix gauss_newton_gradient(const RowSource& source, const LinearPart& linear, const MatrixView& U,
                             const FeatureMap& map, const MatrixView& a, const Context& context) {
  Pass pass(source, context, "polish");
  pass.depends_on(linear);
  depends_on_link(pass, U, map, a);
  const Tiles strips = row_strips(largest_block(source, context));
  // e_it D_it
  return sum_of_directions(pass, strips, U, a.cols(),
                           [&](const Block& rows, const LinkStrip& strip, Index t) -> Matrix {
                             const Matrix E = weighted_errors(rows, linear, map, a, strip);
                             return E.col(t).asDiagonal() * weighted_slopes(map, strip, a.col(t));
                           });
}

}  // namespace sextant
