// How results look to a person: aligned lines of a label and what it says.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "sextant/checkpoint.h"
#include "sextant/encoding.h"
#include "sextant/model.h"

namespace sextant::app {

// "table        wing.csv: 4 000 rows, 10 inputs"
void print_line(const std::string& label, const std::string& text);

// Columns aligned below their names; cells that begin like a number are set to the right.
void print_table(const std::vector<std::string>& names, const std::vector<std::vector<std::string>>& rows);

// One object on a line of standard output. Bytes that are not UTF-8 (a path may hold any) become U+FFFD.
void print_json(const nlohmann::json& object);
void print_json(const nlohmann::ordered_json& object);  // keys in the order they were added

[[nodiscard]] std::string grouped(Index number);                            // 4 000
[[nodiscard]] std::string bytes_text(double bytes);                         // "3.5 MiB"
[[nodiscard]] std::string short_number(double value);                       // four significant digits
[[nodiscard]] std::string r2_text(double r2);                               // four decimals, never −0; — for NaN
[[nodiscard]] std::string count_of(Index number, const std::string& noun);  // "1 row", "4 000 rows"

[[nodiscard]] std::string duration_text(double seconds);  // 12 s, 5 min, 1.5 h

// A direction as "+0.71 area  +0.52 load  −0.31 thickness …": the largest weights first, until they make up 95 % of it.
[[nodiscard]] std::string weights_text(const Vector& direction, const std::vector<std::string>& names);

// The spectrum, how many directions matter, and the leading ones as weights of the named inputs; at most `shown` of
// them.
void print_directions(const Directions& found, Index shown);

// Positions of the values, largest first.
[[nodiscard]] std::vector<Index> largest_first(const Vector& values);

// "1 024 units", "2 000 tangent features (a,W,b) of 200 units", "kernel at 927 rows"
[[nodiscard]] std::string features_text(const FeatureMap& map);
// What was chosen on validation rows, and the errors there beside those of the mean and of the linear model.
void print_validation(const Model& model);

// "interval  ±3.4 holds about 90 % of new rows (800 rows held out)", where there are enough of them.
void print_intervals(const Model& model);

// "model  wing.sextant (212 KiB) in 3.1 s" and what to do next.
void print_saved(const std::string& path, double seconds, const std::string& next);

// Notices a person should see: on standard error, as warnings.
enum class RowsFor { learning, measuring, prediction };
void warn_about_table(const Table& table, const EncodedSource& rows, const Encoding& encoding,
                      RowsFor purpose = RowsFor::measuring);
void warn_about_model(const Model& model);
// Columns that could be no input, each with the reason: "no value", "identifier", "too many texts".
[[nodiscard]] std::vector<std::pair<std::string, std::string>> left_out_columns(const Encoding& encoding);
// The same as [{"name", "why"}].
[[nodiscard]] nlohmann::json left_out_json(const Encoding& encoding);
void warn_about_held_back(const Table& table, const Model& model, const HeldBack& held_back);
// Rows of `table` that lie outside the training range along the model's directions. Reads the rows once more.
void warn_about_extrapolation(const Table& table, const EncodedSource& rows, const Model& model,
                              const Context& context);
// Before the work starts: what of it was done before.
void say_what_is_gone_on_from(const Checkpoint& checkpoint);
// Before the work starts: what pairs of rows will take, where it is more than 100 MiB.
void say_head_form(const HeadForm& form);

// The object that `fit --json` and `transfer --json` print.
[[nodiscard]] nlohmann::json fit_report(const Model& model, const std::string& path, double seconds);

}  // namespace sextant::app
