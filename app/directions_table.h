// Directions given as rows of a table with a column per input, to compare found ones with.
#pragma once

#include <string>
#include <vector>

#include "sextant/matrix.h"

namespace sextant::app {

// The rows of the table, its columns in the order of the inputs. Throws DataError when an input has no column, a cell
// is missing, or a row is 0 in every input.
[[nodiscard]] Matrix read_directions(const std::string& path, const std::vector<std::string>& inputs);

}  // namespace sextant::app
