#include "sextant/table.h"

#include <fmt/core.h>

#include <string_view>

#include "data/column_names.h"
#include "data/csv_table.h"
#include "data/csv_writer.h"
#include "data/file_ending.h"
#include "data/hdf5_name.h"
#include "data/hdf5_table.h"
#include "data/hdf5_writer.h"
#include "data/npy_table.h"
#include "data/npy_writer.h"
#include "sextant/error.h"

namespace sextant {
namespace {

bool names_csv(std::string_view path) {
  return ends_in(path, ".csv") || ends_in(path, ".tsv") || ends_in(path, ".txt");
}

bool names_gzip(std::string_view path) { return ends_in(path, ".gz") && names_csv(path.substr(0, path.size() - 3)); }

}  // namespace

std::unique_ptr<Table> open_table(const std::string& path, const TableOptions& options) {
  if (const auto name = hdf5_name(path)) return open_hdf5(path, *name, options);
  if (names_csv(path) || names_gzip(path)) return open_csv(path, options);
  if (ends_in(path, ".npy")) return open_npy(path, options);
  throw InvalidArgument(
      fmt::format("{}: not a name of a table, expected one that ends in .csv, .csv.gz, .tsv, .txt, .npy or .h5 (or "
                  "FILE.h5:/DATASET)",
                  path));
}

std::unique_ptr<TableWriter> create_table(const std::string& path, const std::vector<std::string>& columns,
                                          char delimiter) {
  if (columns.empty()) throw InvalidArgument(fmt::format("{}: no columns given, expected at least 1", path));
  if (const std::string problem = problem_with_names(columns); !problem.empty())
    throw InvalidArgument(fmt::format("{}: {}", path, problem));
  if (const auto name = hdf5_name(path)) return create_hdf5(path, *name, columns);
  if (path == "-" || names_csv(path)) return create_csv(path, columns, delimiter);
  if (ends_in(path, ".npy")) return create_npy(path, columns);
  if (names_gzip(path))
    throw InvalidArgument(fmt::format("{}: gzip can be read but not written, expected a name that ends in .csv", path));
  throw InvalidArgument(
      fmt::format("{}: not a name of a table, expected one that ends in .csv, .tsv, .txt, .npy or .h5, or -", path));
}

bool holds_text(const std::string& path) { return !ends_in(path, ".npy") && !hdf5_name(path); }

std::string table_file(const std::string& path) {
  const auto name = hdf5_name(path);
  return name ? name->file : path;
}

}  // namespace sextant
