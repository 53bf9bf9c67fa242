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

// ∇aᵀφ(e(x)) for one column a of a predictor's head.
class PredictorGradient {
 public:
  PredictorGradient(const Predictor& predictor, Index t)
      : predictor_(predictor),
        gradient_(predictor.map, (predictor.shares ? 1.0 : predictor.weight) * predictor.a.col(t)) {}
  // Adds those at the rows X to rows of G from `first` on.
  void add(const MatrixView& X, Panels<double>& G, Index first) const {
    if (!predictor_.lift && !predictor_.warp) return gradient_.add(X, G, first);
    add_slopes((*this)(X), G, first);
  }
  // Those at the rows X, rows×d.
  [[nodiscard]] Matrix operator()(const MatrixView& X) const {
    Matrix Z;
    return predictor_.pull_back(X, gradient_(predictor_.map_inputs(X, Z)));
  }

  static void add_slopes(const Matrix& slopes, Panels<double>& G, Index first) {
    for (Index p = 0; p < G.columns().count(); ++p)
      G[p].middleRows(first, slopes.rows()) += slopes.middleCols(G.columns().first(p), G.columns().length(p));
  }

 private:
  const Predictor& predictor_;
  PreparedGradient gradient_;
};

// Of a predictor whose outputs are shares of classes, scale_t p_t with logits z: ∇p_t = p_t (∇z_t − Σ_c p_c ∇z_c). The
// sum is the same for all t, so that it is found once for each row.
struct SharesOfRows {
  Matrix P;     // rows×k
  Matrix mean;  // Σ_c p_c ∇z_c, rows×d
};

// Rows first … of a block: their shares, and the sum over the logits' gradients.
void find_shares(const Predictor& predictor, const std::vector<std::vector<PredictorGradient>>& gradients,
                 std::size_t at, const MatrixView& X, Index first, SharesOfRows& shares) {
  Matrix Z;
  Matrix P = predictor.shares->bias.transpose().replicate(X.rows(), 1);
  add_outputs(predictor.map, predictor.map_inputs(X, Z), predictor.a, 1.0, P);
  for (Index i = 0; i < P.rows(); ++i) P.row(i) = softmax(P.row(i));
  auto mean = shares.mean.middleRows(first, X.rows());
  mean.setZero();
  for (Index c = 0; c < P.cols(); ++c) mean += P.col(c).asDiagonal() * gradients[static_cast<std::size_t>(c)][at](X);
  shares.P.middleRows(first, X.rows()) = P;
}

}  // namespace

Matrix gradient_outer_product(const RowSource& source, const LinearPart& linear,
                              const std::vector<Predictor>& predictors, const Context& context) {
  const Index d = source.inputs();
  const Index k = source.targets();
  const Tiles strips = row_strips(largest_block(source, context));
  OuterProducts<double> sum(panel_columns<double>(d), context.thread_count());
  std::array<Panels<double>, items_in_flight> G;                  // of the blocks in flight: rows×d, √w ∇f_t
  std::array<std::vector<SharesOfRows>, items_in_flight> shares;  // of these, one per predictor
  std::vector<std::vector<PredictorGradient>> gradients(static_cast<std::size_t>(k));
  for (Index t = 0; t < k; ++t)
    for (const Predictor& predictor : predictors) gradients[static_cast<std::size_t>(t)].emplace_back(predictor, t);
  const bool any_shares =
      std::ranges::any_of(predictors, [](const Predictor& each) { return each.shares.has_value(); });

  // The rows of a strip of a block, if it has so many.
  const auto on_strip = [&](const BlockInFlight& block, Index strip, const auto& work) {
    const Tiles here = row_strips(block.rows.rows());
    if (strip >= here.count()) return;
    const Index first = here.first(strip);
    work(block.rows.X.middleRows(first, here.length(strip)), first, here.length(strip));
  };
  std::vector<BlockStage> stages;
  if (any_shares)
    stages.push_back({strips.count(), lane_of_strips, [&](const BlockInFlight& block, Index strip) {
                        on_strip(block, strip, [&](const auto& x, Index first, Index) {
                          for (std::size_t at = 0; at < predictors.size(); ++at)
                            if (predictors[at].shares)
                              find_shares(predictors[at], gradients, at, x, first, shares[block.slot][at]);
                        });
                      }});
  for (Index t = 0; t < k; ++t) {
    stages.push_back({strips.count(), lane_of_strips, [&, t](const BlockInFlight& block, Index strip) {
                        on_strip(block, strip, [&](const auto& x, Index first, Index length) {
                          Panels<double>& g = G[block.slot];
                          const auto panel = [&](Index p) { return g[p].middleRows(first, length); };
                          for (Index p = 0; p < g.columns().count(); ++p)
                            panel(p).rowwise() =
                                linear.beta.col(t).segment(g.columns().first(p), g.columns().length(p)).transpose();
                          for (std::size_t at = 0; at < predictors.size(); ++at) {
                            const PredictorGradient& each = gradients[static_cast<std::size_t>(t)][at];
                            if (!predictors[at].shares) {
                              each.add(x, g, first);
                              continue;
                            }
                            const SharesOfRows& own = shares[block.slot][at];
                            const Vector outer = predictors[at].weight * predictors[at].shares->scale[t] *
                                                 own.P.col(t).segment(first, length);
                            const Matrix slopes = outer.asDiagonal() * (each(x) - own.mean.middleRows(first, length));
                            PredictorGradient::add_slopes(slopes, g, first);
                          }
                          for (Index p = 0; p < g.columns().count(); ++p)
                            scale_rows(panel(p), block.rows.w.segment(first, length));
                        });
                      }});
    stages.push_back({sum.tiles(), lane_of_sums,
                      [&](const BlockInFlight& block, Index tile) { sum.add(block.number, G[block.slot], tile); }});
  }
  Pass pass(source, context, "directions");
  pass.sums(sum);
  depends_on(pass, linear, predictors);
  const double n = pass.run(
      [&](BlockInFlight& block) {
        const Index rows = block.rows.rows();
        G[block.slot].resize(rows, sum.columns());
        shares[block.slot].resize(predictors.size());
        for (std::size_t at = 0; at < predictors.size(); ++at) {
          if (!predictors[at].shares) continue;
          shares[block.slot][at].P.resize(rows, k);
          shares[block.slot][at].mean.resize(rows, d);
        }
      },
      stages);
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
