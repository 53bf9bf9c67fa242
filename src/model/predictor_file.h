// A model's predictors as tensors and metadata of its file. Private.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "model/tensors.h"
#include "sextant/predictor.h"

namespace sextant {

// Adds the tensors "predictor.P.…" and, of rows that leaf machines keep, "rows.N" once each; gives what else there is
// to say of each predictor.
[[nodiscard]] nlohmann::json write_predictors(const std::vector<Predictor>& predictors, TensorList& tensors);

// Back, for d inputs and k targets. Throws DataError for what no predictor is.
[[nodiscard]] std::vector<Predictor> read_predictors(const nlohmann::json& entries, const TensorReader& tensors,
                                                     Index d, Index k);

}  // namespace sextant
