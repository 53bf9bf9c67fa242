#include "sextant/builtin_experiments.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <sstream>

#include "embedded/experiments.h"
#include "sextant/error.h"

namespace sextant {
namespace {

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
  return fields;
}

// The embedded files below `folder` with that ending: name without both, and text.
std::vector<std::pair<std::string_view, std::string_view>> embedded_files(std::string_view folder,
                                                                          std::string_view ending) {
  std::vector<std::pair<std::string_view, std::string_view>> files;
  for (auto [name, text] : embedded::experiments()) {
    if (!name.starts_with(folder) || !name.ends_with(ending)) continue;
    name.remove_prefix(folder.size());
    name.remove_suffix(ending.size());
    files.emplace_back(name, text);
  }
  return files;
}

// A table of numbers and plain names, as in experiments/reference: parameters of a run, then the values.
std::vector<ReferenceValue> parse_reference(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string line;
  std::getline(lines, line);
  const auto names = fields_of(line);
  std::vector<ReferenceValue> values;
  while (std::getline(lines, line)) {
    const auto cells = fields_of(line);
    ReferenceValue value;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (names.at(i) == "excess_risk_mean")
        value.excess_risk_mean = std::stod(cells[i]);
      else if (names[i] == "excess_risk_std")
        value.excess_risk_std = std::stod(cells[i]);
      else
        value.where.emplace_back(names[i], cells[i]);
    }
    values.push_back(std::move(value));
  }
  return values;
}

}  // namespace

const std::vector<BuiltinExperiment>& builtin_experiments() {
  static const std::vector<BuiltinExperiment> list = [] {
    std::vector<BuiltinExperiment> found;
    for (const auto& [name, text] : embedded_files("", ".toml")) found.push_back({name, text});
    return found;
  }();
  return list;
}

std::optional<std::string> builtin_experiment(std::string_view name) {
  for (const BuiltinExperiment& experiment : builtin_experiments())
    if (experiment.name == name) return std::string(experiment.text);
  return {};
}

Spec find_spec(const std::string& name_or_path, const SpecOptions& options) {
  if (const auto text = builtin_experiment(name_or_path)) return parse_spec(*text, name_or_path, options);
  if (name_or_path.ends_with(".toml") || std::filesystem::exists(name_or_path)) return read_spec(name_or_path, options);
  std::vector<std::string_view> known;
  for (const BuiltinExperiment& each : builtin_experiments()) known.push_back(each.name);
  throw InvalidArgument(fmt::format("experiment: '{}' is not known, expected one of {}, or a spec file (.toml)",
                                    name_or_path, fmt::join(known, ", ")));
}

bool ReferenceValue::matches(const Run& run) const {
  return std::all_of(where.begin(), where.end(), [&](const auto& condition) {
    const auto value = parameter(run, condition.first);
    return value && text_of(*value) == condition.second;
  });
}

const std::vector<ReferenceValue>& reference_values(std::string_view name) {
  static const std::map<std::string, std::vector<ReferenceValue>, std::less<>> tables = [] {
    std::map<std::string, std::vector<ReferenceValue>, std::less<>> parsed;
    for (const auto& [table, text] : embedded_files("reference/", ".csv")) parsed.emplace(table, parse_reference(text));
    return parsed;
  }();
  const auto found = tables.find(name);
  if (found != tables.end()) return found->second;
  std::string known;
  for (const auto& [each, values] : tables) known += (known.empty() ? "" : ", ") + each;
  throw InvalidArgument(fmt::format("reference: '{}' is not known, expected one of {}", name, known));
}

}  // namespace sextant
