// The kernel exp(−(‖Sx − Sx'‖/L)^q) with its settings chosen from a small grid: on plain coordinates, refined ones,
// polished ones and kept ones. Few rows are all centres; of many, landmarks (feature_map.h). Private to the method
// layer.
#pragma once

#include <string>
#include <vector>

#include "method/stage.h"

namespace sextant {

// Exponents × bandwidths.
[[nodiscard]] const std::vector<KernelSettings>& kernel_grid();

// The best of a grid on coordinates S of each split.
struct KernelChoice {
  KernelSettings settings;
  HeadChoice head;
  std::vector<Path> paths;  // one per split
};
// S: one per split, empty for the coordinates themselves; centres: at most so many.
[[nodiscard]] KernelChoice choose_kernel(const Workbench& bench, const std::vector<Stage>& stages,
                                         const std::vector<Matrix>& S, const std::vector<KernelSettings>& grid,
                                         Index centres);
// The settings are searched with few centres; with them, the head has its own λ on as many as it may have.
[[nodiscard]] KernelChoice searched_kernel(const Workbench& bench, const std::vector<Stage>& stages,
                                           const std::vector<Matrix>& S, const std::vector<KernelSettings>& grid);

[[nodiscard]] Fitted kernel_predictor(const Stage& stage, const Matrix& S, const KernelSettings& settings,
                                      const Context& context);

[[nodiscard]] Index centres_for(Index rows);
[[nodiscard]] Index search_centres(const Workbench& bench);              // while settings are searched
[[nodiscard]] double kernel_cost(Index rows, Index inputs, Index most);  // multiply-adds of one head with its path
// Of searched_kernel on so many coordinates over the whole grid, and of the predictor in the end.
[[nodiscard]] double searched_kernel_cost(const Workbench& bench, Index inputs);
[[nodiscard]] std::string kernel_text(const KernelSettings& settings);

}  // namespace sextant
