// sextant plan --d D: what the theory predicts for a problem, before any data is there.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "commands.h"
#include "hard_class_demonstration.h"
#include "presentation.h"
#include "sextant/calibration_file.h"
#include "sextant/error.h"
#include "sextant/theory.h"

namespace sextant::app {
namespace {

using nlohmann::json;

json number_or_null(double value) { return std::isfinite(value) ? json(value) : json(nullptr); }

// A count that may be far beyond 64 bits.
std::string count_text(double value) {
  return value < 1e15 ? grouped(static_cast<Index>(std::ceil(value * (1 - 1e-12)))) : short_number(value);
}

json as_json(const Condition& condition) {
  return {{"needed", condition.needed}, {"given", condition.given}, {"met", condition.met()}};
}
json as_json(const Conditions& conditions) {
  return {{"samples", as_json(conditions.samples)}, {"inputs", as_json(conditions.inputs)}, {"met", conditions.met()}};
}

// "n = 100 000 ≥ d²κ²r = 10 800: met"
std::string text_of(const Condition& condition, const std::string& given, const std::string& needed) {
  return fmt::format("{} = {} {} {} = {}: {}", given, count_text(condition.given), condition.met() ? "≥" : "<", needed,
                     condition.needed < 100 ? short_number(condition.needed) : count_text(condition.needed),
                     condition.met() ? "met" : "not met");
}

// How much of E f*² each degree carries.
std::map<int, double> energies(const HermiteTarget& target) {
  std::map<int, double> energy;
  for (const HermiteTerm& term : target.terms) {
    int degree = 0;
    for (const int k : term.degrees) degree += k;
    if (term.coefficient != 0) energy[degree] += term.coefficient * term.coefficient;
  }
  return energy;
}

// What the first gradient step can see of a target.
std::string first_step_text(const HermiteTarget& target) {
  const Index rank = hessian_rank(target);
  const int exponent = target.information_exponent();
  if (exponent == 0) return "the target is constant: there is nothing to see";
  if (rank == target.directions())
    return fmt::format("sees {}: rank H = r = {}", rank == 1 ? "the direction" : "all directions", rank);
  if (rank > 0)
    return fmt::format("sees {} of {} directions: rank H < r, and no theorem covers it", rank, target.directions());
  if (exponent == 1) return "sees the linear part only: H = 0, and no theorem covers it";
  return fmt::format("sees nothing: information exponent {} > 2", exponent);
}

struct PlanCommand {
  Problem problem;
  std::string target;
  std::vector<double> hermite;
  std::string calibration;
  double level = 0.1;
  Index samples = 0;
  Index width = 1024;
  Index transfer_samples = 0;
  bool sample_splitting = false;
  bool hard_class = false;
  HardClassDemonstration demonstration;
  bool json_wanted = false;
  CLI::Option* r_given = nullptr;
  CLI::Option* p_given = nullptr;
  CLI::Option* kappa_given = nullptr;
  CLI::Option* hermite_given = nullptr;

  // Everything that is printed, in one form or the other.
  struct Findings {
    Problem problem;                      // κ infinite when the theorems do not cover the target
    std::optional<HermiteTarget> target;  // as given
    std::optional<Calibration> calibration;
    std::optional<Plan> plan;
    std::optional<Theorem1> theorem_1;
    std::optional<Theorem3> theorem_3;
    Index pretraining = 0;  // n of theorem_3
    std::vector<HardClassRow> rows;
  };

