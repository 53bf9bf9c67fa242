// A table's rows in splits, scaled, and as searches see them. Private to the search.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "search/ground.h"

namespace sextant {

inline constexpr Index always_thorough_rows = 400;   // up to which all settings on all folds take little time
inline constexpr Index rows_in_more_folds = 1000;    // up to which a tenth more rows to learn from tells
inline constexpr Index cross_validated_rows = 2000;  // of more, one share is held out

// Cross-validation where rows are few and nothing else was asked for, in no more folds than rows can be divided into.
// Never by the budget: what a larger one finds is measured on the same rows.
[[nodiscard]] FitOptions with_folds(const FitOptions& options, const RowSource& data, const RowSource* validation);

// Another partition of the rows; where these are few, with twice the folds: what is learned again is nearer to what all
// rows would teach.
[[nodiscard]] FitOptions with_another_partition(const FitOptions& options, const RowSource& data);

// The rows in splits, scaled, and as searches see them.
struct Partition {
  // Divided as `division` says, to be learned from as `fit` says.
  Partition(const RowSource& data, const RowSource* validation_rows, const FitOptions& division, const FitOptions& fit,
            const Context& inner, const Scaling* fixed, const Prepared* whole_rows = nullptr);

  // The last `count` splits: of windows in time, those with the most rows.
  [[nodiscard]] Ground ground(std::size_t count, bool thorough) const {
    const auto last = [count](const auto& all) { return std::span(all).last(std::min(count, all.size())); };
    return {options,        context,
            last(searched), last(whole),
            last(samples),  preparation.validation.mean,
            thorough,       1 + static_cast<Index>(searched.size() - count)};
  }
  [[nodiscard]] Ground ground(bool thorough) const { return ground(searched.size(), thorough); }

  const FitOptions& options;
  const Context& context;
  Preparation preparation;
  std::vector<Sample> samples;
  std::vector<LearningRows> searched;
  std::vector<LearningRows> whole;  // where searches see some rows
};

}  // namespace sextant
