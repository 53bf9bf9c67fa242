#include "search/kernel_choice.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include "core/from_first_rank.h"
#include "core/linalg.h"
#include "core/ties.h"
#include "core/vector_math.h"
#include "passes/parts.h"
#include "search/lambda_walk.h"
#include "sextant/error.h"
#include "sextant/refine.h"
#include "sextant/ridge_head.h"

namespace sextant {
namespace {

constexpr Index screening_landmarks = 200;  // of the first look at every setting
constexpr std::size_t promising = 3;        // settings that get a second
constexpr Index search_landmarks = 200;     // while settings are searched
constexpr Index thorough_search_landmarks = 1000;
constexpr Index kernel_rows = 4000;  // rows up to which a kernel has all of them as centres
constexpr Index final_landmarks = 2048;

// Of the kernel of linear functions, to be added to one that is 1 at no distance: none, a little, and as much as makes
// the rest a correction to a linear model.
constexpr double slight_trend = 0.2;
constexpr std::array<double, 3> trends = {0.0, slight_trend, 4.0};

constexpr double infinity = std::numeric_limits<double>::infinity();

// What tells settings apart needs no more.
std::vector<double> coarse(const std::vector<double>& lambda) { return thinned(lambda, 4); }

// A kernel on the rows of a stage.
KernelSections kernel_of(const Stage& stage, const Matrix& S, const KernelSettings& settings, const Context& context) {
  const auto& [shape, lambda, centres] = settings;
  if (stage.lift) return kernel_along(S, *stage.lift, shape, *stage.plain_train, centres, context);
  return kernel_along(S, shape, *stage.train, centres, context);
}

// Kernels on coordinates S of each split, for one setting after another.
class KernelTrials {
 public:
  KernelTrials(const Ground& ground, const std::vector<Stage>& stages, const std::vector<Matrix>& S, Norm norm,
               Index centres)
      : ground_(ground), stages_(stages), units_(stages.size()) {
    ground.each(static_cast<Index>(stages.size()), [&](Index i, const Context& context) {
      const auto split = static_cast<std::size_t>(i);
      units_[split] = from_first_rank(context, [&](const Context& own) {
        return kernel_of(stages[split], S[split], {.shape = {1, 1, 1, norm}, .lambda = {}, .centres = centres}, own);
      });
    });
  }
  [[nodiscard]] KernelSections map(const KernelSettings& settings, std::size_t split) const {
    KernelSections map = units_[split];
    map.kernel.exponent = settings.shape.exponent;
    map.kernel.bandwidth *= settings.shape.bandwidth;
    map.kernel.trend *= settings.shape.trend;
    return map;
  }
  // A setting whose numbers fail on a split has no finite error there.
  [[nodiscard]] Path run(const KernelSettings& settings, std::size_t split, const std::vector<double>& lambda,
                         const Context& context) const {
    try {
      return head_path(stages_[split], map(settings, split), lambda, ground_.splits[split].square_units, context);
    } catch (const NumericalError& error) {
      const auto count = static_cast<Index>(lambda.size());
      return {{}, {}, Matrix::Constant(count, ground_.targets(), infinity), 1, error.what()};
    }
  }
  // Of one setting on some splits.
  [[nodiscard]] double error(std::span<const Path> paths, const std::vector<double>& lambda) const {
    try {
      return std::fmin(ground_.relative(choose_heads(paths, lambda).error), infinity);  // NaN is behind all
    } catch (const NumericalError&) {
      return infinity;
    }
  }

