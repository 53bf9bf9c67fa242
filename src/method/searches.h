// The ways of learning that the automatic method chooses among. Every search runs on all splits in step, chooses its
// settings by the summed held-out error, and adds candidates, or its name to what was skipped, to the bench. Private to
// the method layer.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "method/stage.h"
#include "method/workbench.h"

namespace sextant {

void search_linear(Workbench& bench);
void search_random_features(Workbench& bench);
void search_network(Workbench& bench, bool lifted);
void search_links(Workbench& bench, bool kernels);  // kernels on the best ranks' directions, too
void search_leaves(Workbench& bench);
void search_kept(Workbench& bench, const SourceTask& source);

// Kernels, each in coordinates from the gradient outer product of the one before: a round adds one.
class KernelSearch {
 public:
  KernelSearch(Workbench& bench, bool lifted);
  // Goes on until so many rounds were made, or one did not gain, or the budget does not reach the next.
  void run(Index rounds);

 private:
  void round(const std::string& name);

  Workbench& bench_;
  bool lifted_;
  std::string name_;
  std::vector<KernelSettings> grid_;     // to search in the next round
  std::vector<KernelSettings> history_;  // of the rounds before
  std::vector<Stage> stages_;            // of the splits
  std::vector<Matrix> A_;                // of the last round on each split: where the next gets its coordinates
  std::vector<StageRound> trace_;
  std::optional<Spectrum> before_;  // of the last round's A on the first split
  double least_ = std::numeric_limits<double>::infinity();
  bool ended_ = false;
};

// The same ways with all settings chosen.
[[nodiscard]] Fitted learn(const LinearRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
[[nodiscard]] Fitted learn(const RandomFeaturesRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
[[nodiscard]] Fitted learn(const NetworkRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
[[nodiscard]] Fitted learn(const KernelRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
// What each round of it gives.
[[nodiscard]] std::vector<Fitted> learn_rounds(const KernelRecipe& recipe, const LearningRows& rows,
                                               const FitOptions& options, const Context& context);
[[nodiscard]] Fitted learn(const LinkRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
[[nodiscard]] Fitted learn(const LeafRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
// Throws InvalidArgument for what another task found.
[[nodiscard]] Fitted learn(const Recipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);

}  // namespace sextant
