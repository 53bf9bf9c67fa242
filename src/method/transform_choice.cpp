#include "sextant/transform_choice.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "method/preparation.h"

namespace sextant {
Trained train_transformed(const RowSource& data, const RowSource* validation, const FitOptions& options,
                          const Context& context, const Scaling* fixed, const Training& learn) {
  options.check();
  using Kinds = std::vector<TransformKind>;
  Kinds kinds = options.target_transform.of(data.targets());
  if (!options.target_transform.any()) return learn(options);
  const auto with = [&](const Kinds& chosen) {
    FitOptions own = options;
    own.target_transform.kinds = chosen;
    return learn(own);
  };

  Trained trained;
  if (std::find(kinds.begin(), kinds.end(), TransformKind::automatic) == kinds.end()) {
    trained = with(kinds);
  } else {
    constexpr std::array tried = {TransformKind::none, TransformKind::log, TransformKind::rank};
    std::vector<Kinds> candidates;
    std::vector<Trained> found;
    std::vector<Vector> errors;
    for (const TransformKind kind : tried) {
      candidates.push_back(kinds);
      std::replace(candidates.back().begin(), candidates.back().end(), TransformKind::automatic, kind);
      found.push_back(with(candidates.back()));
      errors.push_back(found.back().held_out.errors());
    }
    for (std::size_t t = 0; t < kinds.size(); ++t) {
      if (kinds[t] != TransformKind::automatic) continue;
      std::size_t best = 0;
      const auto at = static_cast<Index>(t);
      for (std::size_t c = 1; c < tried.size(); ++c)
        if (errors[c][at] < (1 - 1e-7) * errors[best][at]) best = c;
      kinds[t] = tried[best];
    }
    const auto same = std::find(candidates.begin(), candidates.end(), kinds);
    trained =
        same == candidates.end() ? with(kinds) : std::move(found[static_cast<std::size_t>(same - candidates.begin())]);
  }

  FitOptions plain = options;
  plain.target_transform = {};
  // The automatic method cross-validates few rows unasked: the baselines are measured on the same splits.
  if (trained.validation.folds > 1) plain.folds = trained.validation.folds;
  const Preparation baselines = prepare_training(data, validation, plain, context, fixed);
  trained.validation.mean = baselines.validation.mean;
  trained.validation.linear = baselines.validation.linear;
  trained.validation.chosen = trained.held_out.errors();
  return trained;
}

}  // namespace sextant
