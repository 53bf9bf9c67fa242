// Tables in NumPy's NPY files, versions 1 to 3 (numpy.lib.format): float32 or float64 of either byte order, C or
// Fortran order, two dimensions. Cells are read in place, in blocks.
#pragma once

#include <memory>
#include <string>

#include "sextant/table.h"

namespace sextant {

[[nodiscard]] std::unique_ptr<Table> open_npy(const std::string& path, const TableOptions& options);

}  // namespace sextant
