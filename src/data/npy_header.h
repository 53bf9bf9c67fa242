// The header of an NPY file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/input_file.h"
#include "sextant/matrix.h"

namespace sextant {

struct NpyHeader {
  std::string type;  // NumPy's name, "<f8" for instance
  bool fortran_order = false;
  std::vector<Index> shape;
  std::int64_t data_offset = 0;  // of the first cell
};

// Throws DataError for anything but a well-formed header; what it describes is not judged here.
[[nodiscard]] NpyHeader read_npy_header(const InputFile& file);

}  // namespace sextant
