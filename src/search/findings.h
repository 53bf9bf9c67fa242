// What steps of a search find, by return: candidates with their evidence, clues for the steps after them, the steps
// that follow, and what was left out and why. Private to the search.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "search/ground.h"
#include "sextant/selection.h"

namespace sextant {

// Learns again on any rows: a pure function of them, all settings being chosen.
using Learn = std::function<Fitted(const LearningRows& rows, const Context& context)>;

// A way of learning with its settings chosen, and the evidence for it.
struct Candidate {
  CandidateReport report;
  Learn learn;
  Extent extent = Extent::searched;  // the rows that it is learned on
  bool holds_rows = false;           // rows of the table that it was learned from are part of it
  // What each split's own predictor says of its sample of held-out rows, scaled; rows×k.
  std::vector<Matrix> held_out;
};

// A gradient outer product per split, and the held-out error of the predictor that it belongs to.
struct OuterProducts {
  std::vector<Matrix> A = {};
  double error = std::numeric_limits<double>::infinity();
};

// What the best so far tells those that come after. The better of two stands, the first of equals.
struct Clues {
  OuterProducts plain = {};      // of the best predictor on all inputs as they are
  OuterProducts suggested = {};  // of those, and of links of few directions
  // The exponent of the best kernel with the centres that settings are searched with, and its error.
  std::optional<double> exponent = {};
  double exponent_error = std::numeric_limits<double>::infinity();
  // The least error of a candidate on the ground's samples, as Ground::relative has it.
  double least = std::numeric_limits<double>::infinity();

  // Takes what is better in others.
  void take(const Clues& others);
};

struct Findings;

// Something to be tried: its cost is known before it runs, and what it finds is a function of the ground and the clues.
struct Step {
  std::string name;
  double cost = 0;  // multiply-adds: on the ground, and for what it finds on the other splits and on all rows
  std::function<Findings(const Ground& ground, const Clues& clues)> run;
  bool always = false;  // part of the first look, whatever the budget
  bool once = false;    // a thorough search has nothing to add
};

struct Findings {
  std::vector<Candidate> candidates = {};
  Clues clues = {};
  std::vector<Step> next = {};
  std::vector<NotTried> left_out = {};
};

// A candidate with what its splits' own predictors say. Learns by the report's recipe, or as it is told. Throws
// NumericalError when a prediction is not finite.
[[nodiscard]] Candidate candidate_of(const Ground& ground, CandidateReport report,
                                     const std::function<Fitted(std::size_t split)>& of_split,
                                     Extent extent = Extent::searched, Learn learn = {});

// One whose numbers failed, and why.
[[nodiscard]] Candidate failed_candidate(const Ground& ground, const std::string& name, const std::string& why);

// A step's findings, and the least error among them; a NumericalError is evidence against it alone, a candidate that
// failed. All else is thrown on.
[[nodiscard]] Findings attempt(const Step& step, const Ground& ground, const Clues& clues);

}  // namespace sextant
