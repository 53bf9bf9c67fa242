#include "sextant/level_encoding.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/fingerprint.h"
#include "data/level_fingerprint.h"
#include "sextant/error.h"

namespace sextant {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// A row's level of a set; false where a cell is missing.
bool level_of(const LevelSet& set, const double* row, double* level) {
  for (std::size_t c = 0; c < set.inputs.size(); ++c) {
    level[c] = row[set.inputs[c]];
    if (std::isnan(level[c])) return false;
  }
  return true;
}

}  // namespace

Index LevelSet::find(const double* level) const {
  Index low = 0;
  Index high = levels.rows();
  const bool pairs = levels.cols() > 1;
  while (low < high) {
    const Index middle = low + (high - low) / 2;
    const double* at = levels.data() + middle * levels.cols();
    if (at[0] < level[0] || (pairs && at[0] == level[0] && at[1] < level[1]))
      low = middle + 1;
    else
      high = middle;
  }
  if (low == levels.rows()) return -1;
  const double* at = levels.data() + low * levels.cols();
  return at[0] == level[0] && (!pairs || at[1] == level[1]) ? low : -1;
}

Index LevelEncoding::width() const {
  Index sum = 0;
  for (const LevelSet& set : sets) sum += set.width();
  return sum;
}

void LevelEncoding::fill(const LevelSet& set, double count, const double* sum, double counted, double* out) const {
  for (std::size_t t = 0; t < set.targets.size(); ++t) {
    const double p = (sum[t] + level_prior_rows * prior[set.targets[t]]) / (count + level_prior_rows);
    out[t] = odds ? std::log(p / (1 - p)) : p;
  }
  out[set.targets.size()] = std::log1p(std::max(0.0, counted));
  for (std::size_t j = 0; j < set.silent.size(); ++j)
    if (set.silent[j] != 0) out[j] = 0;
}

void LevelEncoding::append(const MatrixView& X, Matrix& all) const {
  all.resize(X.rows(), X.cols() + width());
  all.leftCols(X.cols()) = X;
  const std::vector<double> nothing(static_cast<std::size_t>(prior.size()), 0.0);
  double level[2];
  for (Index i = 0; i < X.rows(); ++i) {
    double* row = all.data() + i * all.cols();
    double* out = row + X.cols();
    for (const LevelSet& set : sets) {
      if (!level_of(set, row, level)) {
        std::fill_n(out, set.width(), nan);
      } else if (const Index at = set.find(level); at < 0) {
        fill(set, 0, nothing.data(), 0, out);
      } else {
        fill(set, set.count[at], set.sum.data() + at * set.sum.cols(), set.count[at], out);
      }
      out += set.width();
    }
  }
}

const std::vector<Index>& LevelEncoding::made_of(Index j) const {
  for (const LevelSet& set : sets) {
    if (j < set.width()) return set.inputs;
    j -= set.width();
  }
  throw InvalidArgument("levels: an input is asked for that is not made of levels");
}

std::string LevelEncoding::label(Index j, const std::function<std::string(Index)>& input,
                                 const std::function<std::string(Index)>& target) const {
  for (const LevelSet& set : sets) {
    if (j >= set.width()) {
      j -= set.width();
      continue;
    }
    std::string columns = input(set.inputs.front());
    if (set.inputs.size() > 1) columns += " × " + input(set.inputs.back());
    if (j == set.width() - 1) return "count of " + columns;
    const Index t = set.targets[static_cast<std::size_t>(j)];
    return columns + " → " + (of_targets.empty() ? target(t) : of_targets[static_cast<std::size_t>(t)]);
  }
  throw InvalidArgument("levels: an input is asked for that is not made of levels");
}

std::vector<LevelSet> LevelEncoding::plan() const {
  std::vector<LevelSet> result;
  for (const LevelSet& set : sets) result.push_back({.inputs = set.inputs, .targets = set.targets});
  return result;
}

