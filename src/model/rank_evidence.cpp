#include "sextant/rank_evidence.h"

#include <fmt/core.h>

#include "sextant/error.h"
#include "sextant/scaling.h"

namespace sextant {

RankEvidence rank_evidence(const Model& model, const RowSource& data, const RankTestOptions& options,
                           const Context& context) {
  if (data.inputs() != model.inputs() || data.targets() != model.targets())
    throw InvalidArgument(
        fmt::format("rank test: the rows have {} inputs and {} targets, expected the model's {} and {}", data.inputs(),
                    data.targets(), model.inputs(), model.targets()));
  RankEvidence evidence;
  evidence.gap = directions(model).rank;
  evidence.test = rank_test(ScaledSource(data, model.scaling), options, context);
  bool better_than_the_mean = false;
  const Validation& validation = model.validation;
  for (Index t = 0; t < model.targets(); ++t)
    if (validation.chosen[t] < (1 - 1e-9) * validation.mean[t]) better_than_the_mean = true;
  evidence.nothing_found = evidence.test.rank == 0 && !better_than_the_mean;
  evidence.rank = evidence.test.rank > 0 || !better_than_the_mean ? evidence.test.rank : evidence.gap.rank;
  return evidence;
}

}  // namespace sextant
