// Writes CSV: fields quoted where they must be, the shortest numbers that read back to the same doubles.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sextant/table.h"

namespace sextant {

// Appends a field, quoted where RFC 4180 asks for it and where readers would strip blanks.
void append_field(std::string& line, std::string_view text, char delimiter, bool always_quote);

// "-" writes to standard output.
[[nodiscard]] std::unique_ptr<TableWriter> create_csv(const std::string& path, const std::vector<std::string>& columns,
                                                      char delimiter);

}  // namespace sextant
