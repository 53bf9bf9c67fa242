// What was tried, as a model's file keeps it (docs/file-formats.md). Private to the model layer.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "sextant/selection.h"

namespace sextant {

[[nodiscard]] nlohmann::json to_json(const Selection& selection);

// Of k targets and d' inputs that vary. Throws DataError or nlohmann's exceptions for what no selection is written as.
[[nodiscard]] Selection selection_from(const nlohmann::json& entry, Index k, Index d);

}  // namespace sextant
