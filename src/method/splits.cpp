#include "sextant/splits.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "sextant/error.h"
#include "sextant/folds.h"

namespace sextant {

std::vector<Split> make_splits(const RowSource& data, const RowSource* validation, const FitOptions& options) {
  std::vector<Split> splits;
  if (validation != nullptr) {
    if (options.folds)
      throw InvalidArgument(
          fmt::format("folds: {} given together with validation rows, expected one of the two", *options.folds));
    if (validation->inputs() != data.inputs() || validation->targets() != data.targets())
      throw DataError(fmt::format("validation: {} inputs and {} targets, expected {} and {} as in the training rows",
                                  validation->inputs(), validation->targets(), data.inputs(), data.targets()));
    splits.push_back({&data, validation, nullptr, nullptr});
    return splits;
  }
  if (data.rows() < 2)
    throw DataError(
        fmt::format("fit: {} row in the table, expected at least 2: one to train on, one to validate on", data.rows()));
  const auto wanted = options.folds.value_or(static_cast<Index>(std::lround(1.0 / options.validation_share)));
  const Folds folds{options.seed, std::min(wanted, data.rows()), Purpose::folds};
  for (Index fold = 0; fold < (options.folds ? folds.count : 1); ++fold) {
    auto train = std::make_unique<FoldSource>(data, folds, fold, FoldSource::Side::outside);
    auto held_out = std::make_unique<FoldSource>(data, folds, fold, FoldSource::Side::inside);
    const RowSource* train_view = train.get();
    const RowSource* held_out_view = held_out.get();
    splits.push_back({train_view, held_out_view, std::move(train), std::move(held_out)});
  }
  return splits;
}

}  // namespace sextant
