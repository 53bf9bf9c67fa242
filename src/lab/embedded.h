// The files of experiments/, inside the library; cmake/EmbedExperiments.cmake writes the source. Private to the lab.
#pragma once

#include <string_view>
#include <vector>

namespace sextant {

struct EmbeddedFile {
  std::string_view name;  // without its ending
  std::string_view text;
};

[[nodiscard]] const std::vector<EmbeddedFile>& embedded_experiments();  // experiments/*.toml
[[nodiscard]] const std::vector<EmbeddedFile>& embedded_references();   // experiments/reference/*.csv

}  // namespace sextant
