// What a model's file holds beside its metadata. Private.
#pragma once

#include "sextant/model.h"

namespace sextant {

// Bytes of all tensors in the model's file.
[[nodiscard]] double tensor_bytes(const Model& model);

}  // namespace sextant
