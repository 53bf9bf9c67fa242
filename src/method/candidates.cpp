#include "method/candidates.h"

#include <fmt/core.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <utility>

#include "core/linalg.h"
#include "core/parallel.h"
#include "sextant/dimension_reduction.h"
#include "sextant/lift.h"
#include "sextant/network.h"
#include "sextant/polish.h"
#include "sextant/refine.h"
#include "sextant/ridge_head.h"
#include "sextant/subspace.h"

namespace sextant {
namespace {

constexpr Index few_rows = 20'000;   // so few are worked on side by side, one thread each
constexpr Index search_rows = 1000;  // landmarks of a kernel while its settings are searched
constexpr Index kernel_rows = 4000;  // rows up to which a kernel has all of them as centres
constexpr Index final_landmarks = 2048;

// ---- heads on features of residuals ----

// What features see: rows, their linear part, and their lift if there is one.
struct Stage {
  LinearPart linear;          // of the predictor, on plain inputs
  std::optional<Lift> lift;   //
  LinearPart pass_linear;     // what the passes take off: `linear`, or nothing where lifted rows are residuals already
  const RowSource* train;     //
  const RowSource* held_out;  //
  const Moments* moments;     // of train
  std::unique_ptr<RowSource> own_train;
  std::unique_ptr<RowSource> own_held_out;
  std::unique_ptr<Moments> own_moments;
};

LinearPart mean_alone(const Moments& moments) {
  LinearPart linear = LinearPart::zero(moments.x_mean.size(), moments.y_mean.size());
  linear.alpha = moments.y_mean;
  return linear;
}

Stage plain_stage(const LearningRows& rows, LinearPart linear) {
  Stage stage{linear, {}, linear, rows.train, rows.held_out, rows.moments, {}, {}, {}};
  return stage;
}

Stage lifted_stage(const LearningRows& rows, Index intervals, const Context& context) {
  Stage stage{mean_alone(*rows.moments),
              learn_lift(*rows.train, intervals, context),
              {},
              nullptr,
              nullptr,
              nullptr,
              {},
              {},
              {}};
  stage.pass_linear = LinearPart::zero(stage.lift->coordinates(), rows.moments->y_mean.size());
  const auto lifted = [&](const RowSource& source) -> std::unique_ptr<RowSource> {
    auto view = std::make_unique<LiftedSource>(source, stage.linear, *stage.lift);
    if (source.rows() > few_rows) return view;
    return std::make_unique<GatheredSource>(*view);
  };
  stage.own_train = lifted(*rows.train);
  stage.train = stage.own_train.get();
  stage.own_moments = std::make_unique<Moments>(moments(*stage.train, context));
  stage.moments = stage.own_moments.get();
  if (rows.held_out != nullptr) {
    stage.own_held_out = lifted(*rows.held_out);
    stage.held_out = stage.own_held_out.get();
  }
  return stage;
}

// Column l·k + t of a path of heads belongs to λ_l and target t.
std::vector<Index> path_targets(Index candidates, Index k) {
  std::vector<Index> targets(static_cast<std::size_t>(candidates * k));
  for (std::size_t c = 0; c < targets.size(); ++c) targets[c] = static_cast<Index>(c) % k;
  return targets;
}

// Heads for the whole path of λ, with their summed held-out squared errors.
struct Path {
  FeatureMap map;
  Matrix heads;   // P×(L·k)
  Matrix square;  // L×k: Σ w e², own units
  double n = 0;
};

Path head_path(const Stage& stage, FeatureMap map, const std::vector<double>& lambda, const Vector& square_units,
               const Context& context) {
  Path path{std::move(map), {}, {}, 0};
  const Index k = square_units.size();
  const auto count = static_cast<Index>(lambda.size());
  path.heads = fit_heads(*stage.train, stage.pass_linear, path.map, lambda, Head::ridge, context);
  const Risks risk = risks(*stage.held_out, stage.pass_linear, path.map, path.heads, path_targets(count, k), context);
  path.n = risk.n;
  path.square = risk.n * Eigen::Map<const Matrix>(risk.square.data(), count, k) * square_units.asDiagonal();
  return path;
}

struct HeadChoice {
  std::vector<Index> at;  // k positions on the path
  Vector lambda;          // k
  Vector error;           // k: held-out mean square, own units
};

// The λ of each target by the error summed over splits.
HeadChoice choose_heads(const std::vector<Path>& paths, const std::vector<double>& lambda) {
  Matrix square = Matrix::Zero(paths.front().square.rows(), paths.front().square.cols());
  double n = 0;
  for (const Path& path : paths) {
    square += path.square;
    n += path.n;
  }
  HeadChoice choice;
  choice.lambda.resize(square.cols());
  choice.error.resize(square.cols());
  for (Index t = 0; t < square.cols(); ++t) {
    choice.at.push_back(best_candidate(square.col(t)));
    choice.lambda[t] = lambda[static_cast<std::size_t>(choice.at.back())];
    choice.error[t] = square(choice.at.back(), t) / n;
  }
  return choice;
}

Matrix head_on(const Path& path, const HeadChoice& choice) {
  const auto k = static_cast<Index>(choice.at.size());
  Matrix a(path.heads.rows(), k);
  for (Index t = 0; t < k; ++t) a.col(t) = path.heads.col(choice.at[static_cast<std::size_t>(t)] * k + t);
  return a;
}

// The head at one λ per target.
Matrix head_at(const Stage& stage, const FeatureMap& map, const Vector& lambda, const Context& context) {
  const std::vector<double> values(lambda.begin(), lambda.end());
  const Matrix heads = fit_heads(*stage.train, stage.pass_linear, map, values, Head::ridge, context);
  Matrix a(heads.rows(), lambda.size());
  for (Index t = 0; t < lambda.size(); ++t) a.col(t) = heads.col(t * lambda.size() + t);
  return a;
}

Matrix outer_product(const Stage& stage, const FeatureMap& map, const Matrix& a, const Context& context) {
  return gradient_outer_product(*stage.train, stage.pass_linear, map, a, context);
}

const std::vector<double>& path_of(const FitOptions& options) {
  return options.lambda.empty() ? lambda_grid() : options.lambda;
}

// ---- reports ----

StageRound round_report(const std::string& stage, Index round, double error, const Matrix& A, const Matrix* before) {
  StageRound report{stage, round, error, {}, std::numeric_limits<double>::quiet_NaN()};
  const Spectrum now = spectrum(A);
  report.spectrum = now.values.head(std::min<Index>(10, now.values.size()));
  if (before == nullptr || !(now.values[0] > 0)) return report;
  const Spectrum old = spectrum(*before);
  const Index r = std::max<Index>(1, estimate_rank(now.values).rank);
  if (r < now.values.size() && old.values[0] > 0)
    report.angle = principal_angles(old.directions.topRows(r), now.directions.topRows(r)).maxCoeff();
  return report;
}

std::string lambda_list(const Vector& lambda) {
  std::string text;
  for (const double value : lambda) text += fmt::format("{}{:.2g}", text.empty() ? "" : ", ", value);
  return lambda.size() > 3 ? "λ per target" : "λ = " + text;
}

// Keeps what the splits' own predictors say of their samples.
void add_candidate(Workbench& bench, std::vector<Candidate>& found, CandidateReport report,
                   const std::function<Fitted(std::size_t split)>& of_split,
                   std::function<Fitted(const LearningRows&, const Context&)> learn) {
  Candidate candidate{std::move(report), std::move(learn), {}};
  for (std::size_t i = 0; i < bench.splits.size(); ++i) {
    const Fitted fitted = of_split(i);
    candidate.held_out.push_back(outputs(fitted.linear, fitted.predictors, bench.samples[i].X, bench.context));
  }
  found.push_back(std::move(candidate));
}

Context quiet(const Context& context, std::atomic<bool>& stopped) {
  Context inner = context;
  inner.threads = 1;
  // Only the thread that called may talk to the caller; the others notice when it was told to stop.
  inner.progress = [&context, &stopped](const Progress& progress) {
    if (omp_get_thread_num() == 0 && context.progress && !context.progress(progress)) stopped = true;
    return !stopped;
  };
  return inner;
}

}  // namespace

double Workbench::relative(const Vector& error) const {
  return error.cwiseQuotient(mean_error.cwiseMax(1e-300)).mean();
}

void Workbench::offer_outer_products(const std::vector<Matrix>& A, double error) {
  if (!(error < outer_products_error)) return;
  outer_products = A;
  outer_products_error = error;
}

void Workbench::each(Index count, const std::function<void(Index, const Context&)>& work) const {
  if (rows() > few_rows) {
    for (Index i = 0; i < count; ++i) work(i, context);
    return;
  }
  std::atomic<bool> stopped = false;
  const Context inner = quiet(context, stopped);
  parallel_tiles(context.thread_count(), count, [&](Index i) { work(i, inner); });
}

// ---- linear ----

void search_linear(Workbench& bench, std::vector<Candidate>& found) {
  const auto learn = [](const LearningRows& rows, const Context&) -> Fitted {
    return {fit_linear(*rows.moments, Preprocess::linear, rows.epsilon), {}};
  };
  CandidateReport report;
  report.name = "linear";
  report.settings = "ridge " + lambda_list(bench.splits.front().epsilon);
  report.error = Vector::Zero(bench.targets());
  add_candidate(
      bench, found, report, [&](std::size_t i) { return learn(bench.splits[i], bench.context); }, learn);
}

// ---- networks ----

namespace {

struct NetworkSettings {
  bool lifted = false;
  Index round = 0;             // whose features are kept
  std::vector<Vector> lambda;  // of every round up to it
};

Matrix first_coordinates(const LearningRows& rows, const Stage& stage, const FitOptions& options,
                         const Context& context) {
  const Index D = stage.train->inputs();
  if (stage.lift) return Matrix::Identity(D, D) / std::sqrt(static_cast<double>(D));
  const LinearPart linear = fit_linear(*rows.moments, Preprocess::linear, step_epsilon(*rows.moments, rows.epsilon));
  if (options.discover == Discover::spectral) return spectral_coordinates(*rows.train, *rows.moments, linear, context);
  // Rows drawn with the covariance of W¹'s stand for W¹.
  FitOptions step = options;
  step.width = std::max<Index>(2, std::min<Index>(options.width, 2 * rows.train->rows() / 2 * 2));
  const Matrix W = one_step(*rows.train, linear, step, context).W;
  return refined_coordinates(W.transpose() * W, 0.5);
}

Stage network_stage(const LearningRows& rows, bool lifted, const FitOptions& options, const Context& context) {
  if (lifted) return lifted_stage(rows, options.lift, context);
  return plain_stage(rows, fit_linear(*rows.moments, Preprocess::linear, rows.epsilon));
}

// The mean of several redraws of the network along S.
Fitted drawn_networks(const Stage& stage, const Matrix& S, Index round, const Vector& lambda, const FitOptions& options,
                      const Context& context) {
  Fitted fitted{stage.linear, {}};
  for (Index redraw = 0; redraw < options.redraws; ++redraw) {
    const FeatureMap map = network_along(S, options.width, *stage.moments, options.seed, round + 1000 * redraw);
    fitted.predictors.push_back(
        {1.0 / static_cast<double>(options.redraws), map, head_at(stage, map, lambda, context), stage.lift});
  }
  return fitted;
}

Fitted learn_network(const LearningRows& rows, const NetworkSettings& settings, const FitOptions& options,
                     const Context& context) {
  const Stage stage = network_stage(rows, settings.lifted, options, context);
  Matrix S = first_coordinates(rows, stage, options, context);
  for (Index round = 0; round < settings.round; ++round) {
    const FeatureMap map = network_along(S, options.width, *stage.moments, options.seed, round);
    const Matrix a = head_at(stage, map, settings.lambda[static_cast<std::size_t>(round)], context);
    S = refined_coordinates(outer_product(stage, map, a, context), options.refine_power);
  }
  return drawn_networks(stage, S, settings.round, settings.lambda.back(), options, context);
}

}  // namespace

void search_network(Workbench& bench, std::vector<Candidate>& found, bool lifted) {
  const FitOptions& options = bench.options;
  const auto& lambda = path_of(options);
  const std::string name = lifted ? "refined network of lifted inputs" : "refined network";
  const auto m = static_cast<double>(options.width);
  const auto n = static_cast<double>(bench.rows());
  const auto d = static_cast<double>(bench.inputs()) * (lifted ? static_cast<double>(options.lift) : 1.0);
  const double p = std::min(m, n);
  const double once = n * (2 * d * m + (n < m ? n * m : m * m) / 2 + 38 * m / 4) + 2 * p * p * p / 3;
  const double rounds =
      static_cast<double>(options.refine_rounds + 1 + options.redraws) * static_cast<double>(bench.splits.size() + 1);
  if (!bench.budget.take(once * rounds)) {
    bench.skipped.push_back(name);
    return;
  }

  const std::size_t count = bench.splits.size();
  std::vector<Stage> stages(count);
  std::vector<Matrix> S(count);
  bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    const auto at = static_cast<std::size_t>(i);
    stages[at] = network_stage(bench.splits[at], lifted, options, context);
    S[at] = first_coordinates(bench.splits[at], stages[at], options, context);
  });

  CandidateReport report;
  report.name = name;
  NetworkSettings settings{lifted, 0, {}};
  std::vector<Vector> history;
  std::vector<Matrix> best_S;
  Vector best_error;
  double least = std::numeric_limits<double>::infinity();
  Matrix before;
  for (Index round = 0; round <= options.refine_rounds; ++round) {
    std::vector<Path> paths(count);
    bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      const FeatureMap map = network_along(S[at], options.width, *stages[at].moments, options.seed, round);
      paths[at] = head_path(stages[at], map, lambda, bench.splits[at].square_units, context);
    });
    const HeadChoice choice = choose_heads(paths, lambda);
    history.push_back(choice.lambda);
    const double error = bench.relative(choice.error);
    if (error < least) {
      least = error;
      best_S = S;
      best_error = choice.error;
      settings.round = round;
      settings.lambda = history;
    }
    std::vector<Matrix> A(count);
    bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      A[at] = outer_product(stages[at], paths[at].map, head_on(paths[at], choice), context);
      S[at] = refined_coordinates(A[at], options.refine_power);
    });
    if (!lifted) bench.offer_outer_products(A, error);
    report.trace.push_back(round_report("refine", round, error, A.front(), round > 0 ? &before : nullptr));
    before = A.front();
    if (round - settings.round >= 2) break;
  }
  report.settings =
      fmt::format("{} units, round {}, {}{}", options.width, settings.round, lambda_list(settings.lambda.back()),
                  options.redraws > 1 ? fmt::format(", mean of {} redraws", options.redraws) : "");
  report.error = best_error;
  report.cost = once * rounds;
  std::vector<Fitted> fitted(count);
  bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    const auto at = static_cast<std::size_t>(i);
    fitted[at] = drawn_networks(stages[at], best_S[at], settings.round, settings.lambda.back(), options, context);
  });
  add_candidate(
      bench, found, report, [&](std::size_t i) { return fitted[i]; },
      [settings, &options](const LearningRows& rows, const Context& context) {
        return learn_network(rows, settings, options, context);
      });
}