  void operator()() {
    if (problem.r < 1 || problem.r > problem.d || problem.p < 1) problem.check();
    Findings found;
    found.problem = problem;
    found.target = named();
    if (found.target) describe(*found.target, found.problem);
    const bool covered = std::isfinite(found.problem.kappa) && found.problem.p >= 2;
    if (covered || !found.target) {
      found.calibration =
          calibration.empty() ? measured_crossings() : read_calibration(calibration, level, found.problem);
      found.plan = sextant::plan(found.problem, *found.calibration);
      if (samples > 0) found.theorem_1 = theorem_1(found.problem, samples, width, sample_splitting);
      if (transfer_samples > 0) {
        found.pretraining =
            samples > 0 ? samples : static_cast<Index>(std::min(1e18, std::ceil(found.plan->samples.samples)));
        found.theorem_3 = theorem_3(found.problem, found.pretraining, width, transfer_samples);
      }
    }
    if (hard_class) found.rows = demonstration.run(found.problem.d, found.problem.p);
    if (json_wanted)
      print_json(report(found));
    else
      print(found);
  }

  // The target that --target or --hermite describes, if any.
  [[nodiscard]] std::optional<HermiteTarget> named() const {
    const bool by_coefficients = hermite_given->count() > 0;
    if (target.empty() && !by_coefficients) return std::nullopt;
    if (!target.empty() && by_coefficients)
      throw InvalidArgument("hermite: given together with target, expected one of them");
    if (kappa_given->count() > 0)
      throw InvalidArgument("kappa: given together with a target, which has its own; expected one of them");
    TargetOptions options;
    options.d = problem.d;
    if (by_coefficients) {
      if (r_given->count() > 0 && problem.r != 1)
        throw InvalidArgument(fmt::format("r: {} given with hermite, expected 1: a link of one direction", problem.r));
      if (p_given->count() > 0)
        throw InvalidArgument("p: given together with hermite, whose last coefficient says the degree");
      HermiteTarget result{draw_directions(1, problem.d, Orientation::axis, 0), {}};
      for (std::size_t k = 0; k < hermite.size(); ++k)
        if (hermite[k] != 0) result.terms.push_back({hermite[k], {static_cast<int>(k)}});
      if (result.terms.empty()) throw InvalidArgument("hermite: only zeros given, expected a coefficient other than 0");
      result.check();
      return result;
    }
    const Index several = r_given->count() > 0 ? problem.r : 2;
    return target_named(target, target == "multi-index" ? several : problem.r, problem.p, options);
  }

  // r, p and κ of a target. The theorems take E f*² = 1, so κ is that of f*/√(E f*²).
  static void describe(const HermiteTarget& f, Problem& at) {
    at.r = f.directions();
    at.p = f.degree();
    at.kappa = f.kappa() * std::sqrt(f.second_moment());
  }

  [[nodiscard]] json report(const Findings& found) const {
    const Problem& at = found.problem;
    json object = {{"d", at.d},
                   {"r", at.r},
                   {"p", at.p},
                   {"kappa", number_or_null(at.kappa)},
                   {"up_to", up_to_constants_and_logarithms}};
    if (found.target) {
      const HermiteTarget& f = *found.target;
      json degrees = json::array();
      for (const auto& [degree, energy] : energies(f))
        degrees.push_back({{"degree", degree}, {"energy", energy}, {"share", energy / f.second_moment()}});
      object["target"] = {{"degrees", degrees},
                          {"second_moment", f.second_moment()},
                          {"information_exponent", f.information_exponent()},
                          {"hessian_rank", hessian_rank(f)},
                          {"first_step", first_step_text(f)}};
      if (f.directions() == 1) {
        std::vector<double> coefficients(static_cast<std::size_t>(f.degree()) + 1);
        for (const HermiteTerm& term : f.terms)
          if (term.coefficient != 0) coefficients[static_cast<std::size_t>(term.degrees.front())] = term.coefficient;
        object["target"]["coefficients"] = coefficients;
      }
    }
    object["kernel_samples"] = at.p >= 1 ? json(kernel_samples(at.d, at.p)) : json(nullptr);
    object["query_lower_bound"] = at.p >= 1 ? json(theorem_2(at.d, at.p, 1).samples) : json(nullptr);
    object["subspace_parameters"] = at.r * (at.d - at.r);
    if (found.plan) {
      const Plan& made = *found.plan;
      object["algorithm_1"] = {{"excess_risk", found.calibration->excess_risk},
                               {"samples", made.samples.samples},
                               {"units", made.units},
                               {"slope", made.samples.slope},
                               {"extrapolated", made.samples.extrapolated},
                               {"basis", made.samples.basis},
                               {"same_problem", made.same_problem},
                               {"scale", made.scale}};
      object["conditions"] = {{"samples", made.condition_samples}, {"inputs", as_json(made.inputs)}};
      object["transfer"] = {{"samples", made.transfer_samples}, {"units", made.transfer_units}};
    }
    if (found.theorem_1) {
      const Theorem1& bound = *found.theorem_1;
      object["theorem_1"] = {{"n", samples},
                             {"width", width},
                             {"features", bound.features},
                             {"units", bound.units},
                             {"labels", bound.labels},
                             {"bound", bound.bound},
                             {"conditions", as_json(bound.conditions)}};
    }
    if (found.theorem_3) {
      const Theorem3& bound = *found.theorem_3;
      object["theorem_3"] = {{"n", found.pretraining},
                             {"width", width},
                             {"transfer_samples", transfer_samples},
                             {"features", bound.features},
                             {"labels", bound.labels},
                             {"bound", bound.bound},
                             {"conditions", as_json(bound.conditions)}};
    }
    if (hard_class) object["hard_class"] = demonstration.report(found.rows);
    return object;
  }

