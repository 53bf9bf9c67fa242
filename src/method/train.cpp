#include "sextant/train.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "core/memory.h"
#include "sextant/dimension_reduction.h"
#include "sextant/error.h"
#include "sextant/folds.h"
#include "sextant/linear_fit.h"
#include "sextant/network.h"
#include "sextant/passes.h"
#include "sextant/ridge_head.h"
#include "sextant/subspace.h"

namespace sextant {
namespace {

// Training rows and the rows to validate on; own_* are empty when the caller owns them.
struct Split {
  std::unique_ptr<RowSource> own_train;
  std::unique_ptr<RowSource> own_validation;
  const RowSource* train = nullptr;
  const RowSource* validation = nullptr;
};

std::vector<Split> make_splits(const RowSource& data, const RowSource* validation, const FitOptions& options) {
  std::vector<Split> splits;
  if (validation != nullptr) {
    if (validation->inputs() != data.inputs() || validation->targets() != data.targets())
      throw DataError(fmt::format("validation: {} inputs and {} targets, expected {} and {} as in the training rows",
                                  validation->inputs(), validation->targets(), data.inputs(), data.targets()));
    splits.push_back({nullptr, nullptr, &data, validation});
    return splits;
  }
  if (data.rows() < 2)
    throw DataError(
        fmt::format("fit: {} row in the table, expected at least 2: one to train on, one to validate on", data.rows()));
  const auto wanted = options.folds.value_or(static_cast<Index>(std::lround(1.0 / options.validation_share)));
  const Folds folds{options.seed, std::min(wanted, data.rows()), Purpose::folds};
  for (Index fold = 0; fold < (options.folds ? folds.count : 1); ++fold) {
    auto train = std::make_unique<FoldSource>(data, folds, fold, FoldSource::Side::outside);
    auto held_out = std::make_unique<FoldSource>(data, folds, fold, FoldSource::Side::inside);
    const RowSource* train_view = train.get();
    const RowSource* held_out_view = held_out.get();
    splits.push_back({std::move(train), std::move(held_out), train_view, held_out_view});
  }
  return splits;
}

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

// Training rows with what scales them.
struct Prepared {
  Scaling scaling;
  Moments raw;      // in the table's units, all inputs
  Moments moments;  // scaled, kept inputs
};

// `kept` names the inputs to use; with `fixed`, the inputs' scaling is given and only the targets' is measured.
Prepared prepare(const RowSource& rows, const FitOptions& options, const Scaling* fixed, const std::vector<Index>* kept,
                 const Context& context) {
  Prepared result;
  Scaling filled = Scaling::identity(rows.inputs(), rows.targets());
  if (fixed != nullptr)
    filled.x_fill(fixed->kept) = fixed->x_fill;
  else if (rows.has_missing())
    filled.x_fill = input_means(rows, context);
  result.raw = moments(ScaledSource(rows, filled), context);
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
    scaling.x_fill = filled.x_fill(scaling.kept).eval();
    scaling.x_mean = Vector::Zero(d);
    scaling.x_scale = Vector::Ones(d);
    if (options.standardise) {
      for (Index at = 0; at < d; ++at) {
        const Index j = scaling.kept[static_cast<std::size_t>(at)];
        scaling.x_mean[at] = raw.x_mean[j];
        scaling.x_scale[at] = usable_scale(raw.xx(j, j), raw.x_min[j], raw.x_max[j]);
      }
    }
  }
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

// One run of all stages on scaled training rows.
struct Stages {
  LinearPart linear;
  FeatureMap map;
  Matrix heads;  // m×(L·k)
};

// The linear part whose residual the step sees. With rows enough it is plain least squares (ε = 0) even where
// validation prefers another ε for the predictor: a correlation that is there by chance moves all units alike, Σ_i r_i
// x_i/2 in each row of the gradient, and only ε = 0 takes all of it off. With few rows per input ε = 0 would leave no
// residual.
LinearPart step_linear(const Moments& row_moments, const LinearPart& linear, const FitOptions& options) {
  if (options.preprocess != Preprocess::linear || row_moments.rows < 2 * row_moments.x_mean.size()) return linear;
  return fit_linear(row_moments, Preprocess::linear, Vector::Zero(row_moments.y_mean.size()));
}

Stages run_stages(const RowSource& rows, const Moments& row_moments, const Representation& representation,
                  const FitOptions& options, const Vector& epsilon, const std::vector<double>& lambda,
                  const Context& context) {
  std::optional<FoldSource> step_half;
  std::optional<FoldSource> head_half;
  std::optional<Moments> half_moments;
  if (options.sample_splitting) {
    if (rows.rows() < 2)
      throw DataError("fit: sample splitting needs at least 2 training rows, one for the step and one for the head");
    const Folds halves{options.seed, 2, Purpose::halves};
    step_half.emplace(rows, halves, 0, FoldSource::Side::inside);
    head_half.emplace(rows, halves, 0, FoldSource::Side::outside);
    half_moments = moments(*step_half, context);
  }
  const RowSource& step_rows = step_half ? *step_half : rows;
  const RowSource& head_rows = head_half ? *head_half : rows;
  const Moments& step_moments = half_moments ? *half_moments : row_moments;

  Stages stages{fit_linear(step_moments, options.preprocess, epsilon), {}, {}};
  stages.map = representation(step_rows, step_linear(step_moments, stages.linear, options), context);
  stages.heads = fit_heads(head_rows, stages.linear, stages.map, lambda, options.head, context);
  return stages;
}

std::vector<double> candidates(const FitOptions& options) {
  if (options.lambda.empty()) return lambda_grid();
  std::vector<double> lambda = options.lambda;
  std::sort(lambda.begin(), lambda.end());
  lambda.erase(std::unique(lambda.begin(), lambda.end()), lambda.end());
  return lambda;
}

// Column l·k + t predicts target t.
std::vector<Index> path_targets(std::size_t lambdas, Index k) {
  std::vector<Index> targets(lambdas * static_cast<std::size_t>(k));
  for (std::size_t c = 0; c < targets.size(); ++c) targets[c] = static_cast<Index>(c) % k;
  return targets;
}

Matrix chosen_heads(const Matrix& heads, const std::vector<Index>& choice) {
  const auto k = static_cast<Index>(choice.size());
  Matrix a(heads.rows(), k);
  for (Index t = 0; t < k; ++t) a.col(t) = heads.col(choice[static_cast<std::size_t>(t)] * k + t);
  return a;
}

void choose_epsilon(const std::vector<Split>& splits, const std::vector<Prepared>& prepared, Validation& validation,
                    const Context& context) {
  const Index k = validation.mean.size();
  const auto& grid = epsilon_grid();
  Matrix linear = Matrix::Zero(static_cast<Index>(grid.size()), k);
  double n = 0;
  for (std::size_t i = 0; i < splits.size(); ++i) {
    const Moments held_out = moments(ScaledSource(*splits[i].validation, prepared[i].scaling), context);
    const Vector units = prepared[i].scaling.y_scale.cwiseAbs2();
    linear += held_out.n * linear_risks(prepared[i].moments, held_out) * units.asDiagonal();
    validation.mean += held_out.n * mean_risk(prepared[i].moments, held_out).cwiseProduct(units);
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

// The chosen candidate of each target.
std::vector<Index> choose_lambda(Validation& validation) {
  const Index k = validation.path.cols();
  const std::size_t count = validation.lambda.size();
  std::vector<Index> choice(static_cast<std::size_t>(k));
  for (Index t = 0; t < k; ++t) {
    const Index best = best_candidate(validation.path.col(t));
    const double value = validation.lambda[static_cast<std::size_t>(best)];
    choice[static_cast<std::size_t>(t)] = best;
    validation.chosen_lambda[t] = value;
    validation.chosen[t] = validation.path(best, t);
    const bool first = best == 0;
    const bool last = static_cast<std::size_t>(best) + 1 == count;
    validation.at_grid_end.push_back(count > 1 && std::isfinite(value) && (first || last));
  }
  return choice;
}

}  // namespace

HeadForm head_form(const FitOptions& options, Index rows, Index inputs) {
  const auto& blocks = options.ntk_blocks;
  const Index features =
      options.method == Method::ntk ? options.width * (blocks.a + blocks.W * inputs + blocks.b) : options.width;
  HeadForm form;
  form.pairs = is_kernel(options.method) || rows < features;
  form.size = form.pairs ? rows : features;
  form.bytes = 3.0 * sizeof(double) * static_cast<double>(form.size) * static_cast<double>(form.size);
  return form;
}

Trained train(const RowSource& data, const RowSource* validation_rows, const Representation& representation,
              const FitOptions& options, const Context& context, const Scaling* fixed) {
  options.check();
  context.check();
  const Index k = data.targets();
  if (k < 1) throw InvalidArgument("fit: the data has no target, expected at least 1");
  if (options.rank && *options.rank > data.inputs())
    throw InvalidArgument(
        fmt::format("rank: {} given, expected at most the number of inputs, {}", *options.rank, data.inputs()));

  if (validation_rows != nullptr && options.folds)
    throw InvalidArgument(
        fmt::format("folds: {} given together with validation rows, expected one of the two", *options.folds));
  check_moments_fit(data);

  std::vector<Split> splits = make_splits(data, validation_rows, options);
  const Prepared all = prepare(data, options, fixed, nullptr, context);
  for (Index t = 0; t < k; ++t)
    if (options.standardise && !(all.raw.y_max[t] > all.raw.y_min[t]))
      throw DataError(fmt::format("fit: {} is {} in all {} rows, expected a target that varies", data.target_label(t),
                                  all.raw.y_min[t], all.raw.rows));

  Trained trained;
  Validation& validation = trained.validation;
  validation.folds = static_cast<Index>(splits.size());
  validation.mean = Vector::Zero(k);
  validation.linear = Vector::Zero(k);
  validation.epsilon = Vector::Zero(k);
  validation.chosen_lambda = Vector::Zero(k);
  validation.chosen = Vector::Zero(k);
  validation.lambda = candidates(options);
  const auto count = static_cast<Index>(validation.lambda.size());
  validation.path = Matrix::Zero(count, k);

  std::vector<Prepared> prepared;
  for (const Split& split : splits) {
    const bool everything = split.train == &data;
    prepared.push_back(everything ? all : prepare(*split.train, options, fixed, &all.scaling.kept, context));
  }
  choose_epsilon(splits, prepared, validation, context);

  Stages stages;
  double n = 0;
  for (std::size_t i = 0; i < splits.size(); ++i) {
    const Scaling& scaling = prepared[i].scaling;
    const ScaledSource rows(*splits[i].train, scaling);
    const ScaledSource held_out(*splits[i].validation, scaling);
    stages =
        run_stages(rows, prepared[i].moments, representation, options, validation.epsilon, validation.lambda, context);
    const Risks path =
        risks(held_out, stages.linear, stages.map, stages.heads, path_targets(validation.lambda.size(), k), context);
    const Matrix by_candidate = Eigen::Map<const Matrix>(path.square.data(), count, k);
    validation.path += path.n * by_candidate * scaling.y_scale.cwiseAbs2().asDiagonal();
    n += path.n;
  }
  validation.path /= n;
  const std::vector<Index> choice = choose_lambda(validation);

  // With a validation table the split was all training rows already; without refit the (one) split's model stays.
  const bool again = validation_rows == nullptr && options.refit;
  const Prepared& final = again ? all : prepared.front();
  const ScaledSource rows(again ? data : *splits.front().train, final.scaling);
  if (again) {
    const std::vector<double> chosen(validation.chosen_lambda.begin(), validation.chosen_lambda.end());
    stages = run_stages(rows, final.moments, representation, options, validation.epsilon, chosen, context);
    std::vector<Index> own(static_cast<std::size_t>(k));
    for (Index t = 0; t < k; ++t) own[static_cast<std::size_t>(t)] = t;
    trained.a = chosen_heads(stages.heads, own);
  } else {
    trained.a = chosen_heads(stages.heads, choice);
  }
  trained.rows = final.raw.rows;
  trained.scaling = final.scaling;
  trained.linear = std::move(stages.linear);
  trained.map = std::move(stages.map);
  for (Index j = 0; j < data.inputs(); ++j)
    if (!std::binary_search(trained.scaling.kept.begin(), trained.scaling.kept.end(), j))
      trained.constant_inputs.push_back(j);
  trained.gradient_outer_product = gradient_outer_product(rows, trained.linear, trained.map, trained.a, context);
  trained.x_min = final.raw.x_min(trained.scaling.kept);
  trained.x_max = final.raw.x_max(trained.scaling.kept);
  return trained;
}

namespace {

// The rows' inputs, as the pair passes see them.
Matrix gathered_inputs(const RowSource& rows, const Context& context) {
  Matrix X(rows.rows(), rows.inputs());
  Block block;
  for (Index first = 0; first < X.rows(); first += context.block_rows) {
    rows.read(first, std::min(context.block_rows, X.rows() - first), block);
    for (Index i = 0; i < block.rows(); ++i)
      if (!(block.w[i] > 0)) block.X.row(i).setZero();  // takes part in nothing
    X.middleRows(first, block.rows()) = block.X;
  }
  return X;
}

// The median of the distances between the first rows with others that differ from them; 1 when none do.
double median_distance(const Matrix& X) {
  constexpr Index sample = 512;
  const Index step = std::max<Index>(1, X.rows() / sample);
  std::vector<double> distances;
  for (Index i = 0; i < X.rows(); i += step)
    for (Index j = 0; j < i; j += step) {
      const double distance = (X.row(i) - X.row(j)).norm();
      if (distance > 0) distances.push_back(distance);
    }
  if (distances.empty()) return 1.0;
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
  std::nth_element(distances.begin(), middle, distances.end());
  return *middle;
}

KernelSections kernel_sections(KernelKind kind, const FitOptions& options, const RowSource& rows,
                               const Context& context) {
  KernelSections sections;
  sections.centres = gathered_inputs(rows, context);
  sections.kernel = {kind, options.bias_or_default(), options.ntk_blocks, options.degree, 1.0};
  if (kind == KernelKind::gaussian || kind == KernelKind::laplace)
    sections.kernel.bandwidth = options.bandwidth * median_distance(sections.centres);
  return sections;
}

// Random features inside the subspace that a classical reduction finds: of `rank` directions, or as many as its
// eigenvalues stand out.
ReluNetwork reduced_network(Reduction reduction, const FitOptions& options, const RowSource& rows,
                            const Context& context) {
  const auto found = reduced_directions(rows, {.reduction = reduction, .slices = options.slices}, context);
  const Vector spectrum = found.eigenvalues.cwiseAbs() / std::max(1e-300, found.eigenvalues.cwiseAbs().sum());
  const Index rank = options.rank.value_or(std::max<Index>(1, estimate_rank(spectrum).rank));
  return random_network_within(found.directions.topRows(std::min(rank, found.directions.rows())), options,
                               rows.inputs());
}

}  // namespace

Representation representation(const FitOptions& options) {
  const auto kernel = [&options](KernelKind kind) -> Representation {
    return [&options, kind](const RowSource& rows, const LinearPart&, const Context& context) -> FeatureMap {
      return kernel_sections(kind, options, rows, context);
    };
  };
  const auto reduced = [&options](Reduction reduction) -> Representation {
    return [&options, reduction](const RowSource& rows, const LinearPart&, const Context& context) -> FeatureMap {
      return reduced_network(reduction, options, rows, context);
    };
  };
  switch (options.method) {
    case Method::algorithm_1:
      return [&options](const RowSource& rows, const LinearPart& linear, const Context& context) -> FeatureMap {
        return one_step(rows, linear, options, context);
      };
    case Method::random_features:
      return [&options](const RowSource& rows, const LinearPart&, const Context&) -> FeatureMap {
        return random_network(options, rows.inputs());
      };
    case Method::ntk:
      return [&options](const RowSource& rows, const LinearPart&, const Context&) -> FeatureMap {
        return linearised_network(options, rows.inputs());
      };
    case Method::oracle:
      if (options.subspace.size() == 0)
        throw InvalidArgument("subspace: none given, expected the directions inside which oracle draws its features");
      return [&options](const RowSource& rows, const LinearPart&, const Context&) -> FeatureMap {
        return random_network_within(options.subspace, options, rows.inputs());
      };
    case Method::kernel_arc_cosine:
      return kernel(KernelKind::arc_cosine);
    case Method::kernel_ntk:
      return kernel(KernelKind::ntk);
    case Method::kernel_polynomial:
      return kernel(KernelKind::polynomial);
    case Method::kernel_gaussian:
      return kernel(KernelKind::gaussian);
    case Method::kernel_laplace:
      return kernel(KernelKind::laplace);
    case Method::sir:
      return reduced(Reduction::sir);
    case Method::save:
      return reduced(Reduction::save);
    case Method::phd:
      return reduced(Reduction::phd);
    case Method::directional_regression:
      return reduced(Reduction::directional_regression);
  }
  throw InvalidArgument("method: not a known one");
}

Trained algorithm_1(const RowSource& data, const RowSource* validation, const FitOptions& options,
                    const Context& context) {
  FitOptions paper = options;
  paper.method = Method::algorithm_1;
  return train(data, validation, representation(paper), paper, context);
}

}  // namespace sextant
