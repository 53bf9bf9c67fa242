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
  Index members = 0;  // 0: as many as fit easily into d inputs, at most 1000
  Index queries = 20;
  std::uint64_t seed = 0;

  // Its options need `flag`.
  void add_to(CLI::App& command, CLI::Option* flag);
  // Random queries below half their separation, where the truth is found, and at Theorem 2's tolerance, where it is
  // not; then queries about the members themselves at twice that, and about all of them below half the separation,
  // where a learner that can afford one query per member finds the truth.
  [[nodiscard]] std::vector<HardClassRow> run(Index d, int p);

  [[nodiscard]] nlohmann::json report(const std::vector<HardClassRow>& rows) const;
  void print(const std::vector<HardClassRow>& rows) const;

 private:
  ClassCorrelations correlations_;
  Index inputs_ = 0;
  int degree_ = 0;
};

}  // namespace sextant::app