  void print(const Findings& found) const {
    const Problem& at = found.problem;
    print_line("problem", fmt::format("d = {}, r = {}, p = {}, κ = {}", at.d, at.r, at.p,
                                      std::isfinite(at.kappa) ? short_number(at.kappa) : "∞"));
    if (found.target) print_target(*found.target);
    if (found.plan) {
      const Plan& made = *found.plan;
      print_line("Algorithm 1",
                 fmt::format("{} samples and {} units for excess risk {}", count_text(made.samples.samples),
                             count_text(made.units), short_number(found.calibration->excess_risk)));
      print_line("  basis", fmt::format("{}; n grows as d^{:.1f} there", made.samples.basis, made.samples.slope));
      const Problem& measured = found.calibration->problem;
      if (!made.same_problem)
        print_line("  scaled",
                   fmt::format("from the measured p = {}, r = {}, κ = {}, m = {} by κ²r and r^p κ^2p: theory, not "
                               "measurement",
                               measured.p, measured.r, short_number(measured.kappa), found.calibration->units));
      print_line("  conditions", fmt::format("n ≥ d²κ²r = {}; {}", count_text(made.condition_samples),
                                             text_of(made.inputs, "d", "κ r^1.5")));
    } else {
      print_line("Algorithm 1", "no promise: Theorem 1 needs degree 2 or more and rank H = r");
    }
    if (at.p >= 1) {
      print_line("kernels", fmt::format("d^p = {} samples", count_text(kernel_samples(at.d, at.p))));
      print_line("queries", fmt::format("at least d^(p/2) = {} samples for a target without quadratic part (Theorem 2)",
                                        count_text(theorem_2(at.d, at.p, 1).samples)));
    }
    print_line("any method",
               fmt::format("at least r(d − r) = {} samples: a count of the subspace's parameters, no theorem",
                           grouped(at.r * (at.d - at.r))));
    if (found.plan)
      print_line("transfer", fmt::format("N and m of the order of r^p κ^2p = {}, whatever d is",
                                         count_text(found.plan->transfer_samples)));
    if (found.theorem_1) {
      const Theorem1& bound = *found.theorem_1;
      print_line("Theorem 1",
                 fmt::format("n = {}, m = {}: excess L¹ risk ≲ {} (features) + {} (units) + {} (labels) = {}",
                             grouped(samples), grouped(width), short_number(bound.features), short_number(bound.units),
                             short_number(bound.labels), short_number(bound.bound)));
      print_line("", text_of(bound.conditions.samples, "n", "d²κ²r"));
    }
    if (found.theorem_3) {
      const Theorem3& bound = *found.theorem_3;
      print_line("Theorem 3",
                 fmt::format("N = {}, m = {} after n = {}: excess L¹ risk ≲ {} (features) + {} (labels) = {}",
                             grouped(transfer_samples), grouped(width), grouped(found.pretraining),
                             short_number(bound.features), short_number(bound.labels), short_number(bound.bound)));
      print_line("", text_of(bound.conditions.samples, "n", "d²κ²r"));
    }
    if (hard_class) demonstration.print(found.rows);
    const bool measured = found.plan && found.plan->same_problem && !found.plan->samples.extrapolated;
    print_line("note", fmt::format("{}{}", measured ? "all but Algorithm 1's samples and units: " : "",
                                   up_to_constants_and_logarithms));
  }

