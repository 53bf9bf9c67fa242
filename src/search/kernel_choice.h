// The kernel exp(−(‖Sx − Sx'‖/L)^q) + ω⟨Sx, Sx'⟩ with its settings chosen from a small grid: on plain coordinates,
// refined ones, polished ones and kept ones. Few rows are all centres; of many, landmarks (feature_map.h). Private to
// the method layer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "search/stage.h"

namespace sextant {

// Exponents × bandwidths, of one trend; the best of them is tried with the other trends.
[[nodiscard]] const std::vector<KernelSettings>& kernel_grid();
// Those of it with this exponent, and with this trend.
[[nodiscard]] std::vector<KernelSettings> kernel_grid(double exponent, std::optional<double> trend = {});
// How many settings a search over a grid tries.
[[nodiscard]] double settings_tried(const std::vector<KernelSettings>& grid);

// A setting with its λ chosen by the error over all splits, and what it taught on each.
struct KernelChoice {
  KernelSettings settings;
  Vector error;                  // k: held-out mean square, own units
  std::vector<FeatureMap> maps;  // one per split
  std::vector<Matrix> a;         // P×k
};
// The best of a grid, of one norm; of several settings in the Euclidean one, with the trend that is best for it. S:
// coordinates on each split, empty for the inputs themselves; centres: at most so many.
[[nodiscard]] KernelChoice choose_kernel(const Ground& ground, const std::vector<Stage>& stages,
                                         const std::vector<Matrix>& S, const std::vector<KernelSettings>& grid,
                                         Index centres);
// A setting on as many centres as it may have: the head has its own λ.
[[nodiscard]] KernelChoice with_more_centres(const Ground& ground, const std::vector<Stage>& stages,
                                             const std::vector<Matrix>& S, const KernelSettings& settings);
// Both: the grid with few centres, the best of it with more.
[[nodiscard]] KernelChoice searched_kernel(const Ground& ground, const std::vector<Stage>& stages,
                                           const std::vector<Matrix>& S, const std::vector<KernelSettings>& grid);

[[nodiscard]] Fitted kernel_predictor(const Stage& stage, const Matrix& S, const KernelSettings& settings,
                                      const Context& context);

[[nodiscard]] Index centres_for(Index rows);
[[nodiscard]] bool all_are_centres(Index rows);                          // so few are
[[nodiscard]] Index search_centres(const Ground& ground);                // while settings are searched
[[nodiscard]] double kernel_cost(Index rows, Index inputs, Index most);  // multiply-adds of one head with its path
// Of searched_kernel on so many coordinates over the whole grid, and of the predictor in the end.
[[nodiscard]] double searched_kernel_cost(const Ground& ground, Index inputs);
[[nodiscard]] std::string kernel_text(const KernelSettings& settings);

}  // namespace sextant
