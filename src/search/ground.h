// Where ways of learning are tried: the splits' rows, the samples of held-out rows that choices are made by, and how
// work is shared among splits and settings. A ground never changes. Private to the search.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "method/preparation.h"
#include "sextant/automatic.h"
#include "sextant/predictor.h"
#include "sextant/row_ranges.h"

namespace sextant {

// So few rows are worked on side by side, one thread each.
inline constexpr Index few_rows = 20'000;

struct WideMemo;  // wide_learners.h

// Rows as the stages see them, in memory if they are few, with their moments.
struct LearningRows {
  const RowSource* train = nullptr;
  const RowSource* held_out = nullptr;  // null: learn only
  const Moments* moments = nullptr;     // of train
  Vector square_units;                  // k
  Vector epsilon;                       // k: of the linear part
  std::shared_ptr<WideMemo> wide;       // what ways of learning from wide rows found out, for those after them

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

// `most` of n ≥ most rows, evenly drawn: one at random of each run of as many as there are too many.
[[nodiscard]] RowRanges evenly_drawn(Index n, Index most, std::uint64_t seed);

// Some of the rows, evenly drawn. All of few.
[[nodiscard]] LearningRows some_rows(const LearningRows& rows, std::uint64_t seed, const Context& context);

// A predictor on scaled inputs: α + βᵀx + Σ_p weight_p a_pᵀφ_p(x).
struct Fitted {
  LinearPart linear;
  std::vector<Predictor> predictors;
};

// work(i, context) for i < count: side by side on one thread each where rows are few and there are several, else one
// after the other; so with ranks, which meet in each.
void side_by_side(Index rows, Index count, const Context& context,
                  const std::function<void(Index, const Context&)>& work);

// The rows that a way of learning is learned on: those that searches see, or all.
enum class Extent { searched, all };

// The splits that a search runs on, in step. What it refers to must outlive it.
struct Ground {
  const FitOptions& options;
  const Context& context;
  std::span<const LearningRows> splits;  // what searches see
  std::span<const LearningRows> whole;   // all rows of each, where that is some of them; else empty
  std::span<const Sample> samples;       // one per split
  Vector mean_error;                     // k: held-out mean square of the mean, own units
  bool thorough = false;                 // every setting is tried, not those alone that are worth most
  Index repeats = 1;                     // times that what is found is learned again: on other splits and on all rows

  [[nodiscard]] Index targets() const { return mean_error.size(); }
  [[nodiscard]] Index rows() const { return splits.front().train->rows(); }
  [[nodiscard]] Index inputs() const { return splits.front().train->inputs(); }
  // Whether pairs of rows stand for the inputs' covariance (Form of preparation.h).
  [[nodiscard]] bool dual() const { return splits.front().moments->xx.size() == 0; }
  // By how much more a step takes than its estimate, which counts rows, inputs and centres: of many targets, what is
  // done for each of them (solving for heads, errors along paths of λ, gradients, evidence) is nearly all. 1 up to 64
  // targets, about 16 for 300: measured on 20 000 rows of 16 inputs, where a step's time was 10 to 20 times that of 20.
  [[nodiscard]] double for_targets() const { return 1 + static_cast<double>(std::max<Index>(0, targets() - 64)) / 16; }
  // All rows of a split.
  [[nodiscard]] const LearningRows& all(std::size_t split) const {
    return whole.empty() ? splits[split] : whole[split];
  }
  [[nodiscard]] const LearningRows& of(std::size_t split, Extent extent) const {
    return extent == Extent::all ? all(split) : splits[split];
  }
  // Held-out mean squares in own units as one number: their ratios to the mean's, averaged.
  [[nodiscard]] double relative(const Vector& error) const;
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
  // What a fitted predictor says of a split's sample. Throws NumericalError when some of it is not finite.
  [[nodiscard]] Matrix predictions(const Fitted& fitted, std::size_t split, const Context& inner) const;
};

}  // namespace sextant
