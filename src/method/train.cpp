#include "sextant/train.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "core/from_first_rank.h"
#include "method/preparation.h"
#include "passes/parts.h"
#include "sextant/dimension_reduction.h"
#include "sextant/error.h"
#include "sextant/folds.h"
#include "sextant/linear_fit.h"
#include "sextant/network.h"
#include "sextant/passes.h"
#include "sextant/refine.h"
#include "sextant/ridge_head.h"
#include "sextant/subspace.h"

namespace sextant {
namespace {

// One run of all stages on scaled training rows.
struct Stages {
  LinearPart linear;
  FeatureMap map;
  Matrix heads;  // m×(L·k)
};

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
    half_moments = moments(*step_half, context, options.precision);
  }
  const RowSource& step_rows = step_half ? *step_half : rows;
  const RowSource& head_rows = head_half ? *head_half : rows;
  const Moments& step_moments = half_moments ? *half_moments : row_moments;

  auto [linear, of_the_step] = from_first_rank(context, [&] {
    const Vector own_epsilon = step_epsilon(step_moments, epsilon);
    return std::pair(fit_linear(step_moments, options.preprocess, epsilon),
                     fit_linear(step_moments, options.preprocess, own_epsilon));
  });
  Stages stages{std::move(linear), {}, {}};
  stages.map = representation(step_rows, of_the_step, context);
  stages.heads = fit_heads(head_rows, stages.linear, stages.map, lambda, options.head, context, options.precision);
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

// All stages with the chosen ε and λ of each target.
Stages stages_as_chosen(const RowSource& rows, const Moments& row_moments, const Representation& representation,
                        const FitOptions& options, const Validation& choices, const Context& context) {
  const std::vector<double> chosen(choices.chosen_lambda.begin(), choices.chosen_lambda.end());
  Stages stages = run_stages(rows, row_moments, representation, options, choices.epsilon, chosen, context);
  std::vector<Index> own(chosen.size());
  for (std::size_t t = 0; t < own.size(); ++t) own[t] = static_cast<Index>(t);
  stages.heads = chosen_heads(stages.heads, own);
  return stages;
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
  const Preparation preparation = prepare_training(data, validation_rows, options, context, fixed);
  Validation validation = preparation.validation;
  const Index k = data.targets();
  validation.lambda = candidates(options);
  const auto count = static_cast<Index>(validation.lambda.size());
  validation.path = Matrix::Zero(count, k);

  std::vector<Stages> by_split;
  double n = 0;
  for (const ScaledSplit& split : preparation.scaled) {
    const Stages& stages = by_split.emplace_back(run_stages(split.train, split.prepared.moments, representation,
                                                            options, validation.epsilon, validation.lambda, context));
    const Risks path = risks(split.held_out, stages.linear, stages.map, stages.heads,
                             path_targets(validation.lambda.size(), k), context);
    const Matrix by_candidate = Eigen::Map<const Matrix>(path.square.data(), count, k);
    validation.path += path.n * by_candidate * split.square_units().asDiagonal();
    n += path.n;
  }
  validation.path /= n;
  const std::vector<Index> choice = choose_lambda(validation);

  const std::vector<Sample> samples = held_out_samples(preparation, context);
  std::vector<Matrix> F;
  for (std::size_t i = 0; i < by_split.size(); ++i) {
    by_split[i].heads = chosen_heads(by_split[i].heads, choice);
    F.push_back(from_first_rank(context, [&](const Context& own) {
      return outputs(by_split[i].linear, {{1.0, by_split[i].map, by_split[i].heads}}, samples[i].X, own);
    }));
  }

  const Prepared& final = preparation.final();
  const TrainingRows rows(preparation.again ? data : *preparation.splits.front().train, final);
  Stages stages = std::move(by_split.front());
  if (preparation.again) stages = stages_as_chosen(rows, final.moments, representation, options, validation, context);
  Trained trained = described(data, final);
  trained.gradient_outer_product = gradient_outer_product(rows, stages.linear, stages.map, stages.heads, context);
  trained.linear = std::move(stages.linear);
  trained.predictors.push_back({1.0, std::move(stages.map), std::move(stages.heads)});
  trained.validation = std::move(validation);
  trained.held_out = held_out_of(preparation, samples, F);
  return trained;
}

Trained retrain(const RowSource& data, const Validation& choices, const Representation& representation,
                const FitOptions& options, const Context& context, const std::vector<Index>* kept,
                const Scaling* fixed) {
  options.check();
  context.check();
  if (choices.epsilon.size() != data.targets() || choices.chosen_lambda.size() != data.targets())
    throw InvalidArgument(fmt::format("retrain: the choices are for {} targets and the data has {}, expected as many",
                                      choices.chosen_lambda.size(), data.targets()));
  const Prepared prepared = prepare(data, options, fixed, kept, context);
  const TrainingRows rows(data, prepared);
  Stages stages = stages_as_chosen(rows, prepared.moments, representation, options, choices, context);
  Trained trained = described(data, prepared);
  trained.gradient_outer_product = gradient_outer_product(rows, stages.linear, stages.map, stages.heads, context);
  trained.linear = std::move(stages.linear);
  trained.predictors.push_back({1.0, std::move(stages.map), std::move(stages.heads)});
  trained.validation = choices;
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
  return from_first_rank(context, [&] {
    const Vector spectrum = found.eigenvalues.cwiseAbs() / std::max(1e-300, found.eigenvalues.cwiseAbs().sum());
    const Index rank = options.rank.value_or(std::max<Index>(1, estimate_rank(spectrum).rank));
    return random_network_within(found.directions.topRows(std::min(rank, found.directions.rows())), options,
                                 rows.inputs());
  });
}

}  // namespace

