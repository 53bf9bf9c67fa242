#include <algorithm>
#include <cmath>
#include <limits>

#include "passes/executor.h"
#include "passes/prepared_map.h"
#include "passes/principal_rows.h"
#include "passes/softmax.h"
#include "sextant/passes.h"

namespace sextant {
namespace {

// ∇ of weight·aᵀφ(e(x)) for one target, or of a class's share weight·scale_t p_t, which is weight·scale_t p_t (∇z_t −
// Σ_c p_c ∇z_c) for the logits z.
class PredictorGradient {
 public:
  PredictorGradient(const Predictor& predictor, Index t) : predictor_(predictor), t_(t) {
    if (!predictor.shares)
      gradients_.emplace_back(predictor.map, predictor.weight * predictor.a.col(t));
    else
      for (Index c = 0; c < predictor.a.cols(); ++c) gradients_.emplace_back(predictor.map, predictor.a.col(c));
  }
  // Adds those at the rows X to rows of G from `first` on.
  void add(const MatrixView& X, Panels<double>& G, Index first) const {
    if (!predictor_.lift && !predictor_.warp && !predictor_.shares) return gradients_.front().add(X, G, first);
    Matrix Z;
    const MatrixView inputs = predictor_.map_inputs(X, Z);
    const Matrix slopes = predictor_.pull_back(X, predictor_.shares ? of_share(inputs) : gradients_.front()(inputs));
    for (Index p = 0; p < G.columns().count(); ++p)
      G[p].middleRows(first, X.rows()) += slopes.middleCols(G.columns().first(p), G.columns().length(p));
  }

 private:
  [[nodiscard]] Matrix of_share(const MatrixView& inputs) const {
    Matrix P = predictor_.shares->bias.transpose().replicate(inputs.rows(), 1);
    add_outputs(predictor_.map, inputs, predictor_.a, 1.0, P);
    for (Index i = 0; i < P.rows(); ++i) P.row(i) = softmax(P.row(i));
    const Vector outer = predictor_.weight * predictor_.shares->scale[t_] * P.col(t_);
    Matrix slopes = Matrix::Zero(inputs.rows(), inputs.cols());
    for (Index c = 0; c < P.cols(); ++c) {
      const Vector factor = outer.array() * ((c == t_ ? 1.0 : 0.0) - P.col(c).array());
      slopes += factor.asDiagonal() * gradients_[static_cast<std::size_t>(c)](inputs);
    }
    return slopes;
  }

  const Predictor& predictor_;
  Index t_;
  std::vector<PreparedGradient> gradients_;
};

}  // namespace

Matrix gradient_outer_product(const RowSource& source, const LinearPart& linear,
                              const std::vector<Predictor>& predictors, const Context& context) {
  const Index d = source.inputs();
  const Tiles strips = row_strips(largest_block(source, context));
  OuterProducts<double> sum(panel_columns<double>(d), context.thread_count());
  std::array<Panels<double>, items_in_flight> G;  // of the blocks in flight: rows×d, √w ∇f_t
  std::vector<std::vector<PredictorGradient>> gradients(static_cast<std::size_t>(source.targets()));

  std::vector<BlockStage> stages;
  for (Index t = 0; t < source.targets(); ++t) {
    for (const Predictor& predictor : predictors) gradients[static_cast<std::size_t>(t)].emplace_back(predictor, t);
    stages.push_back({strips.count(), lane_of_strips, [&, t](const BlockInFlight& block, Index strip) {
                        const Tiles here = row_strips(block.rows.rows());
                        if (strip >= here.count()) return;
                        const Index first = here.first(strip);
                        const Index length = here.length(strip);
                        const auto x = block.rows.X.middleRows(first, length);
                        Panels<double>& g = G[block.slot];
                        const auto panel = [&](Index p) { return g[p].middleRows(first, length); };
                        for (Index p = 0; p < g.columns().count(); ++p)
                          panel(p).rowwise() =
                              linear.beta.col(t).segment(g.columns().first(p), g.columns().length(p)).transpose();
                        for (const PredictorGradient& each : gradients[static_cast<std::size_t>(t)])
                          each.add(x, g, first);
                        for (Index p = 0; p < g.columns().count(); ++p)
                          scale_rows(panel(p), block.rows.w.segment(first, length));
                      }});
    stages.push_back({sum.tiles(), lane_of_sums,
                      [&](const BlockInFlight& block, Index tile) { sum.add(block.number, G[block.slot], tile); }});
  }
  Pass pass(source, context, "directions");
  pass.sums(sum);
  depends_on(pass, linear, predictors);
  const double n =
      pass.run([&](BlockInFlight& block) { G[block.slot].resize(block.rows.rows(), sum.columns()); }, stages);
  return sum.take(1.0 / n);
}

Matrix gradient_outer_product(const RowSource& source, const LinearPart& linear, const FeatureMap& map,
                              const MatrixView& a, const Context& context) {
  return gradient_outer_product(source, linear, {{1.0, map, a}}, context);
}

namespace {

constexpr double most_gradient_cells = 0x1p25;
constexpr Index most_factor_rows = 64;
constexpr double negligible_trace = 1e-6;

}  // namespace

Matrix gradient_factor(const RowSource& source, const LinearPart& linear, const std::vector<Predictor>& predictors,
                       const Context& context) {
  const Index d = source.inputs();
  const Index k = source.targets();
  const auto cells = static_cast<double>(k) * static_cast<double>(d) * static_cast<double>(source.rows());
  const auto stride = std::max<Index>(1, static_cast<Index>(std::ceil(cells / most_gradient_cells)));
  const Index count = (source.rows() + stride - 1) / stride;
  Matrix G = Matrix::Zero(count * k, d);  // √w ∇f_t
  double n = 0;
  read_blocks(source, context, "directions", [&](Block& block, Index first) {
    std::vector<Index> taken;
    for (Index i = (stride - first % stride) % stride; i < block.rows(); i += stride) taken.push_back(i);
    const Matrix X = block.X(taken, Eigen::all);
    const Tiles strips = row_strips(X.rows());
    parallel_tiles(context.thread_count(), strips.count(), [&](Index strip) {
      const auto x = X.middleRows(strips.first(strip), strips.length(strip));
      for (Index t = 0; t < k; ++t) {
        Matrix g = linear.beta.col(t).transpose().replicate(x.rows(), 1);
        Matrix Z;
        for (const Predictor& each : predictors) {
          const MatrixView seen = each.map_inputs(x, Z);
          Matrix slopes(x.rows(), seen.cols());
          feature_gradient(each.map, seen, each.a.col(t), slopes);
          g += each.weight * each.pull_back(x, slopes);
        }
        for (Index i = 0; i < x.rows(); ++i) {
          const Index at = taken[static_cast<std::size_t>(strips.first(strip) + i)];
          G.row(((first + at) / stride) * k + t) = std::sqrt(block.w[at]) * g.row(i);
        }
      }
    });
    for (const Index i : taken) n += block.w[i];
  });
  if (!(n > 0) || !G.allFinite()) return Matrix::Constant(1, d, std::numeric_limits<double>::quiet_NaN());
  G /= std::sqrt(n);
  return principal_rows(G, most_factor_rows, negligible_trace, context);
}

}  // namespace sextant
