// How results look to a person: aligned lines of a label and what it says.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "sextant/encoding.h"
#include "sextant/model.h"

namespace sextant::app {

// "table        wing.csv: 4 000 rows, 10 inputs"
void print_line(const std::string& label, const std::string& text);

[[nodiscard]] std::string grouped(Index number);                            // 4 000
[[nodiscard]] std::string short_number(double value);                       // four significant digits
[[nodiscard]] std::string count_of(Index number, const std::string& noun);  // "1 row", "4 000 rows"

// The spectrum, how many directions matter, and the leading ones as weights of the named inputs; at most `shown` of
// them.
void print_directions(const Directions& found, Index shown);

// What was chosen on validation rows, and the errors there beside those of the mean and of the linear model.
void print_validation(const Model& model);

// "model  wing.sextant (212 KiB) in 3.1 s" and what to do next.
void print_saved(const std::string& path, double seconds, const std::string& next);

// Notices a person should see: on standard error, as warnings.
void warn_about_table(const Table& table, const EncodedSource& rows, const Encoding& encoding);
void warn_about_model(const Model& model);

// The object that `fit --json` and `transfer --json` print.
[[nodiscard]] nlohmann::json fit_report(const Model& model, const std::string& path, double seconds);

}  // namespace sextant::app
