// What every table file agrees on about its columns.
#pragma once

#include <string>
#include <vector>

#include "sextant/table.h"

namespace sextant {

// Above this the names alone would fill the memory; a block of 1024 rows would take 8 GB.
inline constexpr Index max_columns = 1'000'000;

// Says what is wrong with names that are to identify columns, or nothing: each must be non-empty UTF-8 without NUL, and
// unique.
[[nodiscard]] std::string problem_with_names(const std::vector<std::string>& names);

// x1 … xd.
[[nodiscard]] std::vector<std::string> numbered_names(Index count);

// Asks `options.choose`, or answers detect for all. Throws InvalidArgument when it answers for another number of
// columns.
[[nodiscard]] std::vector<ColumnUse> choose_columns(const TableOptions& options, const std::vector<std::string>& names);

// Throws InvalidArgument unless 0 ≤ first, 0 ≤ count and first + count ≤ rows.
void check_rows(const Table& table, Index first, Index count);

}  // namespace sextant
