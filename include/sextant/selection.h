// What was tried, how well it did on held-out rows, and what the model is made of: how a choice explains itself.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "sextant/matrix.h"
#include "sextant/recipe.h"

namespace sextant {

// One round of a stage.
struct StageRound {
  std::string stage;  // "refine", "polish", …
  Index round = 0;    // from 0
  double error = 0;   // held-out mean square over that of the mean, averaged over targets
  Vector spectrum;    // leading eigenvalues of A after it, as shares of their sum; at most 10
  double angle = 0;   // largest principal angle to the directions of the round before, in radians; NaN for the first
  double standard_error = std::numeric_limits<double>::quiet_NaN();  // of the error; NaN where it is not known
};

// One way of learning with its settings chosen.
struct CandidateReport {
  std::string name;       // "polished link, 4 directions"
  std::string settings;   // "degree 5, ridge 0.001": what was chosen within it
  Recipe recipe;          // to learn it again
  Index rank = 0;         // how many directions it is confined to; 0: all inputs
  Vector error;           // k: held-out mean square, in the targets' own units, of the last partition it was learned on
  Vector standard_error;  // k: of the error, over held-out rows
  Vector weight;          // k: its share of the model; 0 for those that are not part of it
  double cost = 0;        // about how many multiply-adds it took
  Index rows = 0;         // it is learned on so many of the rows, evenly drawn; 0: on all
  std::vector<StageRound> trace;
  // Why its numbers failed, else empty: then it has no error (∞) and no weight. Of one that failed only when it was
  // learned on all rows, the error is that of held-out rows, and its weight went to the others or to the mean.
  std::string failed = {};
  std::string dropped = {};  // why it has no weight; empty for one that has

  // Of what another task found: nothing but its head was learned here.
  [[nodiscard]] bool kept() const { return std::holds_alternative<KeptRecipe>(recipe); }
};

// One thing that was tried, and what was chosen once it was.
struct SearchStep {
  std::string name;
  double cost = 0;   // multiply-adds, by the estimate that the budget goes by
  double spent = 0;  // it and all before
  // Held-out mean square of what is chosen then, over that of the mean, averaged over targets; of classes, the log-loss
  // over that of their frequencies.
  double error = 0;
};

// What was not tried, for another reason than the budget.
struct NotTried {
  std::string name;
  std::string why;  // "its rows do not fit in memory"
};

struct Selection {
  std::vector<CandidateReport> candidates;  // in the order tried; empty for methods that choose among nothing but λ
  std::vector<std::string> skipped;         // names of those left out because the budget would not reach
  std::vector<NotTried> left_out = {};
  std::vector<SearchStep> path = {};  // in the order tried; its error never rises
  // Per target: nothing beat the mean by more than chance on held-out rows, so nothing is built on it.
  std::vector<bool> nothing_found;
};

}  // namespace sextant
