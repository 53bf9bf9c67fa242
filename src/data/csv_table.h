// Tables in CSV files. The rules of the format are those of open_table (sextant/table.h).
//
// The file is parsed once, its numbers going to a CellStore; columns that turn out to be text are parsed a second time
// for their levels. Cost: 3 to 5 ns per byte and pass, most of it libcsv's.
#pragma once

#include <memory>
#include <string>

#include "sextant/table.h"

namespace sextant {

[[nodiscard]] std::unique_ptr<Table> open_csv(const std::string& path, const TableOptions& options);

}  // namespace sextant
