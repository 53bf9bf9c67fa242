// Encodings of levels in model files. Private to the model layer.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "model/tensors.h"
#include "sextant/level_encoding.h"

namespace sextant {

// The encoding must outlive the list.
void add_levels(const LevelEncoding& levels, TensorList& tensors);
[[nodiscard]] nlohmann::json to_json(const LevelEncoding& levels);

// Throws DataError for what is not an encoding of a table with that many inputs, and what nlohmann-json throws.
[[nodiscard]] std::shared_ptr<const LevelEncoding> levels_from(const nlohmann::json& entry, const TensorReader& tensors,
                                                               Index table_inputs);

}  // namespace sextant
