#include "search/family.h"

#include <array>
#include <type_traits>
#include <variant>

#include "sextant/error.h"

namespace sextant {

std::span<const Family> families() {
  static constexpr std::array<Family, 9> all = {{
      {Method::automatic, false, start_kept},
      {Method::automatic, false, start_linear},
      {Method::automatic, false, start_random_features},
      {Method::refined_kernel, true, start_kernels},
      {Method::automatic, true, start_kernels_of_lifted_inputs},
      {Method::polish, false, start_links},
      {Method::automatic, true, start_leaves},
      {Method::refine, false, start_networks},
      {Method::automatic, false, start_networks_of_lifted_inputs},
  }};
  return all;
}

Fitted learn(const Recipe& recipe, const LearningRows& rows, const FitOptions& options, const Context& context) {
  return std::visit(
      [&](const auto& way) -> Fitted {
        if constexpr (std::is_same_v<std::decay_t<decltype(way)>, KeptRecipe>)
          throw InvalidArgument(
              "refit: the model keeps what other tasks found, which these rows cannot teach anew, or its file does not "
              "say how it was learned; expected one that was learned from its own rows alone, by this version");
        else
          return learn(way, rows, options, context);
      },
      recipe);
}

Recipe afresh(Recipe recipe) {
  if (auto* link = std::get_if<LinkRecipe>(&recipe)) link->U.setZero();
  if (auto* logistic = std::get_if<LogisticRecipe>(&recipe))
    if (auto* link = std::get_if<LinkRecipe>(&logistic->features)) link->U.setZero();
  if (auto* leaves = std::get_if<LeafRecipe>(&recipe)) leaves->S.resize(0, 0);
  return recipe;
}

}  // namespace sextant
