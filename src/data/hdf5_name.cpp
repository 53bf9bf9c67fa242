#include "data/hdf5_name.h"

#include <string_view>

#include "data/file_ending.h"

namespace sextant {
namespace {

bool names_file(std::string_view path) { return ends_in(path, ".h5") || ends_in(path, ".hdf5"); }

}  // namespace

std::optional<Hdf5Name> hdf5_name(const std::string& name) {
  for (std::size_t colon = name.find(":/"); colon != std::string::npos; colon = name.find(":/", colon + 1))
    if (names_file(std::string_view(name).substr(0, colon)))
      return Hdf5Name{name.substr(0, colon), name.substr(colon + 1)};
  if (names_file(name)) return Hdf5Name{name, {}};
  return std::nullopt;
}

}  // namespace sextant