void search_random_features(Workbench& bench, std::vector<Candidate>& found) {
  const FitOptions& options = bench.options;
  const auto& lambda = path_of(options);
  const std::size_t count = bench.splits.size();
  const auto stage_of = [](const LearningRows& rows) {
    return plain_stage(rows, fit_linear(*rows.moments, Preprocess::linear, rows.epsilon));
  };
  std::vector<Stage> stages(count);
  std::vector<Path> paths(count);
  const FeatureMap map = random_network(options, bench.inputs());
  bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    const auto at = static_cast<std::size_t>(i);
    stages[at] = stage_of(bench.splits[at]);
    paths[at] = head_path(stages[at], map, lambda, bench.splits[at].square_units, context);
  });
  const HeadChoice choice = choose_heads(paths, lambda);
  CandidateReport report;
  report.name = "random features";
  report.settings = fmt::format("{} units, {}", options.width, lambda_list(choice.lambda));
  report.error = choice.error;
  const auto fitted = [](const Stage& stage, const FeatureMap& features, Matrix a) -> Fitted {
    return {stage.linear, {{1.0, features, std::move(a), {}}}};
  };
  add_candidate(
      bench, found, report, [&](std::size_t i) { return fitted(stages[i], map, head_on(paths[i], choice)); },
      [map, lambda = choice.lambda, stage_of, fitted](const LearningRows& rows, const Context& context) {
        const Stage stage = stage_of(rows);
        return fitted(stage, map, head_at(stage, map, lambda, context));
      });
}

