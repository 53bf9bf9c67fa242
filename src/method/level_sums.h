// Sums over rows by level and part: what level_choice.h learns encodings from. Private to the method layer.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sextant/context.h"
#include "sextant/level_encoding.h"
#include "sextant/winsorise.h"

namespace sextant {

// The rows that levels are learned from: their parts, and their targets between their limits.
struct LevelRows {
  const RowSource& rows;
  PartRule rule;
  std::vector<std::uint8_t> part;  // n
  Index parts;
  Vector y_low;   // k, or empty: targets as they are
  Vector y_high;  //
};

// Of one column's levels or of pairs. Rows without weight or with a missing cell do not count.
class LevelSums {
 public:
  // More than `most` levels are too many. `targets`: which are summed, ascending.
  LevelSums(std::vector<Index> inputs, std::vector<Index> targets, Index most);

  // X, Y, w of some rows, their parts.
  void add(const Block& block, const std::uint8_t* part);
  // Sorts; sums are multiplied by `unit`.
  void finish(double unit);

  // After `finish`, of L levels with E entries, one for every part that a level has rows in.
  [[nodiscard]] bool too_many() const { return too_many_; }
  [[nodiscard]] Index levels() const { return set.levels.rows(); }

  LevelSet set;             // with all of its statistics
  LevelParts::OfSet parts;  // the same by part
  Index rows = 0;           // that count

 private:
  struct Key {
    double level[2];
    std::uint8_t part;
    bool operator==(const Key& other) const {
      return level[0] == other.level[0] && level[1] == other.level[1] && part == other.part;
    }
    auto order() const { return std::tuple(level[0], level[1], part); }
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };
  Index most_;
  bool too_many_ = false;
  std::unordered_map<Key, Index, Hash> at_;
  std::vector<double> sums_;  // per entry: N, then S of each target
};

// Sums of several sets in one reading of the rows; finishes them. Sums of too many levels are left empty. Gives what
// weights are multiplied by.
double sum_levels(const LevelRows& rows, std::vector<LevelSums>& sums, const Context& context);

// Of a single reading: weights' sums per part and of all, the targets' means p0 and their mean squares about 0, scaled.
struct TargetSums {
  double unit = 1;  // rows that count over the sum of their weights
  Index rows = 0;   // that count
  Vector of_part;   // per part: Σ w·unit
  Vector mean;      // k
  Vector square;    // k: mean of y²
};
[[nodiscard]] TargetSums sum_targets(const LevelRows& rows, const Context& context);

}  // namespace sextant
