// Tables of directions: a row for each, its weights in columns named as the inputs. `generate` writes them.
#pragma once

#include <string>
#include <vector>

#include "sextant/matrix.h"

namespace sextant::app {

// Rows of the table at `path`, columns in the order of `inputs`; other columns are skipped. Throws DataError when an
// input has no column, a cell is missing or a row is 0.
[[nodiscard]] Matrix read_directions(const std::string& path, const std::vector<std::string>& inputs);

}  // namespace sextant::app
