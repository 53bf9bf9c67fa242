#include "sextant/table.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "data/column_names.h"
#include "data/csv_table.h"
#include "data/csv_writer.h"
#include "data/npy_table.h"
#include "data/npy_writer.h"
#include "sextant/error.h"

namespace sextant {
namespace {

bool ends_in(std::string_view path, std::string_view ending) {
  // A name that is only an ending (".csv") is a hidden file without one.
  if (path.size() <= ending.size() || path[path.size() - ending.size() - 1] == '/') return false;
  return std::equal(ending.begin(), ending.end(), path.end() - static_cast<std::ptrdiff_t>(ending.size()),
                    [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

bool names_csv(std::string_view path) {
  return ends_in(path, ".csv") || ends_in(path, ".tsv") || ends_in(path, ".txt");
}

bool names_gzip(std::string_view path) { return ends_in(path, ".gz") && names_csv(path.substr(0, path.size() - 3)); }

}  // namespace

std::unique_ptr<Table> open_table(const std::string& path, const TableOptions& options) {
  if (names_csv(path) || names_gzip(path)) return open_csv(path, options);
  if (ends_in(path, ".npy")) return open_npy(path, options);
  throw InvalidArgument(
      fmt::format("{}: not a name of a table, expected one that ends in .csv, .csv.gz, .tsv, .txt or .npy", path));
}

std::unique_ptr<TableWriter> create_table(const std::string& path, const std::vector<std::string>& columns,
                                          char delimiter) {
  if (columns.empty()) throw InvalidArgument(fmt::format("{}: no columns given, expected at least 1", path));
  if (const std::string problem = problem_with_names(columns); !problem.empty())
    throw InvalidArgument(fmt::format("{}: {}", path, problem));
  if (path == "-" || names_csv(path)) return create_csv(path, columns, delimiter);
  if (ends_in(path, ".npy")) return create_npy(path, columns);
  if (names_gzip(path))
    throw InvalidArgument(fmt::format("{}: gzip can be read but not written, expected a name that ends in .csv", path));
  throw InvalidArgument(
      fmt::format("{}: not a name of a table, expected one that ends in .csv, .tsv, .txt or .npy, or -", path));
}

bool holds_text(const std::string& path) { return !ends_in(path, ".npy"); }

}  // namespace sextant
