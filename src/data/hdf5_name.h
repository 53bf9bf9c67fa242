// Names of tables in HDF5 files: "FILE.h5" or "FILE.h5:/DATASET", also with .hdf5.
#pragma once

#include <optional>
#include <string>

namespace sextant {

struct Hdf5Name {
  std::string file;
  std::string dataset;  // an absolute path; empty when none is given
};

// Takes a name apart; nothing when it is no name of an HDF5 table.
[[nodiscard]] std::optional<Hdf5Name> hdf5_name(const std::string& name);

}  // namespace sextant