 private:
  const Ground& ground_;
  const std::vector<Stage>& stages_;
  std::vector<KernelSections> units_;  // exponent, bandwidth and trend 1, one per split
};

// The settings with the least errors on the first two splits, with few landmarks, in the order of the grid.
std::vector<KernelSettings> screened(const Ground& ground, const std::vector<Stage>& stages,
                                     const std::vector<Matrix>& S, const std::vector<KernelSettings>& grid) {
  const std::vector<double> lambda = coarse(path_of(ground.options));
  const KernelTrials trials(ground, stages, S, Norm::euclidean, screening_landmarks);
  const std::size_t splits = std::min<std::size_t>(2, stages.size());
  std::vector<std::vector<Path>> paths(grid.size(), std::vector<Path>(splits));
  ground.each(static_cast<Index>(grid.size() * splits), [&](Index task, const Context& context) {
    const auto at = static_cast<std::size_t>(task) / splits;
    const auto split = static_cast<std::size_t>(task) % splits;
    paths[at][split] = trials.run(grid[at], split, lambda, context);
  });
  std::vector<double> errors;
  for (std::size_t at = 0; at < grid.size(); ++at) errors.push_back(trials.error(paths[at], lambda));
  std::vector<std::size_t> ranked = order_with_ties(errors);
  ranked.resize(promising);
  std::sort(ranked.begin(), ranked.end());
  std::vector<KernelSettings> best;
  for (const std::size_t at : ranked) best.push_back(grid[at]);
  return best;
}

}  // namespace

const std::vector<KernelSettings>& kernel_grid() {
  static const std::vector<KernelSettings> grid = [] {
    std::vector<KernelSettings> all;
    for (const double exponent : {1.0, 1.4, 1.9})
      for (const double bandwidth : {1.0, 3.0, 9.0}) all.push_back({{exponent, bandwidth, slight_trend}, {}, 0});
    return all;
  }();
  return grid;
}

std::vector<KernelSettings> kernel_grid(double exponent, std::optional<double> trend) {
  std::vector<KernelSettings> some = kernel_grid();
  std::erase_if(some, [&](const KernelSettings& settings) { return settings.shape.exponent != exponent; });
  for (KernelSettings& settings : some) settings.shape.trend = trend.value_or(settings.shape.trend);
  return some;
}

double settings_tried(const std::vector<KernelSettings>& grid) {
  return static_cast<double>(grid.size() > 1 ? grid.size() + trends.size() - 1 : 1);
}

namespace {

// A setting with its λ chosen over all splits, and its paths there.
struct Raced {
  KernelSettings settings;
  HeadChoice head;
  std::vector<Path> paths;  // one per split
  double error = infinity;
  std::string failed;  // why it has no finite error
};

// The best of some settings.
Raced best_of(const Ground& ground, const KernelTrials& trials, const std::vector<KernelSettings>& tried,
              const std::vector<double>& lambda, std::size_t splits) {
  std::vector<std::vector<Path>> paths(tried.size(), std::vector<Path>(splits));
  const auto of_split = [&](std::size_t at, std::size_t split, const Context& context) {
    paths[at][split] = trials.run(tried[at], split, lambda, context);
  };
  const auto error_on = [&](std::size_t at, std::size_t count) {
    return trials.error(std::span(paths[at]).first(count), lambda);
  };
  const std::vector<std::size_t> finished = ground.race(tried.size(), promising, of_split, error_on);
  Raced best;
  std::size_t place = finished.front();
  for (const std::size_t at : finished) {
    if (std::isinf(error_on(at, splits))) continue;
    HeadChoice head = choose_heads(paths[at], lambda);
    const double error = ground.relative(head.error);
    if (!clearly_less(error, best.error)) continue;
    best = {tried[at], std::move(head), {}, error, {}};
    place = at;
  }
  best.paths = std::move(paths[place]);
  if (std::isinf(best.error)) {
    const auto failed = std::ranges::find_if(best.paths, [](const Path& path) { return !path.failed.empty(); });
    best.failed = failed == best.paths.end() ? "kernel: no setting has a finite error" : failed->failed;
  }
  return best;
}

}  // namespace

KernelChoice choose_kernel(const Ground& ground, const std::vector<Stage>& stages, const std::vector<Matrix>& S,
                           const std::vector<KernelSettings>& grid, Index centres) {
  // What has its λ on more centres later needs no fine ones now.
  const bool more_later = centres < centres_for(ground.rows()) && centres < ground.rows();
  const std::vector<double> lambda = more_later ? coarse(path_of(ground.options)) : path_of(ground.options);
  const bool screen = grid.size() > promising && grid.front().shape.norm == Norm::euclidean &&
                      std::min(centres, ground.rows()) > screening_landmarks * 3 / 2;
  const Norm norm = grid.front().shape.norm;
  const KernelTrials trials(ground, stages, S, norm, centres);
  Raced best = best_of(ground, trials, screen ? screened(ground, stages, S, grid) : grid, lambda, stages.size());
  if (!best.failed.empty()) throw NumericalError(best.failed);
  if (grid.size() > 1 && norm == Norm::euclidean) {
    std::vector<KernelSettings> others;
    for (const double trend : trends) {
      if (trend == best.settings.shape.trend) continue;
      others.push_back(best.settings);
      others.back().shape.trend = trend;
    }
    Raced other = best_of(ground, trials, others, lambda, stages.size());
    if (clearly_less(other.error, best.error)) best = std::move(other);
  }
  // Where all rows are centres, so they are when more rows are learned from.
  const Index again = centres < ground.rows() ? centres : centres_for(ground.rows());
  KernelChoice choice{{best.settings.shape, best.head.lambda, again}, best.head.error, {}, {}};
  for (Path& path : best.paths) {
    choice.a.push_back(head_on(path, best.head));
    choice.maps.push_back(std::move(path.map));
  }
  return choice;
}

namespace {

// A kernel with all rows of a split as centres: what the heads of all λ share.
class WholeKernel {
 public:
  WholeKernel(const Stage& stage, const KernelSections& map, const Vector& square_units, const Context& context)
      : ridge_(RidgeHead::dual(pair_sums(*stage.train, stage.pass_linear, map, context))), square_units_(square_units) {
    Block rows;
    stage.held_out->read(0, stage.held_out->rows(), rows);
    R_ = rows.Y - stage.pass_linear(rows.X);
    w_ = rows.w;
    K_.resize(rows.rows(), map.width());
    features(map, rows.X, K_);
  }
  // The head n×k, and Σ w e² of the held-out rows, k, own units.
  [[nodiscard]] std::pair<Matrix, Vector> at(double lambda) const {
    Matrix a = ridge_.path({lambda});
    Matrix E = R_;
    linalg::add_product(-1.0, K_, a, E);
    return {std::move(a), (E.cwiseAbs2().transpose() * w_).cwiseProduct(square_units_)};
  }
  [[nodiscard]] double n() const { return w_.sum(); }

