// HDF5 tables, where the library was built without HDF5 (SEXTANT_HDF5=OFF, or not found).
#include <fmt/core.h>

#include "data/hdf5_table.h"
#include "data/hdf5_writer.h"
#include "sextant/error.h"

namespace sextant {
namespace {

[[noreturn]] void fail(const std::string& path) {
  throw Error(
      fmt::format("{}: this program was built without HDF5; build it with SEXTANT_HDF5=ON, or use .npy or .csv", path));
}

}  // namespace

std::unique_ptr<Table> open_hdf5(const std::string& path, const Hdf5Name&, const TableOptions&) { fail(path); }

std::unique_ptr<TableWriter> create_hdf5(const std::string& path, const Hdf5Name&, const std::vector<std::string>&) {
  fail(path);
}

}  // namespace sextant
