// How many directions a model's target depends on, with the evidence for it: what the spectrum of the model says, what
// the rows say without the model (rank_test.h), and, where it was measured, the held-out error of models of each rank.
#pragma once

#include <vector>

#include "sextant/model.h"
#include "sextant/rank_test.h"

namespace sextant {

struct RankEvidence {
  // The estimate: the number of directions that the test bears out. Where it bears out none but the model predicts
  // better than the mean on held-out rows: `validated` if ranks were tried, else as many as stand out in the model's
  // spectrum (all if none do).
  Index rank = 0;
  bool nothing_found = false;  // the test bears out none, and the model is no better than the mean for any target
  RankEstimate gap;            // of the spectrum of the model's A
  RankTest test;               // on the model's scaled inputs
  // Mean over targets of the held-out squared error, over that of the mean, of the best model of each rank 0, 1, … that
  // the automatic method tried, NaN for ranks between those; empty where no rank was tried.
  std::vector<double> error_by_rank;
  Index validated =
      0;  // the smallest rank whose error is at most 1.1 times the least; 0: none tried, or none that helps
};

// `data`: rows with the model's inputs and targets, best those it was trained on. Errors and cost: rank_test.h;
// InvalidArgument when the rows have other inputs or targets than the model.
[[nodiscard]] RankEvidence rank_evidence(const Model& model, const RowSource& data, const RankTestOptions& options = {},
                                         const Context& context = {});

}  // namespace sextant
