#include "hard_class_demonstration.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "arguments.h"
#include "presentation.h"
#include "sextant/error.h"
#include "sextant/random.h"
#include "sextant/theory.h"

namespace sextant::app {

void HardClassDemonstration::add_to(CLI::App& command, CLI::Option* flag) {
  command.add_option("--members", members, "Functions of the hard class (default: at most 1000)")
      ->check(whole_number_from(2))
      ->needs(flag);
  command.add_option("--queries", queries, "Queries that the learner may ask")
      ->check(whole_number_from(1))
      ->capture_default_str()
      ->needs(flag);
  command.add_option("--seed", seed, "Of the class and the queries")
      ->check(seed_number())
      ->capture_default_str()
      ->needs(flag);
}

std::vector<HardClassRow> HardClassDemonstration::run(Index d, int p) {
  if (d < 2) throw InvalidArgument(fmt::format("d: {} given with hard-class, expected at least 2", d));
  // There are 2^(d − 1) rows of signs up to sign; a quarter of them is found quickly.
  if (members == 0) members = d < 3 ? 2 : d < 12 ? Index{1} << (d - 2) : 1000;
  constexpr double most = 4e6;  // correlations: seconds
  if (static_cast<double>(members) * static_cast<double>(std::max(queries, members)) > most)
    throw InvalidArgument(fmt::format(
        "members: {} given with {} queries, expected members × queries and members × members of at most {:.0f}",
        members, queries, most));
  // Overlaps have standard deviation 1/√d: this refuses a pair in 7000, and so bounds the largest correlation.
  const double overlap = std::min(1.0, 3.8 / std::sqrt(static_cast<double>(d)));
  const HardClass functions = hard_class({.d = d, .p = p, .members = members, .overlap = overlap, .seed = seed});
  correlations_ = functions.bounds();
  inputs_ = d;
  degree_ = p;
  const auto random = direction_queries(Stream(seed, Purpose::directions).normal_matrix(queries, d), p);
  const auto themselves = direction_queries(functions.U, p);
  const Index few = std::min(queries, members);
  const double forbidden = theorem_2(d, p, static_cast<double>(queries)).tolerance;

  std::vector<HardClassRow> rows;
  const auto ask = [&](const std::string& kind, const std::string& why, std::span<const HermiteTarget> asked,
                       double tau) {
    if (!(tau > 0)) return;  // members that no query tells apart
    const Index truth = members - 1;
    StatisticalQueryOracle oracle(functions.member(truth), tau);
    rows.push_back({kind, why, tau, learn_by_queries(functions, oracle, asked),
                    guaranteed_consistent(members, correlations_, static_cast<Index>(asked.size()), tau)});
  };
  const std::string members_asked = "members one by one";
  ask("random directions", "half the separation", random, 0.499 * separation(functions, random));
  ask("random directions", "Theorem 2's", random, forbidden);
  ask(members_asked, "twice Theorem 2's", std::span(themselves).first(static_cast<std::size_t>(few)), 2 * forbidden);
  ask(members_asked, "half the separation", themselves, 0.499 * separation(functions, themselves));
  return rows;
}

nlohmann::json HardClassDemonstration::report(const std::vector<HardClassRow>& rows) const {
  nlohmann::json table = nlohmann::json::array();
  for (const HardClassRow& row : rows)
    table.push_back({{"queries", row.queries},
                     {"asked", row.outcome.queries},
                     {"tolerance", row.tolerance},
                     {"tau", row.tau},
                     {"zeros", row.outcome.zeros},
                     {"consistent", row.outcome.consistent},
                     {"guaranteed", row.guaranteed},
                     {"learned", row.learned()}});
  return {{"d", inputs_},
          {"p", degree_},
          {"members", members},
          {"largest_correlation", correlations_.largest},
          {"mean_correlation", correlations_.mean},
          {"rows", table}};
}

void HardClassDemonstration::print(const std::vector<HardClassRow>& rows) const {
  print_line("hard class", fmt::format("{} functions He_{}(u·x)/√{}! in {} inputs, correlations at most {} (mean {})",
                                       grouped(members), degree_, degree_, inputs_, short_number(correlations_.largest),
                                       short_number(correlations_.mean)));
  fmt::print("  {:<18}  {:>5}  {:<31}  {:>10}  {:>9}  {:>8}\n", "queries", "asked", "tolerance", "answered 0",
             "remaining", "at least");
  for (const HardClassRow& row : rows)
    fmt::print("  {:<18}  {:>5}  {:<9}  {:<20}  {:>10}  {:>9}  {:>8}  {}\n", row.queries, row.outcome.queries,
               short_number(row.tau), row.tolerance, row.outcome.zeros, row.outcome.consistent, row.guaranteed,
               row.learned() ? "learned" : "not learned");
}

}  // namespace sextant::app
