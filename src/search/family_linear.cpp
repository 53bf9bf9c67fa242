// The linear model.
#include <algorithm>
#include <string>

#include "method/wide_rows.h"
#include "search/family.h"
#include "search/stage.h"

namespace sextant {

std::vector<Step> start_linear(const Ground& ground, const SourceTask*) {
  Step step{"linear", 0, {}, true, true};
  const auto d = static_cast<double>(ground.inputs());
  const double once = ground.dual() ? wide_rows_cost(ground.rows(), ground.inputs()) : d * d * d / 3;
  step.cost = static_cast<double>(ground.splits.size() + static_cast<std::size_t>(ground.repeats)) * once;
  step.run = [](const Ground& on, const Clues&) {
    CandidateReport report;
    report.name = "linear";
    report.settings = "ridge " + lambda_list(on.splits.front().epsilon);
    report.recipe = LinearRecipe{};
    Findings findings;
    findings.candidates.push_back(candidate_of(
        on, std::move(report),
        [&](std::size_t i) {
          return Fitted{least_squares(on.all(i), on.context), {}};
        },
        Extent::all));
    return findings;
  };
  return {step};
}

Fitted learn(const LinearRecipe&, const LearningRows& rows, const FitOptions&, const Context& context) {
  return {least_squares(rows, context), {}};
}

}  // namespace sextant
