#include "method/kernel_choice.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "core/from_first_rank.h"
#include "passes/parts.h"
#include "sextant/refine.h"

namespace sextant {
namespace {

constexpr Index screening_landmarks = 200;  // of the first look at every setting
constexpr std::size_t promising = 3;         // settings that get a second
constexpr Index search_rows = 1000;          // landmarks while settings are searched
constexpr Index brief_search_rows = 400;
constexpr Index kernel_rows = 4000;  // rows up to which a kernel has all of them as centres
constexpr Index final_landmarks = 2048;

// Every fourth λ of a path, and its last: what tells settings apart needs no more.
std::vector<double> coarse(const std::vector<double>& lambda) {
  if (lambda.size() <= 12) return lambda;
  std::vector<double> some;
  for (std::size_t l = 0; l < lambda.size(); l += 4) some.push_back(lambda[l]);
  if (some.back() != lambda.back()) some.push_back(lambda.back());
  return some;
}

// Kernels on coordinates S of each split, for one setting after another.
class KernelTrials {
 public:
  KernelTrials(const Workbench& bench, const std::vector<Stage>& stages, const std::vector<Matrix>& S, Index centres)
      : bench_(bench), stages_(stages), units_(stages.size()) {
    bench.each(static_cast<Index>(stages.size()), [&](Index i, const Context& context) {
      const auto split = static_cast<std::size_t>(i);
      units_[split] = from_first_rank(context, [&](const Context& own) {
        return kernel_along(S[split], 1.0, 1.0, *stages[split].train, centres, own);
      });
    });
  }
  [[nodiscard]] Path run(const KernelSettings& settings, std::size_t split, const std::vector<double>& lambda,
                         const Context& context) const {
    KernelSections map = units_[split];
    map.kernel.exponent = settings.exponent;
    map.kernel.bandwidth *= settings.bandwidth;
    return head_path(stages_[split], std::move(map), lambda, bench_.splits[split].square_units, context);
  }

 private:
  const Workbench& bench_;
  const std::vector<Stage>& stages_;
  std::vector<KernelSections> units_;  // exponent and bandwidth 1, one per split
};

// The settings with the least errors on the first two splits, with few landmarks, in the order of the grid.
std::vector<KernelSettings> screened(const Workbench& bench, const std::vector<Stage>& stages,
                                     const std::vector<Matrix>& S, const std::vector<KernelSettings>& grid) {
  const std::vector<double> lambda = coarse(path_of(bench.options));
  const KernelTrials trials(bench, stages, S, screening_landmarks);
  const std::size_t splits = std::min<std::size_t>(2, stages.size());
  std::vector<std::vector<Path>> paths(grid.size(), std::vector<Path>(splits));
  bench.each(static_cast<Index>(grid.size() * splits), [&](Index task, const Context& context) {
    const auto at = static_cast<std::size_t>(task) / splits;
    const auto split = static_cast<std::size_t>(task) % splits;
    paths[at][split] = trials.run(grid[at], split, lambda, context);
  });
  std::vector<std::pair<double, std::size_t>> ranked;
  for (std::size_t at = 0; at < grid.size(); ++at)
    ranked.emplace_back(bench.relative(choose_heads(paths[at], lambda).error), at);
  std::sort(ranked.begin(), ranked.end());
  ranked.resize(promising);
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  std::vector<KernelSettings> best;
  for (const auto& [error, at] : ranked) best.push_back(grid[at]);
  return best;
}

}  // namespace

const std::vector<KernelSettings>& kernel_grid() {
  static const std::vector<KernelSettings> grid = [] {
    std::vector<KernelSettings> all;
    for (const double exponent : {1.0, 1.4, 1.9})
      for (const double bandwidth : {1.0, 3.0, 9.0}) all.push_back({exponent, bandwidth, {}, 0});
    return all;
  }();
  return grid;
}

KernelChoice choose_kernel(const Workbench& bench, const std::vector<Stage>& stages, const std::vector<Matrix>& S,
                           const std::vector<KernelSettings>& grid, Index centres) {
  const auto& lambda = path_of(bench.options);
  const bool screen = grid.size() > promising && std::min(centres, bench.rows()) > screening_landmarks * 3 / 2;
  const std::vector<KernelSettings> tried = screen ? screened(bench, stages, S, grid) : grid;
  const KernelTrials trials(bench, stages, S, centres);
  std::vector<std::vector<Path>> paths(tried.size(), std::vector<Path>(stages.size()));
  const auto of_split = [&](std::size_t at, std::size_t split, const Context& context) {
    paths[at][split] = trials.run(tried[at], split, lambda, context);
  };
  const auto error_on = [&](std::size_t at, std::size_t splits) {
    return bench.relative(choose_heads(std::span(paths[at]).first(splits), lambda).error);
  };
  KernelChoice best;
  // Where all rows are centres, so they are when more rows are learned from.
  const Index again = centres < bench.rows() ? centres : centres_for(bench.rows());
  double least = std::numeric_limits<double>::infinity();
  for (const std::size_t at : bench.race(tried.size(), promising, of_split, error_on)) {
    HeadChoice choice = choose_heads(paths[at], lambda);
    const double error = bench.relative(choice.error);
    if (!(error < least)) continue;
    least = error;
    best.settings = {tried[at].exponent, tried[at].bandwidth, choice.lambda, again};
    best.head = std::move(choice);
    best.paths = std::move(paths[at]);
  }
  return best;
}

KernelChoice searched_kernel(const Workbench& bench, const std::vector<Stage>& stages, const std::vector<Matrix>& S,
                             const std::vector<KernelSettings>& grid) {
  const Index few = search_centres(bench);
  KernelChoice searched = choose_kernel(bench, stages, S, grid, few);
  if (few == bench.rows()) return searched;
  return choose_kernel(bench, stages, S, {searched.settings}, centres_for(bench.rows()));
}

Fitted kernel_predictor(const Stage& stage, const Matrix& S, const KernelSettings& settings, const Context& context) {
  const FeatureMap map = from_first_rank(context, [&](const Context& own) {
    return kernel_along(S, settings.exponent, settings.bandwidth, *stage.train, settings.centres, own);
  });
  return {stage.linear, {{1.0, map, head_at(stage, map, settings.lambda, context), stage.lift}}};
}

Index centres_for(Index rows) { return rows <= kernel_rows ? kernel_rows : final_landmarks; }

Index search_centres(const Workbench& bench) {
  const Index most = bench.brief ? brief_search_rows : search_rows;
  return bench.rows() <= 3 * most / 2 ? bench.rows() : most;
}

std::string kernel_text(const KernelSettings& settings) {
  return fmt::format("exponent {}, bandwidth {}, {}", settings.exponent, settings.bandwidth,
                     lambda_list(settings.lambda));
}

double kernel_cost(Index rows, Index inputs, Index most) {
  const auto n = static_cast<double>(rows);
  const double p = std::min(n, static_cast<double>(most));
  return n * p * (static_cast<double>(inputs) + 20) + (p < n ? n * p * p / 2 : 0.0) + 2 * p * p * p / 3;
}

double searched_kernel_cost(const Workbench& bench, Index inputs) {
  const Index n = bench.rows();
  const Index few = search_centres(bench);
  const auto splits = static_cast<double>(bench.splits.size());
  return splits * static_cast<double>(kernel_grid().size()) * kernel_cost(n, inputs, few) +
         (splits * (few < n) + 1) * kernel_cost(n, inputs, centres_for(n));
}

}  // namespace sextant