Representation representation(const FitOptions& options) {
  const auto kernel = [&options](KernelKind kind) -> Representation {
    return [&options, kind](const RowSource& rows, const LinearPart&, const Context& context) -> FeatureMap {
      return from_first_rank(context, [&](const Context& own) { return kernel_sections(kind, options, rows, own); });
    };
  };
  const auto reduced = [&options](Reduction reduction) -> Representation {
    return [&options, reduction](const RowSource& rows, const LinearPart&, const Context& context) -> FeatureMap {
      return reduced_network(reduction, options, rows, context);
    };
  };
  switch (options.method) {
    case Method::automatic:
    case Method::refine:
    case Method::refined_kernel:
    case Method::polish:
      break;  // automatic.h
    case Method::algorithm_1:
      return [&options](const RowSource& rows, const LinearPart& linear, const Context& context) -> FeatureMap {
        return one_step(rows, linear, options, context);
      };
    case Method::random_features:
      return [&options](const RowSource& rows, const LinearPart&, const Context& context) -> FeatureMap {
        return from_first_rank(context, [&] { return random_network(options, rows.inputs()); });
      };
    case Method::ntk:
      return [&options](const RowSource& rows, const LinearPart&, const Context& context) -> FeatureMap {
        return from_first_rank(context, [&] { return linearised_network(options, rows.inputs()); });
      };
    case Method::oracle:
      if (options.subspace.size() == 0)
        throw InvalidArgument("subspace: none given, expected the directions inside which oracle draws its features");
      return [&options](const RowSource& rows, const LinearPart&, const Context& context) -> FeatureMap {
        return from_first_rank(context,
                               [&] { return random_network_within(options.subspace, options, rows.inputs()); });
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
  throw InvalidArgument(
      fmt::format("method: {} learns no features of one kind, expected one that does", name(options.method)));
}

Trained algorithm_1(const RowSource& data, const RowSource* validation, const FitOptions& options,
                    const Context& context) {
  FitOptions paper = options;
  paper.method = Method::algorithm_1;
  return train(data, validation, representation(paper), paper, context);
}

}  // namespace sextant
