#include "sextant/bootstrap.h"

#include <fmt/core.h>

#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <vector>

#include "passes/principal_rows.h"
#include "sextant/error.h"
#include "sextant/resampling.h"

namespace sextant {
namespace {

// The quantile of values at p in [0, 1], linear between order statistics.
double quantile(Vector values, double p) {
  std::sort(values.begin(), values.end());
  const double at = p * static_cast<double>(values.size() - 1);
  const auto below = static_cast<Index>(std::floor(at));
  const Index above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

// Of every column of samples B×q.
Vector quantiles(const Matrix& samples, double p) {
  Vector result(samples.cols());
  for (Index j = 0; j < result.size(); ++j) result[j] = quantile(samples.col(j), p);
  return result;
}

// V_b turned within its row space so that it is nearest to V.
Matrix turned_onto(const Matrix& V, const Matrix& V_b) {
  const Eigen::MatrixXd overlap = V * V_b.transpose();
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(overlap, Eigen::ComputeFullU | Eigen::ComputeFullV);
  return svd.matrixU() * svd.matrixV().transpose() * V_b;
}

// A replicate's A, whose inputs are scaled by its own rows, on the model's scaled inputs: ∂f/∂z = ∂f/∂z_b · s/s_b.
struct OnScale {
  Spectrum spectrum;
  Importance importance;
};

OnScale on_scale_of(const Model& model, const Model& replicate, const Context& context) {
  const Vector ratio = model.scaling.x_scale.cwiseQuotient(replicate.scaling.x_scale);
  if (replicate.gradient_factor.size() > 0) {
    const Matrix B = replicate.gradient_factor * ratio.asDiagonal();
    return {factor_spectrum(principal_rows(B, B.rows(), 0, context)), importance_of_factor(model, B)};
  }
  const Matrix A = ratio.asDiagonal() * replicate.gradient_outer_product * ratio.asDiagonal();
  return {spectrum(A), importance(model, A)};
}

Index rank_of(const Directions& found, Index wanted) {
  const Index d = found.spectrum.values.size();
  if (found.rank.rank == 0) throw DataError("bootstrap: the model is constant, it has no direction to be sure of");
  if (wanted >= d)
    throw InvalidArgument(fmt::format(
        "rank: {} given, expected fewer than the {} inputs: of all directions together nothing is uncertain", wanted,
        d));
  if (wanted > 0) return wanted;
  if (found.rank.rank >= d)
    throw InvalidArgument("rank: none given and no few directions stand out, expected how many to be sure of");
  return found.rank.rank;
}

}  // namespace

void BootstrapOptions::check() const {
  if (!(level > 0 && level < 1))
    throw InvalidArgument(fmt::format("interval: {} given, expected a level between 0 and 1, 0.9 say", level));
  const double fewest = std::ceil(2 / (1 - level) - 1e-9);
  if (static_cast<double>(replicates) < fewest)
    throw InvalidArgument(
        fmt::format("bootstrap: {} given, expected at least {:.0f} replicates for intervals of level {}", replicates,
                    fewest, level));
  if (rank < 0) throw InvalidArgument(fmt::format("rank: {} given, expected at least 1", rank));
}

Bootstrap bootstrap(const Model& model, const RowSource& data, const BootstrapOptions& options,
                    const Context& context) {
  options.check();
  context.check();
  const Directions found = directions(model);
  const Index d = found.spectrum.directions.cols();
  const Index r = rank_of(found, options.rank);
  const Index B = options.replicates;

  Bootstrap result;
  result.options = options;
  result.directions = found.spectrum.directions.topRows(r);
  result.importance = importance(model);
  result.angles.resize(B, r);
  Matrix weights(B, r * d);
  Matrix by_input(B, d);
  Matrix by_column(B, result.importance.by_column.size());
  for (Index b = 0; b < B; ++b) {
    Context inner = context;
    if (context.progress)
      inner.progress = [&](const Progress& progress) {
        return context.progress(
            {"bootstrap", (static_cast<double>(b) + std::min(progress.fraction, 0.99)) / static_cast<double>(B)});
      };
    const Model replicate = refit(model, ResampledSource(data, options.seed, b), inner);
    const OnScale of_replicate = on_scale_of(model, replicate, context);
    if (of_replicate.spectrum.directions.rows() < r)
      throw DataError(
          fmt::format("bootstrap: a replicate varies in {} directions alone, expected at least {}; ask for "
                      "fewer directions",
                      of_replicate.spectrum.directions.rows(), r));
    const Matrix V_b = of_replicate.spectrum.directions.topRows(r);
    const Matrix turned = turned_onto(result.directions, V_b);
    weights.row(b) = Eigen::Map<const Eigen::RowVectorXd>(turned.data(), r * d);
    result.angles.row(b) = principal_angles(result.directions, V_b);
    const Importance& shares = of_replicate.importance;
    by_input.row(b) = shares.by_input;
    by_column.row(b) = shares.by_column;
  }
  const auto ends = [&](double p, Matrix& of_directions, Importance& of_importance) {
    const Vector all = quantiles(weights, p);
    of_directions = Eigen::Map<const Matrix>(all.data(), r, d);
    of_importance = result.importance;
    of_importance.by_input = quantiles(by_input, p);
    of_importance.by_column = quantiles(by_column, p);
  };
  ends((1 - options.level) / 2, result.directions_low, result.importance_low);
  ends((1 + options.level) / 2, result.directions_high, result.importance_high);
  result.angle_median = quantile(result.angles.col(r - 1), 0.5);
  result.angle_most = quantile(result.angles.col(r - 1), 0.95);
  return result;
}

}  // namespace sextant
