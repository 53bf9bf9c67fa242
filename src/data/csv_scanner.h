// The fields of a CSV file in order, with the lines they stand on. libcsv takes the fields apart; this feeds it line by
// line, so that every error knows its line, also where quoted fields span several.
#pragma once

#include <string_view>

#include "data/input_file.h"
#include "sextant/context.h"

namespace sextant {

class CsvHandler {
 public:
  virtual ~CsvHandler() = default;
  // A field of the current row, unquoted; valid during the call. `line` is that on which the row starts, from 1.
  virtual void field(std::string_view text, Index line) = 0;
  // The end of a row; blank lines are none. Returning false ends the scan.
  virtual bool row(Index line) = 0;
};

// Throws InvalidArgument unless the delimiter is an ASCII character that cannot be part of a number, a quote, a line
// ending or NUL.
void check_delimiter(char delimiter);

// Scans the whole file, telling `context` under the name of `stage` after each MiB. Throws what the handler throws,
// DataError (with the line) for text that is no CSV, IoError and Cancelled.
void scan_csv(const InputFile& file, char delimiter, const Context& context, std::string_view stage,
              CsvHandler& handler);

}  // namespace sextant
