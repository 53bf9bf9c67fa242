#include "sextant/train.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "core/from_first_rank.h"
#include "method/head_path.h"
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

// All stages but the head, on scaled training rows, and the rows that the head is to be learned from.
class Stages {
 public:
  Stages(const RowSource& rows, const Moments& row_moments, const Representation& representation,
         const FitOptions& options, const Vector& epsilon, const Context& context)
      : options_(options), head_rows_(&rows) {
    const RowSource* step_rows = &rows;
    std::optional<Moments> half_moments;
    if (options.sample_splitting) {
      if (rows.rows() < 2)
        throw DataError("fit: sample splitting needs at least 2 training rows, one for the step and one for the head");
      const Folds halves{options.seed, 2, Purpose::halves};
      step_half_ = std::make_unique<FoldSource>(rows, halves, 0, FoldSource::Side::inside);
      head_half_ = std::make_unique<FoldSource>(rows, halves, 0, FoldSource::Side::outside);
      step_rows = step_half_.get();
      head_rows_ = head_half_.get();
      half_moments = moments(*step_rows, context, options.precision);
    }
    const Moments& step_moments = half_moments ? *half_moments : row_moments;
    LinearPart of_the_step;
    std::tie(linear, of_the_step) = from_first_rank(context, [&] {
      const Vector own_epsilon = step_epsilon(step_moments, epsilon);
      return std::pair(fit_linear(step_moments, options.preprocess, epsilon),
                       fit_linear(step_moments, options.preprocess, own_epsilon));
    });
    map = representation(*step_rows, of_the_step, context);
  }
  [[nodiscard]] HeadTask head_task() const { return {*head_rows_, linear, options_.head, options_.precision}; }

  LinearPart linear;
  FeatureMap map;

 private:
  const FitOptions& options_;
  const RowSource* head_rows_;
  std::unique_ptr<FoldSource> step_half_;
  std::unique_ptr<FoldSource> head_half_;
};

std::vector<double> candidates(const FitOptions& options) {
  if (options.lambda.empty()) return lambda_grid();
  std::vector<double> lambda = options.lambda;
  std::sort(lambda.begin(), lambda.end());
  lambda.erase(std::unique(lambda.begin(), lambda.end()), lambda.end());
  return lambda;
}

void note_choice(const HeadChoice& choice, Validation& validation) {
  validation.path = choice.path;
  validation.chosen_lambda = choice.lambda;
  validation.chosen = choice.error;
  const auto last = static_cast<Index>(validation.lambda.size()) - 1;
  for (Index t = 0; t < choice.lambda.size(); ++t) {
    const Index at = choice.at[static_cast<std::size_t>(t)];
    validation.at_grid_end.push_back(last > 0 && std::isfinite(choice.lambda[t]) && (at == 0 || at == last));
  }
}

// The model of these rows, its predictors and their gradients filled in.
Trained trained_on(const RowSource& data, const RowSource& rows, const Prepared& prepared, LinearPart linear,
                   FeatureMap map, Matrix a, const Context& context) {
  Trained trained = described(data, prepared);
  trained.gradient_outer_product = gradient_outer_product(rows, linear, map, a, context);
  trained.linear = std::move(linear);
  trained.predictors.push_back({1.0, std::move(map), std::move(a)});
  return trained;
}

// All stages with the chosen ε and λ of each target.
Trained learned_as_chosen(const RowSource& data, const Prepared& prepared, const Representation& representation,
                          const FitOptions& options, const Validation& choices, const Context& context) {
  const TrainingRows rows(data, prepared);
  Stages stages(rows, prepared.moments, representation, options, choices.epsilon, context);
  Matrix a = head_at(stages.head_task(), stages.map, choices.chosen_lambda, context);
  return trained_on(data, rows, prepared, std::move(stages.linear), std::move(stages.map), std::move(a), context);
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
  validation.lambda = candidates(options);

  std::vector<LinearPart> linear;
  std::vector<Path> paths;
  for (const ScaledSplit& split : preparation.scaled) {
    Stages stages(split.train, split.prepared.moments, representation, options, validation.epsilon, context);
    paths.push_back(head_path(stages.head_task(), split.held_out, std::move(stages.map), validation.lambda,
                              split.square_units(), context));
    linear.push_back(std::move(stages.linear));
  }
  const HeadChoice choice = choose_heads(paths, validation.lambda);
  note_choice(choice, validation);

  const std::vector<Sample> samples = held_out_samples(preparation, context);
  std::vector<Matrix> F;
  for (std::size_t i = 0; i < paths.size(); ++i)
    F.push_back(from_first_rank(context, [&](const Context& own) {
      return outputs(linear[i], {{1.0, paths[i].map, head_on(paths[i], choice)}}, samples[i].X, own);
    }));

  Trained trained;
  if (preparation.again) {
    trained = learned_as_chosen(data, preparation.all, representation, options, validation, context);
  } else {
    const RowSource& rows = *preparation.splits.front().train;
    const Prepared& final = preparation.final();
    Matrix a = head_on(paths.front(), choice);
    trained = trained_on(data, TrainingRows(rows, final), final, std::move(linear.front()),
                         std::move(paths.front().map), std::move(a), context);
  }
  trained.validation = std::move(validation);
  trained.held_out = held_out_of(preparation, samples, F);
  return trained;
}

Trained retrain(const RowSource& data, const Validation& choices, const Representation& representation,
                const FitOptions& options, const Context& context, const std::vector<Index>* kept, const Scaling* fixed,
                const LevelEncoding* levels) {
  options.check();
  context.check();
  if (choices.epsilon.size() != data.targets() || choices.chosen_lambda.size() != data.targets())
    throw InvalidArgument(fmt::format("retrain: the choices are for {} targets and the data has {}, expected as many",
                                      choices.chosen_lambda.size(), data.targets()));
  const Prepared prepared = prepare(data, options, fixed, kept, context, Form::primal, nullptr,
                                    levels != nullptr ? levels->plan() : std::vector<LevelSet>());
  Trained trained = learned_as_chosen(data, prepared, representation, options, choices, context);
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
