#include "method/candidates.h"

#include <fmt/core.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <utility>

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

constexpr std::array<double, 4> link_ridges = {1e-5, 1e-3, 1e-2, 1e-1};

LinearPart link_linear(const LearningRows& rows, bool linear) {
  return linear ? fit_linear(*rows.moments, Preprocess::linear, rows.epsilon) : mean_alone(*rows.moments);
}

// From every start a few steps, from the best two on to the end; the smallest objective wins.
Polished best_polish(const LearningRows& rows, const LinearPart& linear, const std::vector<Matrix>& starts,
                     const PolishOptions& options, const Context& context) {
  PolishOptions brief = options;
  brief.steps = 5;
  std::vector<Polished> tried;
  for (const Matrix& U : starts) tried.push_back(polish(*rows.train, *rows.moments, linear, U, brief, context));
  std::sort(tried.begin(), tried.end(), [](const Polished& a, const Polished& b) { return a.objective < b.objective; });
  Polished best = tried.front();
  for (std::size_t i = 0; i < std::min<std::size_t>(2, tried.size()); ++i) {
    if (tried[i].converged) continue;
    const Polished on = polish(*rows.train, *rows.moments, linear, tried[i].link.U, options, context);
    if (on.objective < best.objective) best = on;
  }
  return best;
}

PolishOptions polish_options(const LinkSettings& settings, const FitOptions& options) {
  return {.degree = settings.degree, .ridge = settings.ridge, .steps = options.polish_steps};
}

// The rows of U and then of V, the first r of them.
Matrix stacked(const Matrix& U, const Matrix& V, Index r) {
  Matrix both(U.rows() + V.rows(), U.cols());
  both << U, V;
  return both.topRows(std::min(r, both.rows()));
}

struct PolishedRank {
  LinkSettings settings;
  Vector error;
  std::vector<Polished> by_split;
  std::vector<StageRound> trace;
};

}  // namespace

