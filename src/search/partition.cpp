#include "search/partition.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sextant/splits.h"

namespace sextant {
namespace {

// How many rows of two equally frequent classes would say as much about which is which: 4nq(1 − q) of two classes of
// shares q and 1 − q, the information in an intercept. The rows themselves of all other targets.
double rows_worth(const RowSource& data, const FitOptions& options) {
  constexpr Index at_once = 1024;
  const auto n = static_cast<double>(data.rows());
  if (options.task != Task::classification || data.targets() != 2) return n;
  Vector weight = Vector::Zero(2);
  Block block;
  for (Index first = 0; first < data.rows(); first += at_once) {
    data.read(first, std::min(at_once, data.rows() - first), block);
    weight += block.Y.transpose() * block.w;
  }
  const double q = weight.sum() > 0 ? weight[0] / weight.sum() : 0.5;
  return 4 * n * q * (1 - q);
}

}  // namespace

FitOptions with_folds(const FitOptions& options, const RowSource& data, const RowSource* validation) {
  FitOptions result = options;
  if (validation != nullptr || options.folds || !options.refit) return result;
  if (data.rows() > few_rows) return result;
  if (data.rows() > cross_validated_rows && rows_worth(data, options) > static_cast<double>(cross_validated_rows))
    return result;
  const auto wanted = std::max<Index>(2, std::lround(1.0 / options.validation_share));
  const Index folds = std::min(wanted, most_folds(data, options));
  if (folds >= 2) result.folds = folds;
  return result;
}

FitOptions with_another_partition(const FitOptions& options, const RowSource& data) {
  FitOptions result = options;
  result.seed = ~options.seed;
  if (options.folds && data.rows() <= rows_in_more_folds)
    result.folds = std::min(2 * *options.folds, most_folds(data, options));
  return result;
}

Partition::Partition(const RowSource& data, const RowSource* validation_rows, const FitOptions& division,
                     const FitOptions& fit, const Context& inner, const Scaling* fixed, const Prepared* whole_rows)
    : options(fit),
      context(inner),
      preparation(prepare_training(data, validation_rows, division, context, fixed, whole_rows)),
      samples(held_out_samples(preparation, context)) {
  // Of all splits or of none: windows that expand in time may be few rows and many.
  const bool some = std::ranges::any_of(preparation.scaled,
                                        [](const ScaledSplit& split) { return split.train.rows() > ground_rows; });
  for (const ScaledSplit& split : preparation.scaled) {
    LearningRows all = learning_rows(split.train, &split.held_out, split.prepared, preparation.validation.epsilon,
                                     preparation.scaled.size());
    searched.push_back(some ? some_rows(all, division.seed, context) : std::move(all));
    if (some) whole.push_back(std::move(all));
  }
}

}  // namespace sextant
