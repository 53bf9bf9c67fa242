#include "search/family.h"

#include <array>
#include <type_traits>
#include <variant>

#include "sextant/error.h"

namespace sextant {

std::span<const Family> families() {
  static constexpr std::array<Family, 11> all = {{
      {"what other tasks found", Method::automatic, false, true, start_kept},
      {"linear model", Method::automatic, false, true, start_linear},
      {"wide tables", Method::automatic, false, true, start_wide},
      {"random features", Method::automatic, false, false, start_random_features},
      {"kernels", Method::refined_kernel, true, false, start_kernels},
      {"kernels of lifted inputs", Method::automatic, true, false, start_kernels_of_lifted_inputs},
      {"polished links", Method::polish, false, false, start_links},
      {"leaf machines", Method::automatic, true, false, start_leaves},
      {"networks", Method::refine, false, false, start_networks},
      {"networks of lifted inputs", Method::automatic, false, false, start_networks_of_lifted_inputs},
      {"kernels along the axes", Method::automatic, true, false, start_axes},
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