// ---- kernels ----

namespace {

struct KernelSettings {
  double exponent = 1;
  double bandwidth = 1;
  Vector lambda;
};

const std::vector<KernelSettings>& kernel_grid() {
  static const std::vector<KernelSettings> grid = [] {
    std::vector<KernelSettings> all;
    for (const double exponent : {1.0, 1.4, 1.9})
      for (const double bandwidth : {1.0, 3.0, 9.0}) all.push_back({exponent, bandwidth, {}});
    return all;
  }();
  return grid;
}

// The best of the grid on coordinates S of each split.
struct KernelChoice {
  KernelSettings settings;
  HeadChoice head;
  std::vector<Path> paths;  // one per split
};

KernelChoice choose_kernel(const Workbench& bench, const std::vector<Stage>& stages, const std::vector<Matrix>& S,
                           const std::vector<KernelSettings>& grid, Index most, const std::vector<double>& lambda) {
  const auto count = static_cast<Index>(stages.size());
  const auto configurations = static_cast<Index>(grid.size());
  std::vector<std::vector<Path>> paths(grid.size(), std::vector<Path>(stages.size()));
  bench.each(count * configurations, [&](Index task, const Context& context) {
    const auto split = static_cast<std::size_t>(task % count);
    const auto at = static_cast<std::size_t>(task / count);
    const FeatureMap map =
        kernel_along(S[split], grid[at].exponent, grid[at].bandwidth, *stages[split].train, most, context);
    paths[at][split] = head_path(stages[split], map, lambda, bench.splits[split].square_units, context);
  });
  KernelChoice best;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t at = 0; at < grid.size(); ++at) {
    HeadChoice choice = choose_heads(paths[at], lambda);
    const double error = bench.relative(choice.error);
    if (!(error < least)) continue;
    least = error;
    best.settings = {grid[at].exponent, grid[at].bandwidth, choice.lambda};
    best.head = std::move(choice);
    best.paths = std::move(paths[at]);
  }
  return best;
}

