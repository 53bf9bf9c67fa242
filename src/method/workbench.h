// What the searches of the automatic method share: the splits' rows, the held-out samples, the budget, and the best
// gradient outer products so far. Private to the method layer.
#pragma once

#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "method/preparation.h"
#include "sextant/automatic.h"
#include "sextant/predictor.h"
#include "sextant/selection.h"

namespace sextant {

// So few rows are worked on side by side, one thread each.
inline constexpr Index few_rows = 20'000;

// Whether to try every setting on every fold, as a large budget asks for; on few rows, and with one family of
// candidates alone, that takes little time. Else one share of the rows is held out, fewer settings are tried, and what
// is worth most of a short time comes first.
[[nodiscard]] inline bool is_thorough(const FitOptions& options, Index rows) {
  return options.budget >= 100 || rows <= 400 || options.method != Method::automatic;
}

// Rows as the stages see them, in memory if they are few, with their moments.
struct LearningRows {
  const RowSource* train = nullptr;
  const RowSource* held_out = nullptr;  // null: learn only
  const Moments* moments = nullptr;     // of train
  Vector square_units;                  // k
  Vector epsilon;                       // k: of the linear part

  std::unique_ptr<RowSource> own_train;
  std::unique_ptr<RowSource> own_held_out;
  std::unique_ptr<Moments> own_moments;
};

// Where there are several `splits` at a time, they share the memory that rows may take.
[[nodiscard]] LearningRows learning_rows(const RowSource& train, const RowSource* held_out, const Prepared& prepared,
                                         const Vector& epsilon, std::size_t splits = 1);

// Of more rows, searches see so many, and choose by so many of the held-out ones: what they find there, more rows would
// not find otherwise, and what they find costs no more.
inline constexpr Index ground_rows = 10'000;
inline constexpr Index ground_held_out_rows = 8'000;

// Some of the rows, evenly drawn: one at random of each run of as many as there are too many. All of few.
[[nodiscard]] LearningRows ground_of(const LearningRows& rows, std::uint64_t seed, const Context& context);

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

// What an exponential of a power takes, in multiply-adds of a matrix product.
inline constexpr double exponential_cost = 60;

// Multiply-adds spent and allowed.
class Budget {
 public:
  explicit Budget(double allowed) : allowed_(allowed) {}
  // Takes so much if it is there, of this share of the whole.
  [[nodiscard]] bool take(double cost, double share = 1) {
    if (spent_ + cost > share * allowed_) return false;
    spent_ += cost;
    return true;
  }
  // Notes what was spent without asking.
  void spend(double cost) { spent_ += cost; }
  [[nodiscard]] double left() const { return allowed_ - spent_; }

 private:
  double allowed_;
  double spent_ = 0;
};

// work(i, context) for i < count: side by side on one thread each where rows are few and there are several, else one
// after the other; so with ranks, which meet in each.
void side_by_side(Index rows, Index count, const Context& context,
                  const std::function<void(Index, const Context&)>& work);

// The rows that a candidate is learned on: those that were searched, or all.
enum class Ground { searched, all };

struct Workbench {
  const FitOptions& options;
  const Context& context;
  std::deque<LearningRows> splits;  // that searches run on
  std::deque<LearningRows> whole;   // all their rows, where those are some
  std::vector<Sample> samples;      // one per split
  Vector mean_error;                // k: held-out mean square of the mean, own units
  Budget budget;
  bool thorough = false;                  // is_thorough of the whole table
  std::vector<Candidate> found = {};      // in the order tried, those that failed among them
  std::vector<std::string> skipped = {};  // names of what the budget did not reach
  // The gradient outer product of the best predictor on plain inputs so far, one per split, and its error.
  std::vector<Matrix> outer_products = {};
  double outer_products_error = std::numeric_limits<double>::infinity();
  // The same of the best predictor on plain inputs of any kind, links of few directions among them.
  std::vector<Matrix> suggested_outer_products = {};
  double suggested_error = std::numeric_limits<double>::infinity();
  // The least error of kernels with the centres that settings are searched with, and the exponent of that one.
  double least_with_few_centres = std::numeric_limits<double>::infinity();
  std::optional<double> exponent = {};

  [[nodiscard]] Index targets() const { return mean_error.size(); }
  [[nodiscard]] Index rows() const { return splits.front().train->rows(); }
  // All rows of a split.
  [[nodiscard]] const LearningRows& all(std::size_t split) const {
    return whole.empty() ? splits[split] : whole[split];
  }
  [[nodiscard]] Index inputs() const { return splits.front().train->inputs(); }
  // Held-out mean squares in own units as one number: their ratios to the mean's, averaged.
  [[nodiscard]] double relative(const Vector& error) const;
  // Takes the cost of a way of learning from the budget, or notes that it is not reached.
  [[nodiscard]] bool reaches(const std::string& name, double cost, double share = 1);
  void offer_exponent(double of_kernel, double error_with_few_centres);
  // Keep A, one per split, if its predictor is the best so far: as both, or as a suggestion alone.
  void offer_outer_products(const std::vector<Matrix>& A, double error);
  void suggest_outer_products(const std::vector<Matrix>& A, double error);
  void each(Index count, const std::function<void(Index, const Context&)>& work) const {
    side_by_side(rows(), count, context, work);
  }
  // Runs settings against each other: all on the first two splits, then the best `kept` of them by error(setting,
  // splits) on the rest. What is far behind on some folds is behind on all, and its time is spared. Gives those that
  // ran on every split, in order.
  [[nodiscard]] std::vector<std::size_t> race(
      std::size_t settings, std::size_t kept,
      const std::function<void(std::size_t setting, std::size_t split, const Context&)>& work,
      const std::function<double(std::size_t setting, std::size_t splits)>& error) const;
  // Runs the search of a way of learning. Whether its numbers held: a NumericalError is evidence against that way
  // alone, noted as a candidate that failed. All else that is thrown goes on.
  bool attempt(const std::string& name, const std::function<void()>& search);
  // Notes what the splits' own predictors say of their samples. Throws NumericalError when some of it is not finite.
  // The second learns by the report's recipe.
  void add(CandidateReport report, const std::function<Fitted(std::size_t split)>& of_split,
           std::function<Fitted(const LearningRows&, const Context&)> learn, Ground ground = Ground::searched);
  void add(CandidateReport report, const std::function<Fitted(std::size_t split)>& of_split,
           Ground ground = Ground::searched);
};

}  // namespace sextant
