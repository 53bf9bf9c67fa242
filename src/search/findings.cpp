#include "search/findings.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "core/ties.h"
#include "search/family.h"
#include "sextant/error.h"

namespace sextant {
namespace {

void keep_better(OuterProducts& ours, const OuterProducts& theirs) {
  if (clearly_less(theirs.error, ours.error)) ours = theirs;
}

// The error of what is said of the samples of held-out rows.
double error_of(const Candidate& candidate, const Ground& ground) {
  Vector square = Vector::Zero(ground.targets());
  double weight = 0;
  for (std::size_t i = 0; i < candidate.held_out.size(); ++i) {
    const Sample& sample = ground.samples[i];
    const Vector of_split = (candidate.held_out[i] - sample.Y).cwiseAbs2().transpose() * sample.w;
    square += of_split.cwiseProduct(ground.splits[i].square_units);
    weight += sample.w.sum();
  }
  return ground.relative(square / weight);
}

}  // namespace

void Clues::take(const Clues& others) {
  keep_better(plain, others.plain);
  keep_better(suggested, others.plain);
  keep_better(suggested, others.suggested);
  least = std::min(least, others.least);
  if (!others.exponent || !clearly_less(others.exponent_error, exponent_error)) return;
  exponent = others.exponent;
  exponent_error = others.exponent_error;
}

Candidate candidate_of(const Ground& ground, CandidateReport report,
                       const std::function<Fitted(std::size_t split)>& of_split, Extent extent, Learn learn_again) {
  if (!learn_again)
    learn_again = [recipe = report.recipe, &options = ground.options](const LearningRows& rows, const Context& inner) {
      return learn(recipe, rows, options, inner);
    };
  Candidate candidate{std::move(report), std::move(learn_again), extent, false, {}};
  candidate.report.rows = extent == Extent::searched && !ground.whole.empty() ? ground.rows() : 0;
  for (std::size_t i = 0; i < ground.splits.size(); ++i) {
    const Fitted fitted = of_split(i);
    candidate.holds_rows =
        candidate.holds_rows || std::ranges::any_of(fitted.predictors, [](const Predictor& each) {
          return std::holds_alternative<KernelSections>(each.map) || std::holds_alternative<LeafMachine>(each.map);
        });
    candidate.held_out.push_back(ground.predictions(fitted, i, ground.context));
  }
  return candidate;
}

Candidate failed_candidate(const Ground& ground, const std::string& name, const std::string& why) {
  Candidate candidate;
  candidate.report.name = name;
  candidate.report.failed = why;
  candidate.report.error = Vector::Constant(ground.targets(), std::numeric_limits<double>::infinity());
  candidate.report.weight = Vector::Zero(ground.targets());
  return candidate;
}

Findings attempt(const Step& step, const Ground& ground, const Clues& clues) {
  try {
    Findings findings = step.run(ground, clues);
    for (const Candidate& candidate : findings.candidates)
      if (candidate.report.failed.empty())
        findings.clues.least = std::fmin(findings.clues.least, error_of(candidate, ground));
    return findings;
  } catch (const NumericalError& error) {
    Findings findings;
    findings.candidates.push_back(failed_candidate(ground, step.name, error.what()));
    return findings;
  }
}

}  // namespace sextant