Fitted kernel_predictor(const Stage& stage, const Matrix& S, const KernelSettings& settings, Index most,
                        const Context& context) {
  const FeatureMap map = kernel_along(S, settings.exponent, settings.bandwidth, *stage.train, most, context);
  return {stage.linear, {{1.0, map, head_at(stage, map, settings.lambda, context), stage.lift}}};
}

Index centres_for(Index rows) { return rows <= kernel_rows ? kernel_rows : final_landmarks; }

// Centres of a kernel while its settings are searched.
Index search_centres(Index rows) { return rows <= 3 * search_rows / 2 ? rows : search_rows; }

std::string kernel_text(const KernelSettings& settings) {
  return fmt::format("exponent {}, bandwidth {}, {}", settings.exponent, settings.bandwidth,
                     lambda_list(settings.lambda));
}

// Multiply-adds of one kernel head with its path on n rows.
double kernel_cost(Index rows, Index inputs, Index most) {
  const auto n = static_cast<double>(rows);
  const double p = std::min(n, static_cast<double>(most));
  return n * p * (static_cast<double>(inputs) + 20) + (p < n ? n * p * p / 2 : 0.0) + 2 * p * p * p / 3;
}

Stage kernel_stage(const LearningRows& rows, bool lifted, const FitOptions& options, const Context& context) {
  return lifted ? lifted_stage(rows, options.lift, context) : plain_stage(rows, mean_alone(*rows.moments));
}

}  // namespace

void search_kernel(Workbench& bench, std::vector<Candidate>& found, bool lifted) {
  constexpr Index rounds = 3;
  const FitOptions& options = bench.options;
  const auto& lambda = path_of(options);
  const std::string name = lifted ? "refined kernel of lifted inputs" : "refined kernel";
  const Index D = bench.inputs() * (lifted ? options.lift : 1);
  const Index search_most = search_centres(bench.rows());
  const Index most = centres_for(bench.rows());
  const auto splits = static_cast<double>(bench.splits.size());
  const double cost = splits * (9 + 3 * (rounds - 1)) * kernel_cost(bench.rows(), D, search_most) +
                      rounds * (splits * (search_most < bench.rows()) + 1) * kernel_cost(bench.rows(), D, most);
  if (!bench.budget.take(cost)) {
    bench.skipped.push_back(name);
    return;
  }
  const std::size_t count = bench.splits.size();
  std::vector<Stage> stages(count);
  std::vector<Matrix> S(count);  // empty: the coordinates themselves
  bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    stages[static_cast<std::size_t>(i)] =
        kernel_stage(bench.splits[static_cast<std::size_t>(i)], lifted, options, context);
  });
  std::vector<KernelSettings> history;
  std::vector<StageRound> trace;
  std::vector<KernelSettings> grid = kernel_grid();
  Matrix before;
  double least = std::numeric_limits<double>::infinity();
  for (Index round = 0; round < rounds; ++round) {
    const KernelChoice searched = choose_kernel(bench, stages, S, grid, search_most, lambda);
    history.push_back(searched.settings);
    // With settings found on landmarks, the head on all rows (or on more landmarks) has its own λ.
    const KernelChoice chosen =
        search_most < bench.rows() ? choose_kernel(bench, stages, S, {searched.settings}, most, lambda) : searched;
    const double error = bench.relative(chosen.head.error);
    std::vector<Matrix> A(count);
    bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      A[at] = outer_product(stages[at], searched.paths[at].map, head_on(searched.paths[at], searched.head), context);
    });
    if (!lifted) bench.offer_outer_products(A, error);
    trace.push_back(round_report("refine", round, error, A.front(), round > 0 ? &before : nullptr));
    CandidateReport report;
    report.name =
        round == 0 ? (lifted ? "kernel of lifted inputs" : "kernel") : fmt::format("{}, round {}", name, round);
    report.settings = kernel_text(chosen.settings);
    report.error = chosen.head.error;
    report.cost = cost / rounds;
    report.trace = trace;
    add_candidate(
        bench, found, report,
        [&](std::size_t i) -> Fitted {
          return {stages[i].linear,
                  {{1.0, chosen.paths[i].map, head_on(chosen.paths[i], chosen.head), stages[i].lift}}};
        },
        [history, last = chosen.settings, lifted, most, &options](const LearningRows& rows, const Context& context) {
          const Stage stage = kernel_stage(rows, lifted, options, context);
          Matrix coordinates;
          for (std::size_t r = 0; r + 1 < history.size(); ++r) {
            const Fitted fitted =
                kernel_predictor(stage, coordinates, history[r], search_centres(rows.train->rows()), context);
            const Predictor& predictor = fitted.predictors.front();
            coordinates =
                refined_coordinates(outer_product(stage, predictor.map, predictor.a, context), options.refine_power);
          }
          return kernel_predictor(stage, coordinates, last, most, context);
        });
    if (error > least * 1.02) break;
    least = std::min(least, error);
    before = A.front();
    bench.each(static_cast<Index>(count), [&](Index i, const Context&) {
      const auto at = static_cast<std::size_t>(i);
      S[at] = refined_coordinates(A[at], options.refine_power);
    });
    // The exponent is a property of the target's roughness: it stays.
    grid.clear();
    for (const KernelSettings& settings : kernel_grid())
      if (settings.exponent == searched.settings.exponent) grid.push_back(settings);
  }
}

