#include "data/names_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "data/column_names.h"
#include "data/input_file.h"
#include "sextant/error.h"

namespace sextant {

std::string names_path(const std::string& table_file) {
  return std::filesystem::path(table_file).replace_extension(".names.json").string();
}

std::vector<std::string> read_names(const std::string& table_file, Index columns) {
  const std::string path = names_path(table_file);
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, error))) return numbered_names(columns);
  const InputFile file(path);
  constexpr std::int64_t longest = std::int64_t{256} << 20;
  if (file.size() > longest)
    throw DataError(fmt::format("{}: has {} bytes, expected at most {}", path, file.size(), longest));
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  file.read(0, text.data(), text.size());

  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  const auto is_string = [](const nlohmann::json& entry) { return entry.is_string(); };
  if (!json.is_array() || !std::all_of(json.begin(), json.end(), is_string))
    throw DataError(fmt::format("{}: expected a JSON array of column names, such as [\"x1\", \"x2\"]", path));
  std::vector<std::string> names = json.get<std::vector<std::string>>();
  if (static_cast<Index>(names.size()) != columns)
    throw DataError(
        fmt::format("{}: lists {} names, expected {} (the columns of {})", path, names.size(), columns, table_file));
  if (const std::string problem = problem_with_names(names); !problem.empty())
    throw DataError(fmt::format("{}: {}", path, problem));
  return names;
}

}  // namespace sextant
