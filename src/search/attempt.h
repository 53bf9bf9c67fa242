// A search as it goes: what waits to be tried, what was found, and how far the budget reached. Private to the search.
#pragma once

#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "search/combination.h"
#include "search/family.h"
#include "search/findings.h"
#include "search/partition.h"
#include "sextant/automatic.h"
#include "sextant/winsorise.h"

namespace sextant {

// All that a search has come to.
struct Line {
  std::vector<Candidate> candidates;
  std::vector<double> bytes;  // that each would take in the model
  // Which candidates were considered, each time that others were.
  std::vector<std::vector<bool>> choices;
  Selection selection;
  double spent = 0;
  bool complete = true;     // nothing was left out by the budget
  bool first_look = false;  // whether the first look was beyond doubt
};

// A step waiting to be tried. Cheap ones come first, by octaves of cost; of those that cost about as much, families
// take turns: an order that the budget has no part in.
struct Pending {
  Step step;
  std::size_t family;
  std::size_t number;  // of its family's steps

  [[nodiscard]] auto key() const {
    constexpr double cheap = 1e9;  // all that costs less is alike
    const double octave = std::floor(std::log2(std::max(1.0, step.cost / cheap)));
    return std::tuple(!step.always, octave, number, family);
  }
};

// What waits to be tried on a ground, and what those tried so far tell it.
struct Course {
  std::shared_ptr<const Ground> ground;  // that steps refer to
  std::string suffix = {};               // of the names of what it finds
  std::vector<Pending> pending = {};
  std::vector<std::size_t> count = std::vector<std::size_t>(families().size(), 0);  // of each family's steps
  Clues clues = {};
};

class Search {
 public:
  Search(const Partition& partition, Combination& combination, const SourceTask* source, Index all_rows)
      : partition_(partition), combination_(combination), source_(source), all_rows_(all_rows) {}

  // The steps that families start from on a ground of the partition's last splits.
  [[nodiscard]] Course start(Ground ground, const std::string& suffix, Line& line) const;

  // Tries steps until there are none, or the next is beyond the budget, in multiply-adds. So a larger budget tries all
  // that a smaller one tried, and knows the same when it does.
  void go_on(Course& course, double budget, Line& line);

  // Says what is left of it.
  static void end(Course& course, Line& line);

 private:
  // Confirms a candidate on the splits that it was not searched on, and takes it in.
  void take(Candidate candidate, const Step& step, const Ground& ground, const std::string& suffix, Line& line);

  const Partition& partition_;
  Combination& combination_;
  const SourceTask* source_;
  Index all_rows_;  // that the model is made from in the end
};

// A search of some of the rows, as far as it went.
struct Attempt {
  Attempt(const RowSource& data, const RowSource* validation_rows, const FitOptions& options, const Context& context,
          const Scaling* fixed, const SourceTask* known, std::vector<Index> doubted);

  // Tries what `budget` seconds reach.
  void go_on(double budget) { search.go_on(*course, budget * multiply_adds_per_second, line); }

  // Everything that they reach.
  void finish(double budget);

  [[nodiscard]] HeldOut held_out() const {
    return held_out_of(partition->preparation, partition->samples, combination->held_out(line.candidates));
  }

  std::vector<Index> without;  // rows of the table that nothing is learned from
  WithoutRowsSource rows;
  std::unique_ptr<Partition> partition;
  double most;  // bytes of the model
  std::unique_ptr<Combination> combination;
  Search search;
  Line line;
  std::optional<Course> course;
  bool thorough = false;  // on all splits
};

// What a candidate, learned from a split's rows alone, says of its sample, for the first `count` splits of a ground; a
// NumericalError makes it a candidate that failed.
[[nodiscard]] std::vector<Matrix> predictions_afresh(Candidate& candidate, const Ground& ground, std::size_t count);

// A search of the rows but those that the others contradict (doubts.h), as far as it went to find them: what `look`
// seconds of budget reach; none are looked for where that is 0. What a robust fit took for wild is not learned from at
// all: what others say of it they say without it.
[[nodiscard]] std::unique_ptr<Attempt> search_of_trusted_rows(
    const std::function<std::unique_ptr<Attempt>(std::vector<Index> without)>& begin, const RowSource& data,
    const FitOptions& options, double look);

}  // namespace sextant