// ---- polished links ----

namespace {

struct LinkSettings {
  Index rank = 1;
  int degree = 2;
  double ridge = 1e-3;
  bool linear = false;  // of the residual of the linear model, not of the mean
};

constexpr double screening_ridge = 1e-3;
constexpr std::array<double, 4> link_ridges = {1e-5, screening_ridge, 1e-2, 1e-1};
constexpr std::array<int, 6> link_degrees = {2, 3, 4, 5, 6, 8};
constexpr double most_terms = 400;

std::string of_directions(const char* what, Index r) {
  return fmt::format("{} {} direction{}", what, r, r == 1 ? "" : "s");
}

LinearPart link_linear(const LearningRows& rows, bool linear) {
  return linear ? fit_linear(*rows.moments, Preprocess::linear, rows.epsilon) : mean_alone(*rows.moments);
}

PolishOptions polish_options(const LinkSettings& settings, Index steps) {
  return {.degree = settings.degree, .ridge = settings.ridge, .steps = steps};
}

// From every start a few steps, from the best two on to the end; the smallest objective wins.
Polished best_polish(const LearningRows& rows, const std::vector<Matrix>& starts, const LinkSettings& settings,
                     Index steps, const Context& context) {
  const LinearPart linear = link_linear(rows, settings.linear);
  const auto from = [&](const Matrix& U, Index most) {
    return polish(*rows.train, *rows.moments, linear, U, polish_options(settings, most), context);
  };
  std::vector<Polished> tried;
  const Matrix& xx = rows.moments->xx;
  for (const Matrix& U : starts)  // a direction of other rows may vary in none of these
    if ((U * xx * U.transpose()).trace() > 1e-12 * xx.trace() * U.squaredNorm())
      tried.push_back(from(U, std::min<Index>(5, steps)));
  std::sort(tried.begin(), tried.end(), [](const Polished& a, const Polished& b) { return a.objective < b.objective; });
  Polished best = tried.front();
  for (std::size_t i = 0; i < std::min<std::size_t>(2, tried.size()); ++i) {
    if (tried[i].converged) continue;
    Polished on = from(tried[i].link.U, steps);
    if (on.objective < best.objective) best = std::move(on);
  }
  return best;
}

// The rows of U and then of V, the first r of them.
Matrix stacked(const Matrix& U, const Matrix& V, Index r) {
  Matrix both(U.rows() + V.rows(), U.cols());
  both << U, V;
  return both.topRows(std::min(r, both.rows()));
}

// Hidden directions are looked for in what least squares leaves.
std::vector<Matrix> starts_for(const LearningRows& rows, Index r, const Context& context) {
  const LinearPart least_squares = fit_linear(*rows.moments, Preprocess::linear, rows.epsilon);
  return discovered_starts(*rows.train, *rows.moments, least_squares, r, 4, context);
}

// A rank's link with its settings chosen, on every split.
struct PolishedRank {
  LinkSettings settings;
  Vector error;
  std::vector<Polished> by_split;
};

// The ranks to try: the one given, or a few, and all inputs where they are few.
std::vector<Index> ranks_to_try(const FitOptions& options, Index d) {
  if (options.rank) return {*options.rank};
  std::vector<Index> ranks;
  for (const Index r : {1, 2, 3, 4, 6, 8})
    if (r <= d) ranks.push_back(r);
  if (d <= 10 && ranks.back() != d) ranks.push_back(d);
  return ranks;
}

std::vector<int> degrees_to_try(const FitOptions& options, Index r, Index rows) {
  if (options.polish_degree) return {*options.polish_degree};
  std::vector<int> degrees;
  for (const int degree : link_degrees)
    if (static_cast<double>(product_term_count(r, degree)) <= std::min(static_cast<double>(rows) / 3, most_terms))
      degrees.push_back(degree);
  return degrees;
}

// Multiply-adds of one step of a link of these degrees on one split.
double step_cost(const Workbench& bench, Index r, int degree) {
  const auto P = static_cast<double>(product_term_count(r, degree));
  const auto rd = static_cast<double>(r * bench.inputs());
  const double equations =
      std::min(rd * rd / 2, 120 * rd) + (rd <= 512 ? rd * rd * rd / 3 / static_cast<double>(bench.rows()) : 0.0);
  return static_cast<double>(bench.rows()) * (1.5 * P * P / 2 + static_cast<double>(bench.targets()) * equations);
}

// Screens the starts with a low and a high degree, then polishes every degree from what that found, then every ridge.
PolishedRank polish_rank(const Workbench& bench, Index r, bool linear, const std::vector<int>& degrees,
                         const std::vector<std::vector<Matrix>>& starts) {
  const auto count = static_cast<Index>(bench.splits.size());
  const Index k = bench.targets();
  const Index steps = bench.options.polish_steps;
  std::vector<int> screened = {degrees.front()};
  for (const int degree : degrees) {
    if (degree <= 3) screened.front() = degree;
    if (degree > 3 && degree <= 5) screened.resize(2, degree), screened.back() = degree;
  }
  std::vector<std::vector<Matrix>> found(static_cast<std::size_t>(count), std::vector<Matrix>(screened.size()));
  bench.each(count * static_cast<Index>(screened.size()), [&](Index task, const Context& context) {
    const auto split = static_cast<std::size_t>(task % count);
    const auto which = static_cast<std::size_t>(task / count);
    const LinkSettings settings{r, screened[which], screening_ridge, linear};
    found[split][which] = best_polish(bench.splits[split], starts[split], settings, steps, context).link.U;
  });
  const auto configurations = static_cast<Index>(degrees.size());
  std::vector<std::vector<Polished>> results(degrees.size() * link_ridges.size(),
                                             std::vector<Polished>(static_cast<std::size_t>(count)));
  std::vector<Matrix> square(results.size(), Matrix::Zero(count, k));
  Vector n = Vector::Zero(count);
  bench.each(configurations * count, [&](Index task, const Context& context) {
    const auto split = static_cast<std::size_t>(task % count);
    const auto degree = static_cast<std::size_t>(task / count);
    const LearningRows& rows = bench.splits[split];
    LinkSettings settings{r, degrees[degree], screening_ridge, linear};
    const LinearPart part = link_linear(rows, linear);
    const Polished first = best_polish(rows, found[split], settings, steps, context);
    for (std::size_t ridge = 0; ridge < link_ridges.size(); ++ridge) {
      settings.ridge = link_ridges[ridge];
      const std::size_t place = degree * link_ridges.size() + ridge;
      Polished& result = results[place][split];
      result = settings.ridge == screening_ridge
                   ? first
                   : polish(*rows.train, *rows.moments, part, first.link.U, polish_options(settings, steps), context);
      const Risks risk = risks(*rows.held_out, part, result.link, result.a, path_targets(1, k), context);
      square[place].row(task % count) = risk.n * risk.square.cwiseProduct(rows.square_units).transpose();
      n[task % count] = risk.n;
    }
  });
  PolishedRank best;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t place = 0; place < results.size(); ++place) {
    const Vector error = square[place].colwise().sum().transpose() / n.sum();
    const double relative = bench.relative(error);
    if (!(relative < least)) continue;
    least = relative;
    best = {{r, degrees[place / link_ridges.size()], link_ridges[place % link_ridges.size()], linear},
            error,
            std::move(results[place])};
  }
  return best;
}

