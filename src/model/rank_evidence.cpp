#include "sextant/rank_evidence.h"

#include <fmt/core.h>

#include <cmath>
#include <limits>
#include <vector>

#include "sextant/error.h"
#include "sextant/scaling.h"

namespace sextant {
namespace {

// The best candidate of each rank up to the largest that was tried; NaN for ranks in between that were not.
std::vector<double> error_by_rank(const Model& model) {
  std::vector<double> errors = {1.0};
  for (const CandidateReport& report : model.selection.candidates) {
    if (report.rank == 0) continue;
    const double error = report.error.cwiseQuotient(model.validation.mean.cwiseMax(1e-300)).mean();
    const auto at = static_cast<std::size_t>(report.rank);
    if (at >= errors.size()) errors.resize(at + 1, std::numeric_limits<double>::quiet_NaN());
    if (!(errors[at] <= error)) errors[at] = error;
  }
  if (errors.size() == 1) errors.clear();
  return errors;
}

Index smallest_good_rank(const std::vector<double>& errors) {
  constexpr double as_good = 1.1;
  double least = 1.0;
  for (const double error : errors) least = std::fmin(least, error);
  for (std::size_t r = 1; r < errors.size(); ++r)
    if (errors[r] < 1.0 && errors[r] <= as_good * least) return static_cast<Index>(r);
  return 0;
}

}  // namespace

RankEvidence rank_evidence(const Model& model, const RowSource& data, const RankTestOptions& options,
                           const Context& context) {
  if (data.inputs() != model.inputs() || data.targets() != model.targets())
    throw InvalidArgument(
        fmt::format("rank test: the rows have {} inputs and {} targets, expected the model's {} and {}", data.inputs(),
                    data.targets(), model.inputs(), model.targets()));
  RankEvidence evidence;
  evidence.gap = directions(model).rank;
  evidence.test = rank_test(ScaledSource(data, model.scaling), options, context);
  evidence.error_by_rank = error_by_rank(model);
  evidence.validated = smallest_good_rank(evidence.error_by_rank);
  bool better_than_the_mean = false;
  const Validation& validation = model.validation;
  for (Index t = 0; t < model.targets(); ++t)
    if (validation.chosen[t] < (1 - 1e-9) * validation.mean[t]) better_than_the_mean = true;
  evidence.nothing_found = evidence.test.rank == 0 && !better_than_the_mean;
  const Index without_test = evidence.validated > 0 ? evidence.validated : evidence.gap.rank;
  evidence.rank = evidence.test.rank > 0 || !better_than_the_mean ? evidence.test.rank : without_test;
  return evidence;
}

}  // namespace sextant
