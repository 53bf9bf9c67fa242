// The ways of learning that the automatic method chooses among. Every search runs on all splits in step, chooses its
// settings by the summed held-out error, and adds candidates, or its name to what was skipped, to the bench. Private to
// the method layer.
#pragma once

#include "method/workbench.h"

namespace sextant {

void search_linear(Workbench& bench);
void search_random_features(Workbench& bench);
void search_network(Workbench& bench, bool lifted);
void search_links(Workbench& bench, bool kernels);  // kernels on the best ranks' directions, too
void search_kernel(Workbench& bench, bool lifted);
void search_kept(Workbench& bench, const SourceTask& source);

// The same ways with all settings chosen.
[[nodiscard]] Fitted learn(const LinearRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
[[nodiscard]] Fitted learn(const RandomFeaturesRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
[[nodiscard]] Fitted learn(const NetworkRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
[[nodiscard]] Fitted learn(const KernelRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
[[nodiscard]] Fitted learn(const LinkRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
// Throws InvalidArgument for what another task found.
[[nodiscard]] Fitted learn(const Recipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);

}  // namespace sextant
