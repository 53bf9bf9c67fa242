// The ways of learning that the automatic method chooses among, one family a source. A family says which steps to try
// first; what a step finds says which follow it. Private to the search.
//
// A new family is a recipe (recipe.h), a source with its first steps and a `learn` for its recipe, and a line in
// families().
#pragma once

#include <span>
#include <vector>

#include "search/findings.h"

namespace sextant {

struct Family {
  const char* name;
  // The method that is this family alone; automatic where there is none.
  Method alone;
  bool holds_rows;  // what it makes is made of training rows
  bool in_dual;     // it needs nothing of d×d, so that it serves tables with more inputs than rows
  // Its first steps. `source`: what other tasks found, or null.
  std::vector<Step> (*start)(const Ground& ground, const SourceTask* source);
};

// All of them; of steps that cost about as much, those of the first come first.
[[nodiscard]] std::span<const Family> families();

[[nodiscard]] std::vector<Step> start_kept(const Ground& ground, const SourceTask* source);
[[nodiscard]] std::vector<Step> start_linear(const Ground& ground, const SourceTask* source);
[[nodiscard]] std::vector<Step> start_random_features(const Ground& ground, const SourceTask* source);
[[nodiscard]] std::vector<Step> start_kernels(const Ground& ground, const SourceTask* source);
[[nodiscard]] std::vector<Step> start_kernels_of_lifted_inputs(const Ground& ground, const SourceTask* source);
[[nodiscard]] std::vector<Step> start_axes(const Ground& ground, const SourceTask* source);
[[nodiscard]] std::vector<Step> start_links(const Ground& ground, const SourceTask* source);
[[nodiscard]] std::vector<Step> start_leaves(const Ground& ground, const SourceTask* source);
[[nodiscard]] std::vector<Step> start_wide(const Ground& ground, const SourceTask* source);
[[nodiscard]] std::vector<Step> start_networks(const Ground& ground, const SourceTask* source);
[[nodiscard]] std::vector<Step> start_networks_of_lifted_inputs(const Ground& ground, const SourceTask* source);

// What follows a way of learning whose features heads by log-loss may have: nothing where targets are no classes.
// `by_split`: a predictor with these features, one per split of the ground.
[[nodiscard]] std::vector<Step> logistic_steps(const Ground& ground, const std::string& of,
                                               const LogisticFeatures& features, std::vector<Predictor> by_split);

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
[[nodiscard]] Fitted learn(const AxisRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
[[nodiscard]] std::vector<Fitted> learn_rounds(const AxisRecipe& recipe, const LearningRows& rows,
                                               const FitOptions& options, const Context& context);
[[nodiscard]] Fitted learn(const LinkRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
[[nodiscard]] Fitted learn(const LeafRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
[[nodiscard]] Fitted learn(const LogisticRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
[[nodiscard]] Fitted learn(const WideRecipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
// Throws InvalidArgument for what another task found.
[[nodiscard]] Fitted learn(const Recipe& recipe, const LearningRows& rows, const FitOptions& options,
                           const Context& context);
// The recipe without what it took from the rows that taught it: whatever it is learned on next teaches all of it.
[[nodiscard]] Recipe afresh(Recipe recipe);

}  // namespace sextant
