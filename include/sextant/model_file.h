// Model files in safetensors layout: 8 bytes header length, a JSON header, little-endian float64 tensors. Data only,
// never code. docs/file-formats.md describes every tensor and metadata entry, with a page of NumPy that reads them.
//
// A file holds no time, host, path or thread count: the same data, options and seed give the same bytes.
#pragma once

#include <string>

#include "sextant/model.h"

namespace sextant {

// Writes atomically: the file appears under `path` whole or not at all, and what was there stays if this fails. The
// bytes are read again before they are written. Throws IoError naming the path, InvalidArgument when a name in the
// model is not UTF-8, Error when the bytes are no model that load_model takes.
void save_model(const Model& model, const std::string& path);

// Throws IoError when the file cannot be read, DataError when it is not a model of this format, was cut, or differs
// from what was written (it carries a CRC-32 over all of its bytes). Sizes are checked before anything is allocated.
[[nodiscard]] Model load_model(const std::string& path);

// The same in memory: the bytes of the file that save_model would write, and the model of such bytes. `where` is what
// messages call them.
[[nodiscard]] std::string model_bytes(const Model& model, const std::string& where = "model");
[[nodiscard]] Model model_from_bytes(std::string bytes, const std::string& where = "model");

}  // namespace sextant
