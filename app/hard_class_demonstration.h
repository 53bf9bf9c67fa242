// Theorem 2 at work (statistical_queries.h): a class of nearly orthogonal functions, an oracle that answers as
// unhelpfully as its tolerance allows, and a learner that wastes nothing it is told.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sextant/statistical_queries.h"

namespace sextant::app {

struct HardClassRow {
  std::string queries;    // of what kind
  std::string tolerance;  // why this τ
  double tau = 0;
  QueryOutcome outcome;
  Index guaranteed = 0;  // members that any so many queries leave
  [[nodiscard]] bool learned() const { return outcome.consistent == 1; }
};

struct HardClassDemonstration {
  Index members = 120;
  Index queries = 200;
  std::uint64_t seed = 0;

  void add_to(CLI::App& command);
  // Below half the separation of random queries the truth is found, at Theorem 2's tolerance it is not; and the same
  // for queries about the members themselves, a few of them and all.
  [[nodiscard]] std::vector<HardClassRow> run(Index d, int p);

  [[nodiscard]] nlohmann::json report(const std::vector<HardClassRow>& rows) const;
  void print(const std::vector<HardClassRow>& rows) const;

 private:
  ClassCorrelations correlations_;
  Index inputs_ = 0;
  int degree_ = 0;
};

}  // namespace sextant::app
