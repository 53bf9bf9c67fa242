#include "method/level_choice.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "core/from_first_rank.h"
#include "core/parallel.h"
#include "method/level_screen.h"
#include "method/level_sums.h"
#include "sextant/folds.h"
#include "sextant/winsorise.h"

namespace sextant {

static auto parts(LevelSet& set) { return std::tie(set.inputs, set.targets); }

namespace {

constexpr Index parts_at_random = 10;
constexpr Index parts_in_time = 16;
constexpr Index fewest_levels = 10;       // of whole numbers that may be codes
constexpr double chance = 0.05;           // of finding anything where nothing is
constexpr double least_gain = 2e-3;       // of the squared error about the neighbours: less is not worth inputs
constexpr double least_pair_gain = 5e-4;  // of what the two columns leave
constexpr std::size_t pairs_at_once = 16;

// |z| that the largest of m standard normals exceeds upwards with probability `chance` at most: P(Z > z) ≤
// exp(−z²/2)/2.
double threshold(std::size_t m) { return std::sqrt(2 * std::log(static_cast<double>(m) / (2 * chance))); }
LevelRows level_rows(const RowSource& rows, const FitOptions& options, const Context& context) {
  LevelRows result{rows, PartRule::others, {}, parts_at_random, {}, {}};
  const Index n = rows.rows();
  result.part.resize(static_cast<std::size_t>(n), 0);
  const std::vector<Index> groups = rows.groups();
  if (options.ordered) {
    result.rule = PartRule::earlier;
    result.parts = std::min(parts_in_time, n);
    for (Index i = 0; i < n; ++i)
      result.part[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(i * result.parts / n);
  } else if (!groups.empty()) {
    result.rule = PartRule::other_groups;
    std::vector<Index> distinct = groups;
    std::ranges::sort(distinct);
    distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
    const auto known = static_cast<Index>(distinct.size()) - (distinct.front() < 0 ? 1 : 0);
    result.parts = std::min(parts_at_random, known);
    if (result.parts >= 2) {
      const std::vector<Index> folds = grouped_folds(groups, result.parts, options.seed, Purpose::level_parts);
      for (std::size_t i = 0; i < folds.size(); ++i)
        result.part[i] = static_cast<std::uint8_t>(std::max<Index>(0, folds[i]));
    }
    result.parts = std::max<Index>(1, result.parts);
  } else {
    const Folds folds{options.seed, parts_at_random, Purpose::level_parts};
    for (Index run = 0; run * parts_at_random < n; ++run) {
      const std::vector<Index> order = folds.order(run);
      for (Index t = 0; t < std::min(parts_at_random, n - run * parts_at_random); ++t)
        result.part[static_cast<std::size_t>(run * parts_at_random + t)] =
            static_cast<std::uint8_t>(order[static_cast<std::size_t>(t)]);
    }
  }
  if (options.clip_targets_or_default()) {
    const TableLimits limits = table_limits(rows, context);
    result.y_low = limits.y_low;
    result.y_high = limits.y_high;
  }
  return result;
}

// Of two classes one says all; of many classes the most frequent; of many targets the first.
std::vector<Index> considered_targets(const TargetSums& of, const FitOptions& options) {
  const Index k = of.mean.size();
  if (options.task == Task::classification && k == 2) return {1};
  std::vector<Index> targets(static_cast<std::size_t>(k));
  std::iota(targets.begin(), targets.end(), Index{0});
  if (options.task == Task::classification)
    std::ranges::stable_sort(targets, [&](Index a, Index b) { return of.mean[a] > of.mean[b]; });
  targets.resize(static_cast<std::size_t>(std::min(k, most_level_targets)));
  std::ranges::sort(targets);
  return targets;
}

// The plan's set of these inputs, or null.
const LevelSet* find_set(const std::vector<LevelSet>& plan, const std::vector<Index>& inputs) {
  const auto found = std::ranges::find(plan, inputs, &LevelSet::inputs);
  return found == plan.end() ? nullptr : &*found;
}

// Columns of whole numbers, as far as rows have been seen.
class WholeNumbers {
 public:
  explicit WholeNumbers(std::vector<Index> columns) {
    for (const Index j : columns) open_.push_back({j, 0, {}});
  }
  void add(const Block& block, Index most) {
    constexpr double largest = 0x1p53;
    std::erase_if(open_, [&](Column& column) {
      for (Index i = 0; i < block.rows(); ++i) {
        const double x = block.X(i, column.at);
        if (std::isnan(x) || !(block.w[i] > 0)) continue;
        if (x != std::floor(x) || std::abs(x) > largest) return true;
        ++column.rows;
        column.values.insert(x + 0.0);
      }
      return static_cast<Index>(column.values.size()) > most;
    });
  }
  [[nodiscard]] bool none() const { return open_.empty(); }
  [[nodiscard]] std::vector<Index> codes() const {
    std::vector<std::pair<Index, Index>> found;  // levels, column
    for (const Column& column : open_) {
      const auto levels = static_cast<Index>(column.values.size());
      if (levels >= fewest_levels && 2 * levels <= column.rows) found.emplace_back(levels, column.at);
    }
    std::ranges::stable_sort(found, std::greater(), &std::pair<Index, Index>::first);
    if (found.size() > most_number_codes) found.resize(most_number_codes);
    std::vector<Index> columns;
    for (const auto& [levels, at] : found) columns.push_back(at);
    std::ranges::sort(columns);
    return columns;
  }

 private:
  struct Column {
    Index at;
    Index rows;
    std::unordered_set<double> values;
  };
  std::vector<Column> open_;
};

}  // namespace

LevelCandidates level_candidates(const RowSource& rows, bool numbers, const Context& context) {
  LevelCandidates result;
  std::vector<Index> columns;
  for (Index j = 0; j < rows.inputs(); ++j) {
    if (rows.input_kind(j) == InputKind::code) result.texts.push_back(j);
    if (rows.input_kind(j) == InputKind::number) columns.push_back(j);
  }
  if (!numbers) return result;
  WholeNumbers whole(std::move(columns));
  Block block;
  const Index most = std::min(most_levels, rows.rows() / 2);
  for (Index first = 0; first < rows.rows() && !whole.none(); first += context.block_rows) {
    rows.read(first, std::min(context.block_rows, rows.rows() - first), block);
    whole.add(block, most);
  }
  result.numbers = whole.codes();
  return result;
}

std::vector<LevelSet> choose_levels(const RowSource& rows, const LevelCandidates& candidates, bool pairs,
                                    const FitOptions& options, const Context& context) {
  std::vector<LevelSet> plan;
  if (candidates.empty()) return plan;
  const LevelRows from = level_rows(rows, options, context);
  const TargetSums of = sum_targets(from, context);
  if (of.rows == 0) return plan;
  const std::vector<Index> targets = considered_targets(of, options);
  const auto k = static_cast<Index>(targets.size());
  const auto prior = [&](Index t) { return of.mean[targets[static_cast<std::size_t>(t)]]; };
  const auto square = [&](Index t) { return of.square[targets[static_cast<std::size_t>(t)]]; };

  std::vector<LevelSums> single;
  for (const auto* columns : {&candidates.texts, &candidates.numbers})
    for (const Index j : *columns) single.emplace_back(std::vector<Index>(1, j), targets, most_levels);
  (void)sum_levels(from, single, context);
  const double z = threshold(2 * std::max<std::size_t>(1, candidates.numbers.size() * targets.size()));
  std::vector<std::vector<char>> pays(single.size(), std::vector<char>(targets.size(), 1));
  parallel_tiles(context.thread_count(), static_cast<Index>(candidates.numbers.size()), [&](Index at) {
    const std::size_t s = candidates.texts.size() + static_cast<std::size_t>(at);
    for (Index t = 0; t < k; ++t) {
      const Gain gain = gain_over_neighbours(single[s], t, prior(t), square(t), from.rule, from.parts);
      pays[s][static_cast<std::size_t>(t)] = gain.z > z && gain.share > least_gain ? 1 : 0;
    }
  });
  std::vector<std::size_t> codes;  // of `single`
  for (std::size_t s = 0; s < single.size(); ++s) {
    LevelSet set{.inputs = single[s].set.inputs};
    for (std::size_t t = 0; t < targets.size(); ++t)
      if (pays[s][t] != 0) set.targets.push_back(targets[t]);
    if (set.targets.empty() || single[s].too_many()) continue;
    plan.push_back(std::move(set));
    codes.push_back(s);
  }
  if (pairs && !codes.empty()) {
    // Codes before numbers that may be some only in pairs with them; of each kind, what says most by itself.
    std::vector<std::tuple<bool, double, std::size_t>> columns;
    for (std::size_t s = 0; s < single.size(); ++s) {
      if (single[s].too_many()) continue;
      double most = 0;
      for (Index t = 0; t < k; ++t) {
        const double variance = square(t) - prior(t) * prior(t);
        if (variance > 0)
          most = std::max(most, gain_over_mean(single[s], t, prior(t), from.rule, from.parts) / variance);
      }
      columns.emplace_back(std::ranges::find(codes, s) == codes.end(), -most, s);
    }
    std::ranges::sort(columns);
    if (columns.size() > most_paired_columns) columns.resize(most_paired_columns);
    std::ranges::sort(columns, {}, [&](const auto& column) { return single[std::get<2>(column)].set.inputs.front(); });
    std::vector<std::pair<std::size_t, std::size_t>> all;
    for (std::size_t a = 0; a < columns.size(); ++a)
      for (std::size_t b = a + 1; b < columns.size(); ++b)
        if (!std::get<0>(columns[a]) || !std::get<0>(columns[b]))
          all.emplace_back(std::get<2>(columns[a]), std::get<2>(columns[b]));
    if (all.empty()) return plan;
    const double t_least = threshold(2 * all.size() * targets.size());
    std::vector<std::pair<double, LevelSet>> found;
    for (std::size_t begin = 0; begin < all.size(); begin += pairs_at_once) {
      std::vector<LevelSums> sums;
      const std::size_t end = std::min(begin + pairs_at_once, all.size());
      for (std::size_t p = begin; p < end; ++p)
        sums.emplace_back(
            std::vector<Index>{single[all[p].first].set.inputs.front(), single[all[p].second].set.inputs.front()},
            targets, most_level_pairs);
      (void)sum_levels(from, sums, context);
      std::vector<std::vector<Gain>> gains(sums.size());
      parallel_tiles(context.thread_count(), static_cast<Index>(sums.size()), [&](Index at) {
        const auto p = static_cast<std::size_t>(at);
        for (Index t = 0; t < k; ++t)
          gains[p].push_back(gain_over_two(sums[p], single[all[begin + p].first], single[all[begin + p].second], t,
                                           prior(t), square(t), from.rule, from.parts));
      });
      for (std::size_t p = 0; p < sums.size(); ++p) {
        LevelSet set{.inputs = sums[p].set.inputs};
        double most = 0;
        for (std::size_t t = 0; t < targets.size(); ++t)
          if (const Gain& gain = gains[p][t]; gain.z > t_least && gain.share > least_pair_gain) {
            set.targets.push_back(targets[t]);
            most = std::max(most, gain.z);
          }
        if (!set.targets.empty() && !sums[p].too_many()) found.emplace_back(most, std::move(set));
      }
    }
    std::ranges::stable_sort(found, std::greater(), &std::pair<double, LevelSet>::first);
    if (found.size() > most_pairs) found.resize(most_pairs);
    for (auto& [gain, set] : found) plan.push_back(std::move(set));
  }
  std::ranges::stable_sort(plan, [](const LevelSet& a, const LevelSet& b) {
    return std::pair(a.inputs.size(), a.inputs) < std::pair(b.inputs.size(), b.inputs);
  });
  return plan;
}

std::vector<LevelSet> in_most(const std::vector<std::vector<LevelSet>>& plans) {
  // Singles before pairs, as in each plan.
  std::map<std::pair<std::size_t, std::vector<Index>>, std::map<Index, std::size_t>> times;
  for (const std::vector<LevelSet>& plan : plans)
    for (const LevelSet& set : plan)
      for (const Index t : set.targets) ++times[{set.inputs.size(), set.inputs}][t];
  std::vector<LevelSet> result;
  for (const auto& [inputs, of_target] : times) {
    LevelSet set{.inputs = inputs.second};
    for (const auto& [t, count] : of_target)
      if (2 * count >= plans.size()) set.targets.push_back(t);
    if (!set.targets.empty()) result.push_back(std::move(set));
  }
  return result;
}

std::vector<LevelSet> silenced(std::vector<LevelSet> plan, const std::vector<LevelSet>& own) {
  for (LevelSet& set : plan) {
    const LevelSet* here = find_set(own, set.inputs);
    set.silent.assign(static_cast<std::size_t>(set.width()), here == nullptr ? 1 : 0);
    if (here == nullptr) continue;
    for (std::size_t t = 0; t < set.targets.size(); ++t)
      set.silent[t] = std::ranges::find(here->targets, set.targets[t]) == here->targets.end() ? 1 : 0;
    if (std::ranges::find(set.silent, 1) == set.silent.end()) set.silent.clear();
  }
  return plan;
}

LevelPlans plan_levels(const RowSource& data, const std::vector<Split>& splits, bool numbers, const FitOptions& options,
                       const Context& context, const LevelEncoding* whole) {
  LevelPlans result;
  result.of_split.resize(splits.size());
  const bool searches = numbers && is_automatic(options.method);
  const LevelCandidates candidates = level_candidates(data, searches, alone(context));
  if (candidates.empty()) return result;
  for (std::size_t i = 0; i < splits.size(); ++i)
    result.of_split[i] = from_first_rank(context, [&](const Context& own) {
      return choose_levels(*splits[i].train, candidates, searches, options, own);
    });
  result.of_model = whole != nullptr ? whole->plan() : in_most(result.of_split);
  for (auto& own : result.of_split) own = silenced(result.of_model, own);
  return result;
}

LearnedLevels learn_levels(const RowSource& rows, const std::vector<LevelSet>& plan, const FitOptions& options,
                           const Context& context) {
  const LevelRows from = level_rows(rows, options, context);
  const TargetSums of = sum_targets(from, context);
  auto encoding = std::make_shared<LevelEncoding>();
  auto parts = std::make_shared<LevelParts>();
  encoding->table_inputs = rows.inputs();
  encoding->odds = options.task == Task::classification;
  encoding->prior = of.mean;
  const auto n = static_cast<double>(of.rows);
  // A class that no row here is of is still possible.
  if (encoding->odds) encoding->prior = (of.mean.array() * n + 0.5) / (n + 1);
  parts->rule = from.rule;
  parts->part = from.part;
  parts->unit = of.unit;
  parts->made_up.resize(from.parts);
  for (Index part = 0; part < from.parts; ++part) {
    const double others = of.of_part.sum() - of.of_part[part];
    parts->made_up[part] = others > 0 ? of.of_part.sum() / others : 1;
  }
  std::vector<LevelSums> sums;
  for (const LevelSet& set : plan)
    sums.emplace_back(set.inputs, set.targets, set.inputs.size() > 1 ? 2 * most_level_pairs : 2 * most_levels);
  (void)sum_levels(from, sums, context);
  for (std::size_t s = 0; s < plan.size(); ++s) {
    sums[s].set.silent = plan[s].silent;
    encoding->sets.push_back(std::move(sums[s].set));
    parts->sets.push_back(std::move(sums[s].parts));
  }
  return {std::move(encoding), std::move(parts)};
}

}  // namespace sextant
