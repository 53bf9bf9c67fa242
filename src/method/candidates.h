// The ways of learning that the automatic method chooses among. Every search runs on all splits in step, chooses its
// settings by the summed held-out error, and leaves candidates that can be learned again on any rows. Private to the
// method layer.
#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "method/preparation.h"
#include "sextant/predictor.h"
#include "sextant/selection.h"

namespace sextant {

// Rows as the stages see them, in memory if they are few, with their moments.
struct LearningRows {
  const RowSource* train = nullptr;
  const RowSource* held_out = nullptr;  // null: learn only
  const Moments* moments = nullptr;     // of train
  Vector square_units;                  // k
  Vector epsilon;                       // k: of the linear part

  std::unique_ptr<RowSource> own_train;
  std::unique_ptr<RowSource> own_held_out;
};

// A predictor on scaled inputs: α + βᵀx + Σ_p weight_p a_pᵀφ_p(x).
struct Fitted {
  LinearPart linear;
  std::vector<Predictor> predictors;
};

struct Candidate {
  CandidateReport report;
  // A pure function of the rows: all settings are chosen.
  std::function<Fitted(const LearningRows& rows, const Context& context)> learn;
  // What each split's own predictor says of its sample of held-out rows, scaled; rows×k.
  std::vector<Matrix> held_out;
};

// Multiply-adds spent and allowed.
class Budget {
 public:
  explicit Budget(double allowed) : allowed_(allowed) {}
  // Takes so much if it is there.
  [[nodiscard]] bool take(double cost) {
    if (spent_ + cost > allowed_) return false;
    spent_ += cost;
    return true;
  }
  [[nodiscard]] double left() const { return allowed_ - spent_; }

 private:
  double allowed_;
  double spent_ = 0;
};

// What the searches share.
struct Workbench {
  const FitOptions& options;
  const Context& context;
  std::deque<LearningRows> splits;
  std::vector<Sample> samples;  // one per split
  Vector mean_error;            // k: held-out mean square of the mean, own units
  Budget budget;
  std::vector<std::string> skipped;
  // The gradient outer product of the best predictor on plain inputs so far, one per split, and its error.
  std::vector<Matrix> outer_products;
  double outer_products_error = std::numeric_limits<double>::infinity();

  [[nodiscard]] Index targets() const { return mean_error.size(); }
  [[nodiscard]] Index rows() const { return splits.front().train->rows(); }
  [[nodiscard]] Index inputs() const { return splits.front().train->inputs(); }
  // Held-out mean squares in own units as one number: their ratios to the mean's, averaged.
  [[nodiscard]] double relative(const Vector& error) const;
  // Keeps A, one per split, if its predictor is the best so far.
  void offer_outer_products(const std::vector<Matrix>& A, double error);
  // work(i, context) for i < count: side by side on one thread each where rows are few, else one after the other.
  void each(Index count, const std::function<void(Index, const Context&)>& work) const;
};

// The searches, cheapest first; each adds candidates, or its name to workbench.skipped.
void search_linear(Workbench& bench, std::vector<Candidate>& found);
void search_network(Workbench& bench, std::vector<Candidate>& found, bool lifted);
void search_random_features(Workbench& bench, std::vector<Candidate>& found);
void search_polish(Workbench& bench, std::vector<Candidate>& found);
void search_kernel(Workbench& bench, std::vector<Candidate>& found, bool lifted);

}  // namespace sextant
