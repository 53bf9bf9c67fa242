// What was chosen, learned on the rows that the model is made from. Private to the search.
#pragma once

#include <functional>
#include <optional>
#include <variant>

#include "search/ground.h"
#include "sextant/selection.h"
#include "sextant/train.h"

namespace sextant {

// The rows that a model is made from, and those of them that candidates of searches on fewer are learned on.
class FinalRows {
 public:
  FinalRows(const RowSource& source, const Prepared& prepared, const Vector& epsilon, const FitOptions& options,
            const Context& context);
  [[nodiscard]] const LearningRows& all() const { return all_; }
  // Leaf machines of some rows draw them themselves, from all.
  [[nodiscard]] const LearningRows& of(const CandidateReport& report) const {
    return report.rows > 0 && searched_ && !std::holds_alternative<LeafRecipe>(report.recipe) ? *searched_ : all_;
  }

 private:
  LearningRows all_;
  std::optional<LearningRows> searched_;
};

// Learns what has weight on these rows, and puts it together in `trained`. The weight of what fails goes to the others
// in proportion to theirs, or to the mean where there are none.
void learn_model(Selection& selection, const FinalRows& rows, const FitOptions& options, const Context& context,
                 const std::function<Fitted(std::size_t candidate, const Context&)>& learn_candidate, Trained& trained);

}  // namespace sextant