// The chosen link learned anew: from what its rows tell, and from the directions of a split.
Polished learn_link(const LearningRows& rows, const LinkSettings& settings, const Matrix& warm,
                    const FitOptions& options, const Context& context) {
  std::vector<Matrix> starts = starts_for(rows, settings.rank, context);
  starts.push_back(warm);
  return best_polish(rows, starts, settings, options.polish_steps, context);
}

Fitted link_predictor(const LearningRows& rows, const LinkSettings& settings, const Polished& polished) {
  return {link_linear(rows, settings.linear), {{1.0, polished.link, polished.a, {}}}};
}

void add_link(Workbench& bench, std::vector<Candidate>& found, const PolishedRank& rank, double cost) {
  CandidateReport report;
  report.name = of_directions("polished link,", rank.settings.rank);
  report.settings = fmt::format("degree {}, ridge {}{}", rank.settings.degree, rank.settings.ridge,
                                rank.settings.linear ? ", on the linear model's residual" : "");
  report.rank = rank.settings.rank;
  report.error = rank.error;
  report.cost = cost;
  Index step = 0;
  for (const PolishStep& each : rank.by_split.front().trace)
    report.trace.push_back({"polish", ++step, each.objective, {}, each.angle});
  add_candidate(
      bench, found, report,
      [&](std::size_t i) { return link_predictor(bench.splits[i], rank.settings, rank.by_split[i]); },
      [settings = rank.settings, warm = rank.by_split.front().link.U, &options = bench.options](
          const LearningRows& rows, const Context& context) {
        return link_predictor(rows, settings, learn_link(rows, settings, warm, options, context));
      });
}

