// Writes a table to the only dataset of a new HDF5 file: float64, its columns' names in the attribute `names`. The
// dataset is name.dataset, or /table. The same cells give the same bytes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/hdf5_name.h"
#include "sextant/table.h"

namespace sextant {

// `path` is what messages call the table. Throws Error in a library that was built without HDF5.
[[nodiscard]] std::unique_ptr<TableWriter> create_hdf5(const std::string& path, const Hdf5Name& name,
                                                       const std::vector<std::string>& columns);

}  // namespace sextant
