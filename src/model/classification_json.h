// What a model of a class has beside its outputs, as JSON of its file. Private to the model layer.
#pragma once

#include "model/json_values.h"
#include "sextant/model.h"

namespace sextant {

[[nodiscard]] json to_json(const Classification& classification);
// Of k classes. Throws DataError where something is out of its range.
[[nodiscard]] Classification classification_from(const json& entry, Index k);

}  // namespace sextant