  static void print_target(const HermiteTarget& f) {
    print_line("target",
               fmt::format("E f*² = {}, rank H = {} of {}, information exponent {}", short_number(f.second_moment()),
                           hessian_rank(f), f.directions(), f.information_exponent()));
    for (const auto& [degree, energy] : energies(f))
      print_line(fmt::format("  degree {}", degree),
                 fmt::format("√Σc² = {:<8}  {:5.1f} % of E f*²", short_number(std::sqrt(energy)),
                             100 * energy / f.second_moment()));
    print_line("first step", first_step_text(f));
  }
};

}  // namespace

void add_plan(CLI::App& program) {
  auto state = std::make_shared<PlanCommand>();
  CLI::App& command =
      *program.add_subcommand("plan", "Say what the theory predicts: samples and units needed, lower bounds");
  command.footer(
      "Targets, as in generate: source, hermite, multi-index.\n\n"
      "Example:\n  sextant plan --d 40 --p 4\n  sextant plan --d 40 --target hermite --p 3 --hard-class");
  command.add_option("--d", state->problem.d, "Inputs")->required()->check(whole_number());
  state->r_given = command.add_option("--r", state->problem.r, "Directions that matter")
                       ->check(whole_number())
                       ->capture_default_str();
  state->p_given =
      command.add_option("--p", state->problem.p, "Degree of the target")->check(whole_number())->capture_default_str();
  state->kappa_given =
      command.add_option("--kappa", state->problem.kappa, "κ = ‖H^†‖/√r, how even the quadratic part is")
          ->check(number())
          ->capture_default_str();
  command.add_option("--target", state->target, "Take r, p and κ from a target, see below")->type_name("NAME");
  state->hermite_given =
      one_argument(command.add_option("--hermite", state->hermite,
                                      "Take p and κ from a link of one direction: coefficients c_0,c_1,… of He_k/√k!"),
                   "C[,C…]")
          ->check(number());
  command.add_option("--samples,--n", state->samples, "Show Theorem 1's terms at so many samples")
      ->check(whole_number_from(1));
  command.add_option("--width", state->width, "Units of the terms")->check(whole_number_from(1))->capture_default_str();
  command
      .add_option("--transfer-samples", state->transfer_samples,
                  "Show Theorem 3's terms at so many samples of a second target")
      ->check(whole_number_from(1));
  add_switch(command, "--sample-splitting", state->sample_splitting, "Step and head on different halves of the rows");
  auto* calibration = command
                          .add_option("--calibration", state->calibration,
                                      "Crossings measured by an experiment (default: the published source's)")
                          ->type_name("DATA");
  command.add_option("--level", state->level, "Which excess risk of the calibration")
      ->check(number())
      ->capture_default_str()
      ->needs(calibration);
  auto* hard_class = command.add_flag("--hard-class", state->hard_class,
                                      "Build Theorem 2's class of degree p and let a learner tell its members apart");
  state->demonstration.add_to(command, hard_class);
  command.add_flag("--json", state->json_wanted, "Print one JSON object instead");
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
