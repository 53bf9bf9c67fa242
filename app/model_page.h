// The page of a fitted model: what it is, its directions, how its λ was chosen and, with rows of a table, how it
// predicts them.
#pragma once

#include <optional>
#include <string>

#include "page.h"
#include "sextant/context.h"
#include "sextant/model.h"
#include "sextant/table.h"

namespace sextant::app {

// Rows of a table beside what the model makes of them, at most about 2 000, spread evenly over it.
struct ShownRows {
  std::string table;             // its file's name
  Index rows = 0;                // in the table
  Matrix along;                  // s×q: along the leading directions, on standardised inputs; q = 1 or 2
  Matrix predicted;              // s×k
  std::optional<Matrix> target;  // s×k, where the table has the targets
  std::optional<Scores> scores;  // over all rows, where it has
};

// Reads the table in blocks. Throws what opening it and predicting throw.
[[nodiscard]] ShownRows rows_to_show(const Model& model, const std::string& data, const TableOptions& options,
                                     const Context& context);

// `name`: of the model's file.
[[nodiscard]] Page model_page(const Model& model, const std::string& name, const std::optional<ShownRows>& rows);

}  // namespace sextant::app
