// Which columns' levels are encoded, and learning that from rows (level_encoding.h). No quantity of a split sees its
// held-out rows: a split's own rows say which levels it encodes, and inputs that its rows do not ask for are 0
// throughout. Private to the method layer.
#pragma once

#include <memory>
#include <vector>

#include "sextant/level_encoding.h"
#include "sextant/options.h"
#include "sextant/splits.h"

namespace sextant {

inline constexpr Index most_level_targets = 8;        // whose effects a column's levels have
inline constexpr Index most_levels = 1 << 17;         // of a column
inline constexpr Index most_level_pairs = 1 << 17;    // of levels of two columns
inline constexpr std::size_t most_number_codes = 64;  // columns of whole numbers that may be codes
inline constexpr std::size_t most_paired_columns = 15;
inline constexpr std::size_t most_pairs = 20;  // of columns that are kept

// Columns whose levels may be encoded. It sees inputs alone.
struct LevelCandidates {
  std::vector<Index> texts;    // columns of level codes
  std::vector<Index> numbers;  // columns of whole numbers, of 10 or more and on average two rows or more each; the
                               // first of those with the most levels, where they are more than most_number_codes
  [[nodiscard]] bool empty() const { return texts.empty() && numbers.empty(); }
};
// `numbers`: whether to look for such, too. Cost: one reading of the rows, ended as soon as no column is left.
[[nodiscard]] LevelCandidates level_candidates(const RowSource& rows, bool numbers, const Context& context);

// What these rows say is worth encoding, without statistics: all texts; numbers where a level's own mean says more of
// the other parts' targets than as many rows of neighbouring numbers; pairs of which one at least is such a
// column where the pair's mean adds to those of the two (each for a target at a level of 5 % over all that were looked
// at). `pairs`: whether to look for such. Cost: two readings of the rows or more, by how many pairs there are.
[[nodiscard]] std::vector<LevelSet> choose_levels(const RowSource& rows, const LevelCandidates& candidates, bool pairs,
                                                  const FitOptions& options, const Context& context);

// What at least half of the plans have.
[[nodiscard]] std::vector<LevelSet> in_most(const std::vector<std::vector<LevelSet>>& plans);

// `plan` with what `own` lacks silent.
[[nodiscard]] std::vector<LevelSet> silenced(std::vector<LevelSet> plan, const std::vector<LevelSet>& own);

// What the splits' rows say: per split, and what the model's inputs are made of.
struct LevelPlans {
  std::vector<std::vector<LevelSet>> of_split;
  std::vector<LevelSet> of_model;
};
// `numbers`: whether columns of numbers and pairs are asked for where the method searches. `whole`: what the model's
// inputs are made of, if that is known; else what most splits ask for. The first rank chooses for all.
[[nodiscard]] LevelPlans plan_levels(const RowSource& data, const std::vector<Split>& splits, bool numbers,
                                     const FitOptions& options, const Context& context, const LevelEncoding* whole);

struct LearnedLevels {
  std::shared_ptr<const LevelEncoding> encoding;
  std::shared_ptr<const LevelParts> parts;
};
// Cost: two readings of the rows.
[[nodiscard]] LearnedLevels learn_levels(const RowSource& rows, const std::vector<LevelSet>& plan,
                                         const FitOptions& options, const Context& context);

}  // namespace sextant
