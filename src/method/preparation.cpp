#include "method/preparation.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <utility>

#include "core/from_first_rank.h"
#include "core/linalg.h"
#include "core/memory.h"
#include "method/model_size.h"
#include "method/robust_targets.h"
#include "method/wide_linear.h"
#include "sextant/error.h"
#include "sextant/ridge_head.h"

namespace sextant {

static auto parts(RobustTargets& robust) { return std::tie(robust.drawn, robust.silent, robust.low, robust.high); }

static auto parts(TargetTransform& transform) {
  return std::tie(transform.kind, transform.shift, transform.low, transform.high, transform.y, transform.z);
}

static auto parts(TableLimits& limits) {
  return std::tie(limits.x_low, limits.x_high, limits.x_least, limits.x_most, limits.implausible, limits.y_low,
                  limits.y_high, limits.y_min, limits.y_max);
}

namespace {

// The rows' targets alone.
class TargetsSource final : public RowSource {
 public:
  explicit TargetsSource(const RowSource& rows) : rows_(rows) {}
  [[nodiscard]] Index rows() const override { return rows_.rows(); }
  [[nodiscard]] Index inputs() const override { return 0; }
  [[nodiscard]] Index targets() const override { return rows_.targets(); }
  [[nodiscard]] std::string target_label(Index t) const override { return rows_.target_label(t); }
  void read(Index first, Index count, Block& block) const override {
    rows_.read(first, count, block);
    block.X.resize(count, 0);
  }

