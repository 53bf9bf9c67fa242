#include "method/preparation.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/from_first_rank.h"
#include "core/memory.h"
#include "sextant/error.h"
#include "sextant/ridge_head.h"

namespace sextant {

static auto parts(TargetTransform& transform) {
  return std::tie(transform.kind, transform.shift, transform.low, transform.high, transform.y, transform.z);
}

namespace {

// Moments after `scaling`, from moments before it (inputs as they are, missing cells filled).
Moments scaled(const Moments& raw, const Scaling& scaling) {
  const Vector x_inverse = scaling.x_scale.cwiseInverse();
  const Vector y_inverse = scaling.y_scale.cwiseInverse();
  Moments result = raw;
  const auto& kept = scaling.kept;
  result.x_mean = (raw.x_mean(kept) - scaling.x_mean).cwiseProduct(x_inverse);
  result.y_mean = (raw.y_mean - scaling.y_mean).cwiseProduct(y_inverse);
  result.xx = x_inverse.asDiagonal() * raw.xx(kept, kept) * x_inverse.asDiagonal();
  result.xy = x_inverse.asDiagonal() * raw.xy(kept, Eigen::all) * y_inverse.asDiagonal();
  result.yy = y_inverse.asDiagonal() * raw.yy * y_inverse.asDiagonal();
  result.x_min = (raw.x_min(kept) - scaling.x_mean).cwiseProduct(x_inverse);
  result.x_max = (raw.x_max(kept) - scaling.x_mean).cwiseProduct(x_inverse);
  result.y_min = (raw.y_min - scaling.y_mean).cwiseProduct(y_inverse);
  result.y_max = (raw.y_max - scaling.y_mean).cwiseProduct(y_inverse);
  return result;
}

// A standard deviation to divide by; 1 for what does not vary, judged by its range: rounding leaves a variance above 0.
double usable_scale(double variance, double low, double high) {
  const double scale = std::sqrt(std::max(0.0, variance));
  return high > low && scale > 0 ? scale : 1.0;
}

// Half of a standardised indicator's scale, so that where cells are missing tells no more than half of what numbers do;
// a rare gap is not blown up. METHOD: (m − m̄)/max(sd, .1)/2.
double missing_scale(double variance) { return 2.0 * std::max(0.1, std::sqrt(std::max(0.0, variance))); }

// Moments, gradient outer product and their decomposition hold a few matrices of d×d.
void check_moments_fit(const RowSource& data) {
  const double d = static_cast<double>(data.inputs() + data.targets());
  const double bytes = 5.0 * sizeof(double) * d * d;
  if (bytes > physical_memory())
    throw DataError(
        fmt::format("fit: {} inputs need {:.0f} GiB for their covariance, expected what fits in this machine's "
                    "{:.0f} GiB; use fewer columns",
                    data.inputs(), bytes / 0x1p30, physical_memory() / 0x1p30));
}

// Fills the gaps in `fill` (inputs without a value in any row): by the mean over all training rows where that is known,
// so that held-out rows that have one stay on its scale. Returns which they are, ascending.
std::vector<Index> fill_unseen(Vector& fill, const Scaling* all) {
  std::vector<Index> unseen;
  for (Index j = 0; j < fill.size(); ++j) {
    if (!std::isnan(fill[j])) continue;
    unseen.push_back(j);
    fill[j] = 0.0;
  }
  if (all == nullptr) return unseen;
  for (Index at = 0; at < all->inputs(); ++at) {
    const Index j = all->kept[static_cast<std::size_t>(at)];
    if (std::binary_search(unseen.begin(), unseen.end(), j)) fill[j] = all->x_mean[at];
  }
  return unseen;
}

void choose_epsilon(Preparation& preparation, const Context& context) {
  Validation& validation = preparation.validation;
  const Index k = validation.mean.size();
  const auto& grid = epsilon_grid();
  Matrix linear = Matrix::Zero(static_cast<Index>(grid.size()), k);
  double n = 0;
  for (const ScaledSplit& split : preparation.scaled) {
    const Moments& train = split.prepared.moments;
    const Moments held_out = moments(split.held_out, context);
    const Matrix of_epsilon = from_first_rank(context, [&] { return linear_risks(train, held_out); });
    linear += held_out.n * of_epsilon * split.square_units().asDiagonal();
    validation.mean += held_out.n * mean_risk(train, held_out).cwiseProduct(split.square_units());
    validation.rows += held_out.rows;
    n += held_out.n;
  }
  validation.mean /= n;
  for (Index t = 0; t < k; ++t) {
    const Index best = best_candidate(linear.col(t));
    validation.epsilon[t] = grid[static_cast<std::size_t>(best)];
    validation.linear[t] = linear(best, t) / n;
  }
}

}  // namespace

Prepared prepare(const RowSource& rows, const FitOptions& options, const Scaling* fixed, const std::vector<Index>* kept,
                 const Context& context, const Scaling* all) {
  Prepared result;
  Scaling filled = Scaling::identity(rows.inputs(), rows.targets());
  if (fixed != nullptr)
    filled.x_fill(fixed->kept) = fixed->x_fill;
  else if (rows.has_missing())
    filled.x_fill = input_means(rows, context);
  const std::vector<Index> unseen = fill_unseen(filled.x_fill, all);
  if (options.target_transform.any())
    filled.y_transforms = from_first_rank(context, [&](const Context& own) {
      return learn_transforms(rows, options.target_transform.of(rows.targets()), own);
    });
  result.raw = moments(ScaledSource(rows, filled), context, options.precision);
  const Moments& raw = result.raw;

  Scaling& scaling = result.scaling;
  if (fixed != nullptr) {
    scaling = *fixed;
  } else {
    scaling = filled;
    if (kept != nullptr) {
      scaling.kept = *kept;
    } else if (options.standardise) {
      std::erase_if(scaling.kept, [&](Index j) { return !(raw.x_max[j] > raw.x_min[j]); });
      if (scaling.kept.empty())
        throw DataError("fit: no input varies over the training rows, expected at least one that does");
    }
    const Index d = scaling.inputs();
    // Where no cell is missing now, one may be later.
    scaling.x_fill = (rows.has_missing() ? filled.x_fill : raw.x_mean)(scaling.kept).eval();
    scaling.x_mean = Vector::Zero(d);
    scaling.x_scale = Vector::Ones(d);
    if (options.standardise) {
      for (Index at = 0; at < d; ++at) {
        const Index j = scaling.kept[static_cast<std::size_t>(at)];
        scaling.x_mean[at] = raw.x_mean[j];
        scaling.x_scale[at] = rows.input_kind(j) == InputKind::missing
                                  ? missing_scale(raw.xx(j, j))
                                  : usable_scale(raw.xx(j, j), raw.x_min[j], raw.x_max[j]);
        if (all != nullptr && std::binary_search(unseen.begin(), unseen.end(), j))
          scaling.x_scale[at] = all->x_scale[at];
      }
    }
  }
  scaling.y_transforms = filled.y_transforms;
  scaling.y_mean = Vector::Zero(rows.targets());
  scaling.y_scale = Vector::Ones(rows.targets());
  if (options.standardise) {
    scaling.y_mean = raw.y_mean;
    for (Index t = 0; t < rows.targets(); ++t)
      scaling.y_scale[t] = usable_scale(raw.yy(t, t), raw.y_min[t], raw.y_max[t]);
  }
  result.moments = scaled(raw, scaling);
  return result;
}

ScaledSplit::ScaledSplit(const Split& split, Prepared own)
    : prepared(std::move(own)), train(*split.train, prepared.scaling), held_out(*split.validation, prepared.scaling) {}

Preparation prepare_training(const RowSource& data, const RowSource* validation_rows, const FitOptions& options,
                             const Context& context, const Scaling* fixed) {
  options.check();
  context.check();
  const Index k = data.targets();
  if (k < 1) throw InvalidArgument("fit: the data has no target, expected at least 1");
  if (options.rank && *options.rank > data.inputs())
    throw InvalidArgument(
        fmt::format("rank: {} given, expected at most the number of inputs, {}", *options.rank, data.inputs()));
  check_moments_fit(data);

  Preparation result;
  result.splits = make_splits(data, validation_rows, options);
  result.all = prepare(data, options, fixed, nullptr, context);
  const Moments& raw = result.all.raw;
  for (Index t = 0; t < k; ++t)
    if (options.standardise && !(raw.y_max[t] > raw.y_min[t]))
      throw DataError(fmt::format("fit: {} is {} in all {} rows, expected a target that varies", data.target_label(t),
                                  raw.y_min[t], raw.rows));
  // With a validation table the split is all training rows already; without refit the (one) split's model stays.
  result.again = validation_rows == nullptr && options.refit;

  Validation& validation = result.validation;
  validation.folds = static_cast<Index>(result.splits.size());
  validation.mean = validation.linear = validation.epsilon = Vector::Zero(k);
  validation.chosen_lambda = validation.chosen = Vector::Zero(k);
  for (const Split& split : result.splits) {
    const bool everything = split.train == &data;
    result.scaled.emplace_back(split, everything ? result.all
                                                 : prepare(*split.train, options, fixed, &result.all.scaling.kept,
                                                           context, &result.all.scaling));
  }
  choose_epsilon(result, context);
  return result;
}

Trained described(const RowSource& data, const Prepared& final) {
  Trained trained;
  trained.rows = final.raw.rows;
  trained.scaling = final.scaling;
  for (Index j = 0; j < data.inputs(); ++j)
    if (!std::binary_search(trained.scaling.kept.begin(), trained.scaling.kept.end(), j))
      trained.constant_inputs.push_back(j);
  trained.x_min = final.raw.x_min(trained.scaling.kept);
  trained.x_max = final.raw.x_max(trained.scaling.kept);
  return trained;
}

std::vector<Sample> held_out_samples(const Preparation& preparation, const Context& context) {
  constexpr double most_rows = 20'000;
  constexpr double most_cells = 0x1p24;
  double rows = 0;
  for (const ScaledSplit& split : preparation.scaled) rows += static_cast<double>(split.held_out.rows());
  const auto d = static_cast<double>(preparation.all.scaling.inputs());
  const auto stride = static_cast<Index>(std::ceil(rows / std::max(100.0, std::min(most_rows, most_cells / d))));
  std::vector<Sample> samples;
  for (const ScaledSplit& split : preparation.scaled) {
    const RowSource& source = split.held_out;
    const Index count = (source.rows() + stride - 1) / stride;
    Sample sample{Matrix(count, source.inputs()), Matrix(count, source.targets()), Vector(count)};
    Block block;
    Index taken = 0;
    for (Index first = 0; first < source.rows(); first += context.block_rows) {
      source.read(first, std::min(context.block_rows, source.rows() - first), block);
      for (Index i = (stride - first % stride) % stride; i < block.rows(); i += stride, ++taken) {
        sample.X.row(taken) = block.X.row(i);
        sample.Y.row(taken) = block.Y.row(i);
        sample.w[taken] = block.w[i];
      }
    }
    samples.push_back(std::move(sample));
  }
  return samples;
}

HeldOut held_out_of(const Preparation& preparation, const std::vector<Sample>& samples, const std::vector<Matrix>& F) {
  Index rows = 0;
  for (const Sample& sample : samples) rows += sample.X.rows();
  const Index k = preparation.validation.mean.size();
  HeldOut result{Matrix(rows, k), Matrix(rows, k), Vector(rows)};
  Index first = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    const Scaling& scaling = preparation.scaled[i].prepared.scaling;
    const Index count = sample.X.rows();
    result.Y.middleRows(first, count) = scaling.own_units(sample.Y);
    result.F.middleRows(first, count) = scaling.own_units(F[i]);
    result.w.segment(first, count) = sample.w;
    first += count;
  }
  return result;
}

}  // namespace sextant
