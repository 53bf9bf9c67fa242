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

constexpr Index search_rows = 1000;  // landmarks while settings are searched
constexpr Index brief_search_rows = 400;
constexpr Index kernel_rows = 4000;  // rows up to which a kernel has all of them as centres
constexpr Index final_landmarks = 2048;

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
  const auto count = static_cast<Index>(stages.size());
  std::vector<KernelSections> units(stages.size());  // exponent and bandwidth 1
  bench.each(count, [&](Index i, const Context& context) {
    const auto split = static_cast<std::size_t>(i);
    units[split] = from_first_rank(context, [&](const Context& own) {
      return kernel_along(S[split], 1.0, 1.0, *stages[split].train, centres, own);
    });
  });
  std::vector<std::vector<Path>> paths(grid.size(), std::vector<Path>(stages.size()));
  const auto of_split = [&](std::size_t at, std::size_t split, const Context& context) {
    KernelSections map = units[split];
    map.kernel.exponent = grid[at].exponent;
    map.kernel.bandwidth *= grid[at].bandwidth;
    paths[at][split] = head_path(stages[split], std::move(map), lambda, bench.splits[split].square_units, context);
  };
  const auto error_on = [&](std::size_t at, std::size_t splits) {
    return bench.relative(choose_heads(std::span(paths[at]).first(splits), lambda).error);
  };
  KernelChoice best;
  // Where all rows are centres, so they are when more rows are learned from.
  const Index again = centres < bench.rows() ? centres : centres_for(bench.rows());
  double least = std::numeric_limits<double>::infinity();
  for (const std::size_t at : bench.race(grid.size(), 3, of_split, error_on)) {
    HeadChoice choice = choose_heads(paths[at], lambda);
    const double error = bench.relative(choice.error);
    if (!(error < least)) continue;
    least = error;
    best.settings = {grid[at].exponent, grid[at].bandwidth, choice.lambda, again};
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
