// The names of a table's columns, kept in a file beside it: a table of numbers only (NPY, HDF5) need not hold them.
#pragma once

#include <string>
#include <vector>

#include "sextant/matrix.h"

namespace sextant {

// Where the column names of a table file lie: FILE.npy → FILE.names.json.
[[nodiscard]] std::string names_path(const std::string& table_file);

// The names in the JSON array there, or x1 … xd where there is no such file. Throws IoError when it cannot be read,
// DataError unless it lists `columns` names that can identify columns.
[[nodiscard]] std::vector<std::string> read_names(const std::string& table_file, Index columns);

}  // namespace sextant