void LevelParts::learn_from(const LevelEncoding& encoding, std::size_t s, Index level, Index own_part, double& count,
                            double* sum) const {
  const OfSet& of = sets[s];
  const LevelSet& set = encoding.sets[s];
  const Index targets = set.sum.cols();
  const bool all = rule != PartRule::earlier;
  count = all ? set.count[level] : 0;
  for (Index t = 0; t < targets; ++t) sum[t] = all ? set.sum(level, t) : 0;
  for (Index e = of.first[static_cast<std::size_t>(level)]; e < of.first[static_cast<std::size_t>(level) + 1]; ++e) {
    const auto entry = static_cast<std::size_t>(e);
    const Index part_of = of.part[entry];
    if (all ? part_of != own_part : part_of >= own_part) continue;
    const double sign = all ? -1 : 1;
    count += sign * of.count[entry];
    for (Index t = 0; t < targets; ++t) sum[t] += sign * of.sum(e, t);
  }
}

LevelledSource::LevelledSource(const RowSource& source, std::shared_ptr<const LevelEncoding> encoding,
                               std::shared_ptr<const LevelParts> parts)
    : RowView(source), encoding_(std::move(encoding)), parts_(std::move(parts)) {
  if (source.inputs() != encoding_->table_inputs)
    throw InvalidArgument(
        fmt::format("levels: the data has {} inputs, expected {}", source.inputs(), encoding_->table_inputs));
  if (parts_ && static_cast<Index>(parts_->part.size()) != source.rows())
    throw InvalidArgument(fmt::format("levels: the data has {} rows, expected the {} that were learned from",
                                      source.rows(), parts_->part.size()));
}

std::string LevelledSource::input_label(Index j) const {
  if (j < source_.inputs()) return source_.input_label(j);
  return encoding_->label(
      j - source_.inputs(), [&](Index input) { return source_.input_label(input); },
      [&](Index target) { return source_.target_label(target); });
}

void LevelledSource::read(Index first, Index count, Block& block) const {
  source_.read(first, count, raw_);
  block.Y = raw_.Y;
  block.w = raw_.w;
  if (!parts_) return encoding_->append(raw_.X, block.X);
  const Index d = raw_.X.cols();
  block.X.resize(count, inputs());
  block.X.leftCols(d) = raw_.X;
  std::vector<double> sum(static_cast<std::size_t>(encoding_->prior.size()));
  double level[2];
  for (Index i = 0; i < count; ++i) {
    double* row = block.X.data() + i * block.X.cols();
    double* out = row + d;
    const Index part = parts_->part[static_cast<std::size_t>(first + i)];
    for (std::size_t s = 0; s < encoding_->sets.size(); ++s) {
      const LevelSet& set = encoding_->sets[s];
      if (!level_of(set, row, level)) {
        std::fill_n(out, set.width(), nan);
        out += set.width();
        continue;
      }
      const Index at = set.find(level);
      double n = 0;
      double counted = 0;
      std::ranges::fill(sum, 0.0);
      if (at >= 0) {  // else only rows without weight are of this level
        parts_->learn_from(*encoding_, s, at, part, n, sum.data());
        switch (parts_->rule) {
          case PartRule::others:
            counted = set.count[at] - parts_->unit * block.w[i];
            break;
          case PartRule::other_groups:
            counted = n * parts_->made_up[part];
            break;
          case PartRule::earlier:
            counted = n;
        }
      }
      encoding_->fill(set, n, sum.data(), counted, out);
      out += set.width();
    }
  }
}

std::uint64_t LevelledSource::find_fingerprint() const {
  Fingerprint fingerprint;
  fingerprint.mix("levelled");
  fingerprint.mix(source_.fingerprint());
  mix_levels(*encoding_, fingerprint);
  fingerprint.mix(static_cast<Index>(parts_ ? parts_->part.size() : 0));
  if (parts_) {
    fingerprint.mix(static_cast<Index>(parts_->rule));
    fingerprint.mix(parts_->unit);
    for (const std::uint8_t part : parts_->part) fingerprint.mix(static_cast<Index>(part));
  }
  return fingerprint.value();
}

}  // namespace sextant
