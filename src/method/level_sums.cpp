#include "method/level_sums.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <tuple>

#include "core/parallel.h"

namespace sextant {
namespace {

// Blocks of rows with targets between their limits.
template <class Visit>
void for_each_block(const LevelRows& from, const Context& context, Visit visit) {
  Block block;
  const Index n = from.rows.rows();
  for (Index first = 0; first < n; first += context.block_rows) {
    context.report("levels", static_cast<double>(first) / static_cast<double>(n));
    from.rows.read(first, std::min(context.block_rows, n - first), block);
    for (Index t = 0; t < from.y_low.size(); ++t)
      for (double& y : block.Y.col(t)) y = std::clamp(y, from.y_low[t], from.y_high[t]);
    visit(block, first);
  }
  context.report("levels", 1.0);
}

}  // namespace

LevelSums::LevelSums(std::vector<Index> inputs, std::vector<Index> targets, Index most) : most_(most) {
  set.inputs = std::move(inputs);
  set.targets = std::move(targets);
}

std::size_t LevelSums::Hash::operator()(const Key& key) const {
  std::uint64_t h = std::bit_cast<std::uint64_t>(key.level[0]) * 0x9E3779B97F4A7C15;
  h = (h ^ (h >> 32U) ^ std::bit_cast<std::uint64_t>(key.level[1])) * 0xC2B2AE3D27D4EB4F;
  h = (h ^ (h >> 29U) ^ key.part) * 0x9E3779B97F4A7C15;
  return h ^ (h >> 32U);
}

void LevelSums::add(const Block& block, const std::uint8_t* part) {
  if (too_many_) return;
  const auto stride = static_cast<Index>(set.targets.size()) + 1;
  for (Index i = 0; i < block.rows(); ++i) {
    if (!(block.w[i] > 0)) continue;
    Key key{{0, 0}, part[i]};
    bool missing = false;
    for (std::size_t c = 0; c < set.inputs.size(); ++c) {
      key.level[c] = block.X(i, set.inputs[c]) + 0.0;  // no −0
      missing = missing || std::isnan(key.level[c]);
    }
    if (missing) continue;
    ++rows;
    const auto [found, fresh] = at_.try_emplace(key, static_cast<Index>(at_.size()));
    if (fresh) {
      // Every part may have its own entry, so this many may still be few levels.
      if (static_cast<Index>(at_.size()) > 16 * most_) {
        too_many_ = true;
        at_.clear();
        sums_ = {};
        return;
      }
      sums_.resize(sums_.size() + static_cast<std::size_t>(stride), 0.0);
    }
    double* sum = sums_.data() + found->second * stride;
    sum[0] += block.w[i];
    for (Index t = 1; t < stride; ++t) sum[t] += block.w[i] * block.Y(i, set.targets[static_cast<std::size_t>(t) - 1]);
  }
}

void LevelSums::finish(double unit) {
  std::vector<std::pair<Key, Index>> entries(at_.begin(), at_.end());
  at_ = {};
  std::ranges::sort(entries, {}, [](const auto& entry) { return entry.first.order(); });
  const auto targets = static_cast<Index>(set.targets.size());
  const auto same = [](const Key& a, const Key& b) { return a.level[0] == b.level[0] && a.level[1] == b.level[1]; };
  Index L = 0;
  for (std::size_t e = 0; e < entries.size(); ++e)
    if (e == 0 || !same(entries[e].first, entries[e - 1].first)) ++L;
  too_many_ = too_many_ || L > most_;
  if (too_many_) {
    L = 0;
    entries.clear();
  }
  set.levels.resize(L, static_cast<Index>(set.inputs.size()));
  set.count = Vector::Zero(L);
  set.sum = Matrix::Zero(L, targets);
  parts.sum.resize(static_cast<Index>(entries.size()), targets);
  Index level = -1;
  for (std::size_t e = 0; e < entries.size(); ++e) {
    const auto& [key, at] = entries[e];
    if (e == 0 || !same(key, entries[e - 1].first)) {
      ++level;
      parts.first.push_back(static_cast<Index>(e));
      for (Index c = 0; c < set.levels.cols(); ++c) set.levels(level, c) = key.level[c];
    }
    const double* sum = sums_.data() + at * (targets + 1);
    parts.part.push_back(key.part);
    parts.count.push_back(unit * sum[0]);
    set.count[level] += parts.count.back();
    for (Index t = 0; t < targets; ++t) {
      parts.sum(static_cast<Index>(e), t) = unit * sum[t + 1];
      set.sum(level, t) += parts.sum(static_cast<Index>(e), t);
    }
  }
  parts.first.push_back(static_cast<Index>(entries.size()));
  sums_ = {};
}

double sum_levels(const LevelRows& rows, std::vector<LevelSums>& sums, const Context& context) {
  double weight = 0;
  Index counted = 0;
  for_each_block(rows, context, [&](const Block& block, Index first) {
    for (const double w : block.w) weight += w;
    counted += (block.w.array() > 0).count();
    parallel_tiles(context.thread_count(), static_cast<Index>(sums.size()),
                   [&](Index s) { sums[static_cast<std::size_t>(s)].add(block, rows.part.data() + first); });
  });
  const double unit = static_cast<double>(counted) / weight;
  parallel_tiles(context.thread_count(), static_cast<Index>(sums.size()),
                 [&](Index s) { sums[static_cast<std::size_t>(s)].finish(unit); });
  return unit;
}

TargetSums sum_targets(const LevelRows& rows, const Context& context) {
  const Index k = rows.rows.targets();
  TargetSums result{1, 0, Vector::Zero(rows.parts), Vector::Zero(k), Vector::Zero(k)};
  double weight = 0;
  for_each_block(rows, context, [&](const Block& block, Index first) {
    for (Index i = 0; i < block.rows(); ++i) {
      const double w = block.w[i];
      if (!(w > 0)) continue;
      ++result.rows;
      weight += w;
      result.of_part[rows.part[static_cast<std::size_t>(first + i)]] += w;
      for (Index t = 0; t < k; ++t) {
        result.mean[t] += w * block.Y(i, t);
        result.square[t] += w * block.Y(i, t) * block.Y(i, t);
      }
    }
  });
  if (result.rows == 0) return result;
  result.unit = static_cast<double>(result.rows) / weight;
  result.of_part *= result.unit;
  result.mean /= weight;
  result.square /= weight;
  return result;
}

}  // namespace sextant