 private:
  RidgeHead ridge_;
  Vector square_units_;
  Matrix K_;  // held-out rows × centres
  Matrix R_;  // held-out rows × k: what the head is to say there
  Vector w_;  // held-out rows
};

// A setting with all rows as centres, its λ near those that few centres found: a factorisation each is cheaper than
// what serves the whole path. Nothing where many targets want many.
std::optional<KernelChoice> with_all_centres(const Ground& ground, const std::vector<Stage>& stages,
                                             const std::vector<Matrix>& S, const KernelSettings& settings) {
  constexpr std::size_t most = 6;  // λ at a time
  const auto& lambda = path_of(ground.options);
  const std::size_t splits = stages.size();
  const KernelTrials trials(ground, stages, S, settings.shape.norm, kernel_rows);
  std::vector<std::optional<WholeKernel>> kernels(splits);  // on the first rank
  std::vector<double> n(splits);
  ground.each(static_cast<Index>(splits), [&](Index i, const Context& context) {
    const auto split = static_cast<std::size_t>(i);
    n[split] = from_first_rank(context, [&](const Context& own) {
      kernels[split].emplace(stages[split], trials.map(settings, split), ground.splits[split].square_units, own);
      return kernels[split]->n();
    });
  });
  const double rows = std::accumulate(n.begin(), n.end(), 0.0);
  LambdaWalk walk(lambda, settings.lambda);
  std::vector<std::vector<std::pair<Matrix, Vector>>> heads(lambda.size());  // at the λ tried, one per split
  for (std::vector<std::size_t> wanted = walk.wanted(); !wanted.empty(); wanted = walk.wanted()) {
    if (wanted.size() > most) return {};
    for (const std::size_t at : wanted) heads[at].resize(splits);
    ground.each(static_cast<Index>(wanted.size() * splits), [&](Index task, const Context& context) {
      const std::size_t at = wanted[static_cast<std::size_t>(task) / splits];
      const std::size_t split = static_cast<std::size_t>(task) % splits;
      try {
        heads[at][split] = from_first_rank(context, [&] { return kernels[split]->at(lambda[at]); });
      } catch (const NumericalError&) {
        heads[at][split].second = Vector::Constant(ground.targets(), infinity);
      }
    });
    for (const std::size_t at : wanted) {
      Vector square = Vector::Zero(ground.targets());
      for (const auto& [a, of_split] : heads[at]) square += of_split;
      walk.learn(at, square / rows);
    }
  }
  const Index k = ground.targets();
  KernelChoice choice{settings, Vector(k), {}, {}};
  choice.settings.centres = kernel_rows;
  for (Index t = 0; t < k; ++t) {
    choice.settings.lambda[t] = lambda[walk.place(t)];
    choice.error[t] = walk.error(t);
  }
  if (!choice.error.allFinite()) return {};  // nor will a path, unless it has other λ
  for (std::size_t split = 0; split < splits; ++split) {
    Matrix a = heads[walk.place(0)][split].first;
    for (Index t = 1; t < k; ++t) a.col(t) = heads[walk.place(t)][split].first.col(t);
    choice.a.push_back(std::move(a));
    choice.maps.emplace_back(trials.map(settings, split));
  }
  return choice;
}

}  // namespace

KernelChoice with_more_centres(const Ground& ground, const std::vector<Stage>& stages, const std::vector<Matrix>& S,
                               const KernelSettings& settings) {
  // λ that were asked for are all tried: they need not be a path to walk on.
  if (all_are_centres(ground.rows()) && ground.options.lambda.empty())
    if (auto choice = with_all_centres(ground, stages, S, settings)) return *std::move(choice);
  return choose_kernel(ground, stages, S, {settings}, centres_for(ground.rows()));
}

KernelChoice searched_kernel(const Ground& ground, const std::vector<Stage>& stages, const std::vector<Matrix>& S,
                             const std::vector<KernelSettings>& grid) {
  const KernelChoice searched = choose_kernel(ground, stages, S, grid, search_centres(ground));
  return search_centres(ground) == ground.rows() ? searched : with_more_centres(ground, stages, S, searched.settings);
}

Fitted kernel_predictor(const Stage& stage, const Matrix& S, const KernelSettings& settings, const Context& context) {
  const FeatureMap map =
      from_first_rank(context, [&](const Context& own) { return kernel_of(stage, S, settings, own); });
  return {stage.linear, {{1.0, map, head_at(stage, map, settings.lambda, context), stage.lift, stage.warp}}};
}

bool all_are_centres(Index rows) { return rows <= kernel_rows; }

Index centres_for(Index rows) { return all_are_centres(rows) ? kernel_rows : final_landmarks; }

Index search_centres(const Ground& ground) {
  const Index most = ground.thorough ? thorough_search_landmarks : search_landmarks;
  return ground.rows() <= 3 * most / 2 ? ground.rows() : most;
}

std::string kernel_text(const KernelSettings& settings) {
  const KernelShape& shape = settings.shape;
  if (shape.norm == Norm::city_block)
    return fmt::format("city-block distance, bandwidth {}, {}", shape.bandwidth, lambda_list(settings.lambda));
  return fmt::format("exponent {}, bandwidth {}, {}{}", shape.exponent, shape.bandwidth,
                     shape.trend > 0 ? fmt::format("trend {}, ", shape.trend) : "", lambda_list(settings.lambda));
}

double kernel_cost(Index rows, Index inputs, Index most) {
  const auto n = static_cast<double>(rows);
  const double p = std::min(n, static_cast<double>(most));
  return n * p * (static_cast<double>(inputs) + exponential_cost) + (p < n ? n * p * p / 2 : 0.0) + 2 * p * p * p / 3;
}

double searched_kernel_cost(const Ground& ground, Index inputs) {
  const Index n = ground.rows();
  const Index few = search_centres(ground);
  const auto splits = static_cast<double>(ground.splits.size());
  return splits * settings_tried(kernel_grid()) * kernel_cost(n, inputs, few) +
         (splits * (few < n) + static_cast<double>(ground.repeats)) * kernel_cost(n, inputs, centres_for(n));
}

}  // namespace sextant
