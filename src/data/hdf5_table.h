// Tables in datasets of HDF5 files: two dimensions, integers or floating-point numbers of any size, any layout and
// compression that the HDF5 library reads. The rules are those of open_table (sextant/table.h).
//
// Rows in chunks are read in bands of about 4 MiB and at least a chunk's rows, so that every chunk is decoded once per
// reading of the table; where chunks are compressed, the next band is decoded while this one is used (row_bands.h).
// Memory: three bands, of at most TableOptions::memory_limit each (a chunk of more rows than that holds is decoded once
// per band), and one chunk.
#pragma once

#include <memory>
#include <string>

#include "data/hdf5_name.h"
#include "sextant/table.h"

namespace sextant {

// `path` is what messages call the table. Throws Error in a library that was built without HDF5.
[[nodiscard]] std::unique_ptr<Table> open_hdf5(const std::string& path, const Hdf5Name& name,
                                               const TableOptions& options);

}  // namespace sextant
