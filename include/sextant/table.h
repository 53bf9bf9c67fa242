// Tables with named columns, read from files in row blocks: CSV (optionally gzipped), NPY and, where the library is
// built with it, HDF5. A table's cells are doubles: numbers as they are, text as the index of its level, missing cells
// as NaN. It knows nothing of inputs and targets: an Encoding (encoding.h) turns it into a RowSource.
//
// Memory does not grow with the number of rows: NPY and HDF5 are read in place; CSV is parsed once into memory or, past
// `memory_limit`, into an unnamed temporary file of rows×columns doubles. Columns found to be text are parsed once
// more, for their levels. Parsing costs 3 to 5 ns per byte on one core.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sextant/context.h"
#include "sextant/matrix.h"

namespace sextant {

enum class ColumnKind { number, text };

struct Column {
  std::string name;
  ColumnKind kind = ColumnKind::number;
  std::vector<std::string> levels;  // text only: its distinct values in byte order; cell value c means levels[c]
  // Text with more different values than an input may have (ColumnUse::input): no levels, and its cells say nothing.
  bool too_many_levels = false;
  // Of a column that was found to be text: how many of its cells are numbers, and the first that is none, with its row.
  Index numbers = 0;
  std::string example = {};
  Index example_row = -1;
};

// What the reader shall do with a column.
enum class ColumnUse {
  skip,        // never parsed: may hold anything
  detect,      // a number column, or text if at least a tenth of its cells are not numbers
  input,       // the same, but text may have most_texts different values, and more are no error (too_many_levels)
  number,      // every cell must be a number or missing
  text,        // every cell is text, also where it looks like a number
  classes,     // as detect, of max_classes different texts instead of max_levels
  class_text,  // as text, of max_classes different ones
  label,       // as text, with any number of distinct values; numbers in a file that holds nothing else
};

// How many cells of a column are missing, and the row of the first (−1 if none).
struct MissingCells {
  Index count = 0;
  Index first_row = -1;
};

class Table {
 public:
  virtual ~Table() = default;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::vector<Column>& columns() const { return columns_; }  // without skipped ones
  [[nodiscard]] Index rows() const { return rows_; }
  // Size in bytes of the temporary file that holds the parsed cells; 0 when there is none.
  [[nodiscard]] virtual Index cache_bytes() const { return 0; }

  // The cells of rows first … first + count − 1: count×columns().size(), missing ones NaN. Throws DataError for an
  // infinite cell (NPY, HDF5; a CSV's are refused when it is opened) and IoError when the file cannot be read or was
  // cut meanwhile.
  virtual void read(Index first, Index count, Matrix& cells) const = 0;
  // One entry per column. Costs one reading of the file for NPY and HDF5 when it is first asked for, nothing for CSV.
  // Not for concurrent use on one object.
  [[nodiscard]] virtual std::vector<MissingCells> missing() const = 0;
  // Where a person finds a row: "line 18" in a CSV (the line on which the row starts), "row 17" (from 1) in other
  // files. For messages: it costs another reading of a CSV that has blank lines or quoted line endings, and says "row
  // 17" when the file has gone bad since.
  [[nodiscard]] virtual std::string where(Index row) const = 0;