// A kernel on the polished coordinates: for links that are no polynomial.
void add_kernel_on(Workbench& bench, std::vector<Candidate>& found, const PolishedRank& rank) {
  const Index search_most = search_centres(bench.rows());
  const Index most = centres_for(bench.rows());
  const auto splits = static_cast<double>(bench.splits.size());
  const double cost = splits * 9 * kernel_cost(bench.rows(), rank.settings.rank, search_most) +
                      (splits * (search_most < bench.rows()) + 1) * kernel_cost(bench.rows(), rank.settings.rank, most);
  const std::string name = of_directions("kernel on", rank.settings.rank).insert(9, " the polished");
  if (!bench.budget.take(cost)) {
    bench.skipped.push_back(name);
    return;
  }
  const auto& lambda = path_of(bench.options);
  std::vector<Stage> stages;
  std::vector<Matrix> S;
  for (std::size_t i = 0; i < bench.splits.size(); ++i) {
    stages.push_back(plain_stage(bench.splits[i], link_linear(bench.splits[i], rank.settings.linear)));
    S.push_back(rank.by_split[i].link.U);
  }
  KernelChoice chosen = choose_kernel(bench, stages, S, kernel_grid(), search_most, lambda);
  if (search_most < bench.rows()) chosen = choose_kernel(bench, stages, S, {chosen.settings}, most, lambda);
  CandidateReport report;
  report.name = name;
  report.settings = kernel_text(chosen.settings);
  report.rank = rank.settings.rank;
  report.error = chosen.head.error;
  report.cost = cost;
  add_candidate(
      bench, found, report,
      [&](std::size_t i) -> Fitted {
        return {stages[i].linear, {{1.0, chosen.paths[i].map, head_on(chosen.paths[i], chosen.head), {}}}};
      },
      [settings = rank.settings, warm = rank.by_split.front().link.U, kernel = chosen.settings, most,
       &options = bench.options](const LearningRows& rows, const Context& context) {
        const Stage stage = plain_stage(rows, link_linear(rows, settings.linear));
        const Matrix U = learn_link(rows, settings, warm, options, context).link.U;
        return kernel_predictor(stage, U, kernel, most, context);
      });
}

}  // namespace

void search_polish(Workbench& bench, std::vector<Candidate>& found, bool kernels) {
  // Without any input that varies over a split's training rows there is no direction to start from.
  for (const LearningRows& rows : bench.splits)
    if (!(rows.moments->xx.trace() > 0)) return;
  const std::size_t count = bench.splits.size();
  std::vector<PolishedRank> polished;
  double least = std::numeric_limits<double>::infinity();
  int worse = 0;
  bool linear = false;
  const auto ranks = ranks_to_try(bench.options, bench.inputs());
  for (const Index r : ranks) {
    const auto degrees = degrees_to_try(bench.options, r, bench.rows());
    if (degrees.empty()) break;
    // Whether the linear model is taken off first is settled with the first rank.
    const std::vector<bool> variants = polished.empty() ? std::vector<bool>{false, true} : std::vector<bool>{linear};
    double cost = 0;
    for (const int degree : degrees) cost += step_cost(bench, r, degree) * (degree == 3 || degree == 5 ? 70 : 25);
    cost *= static_cast<double>((count + 1) * variants.size());
    if (!bench.budget.take(cost)) {
      bench.skipped.push_back(of_directions("polished link,", r));
      break;
    }
    std::vector<std::vector<Matrix>> starts(count);
    bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
      const auto at = static_cast<std::size_t>(i);
      const std::vector<Matrix> discovered = starts_for(bench.splits[at], r, context);
      starts[at] = discovered;
      // What fewer directions found, with the next best guesses beside it; and the directions of the best predictor.
      if (!polished.empty())
        for (const Matrix& U : discovered)
          if (U.rows() == r) starts[at].push_back(stacked(polished.back().by_split[at].link.U, U, r));
      if (!bench.outer_products.empty()) starts[at].push_back(spectrum(bench.outer_products[at]).directions.topRows(r));
    });
    PolishedRank best;
    double error = std::numeric_limits<double>::infinity();
    for (const bool variant : variants) {
      PolishedRank rank = polish_rank(bench, r, variant, degrees, starts);
      if (rank.by_split.empty() || !(bench.relative(rank.error) < error)) continue;
      error = bench.relative(rank.error);
      best = std::move(rank);
    }
    if (best.by_split.empty()) break;
    linear = best.settings.linear;
    add_link(bench, found, best, cost);
    polished.push_back(std::move(best));
    // Where something is found, a rank that adds nothing is the end; where nothing is, two are.
    worse = error > 0.99 * least ? worse + 1 : 0;
    least = std::min(least, error);
    if (worse >= (least < 0.9 ? 1 : 2)) break;
  }
  if (!kernels) return;
  std::sort(polished.begin(), polished.end(), [&](const PolishedRank& a, const PolishedRank& b) {
    return bench.relative(a.error) < bench.relative(b.error);
  });
  for (std::size_t i = 0; i < std::min<std::size_t>(2, polished.size()); ++i)
    if (bench.relative(polished[i].error) < 0.95) add_kernel_on(bench, found, polished[i]);
}

// ---- what other tasks found ----

namespace {

Matrix unit_trace(const Matrix& A) { return A / std::max(1e-300, A.trace()); }

// Features in kept coordinates, whatever the rows: the head alone is learned, its λ along a path.
void add_kept_features(Workbench& bench, std::vector<Candidate>& found, CandidateReport report,
                       const std::function<FeatureMap(const LearningRows&, const Context&)>& map_of) {
  const auto& lambda = path_of(bench.options);
  const std::size_t count = bench.splits.size();
  std::vector<Stage> stages(count);
  std::vector<Path> paths(count);
  bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
    const auto at = static_cast<std::size_t>(i);
    stages[at] = plain_stage(bench.splits[at], mean_alone(*bench.splits[at].moments));
    paths[at] =
        head_path(stages[at], map_of(bench.splits[at], context), lambda, bench.splits[at].square_units, context);
  });
  const HeadChoice choice = choose_heads(paths, lambda);
  report.kept = true;
  report.settings += (report.settings.empty() ? "" : ", ") + lambda_list(choice.lambda);
  report.error = choice.error;
  add_candidate(
      bench, found, report,
      [&](std::size_t i) -> Fitted {
        return {stages[i].linear, {{1.0, paths[i].map, head_on(paths[i], choice), {}}}};
      },
      [map_of, chosen = choice.lambda](const LearningRows& rows, const Context& context) -> Fitted {
        const Stage stage = plain_stage(rows, mean_alone(*rows.moments));
        const FeatureMap map = map_of(rows, context);
        return {stage.linear, {{1.0, map, head_at(stage, map, chosen, context), {}}}};
      });
}

