// The settings of leaf machines: a race on leaves of all rows (leaf_race.h) over representations of the inputs, kernels
// and coordinates, then rounds of coordinates that held-out rows judge. Private to the search.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "method/leaf_partition.h"
#include "search/findings.h"
#include "sextant/recipe.h"
#include "sextant/warp.h"

namespace sextant {

// The rows as one representation of the inputs shows them.
struct Represented {
  WarpKind kind = WarpKind::none;
  std::unique_ptr<WarpedSource> warped;  // null: as they are
  const RowSource* source = nullptr;
};
[[nodiscard]] Represented represented(const RowSource& rows, WarpKind kind, const Context& context);

[[nodiscard]] Kernel kernel_of(const LeafRecipe& recipe);

// The rows in memory: `most` of them evenly drawn where there are more; all for 0.
[[nodiscard]] GatheredRows gathered(const Represented& rows, Index most, const FitOptions& options,
                                    const Context& context);

struct LeafRaceOptions {
  Index leaf_rows = 2400;  // that the recipe's leaves have at most, and the race's
  double purse = 0;        // multiply-adds: what it allows is tried
  Index rows = 0;          // to learn from at most, evenly drawn; 0: all
};

// The winner's recipe, of one partition, and how it came to be.
struct LeafSettings {
  LeafRecipe recipe;
  std::vector<StageRound> trace;
};

// On the rows of the ground's last split; nothing where leaves cannot be divided.
[[nodiscard]] std::optional<LeafSettings> search_leaf_settings(const Ground& ground, const Clues& clues,
                                                               const LeafRaceOptions& options);

// Coordinates q×d for a recipe that holds none, from rows in its representation: as many rounds as it took, with its
// kernel, on fresh leaves. And the multiply-adds of that.
[[nodiscard]] Matrix learned_coordinates(const LeafRecipe& recipe, const GatheredRows& rows, std::uint64_t seed,
                                         const Context& context);
[[nodiscard]] double coordinates_cost(const LeafRecipe& recipe, Index inputs);

}  // namespace sextant