 protected:
  Table(std::string path, std::vector<Column> columns, Index rows)
      : path_(std::move(path)), columns_(std::move(columns)), rows_(rows) {}
  std::string path_;
  std::vector<Column> columns_;
  Index rows_ = 0;
};

struct TableOptions {
  // Chooses what to do with each column, given all names in file order; default: detect every one. Called once, before
  // any row is parsed; may throw (an unknown name, say).
  std::function<std::vector<ColumnUse>(const std::vector<std::string>& names)> choose;
  char delimiter = ',';        // CSV only; ASCII, and no letter, digit, sign, point, quote, line ending, NUL
  Index max_levels = 100;      // a text column with more distinct values is an error
  Index max_classes = 1000;    // the same of a target that names classes, be they text or numbers
  Index most_texts = 1 << 17;  // of an input's column, whose levels may be encoded (level_encoding.h)
  std::vector<std::string> missing_values = {};  // CSV only: further texts of missing cells, of any column
  Index memory_limit =
      Index{64} << 20;          // bytes of a CSV's cells in memory (more go to a temporary file), of HDF5's bands
  std::string cache_directory;  // where a temporary file goes; empty: the system's directory for temporary files
  Context context;              // progress (stages "read" and "levels") and cancelling, about every MiB
};

// Opens a table; the name's end says which kind: .csv, .tsv and .txt (delimiter as given), these with .gz, .npy, or .h5
// and .hdf5, also as FILE.h5:/DATASET.
//
// CSV: a header row of unique non-empty UTF-8 names, not only numbers unless they are quoted; quoted fields ("" for a
// quote, at most 1 MiB), line endings \n, \r\n or \r, an optional UTF-8 byte order mark, gzip accepted whatever the
// name. Blank lines are skipped. Missing cells are empty, NaN in any case, or one of options.missing_values (as they
// are written there, but for blanks around). NA, N/A, null and None, in any case, are missing in a column whose other
// cells are all numbers or missing; in a column with other texts they are texts like those. A column of which at least
// a tenth of the non-missing cells are not numbers is text; one with fewer (but some) is an error that names the first
// of them. NPY: versions 1–3, '<f4' and '<f8' (and their big-endian forms), C and Fortran order, two dimensions,
// numbers only (ColumnUse::text is an error). Columns are named x1 … xd, or as listed in the JSON array FILE.names.json
// (FILE.npy → FILE.names.json) beside it.
//
// HDF5: a dataset of two dimensions, integers or floating-point numbers, in any layout and compression that the HDF5
// library reads, as long as all of its cells are in the file. Without a name it is the only such dataset. Columns are
// named by the dataset's attribute `names` (a list of texts), else as for NPY (FILE.h5 → FILE.names.json).
//
// Throws IoError when the file is missing, a directory or unreadable, InvalidArgument for an unknown ending or a bad
// option, DataError for content, with line, column and text where they apply, and Error for HDF5 in a library built
// without it.
[[nodiscard]] std::unique_ptr<Table> open_table(const std::string& path, const TableOptions& options = {});

// Writes rows to a table file; the name's end says which kind. The file appears under its name only when `close` has
// succeeded; until then, and when the writer is destroyed without it, an existing file stays as it was.
class TableWriter {
 public:
  virtual ~TableWriter() = default;
  // Appends count×columns cells. CSV numbers are the shortest that read back to the same double; NaN is an empty cell
  // ("" where it is a row's only one). Throws DataError for an infinite cell, which no reader here would accept.
  virtual void write(const MatrixView& cells) = 0;
  // The same with a text in each row's first cell, before its count×(columns − 1) numbers; an empty text is a missing
  // cell. Throws InvalidArgument where the file holds only numbers (holds_text).
  virtual void write(const std::vector<std::string>& texts, const MatrixView& cells) = 0;
  // Finishes the file and puts it in place. Throws IoError (disk full, say) and leaves what was there before.
  virtual void close() = 0;
};

// `path` ends in .csv (also .tsv, .txt; ".csv.gz" is an error), .npy (float64, C order; names beside it in
// NAME.names.json unless they are x1 … xd and no such file is there), or .h5 or .hdf5 (float64, in the dataset /table
// or that of FILE.h5:/DATASET, the only one of a new file; names in its attribute `names`). "-" writes CSV to standard
// output. Throws InvalidArgument for names that are empty, equal or not UTF-8, or a bad delimiter, IoError when the
// place cannot be written, and Error for HDF5 in a library built without it.
[[nodiscard]] std::unique_ptr<TableWriter> create_table(const std::string& path,
                                                        const std::vector<std::string>& columns, char delimiter = ',');

// Whether a table of this name, or "-", can hold text; NPY and HDF5 hold only numbers.
[[nodiscard]] bool holds_text(const std::string& path);

// The file of a table's name: FILE.h5 of FILE.h5:/DATASET, else the name itself.
[[nodiscard]] std::string table_file(const std::string& path);

}  // namespace sextant