// z = √share_i v_i·x for the leading r directions, so that a ridge prefers those that matter more.
HermiteFeatures kept_link(const Matrix& S, Index r, int degree, const LearningRows& rows, const Context& context) {
  const double scale = 1.0 / S.row(0).norm();
  HermiteFeatures link{scale * S.topRows(r), {}, {}, {}, degree};
  link.c = link.U * rows.moments->x_mean;
  const Ranges ranges = projection_ranges(*rows.train, link.U, context);
  link.low = ranges.low - link.c;
  link.high = ranges.high - link.c;
  return link;
}

// The sources' predictions, mapped to the new targets by least squares.
Fitted rescaled_source(const SourceTask& source, const LearningRows& rows, const Context& context) {
  const Index k = rows.train->targets();
  // Moments of (F, y): the predictions stand in for inputs.
  const GatheredSource all(*rows.train);
  const Matrix F = outputs(source.linear, source.predictors, all.X(), context);
  const GatheredSource pairs(F, all.Y(), all.w());
  const Moments m = moments(pairs, context);
  Matrix covariance = m.xx;
  covariance.diagonal().array() += 1e-3 * std::max(1e-300, m.xx.diagonal().mean());
  const auto eigen = linalg::symmetric_eigen(covariance, "transfer");
  const Matrix C = eigen.vectors * eigen.values.cwiseInverse().asDiagonal() * eigen.vectors.transpose() * m.xy;
  Fitted fitted{LinearPart::zero(source.linear.beta.rows(), k), {}};
  fitted.linear.beta = source.linear.beta * C;
  fitted.linear.alpha = m.y_mean + C.transpose() * (source.linear.alpha - m.x_mean);
  for (Predictor predictor : source.predictors) {
    predictor.a = predictor.a * C;
    fitted.predictors.push_back(std::move(predictor));
  }
  return fitted;
}

}  // namespace

void search_kept(Workbench& bench, std::vector<Candidate>& found, const SourceTask& source) {
  const FitOptions& options = bench.options;
  const Index d = bench.inputs();
  const Matrix A = unit_trace(source.gradient_outer_product);
  if (!(A.trace() > 0.5)) return;  // the sources are constant
  const Matrix S = refined_coordinates(A, options.refine_power);
  bench.offer_outer_products(std::vector<Matrix>(bench.splits.size(), A), 0.99);

  for (const Index r : {1, 2, 4, 8})
    for (const int degree : {1, 2, 3}) {
      if (r > S.rows() || product_term_count(r, degree) > 400) continue;
      CandidateReport report;
      report.name = fmt::format("link of {} kept direction{}, degree {}", r, r == 1 ? "" : "s", degree);
      report.rank = r;
      add_kept_features(bench, found, report,
                        [S, r, degree](const LearningRows& rows, const Context& context) -> FeatureMap {
                          return kept_link(S, r, degree, rows, context);
                        });
    }
  CandidateReport report;
  report.name = "network along the kept directions";
  report.settings = fmt::format("{} units", options.width);
  add_kept_features(bench, found, report, [S, &options](const LearningRows& rows, const Context&) -> FeatureMap {
    return network_along(S, options.width, *rows.moments, options.seed, 0);
  });

  const auto& lambda = path_of(options);
  const Index most = centres_for(bench.rows());
  const Index search_most = search_centres(bench.rows());
  for (const double blend : {0.0, 0.1, 0.5}) {
    const Matrix blended = (1 - blend) * A + blend / static_cast<double>(d) * Matrix::Identity(d, d);
    const Matrix coordinates = refined_coordinates(blended, options.refine_power);
    std::vector<Stage> stages;
    for (const LearningRows& rows : bench.splits) stages.push_back(plain_stage(rows, mean_alone(*rows.moments)));
    const std::vector<Matrix> same(bench.splits.size(), coordinates);
    KernelChoice chosen = choose_kernel(bench, stages, same, kernel_grid(), search_most, lambda);
    if (search_most < bench.rows()) chosen = choose_kernel(bench, stages, same, {chosen.settings}, most, lambda);
    CandidateReport kernel;
    kernel.name = blend == 0 ? "kernel in kept coordinates"
                             : fmt::format("kernel in kept coordinates, blended by {} with all inputs", blend);
    kernel.settings = kernel_text(chosen.settings);
    kernel.kept = true;
    kernel.error = chosen.head.error;
    add_candidate(
        bench, found, kernel,
        [&](std::size_t i) -> Fitted {
          return {stages[i].linear, {{1.0, chosen.paths[i].map, head_on(chosen.paths[i], chosen.head), {}}}};
        },
        [coordinates, settings = chosen.settings, most](const LearningRows& rows, const Context& context) {
          return kernel_predictor(plain_stage(rows, mean_alone(*rows.moments)), coordinates, settings, most, context);
        });
  }

  CandidateReport rescaled;
  rescaled.name = "source's prediction";
  rescaled.settings = "by least squares";
  rescaled.kept = true;
  rescaled.error = Vector::Zero(bench.targets());
  const auto learn = [source](const LearningRows& rows, const Context& context) {
    return rescaled_source(source, rows, context);
  };
  add_candidate(
      bench, found, rescaled, [&](std::size_t i) { return learn(bench.splits[i], bench.context); }, learn);
}

}  // namespace sextant
