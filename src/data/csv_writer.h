// Writes CSV: fields quoted where they must be, the shortest numbers that read back to the same doubles.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sextant/table.h"

namespace sextant {

// "-" writes to standard output.
[[nodiscard]] std::unique_ptr<TableWriter> create_csv(const std::string& path, const std::vector<std::string>& columns,
                                                      char delimiter);

}  // namespace sextant
