// Writes NPY version 1.0: float64, C order, as numpy.save does, byte for byte.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sextant/table.h"

namespace sextant {

[[nodiscard]] std::unique_ptr<TableWriter> create_npy(const std::string& path, const std::vector<std::string>& columns);

}  // namespace sextant