 private:
  const RowSource& rows_;
};

constexpr double rare_inputs = 0.02;  // of held-out rows: where more have an input beyond its limits, all are scored

// The limits of all inputs, of which a given scaling's may only be widened: what another task's rows made plausible
// stays so, and these rows are no outliers because they lie elsewhere.
void limit_inputs(const TableLimits* own, const Scaling* fixed, Scaling& scaling) {
  if (own != nullptr) {
    scaling.x_low = own->x_low;
    scaling.x_high = own->x_high;
    scaling.x_least = own->x_least;
    scaling.x_most = own->x_most;
  }
  if (fixed == nullptr || fixed->x_low.size() == 0) return;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (own == nullptr) {
    scaling.x_low = Vector::Constant(scaling.inputs(), -infinity);
    scaling.x_high = Vector::Constant(scaling.inputs(), infinity);
  }
  for (std::size_t at = 0; at < fixed->kept.size(); ++at) {
    const Index j = fixed->kept[at];
    const auto i = static_cast<Index>(at);
    scaling.x_low[j] = own != nullptr ? std::min(own->x_low[j], fixed->x_low[i]) : fixed->x_low[i];
    scaling.x_high[j] = own != nullptr ? std::max(own->x_high[j], fixed->x_high[i]) : fixed->x_high[i];
    if (own == nullptr || fixed->x_least.size() == 0) continue;
    scaling.x_least[j] = std::min(own->x_least[j], fixed->x_least[i]);
    scaling.x_most[j] = std::max(own->x_most[j], fixed->x_most[i]);
  }
  if (fixed->x_least.size() == 0) scaling.x_least = scaling.x_most = {};
}

// Moments after `scaling`, from moments before it (inputs as they are, missing cells filled).
Moments scaled(const Moments& raw, const Scaling& scaling) {
  const Vector x_inverse = scaling.x_scale.cwiseInverse();
  const Vector y_inverse = scaling.y_scale.cwiseInverse();
  Moments result = raw;
  const auto& kept = scaling.kept;
  result.x_mean = (raw.x_mean(kept) - scaling.x_mean).cwiseProduct(x_inverse);
  result.y_mean = (raw.y_mean - scaling.y_mean).cwiseProduct(y_inverse);
  if (raw.xx.size() > 0) result.xx = x_inverse.asDiagonal() * raw.xx(kept, kept) * x_inverse.asDiagonal();
  result.xx_diag = raw.xx_diag(kept).cwiseProduct(x_inverse.cwiseAbs2());
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

// The inverse of scaled inputs' covariance from n rows, as ridge regressions of each on the others see it: 0.1·d/n of
// the mean variance is added. Empty of more inputs than a model had better hold squares of.
Matrix precision_of(const Matrix& covariance, double n) {
  constexpr Index most_inputs = 512;
  const Index d = covariance.rows();
  if (d > most_inputs || !covariance.allFinite()) return {};
  const double ridge = std::max(1e-6, 0.1 * static_cast<double>(d) / n) * covariance.trace() / static_cast<double>(d);
  const auto factor = linalg::Cholesky::of(covariance + ridge * Matrix::Identity(d, d), "inputs");
  if (!factor) return {};
  const Matrix inverse = factor->solve(Matrix::Identity(d, d));
  return 0.5 * (inverse + inverse.transpose());
}

// Half of a standardised indicator's scale, so that where cells are missing tells no more than half of what numbers do;
// a rare gap is not blown up: (m − m̄)/max(sd, 0.1)/2.
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
    const bool dual = train.xx.size() == 0;
    const Moments held_out = dual ? marginal_moments(split.held_out, context) : moments(split.held_out, context);
    const Matrix of_epsilon = from_first_rank(context, [&](const Context& own) {
      return dual ? linear_risks(WideRows(split.train, own), split.held_out, own) : linear_risks(train, held_out);
    });
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

// `prepare` of rows that have all inputs already. `fixed` has no levels.
Prepared prepare_inputs(const RowSource& rows, const FitOptions& options, const Scaling* fixed,
                        const std::vector<Index>* kept, const Context& context, Form form, const Prepared* whole);

}  // namespace

Form form_of(const RowSource& rows, const FitOptions& options) {
  return options.method == Method::automatic && rows.inputs() > rows.rows() ? Form::dual : Form::primal;
}

Prepared prepare(const RowSource& rows, const FitOptions& options, const Scaling* fixed, const std::vector<Index>* kept,
                 const Context& context, Form form, const Prepared* whole, const std::vector<LevelSet>& levels) {
  LearnedLevels learned;
  if (fixed != nullptr)
    learned.encoding = fixed->levels;
  else if (!levels.empty())
    learned = learn_levels(rows, levels, options, alone(context));
  if (!learned.encoding) return prepare_inputs(rows, options, fixed, kept, context, form, whole);
  const LevelledSource all(rows, learned.encoding, learned.parts);
  const Scaling of_all = fixed != nullptr ? fixed->of_all_inputs() : Scaling();
  Prepared result = prepare_inputs(all, options, fixed != nullptr ? &of_all : nullptr, kept, context, form, whole);
  result.scaling.levels = std::move(learned.encoding);
  result.level_parts = std::move(learned.parts);
  return result;
}

namespace {

Prepared prepare_inputs(const RowSource& rows, const FitOptions& options, const Scaling* fixed,
                        const std::vector<Index>* kept, const Context& context, Form form, const Prepared* whole) {
  Prepared result;
  Scaling filled = Scaling::identity(rows.inputs(), rows.targets());
  const bool clips_inputs = !options.extrapolate_or_default();
  const bool clips_targets = options.clip_targets_or_default();
  TableLimits limits;
  if (clips_inputs || clips_targets)
    limits = from_first_rank(context, [&](const Context& own) {
      if (form == Form::primal || whole == nullptr || whole->limits.x_low.size() == 0) return table_limits(rows, own);
      TableLimits of_targets = table_limits(TargetsSource(rows), own);
      of_targets.x_low = whole->limits.x_low;
      of_targets.x_high = whole->limits.x_high;
      of_targets.x_least = whole->limits.x_least;
      of_targets.x_most = whole->limits.x_most;
      of_targets.implausible = whole->limits.implausible;
      return of_targets;
    });
  limit_inputs(clips_inputs ? &limits : nullptr, fixed, filled);
  if (clips_targets) {
    filled.y_low = limits.y_low;
    filled.y_high = limits.y_high;
  }
  if (fixed != nullptr)
    filled.x_fill(fixed->kept) = fixed->x_fill;
  else if (rows.has_missing() || limits.implausible)
    filled.x_fill = input_means(rows, context, filled.x_low, filled.x_high);
  const std::vector<Index> unseen = fill_unseen(filled.x_fill, whole == nullptr ? nullptr : &whole->scaling);
  const auto measure = [&] {
    const DrawnTargetsSource drawn(rows, result.drawn);
    filled.y_transforms.clear();
    if (options.target_transform.any())
      filled.y_transforms = from_first_rank(context, [&](const Context& own) {
        return learn_transforms(ScaledSource(drawn, filled), options.target_transform.of(rows.targets()), own);
      });
    const ScaledSource seen(drawn, filled);
    result.raw = form == Form::dual ? marginal_moments(seen, context) : moments(seen, context, options.precision);
  };
  measure();
  const Moments& raw = result.raw;

  Scaling& scaling = result.scaling;
  if (fixed != nullptr) {
    scaling = *fixed;
  } else {
    scaling = filled;
    if (kept != nullptr) {
      scaling.kept = *kept;
    } else {
      std::erase_if(scaling.kept, [&](Index j) {
        return rows.input_kind(j) == InputKind::code || (options.standardise && !(raw.x_max[j] > raw.x_min[j]));
      });
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
                                  ? missing_scale(raw.xx_diag[j])
                                  : usable_scale(raw.xx_diag[j], raw.x_min[j], raw.x_max[j]);
        if (whole != nullptr && std::binary_search(unseen.begin(), unseen.end(), j))
          scaling.x_scale[at] = whole->scaling.x_scale[at];
      }
    }
  }
  if (filled.x_low.size() > 0) {
    scaling.x_low = filled.x_low(scaling.kept).eval();
    scaling.x_high = filled.x_high(scaling.kept).eval();
  }
  scaling.x_least = scaling.x_most = {};
  if (filled.x_least.size() > 0) {
    scaling.x_least = filled.x_least(scaling.kept).eval();
    scaling.x_most = filled.x_most(scaling.kept).eval();
    if (fixed == nullptr && form == Form::primal)
      scaling.x_precision = from_first_rank(context, [&] {
        const Vector inverse = scaling.x_scale.cwiseInverse();
        return precision_of(inverse.asDiagonal() * raw.xx(scaling.kept, scaling.kept) * inverse.asDiagonal(), raw.n);
      });
  }
  scaling.y_low = filled.y_low;
  scaling.y_high = filled.y_high;
  scaling.y_mean = Vector::Zero(rows.targets());
  scaling.y_scale = Vector::Ones(rows.targets());
  std::vector<bool> beyond;
  for (Index t = 0; t < rows.targets() && clips_targets; ++t)
    beyond.push_back(limits.y_min[t] < limits.y_low[t] || limits.y_max[t] > limits.y_high[t]);
  const bool any_beyond = std::ranges::find(beyond, true) != beyond.end();
  if (any_beyond) {
    RobustTargets robust =
        from_first_rank(context, [&](const Context& own) { return robust_targets(rows, scaling, beyond, own); });
    result.drawn = std::move(robust.drawn);
    result.silent = std::move(robust.silent);
    scaling.y_low = filled.y_low = robust.low;
    scaling.y_high = filled.y_high = robust.high;
    measure();  // the limits are others, too
  }
  scaling.y_transforms = filled.y_transforms;
  if (options.standardise) {
    scaling.y_mean = raw.y_mean;
    for (Index t = 0; t < rows.targets(); ++t)
      scaling.y_scale[t] = usable_scale(raw.yy(t, t), raw.y_min[t], raw.y_max[t]);
  }
  result.moments = scaled(raw, scaling);
  // Implausible cells of these rows counted as means so far; they are what the others say.
  if (form == Form::primal && limits.implausible && scaling.x_precision.size() > 0)
    result.moments = moments(TrainingRows(rows, result), context, options.precision);
  scaling.prediction_low = scaling.prediction_high = {};  // of `fixed`, which has other targets
  if (clips_inputs) {
    const auto own_units = [&](const Vector& y) -> Vector {
      Vector own = y;
      for (std::size_t t = 0; t < scaling.y_transforms.size(); ++t)
        own[static_cast<Index>(t)] = scaling.y_transforms[t].inverse(own[static_cast<Index>(t)]);
      return own;
    };
    const Vector low = own_units(raw.y_min);
    const Vector high = own_units(raw.y_max);
    scaling.prediction_low = low - beyond_targets * (high - low);
    scaling.prediction_high = high + beyond_targets * (high - low);
  }
  result.limits = std::move(limits);
  return result;
}

// Held-out rows of positive weight that nothing is chosen by, ascending: those with a target beyond its limits, and
// those with an input beyond its limits, where one row far from all others would decide for all; unless more than
// rare_inputs of the rows are such. None where there would be no other left.
std::vector<Index> wild_rows(const RowSource& rows, const Scaling& scaling) {
  constexpr Index at_once = 1024;
  std::vector<Index> targets;
  std::vector<Index> inputs;
  Index counted = 0;
  Block block;
  for (Index first = 0; first < rows.rows(); first += at_once) {
    rows.read(first, std::min(at_once, rows.rows() - first), block);
    for (Index i = 0; i < block.rows(); ++i) {
      if (!(block.w[i] > 0)) continue;
      ++counted;
      const auto y = block.Y.row(i).transpose().array();
      const bool wild = scaling.y_low.size() > 0 && ((y < scaling.y_low.array()) || (y > scaling.y_high.array())).any();
      if (wild) targets.push_back(first + i);
      for (Index j = 0; j < scaling.x_low.size(); ++j) {
        const Index at = scaling.kept[static_cast<std::size_t>(j)];
        if (at >= block.X.cols()) break;  // inputs made of levels have no limits
        const double x = block.X(i, at);
        if (!(x < scaling.x_low[j] || x > scaling.x_high[j])) continue;
        inputs.push_back(first + i);
        break;
      }
    }
  }
  if (static_cast<double>(inputs.size()) > std::max(1.0, rare_inputs * static_cast<double>(counted))) inputs.clear();
  std::vector<Index> wild;
  std::ranges::set_union(targets, inputs, std::back_inserter(wild));
  if (static_cast<Index>(wild.size()) == counted) wild.clear();
  return wild;
}

}  // namespace

ScaledSplit::ScaledSplit(const Split& split, Prepared own)
    : prepared(std::move(own)),
      wild(wild_rows(*split.validation, prepared.scaling)),
      train(*split.train, prepared),
      scored(*split.validation, wild),
      held_out(scored, prepared.scaling) {}

Preparation prepare_training(const RowSource& data, const RowSource* validation_rows, const FitOptions& options,
                             const Context& context, const Scaling* fixed, const Prepared* whole) {
  options.check();
  context.check();
  const Index k = data.targets();
  if (k < 1) throw InvalidArgument("fit: the data has no target, expected at least 1");
  if (options.rank && *options.rank > data.inputs())
    throw InvalidArgument(
        fmt::format("rank: {} given, expected at most the number of inputs, {}", *options.rank, data.inputs()));
  const Form form = form_of(data, options);
  if (form == Form::primal) check_moments_fit(data);

  Preparation result;
  result.splits = make_splits(data, validation_rows, options);
  LevelPlans levels;
  levels.of_split.resize(result.splits.size());
  if (fixed == nullptr && options.level_effects && (whole == nullptr || whole->scaling.levels))
    levels = plan_levels(data, result.splits, form == Form::primal, options, context,
                         whole != nullptr ? whole->scaling.levels.get() : nullptr);
  result.all =
      whole != nullptr ? *whole : prepare(data, options, fixed, nullptr, context, form, nullptr, levels.of_model);
  const Moments& raw = result.all.raw;
  for (Index t = 0; t < k; ++t)
    if (options.standardise && !(raw.y_max[t] > raw.y_min[t]))
      throw DataError(fmt::format("fit: {} is {} in all {} rows, expected a target that varies", data.target_label(t),
                                  raw.y_min[t], raw.rows));
  if (options.compact && !is_automatic(options.method)) {
    const double bytes = stored_bytes(options, static_cast<Index>(raw.rows), result.all.scaling.inputs(), k);
    if (bytes > compact_bytes)
      throw InvalidArgument(fmt::format(
          "compact: given with {}, whose model of these rows takes {:.1f} MB, expected at most {:.0f} MB: a smaller "
          "width or fewer rows, or a method that searches, as auto",
          name(options.method), bytes / 1e6, compact_bytes / 1e6));
  }
  // With a validation table the split is all training rows already; without refit the (one) split's model stays.
  result.again = validation_rows == nullptr && options.refit;

  Validation& validation = result.validation;
  validation.folds = static_cast<Index>(result.splits.size());
  validation.mean = validation.linear = validation.epsilon = Vector::Zero(k);
  validation.chosen_lambda = validation.chosen = Vector::Zero(k);
  for (std::size_t i = 0; i < result.splits.size(); ++i) {
    const Split& split = result.splits[i];
    const bool everything = split.train == &data;
    result.scaled.emplace_back(split, everything ? result.all
                                                 : prepare(*split.train, options, fixed, &result.all.scaling.kept,
                                                           context, form, &result.all, levels.of_split[i]));
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
  trained.drawn_targets.assign(static_cast<std::size_t>(data.targets()), 0);
  for (const DrawnTarget& each : final.drawn) ++trained.drawn_targets[static_cast<std::size_t>(each.target)];
  return trained;
}

std::vector<Sample> held_out_samples(const Preparation& preparation, const Context& context) {
  constexpr double most_rows = 20'000;
  constexpr double most_cells = 0x1p24;
  double rows = 0;
  for (const ScaledSplit& split : preparation.scaled) rows += static_cast<double>(split.held_out.rows());
  const auto d = static_cast<double>(preparation.all.scaling.inputs());
  // What each way of learning says of a row is kept for every target, several times over.
  const auto k = static_cast<double>(preparation.validation.mean.size());
  const auto stride =
      static_cast<Index>(std::ceil(rows / std::max(100.0, std::min(most_rows, most_cells / std::max(d, 8 * k)))));
  std::vector<Sample> samples;
  for (std::size_t at = 0; at < preparation.scaled.size(); ++at) {
    const RowSource& source = *preparation.splits[at].validation;
    const Scaling& scaling = preparation.scaled[at].prepared.scaling;
    const Index count = (source.rows() + stride - 1) / stride;
    const std::vector<Index>& wild = preparation.scaled[at].wild;
    Sample sample{Matrix(count, scaling.inputs()), Matrix(count, source.targets()), Vector(count),
                  Matrix(count, source.targets()), Vector(count)};
    Block block;
    Matrix Z;
    Index taken = 0;
    for (Index first = 0; first < source.rows(); first += context.block_rows) {
      source.read(first, std::min(context.block_rows, source.rows() - first), block);
      scaling.apply(block.X, Z);
      const Matrix Y = scaling.scaled_targets(block.Y);
      for (Index i = (stride - first % stride) % stride; i < block.rows(); i += stride, ++taken) {
        sample.X.row(taken) = Z.row(i);
        sample.Y.row(taken) = Y.row(i);
        sample.own.row(taken) = block.Y.row(i);
        sample.own_weight[taken] = block.w[i];
        sample.w[taken] = std::ranges::binary_search(wild, first + i) ? 0.0 : block.w[i];
      }
    }
    samples.push_back(std::move(sample));
  }
  return samples;
}

Matrix own_targets(const Sample& sample, const Scaling& scaling) {
  return scaling.y_low.size() > 0 ? sample.own : scaling.own_units(sample.Y);
}

HeldOut held_out_of(const Preparation& preparation, const std::vector<Sample>& samples, const std::vector<Matrix>& F) {
  Index rows = 0;
  for (const Sample& sample : samples) rows += sample.X.rows();
  const Index k = preparation.validation.mean.size();
  HeldOut result{Matrix(rows, k), Matrix(rows, k), Vector(rows), Vector(rows)};
  Index first = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    const Scaling& scaling = preparation.scaled[i].prepared.scaling;
    const Index count = sample.X.rows();
    result.Y.middleRows(first, count) = own_targets(sample, scaling);
    result.F.middleRows(first, count) = scaling.predictions(F[i]);
    result.w.segment(first, count) = sample.own_weight;
    result.scored.segment(first, count) = sample.w;
    first += count;
  }
  return result;
}

}  // namespace sextant