void search_polish(Workbench& bench, std::vector<Candidate>& found) {
  const FitOptions& options = bench.options;
  const auto& lambda = path_of(options);
  const std::size_t count = bench.splits.size();
  const Index k = bench.targets();
  const Index d = bench.inputs();
  const auto n = static_cast<double>(bench.rows());

  std::vector<Index> ranks;
  if (options.rank) {
    ranks = {*options.rank};
  } else {
    for (const Index r : {1, 2, 3, 4, 6, 8}) ranks.push_back(r);
    if (d <= 10) ranks.push_back(d);
  }
  std::erase_if(ranks, [d](Index r) { return r > d; });
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());

  std::vector<PolishedRank> polished;
  std::vector<Matrix> previous(count);  // the directions of the rank before, per split
  double least = std::numeric_limits<double>::infinity();
  int worse = 0;
  bool linear = false;
  for (const Index r : ranks) {
    std::vector<int> degrees;
    for (const int degree : {2, 3, 4, 5, 6, 8})
      if (static_cast<double>(product_term_count(r, degree)) <= std::min(n / 3, 400.0)) degrees.push_back(degree);
    if (options.polish_degree) degrees = {*options.polish_degree};
    if (degrees.empty()) break;
    double cost = 0;
    for (const int degree : degrees) {
      const auto P = static_cast<double>(product_term_count(r, degree));
      const auto rd = static_cast<double>(r * d);
      cost += 40 * n * (P * P / 2 + std::min(rd * rd / 2, 120 * rd));
    }
    cost *= static_cast<double>(count + 1) * (r == 1 && !options.rank ? 2 : 1);
    const std::string name = fmt::format("polished link, {} direction{}", r, r == 1 ? "" : "s");
    if (!bench.budget.take(cost)) {
      bench.skipped.push_back(name);
      break;
    }
    PolishedRank best;
    double best_error = std::numeric_limits<double>::infinity();
    // Whether the linear model is taken off first is settled with one direction.
    const std::vector<bool> variants = r == ranks.front() ? std::vector<bool>{false, true} : std::vector<bool>{linear};
    for (const bool with_linear : variants) {
      std::vector<std::vector<Matrix>> starts(count);
      bench.each(static_cast<Index>(count), [&](Index i, const Context& context) {
        const auto at = static_cast<std::size_t>(i);
        const LearningRows& rows = bench.splits[at];
        // Hidden directions are looked for in what least squares leaves.
        const LinearPart least_squares = fit_linear(*rows.moments, Preprocess::linear, rows.epsilon);
        const std::vector<Matrix> discovered =
            discovered_starts(*rows.train, *rows.moments, least_squares, r, 4, context);
        starts[at] = discovered;
        // What fewer directions found, and the next best guesses beside it.
        if (previous[at].size() > 0)
          for (const Matrix& U : discovered)
            if (U.rows() == r) starts[at].push_back(stacked(previous[at], U, r));
        if (!bench.outer_products.empty())
          starts[at].push_back(spectrum(bench.outer_products[at]).directions.topRows(r));
      });
      // Every degree with the middle ridge, then every ridge from what that found.
      const auto configurations = static_cast<Index>(degrees.size());
      std::vector<std::vector<Polished>> results(degrees.size() * link_ridges.size(), std::vector<Polished>(count));
      std::vector<Matrix> square(results.size(), Matrix::Zero(static_cast<Index>(count), k));
      std::vector<double> weights(count, 0.0);
      bench.each(configurations * static_cast<Index>(count), [&](Index task, const Context& context) {
        const auto at = static_cast<std::size_t>(task % static_cast<Index>(count));
        const auto degree = static_cast<std::size_t>(task / static_cast<Index>(count));
        const LearningRows& rows = bench.splits[at];
        const LinearPart part = link_linear(rows, with_linear);
        LinkSettings settings{r, degrees[degree], 1e-3, with_linear};
        const Polished first = best_polish(rows, part, starts[at], polish_options(settings, options), context);
        for (std::size_t ridge = 0; ridge < link_ridges.size(); ++ridge) {
          settings.ridge = link_ridges[ridge];
          const std::size_t place = degree * link_ridges.size() + ridge;
          results[place][at] = settings.ridge == 1e-3 ? first
                                                      : polish(*rows.train, *rows.moments, part, first.link.U,
                                                               polish_options(settings, options), context);
          const Polished& result = results[place][at];
          const Risks risk = risks(*rows.held_out, part, result.link, result.a, path_targets(1, k), context);
          square[place].row(static_cast<Index>(at)) =
              risk.n * risk.square.transpose().cwiseProduct(rows.square_units.transpose());
          weights[at] = risk.n;
        }
      });
      double total = 0;
      for (const double weight : weights) total += weight;
      for (std::size_t place = 0; place < results.size(); ++place) {
        const Vector error = square[place].colwise().sum().transpose() / total;
        const double relative = bench.relative(error);
        if (!(relative < best_error)) continue;
        best_error = relative;
        best = {{r, degrees[place / link_ridges.size()], link_ridges[place % link_ridges.size()], with_linear},
                error,
                results[place],
                {}};
      }
      if (best.settings.linear == with_linear) linear = with_linear;
    }
    if (best.by_split.empty()) break;
    for (std::size_t i = 0; i < count; ++i) previous[i] = best.by_split[i].link.U;
    Index step = 0;
    for (const PolishStep& each : best.by_split.front().trace)
      best.trace.push_back({"polish", step++, each.objective, {}, each.angle});

    CandidateReport report;
    report.name = name;
    report.settings = fmt::format("degree {}, ridge {}{}", best.settings.degree, best.settings.ridge,
                                  best.settings.linear ? ", of the linear model's residual" : "");
    report.rank = r;
    report.error = best.error;
    report.cost = cost;
    report.trace = best.trace;
    const auto learn_link = [settings = best.settings, warm = best.by_split.front().link.U, &options](
                                const LearningRows& rows, const Context& context) {
      const LinearPart least_squares = fit_linear(*rows.moments, Preprocess::linear, rows.epsilon);
      std::vector<Matrix> starts =
          discovered_starts(*rows.train, *rows.moments, least_squares, settings.rank, 4, context);
      starts.push_back(warm);
      return best_polish(rows, link_linear(rows, settings.linear), starts, polish_options(settings, options), context);
    };
    const auto as_fitted = [](const LearningRows& rows, const LinkSettings& settings,
                              const Polished& result) -> Fitted {
      return {link_linear(rows, settings.linear), {{1.0, result.link, result.a, {}}}};
    };
    add_candidate(
        bench, found, report,
        [&](std::size_t i) { return as_fitted(bench.splits[i], best.settings, best.by_split[i]); },
        [learn_link, as_fitted, settings = best.settings](const LearningRows& rows, const Context& context) {
          return as_fitted(rows, settings, learn_link(rows, context));
        });

    // A kernel on the polished coordinates: for links that are no polynomial.
    const Index search_most = search_centres(bench.rows());
    const Index most = centres_for(bench.rows());
    const double kernel = static_cast<double>(count) * 9 * kernel_cost(bench.rows(), r, search_most) +
                          (static_cast<double>(count) + 1) * kernel_cost(bench.rows(), r, most);
    if (best_error < least * 1.05 && bench.budget.take(kernel)) {
      std::vector<Stage> stages;
      std::vector<Matrix> S;
      for (std::size_t i = 0; i < count; ++i) {
        stages.push_back(plain_stage(bench.splits[i], link_linear(bench.splits[i], best.settings.linear)));
        S.push_back(best.by_split[i].link.U);
      }
      KernelChoice chosen = choose_kernel(bench, stages, S, kernel_grid(), search_most, lambda);
      if (search_most < bench.rows()) chosen = choose_kernel(bench, stages, S, {chosen.settings}, most, lambda);
      report.name = fmt::format("kernel on {} polished direction{}", r, r == 1 ? "" : "s");
      report.settings = kernel_text(chosen.settings);
      report.error = chosen.head.error;
      report.cost = kernel;
      report.trace.clear();
      add_candidate(
          bench, found, report,
          [&](std::size_t i) -> Fitted {
            return {stages[i].linear, {{1.0, chosen.paths[i].map, head_on(chosen.paths[i], chosen.head), {}}}};
          },
          [learn_link, settings = best.settings, kernel_settings = chosen.settings, most](const LearningRows& rows,
                                                                                          const Context& context) {
            const Stage stage = plain_stage(rows, link_linear(rows, settings.linear));
            return kernel_predictor(stage, learn_link(rows, context).link.U, kernel_settings, most, context);
          });
      best_error = std::min(best_error, bench.relative(report.error));
    }
    worse = best_error > 0.99 * least ? worse + 1 : 0;
    least = std::min(least, best_error);
    if (worse >= 2) break;
  }
}

}  // namespace sextant
