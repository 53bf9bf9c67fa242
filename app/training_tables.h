// The tables that `fit`, `transfer` and `compare` learn from, and the arguments that say how: the training rows and, if
// a table is given, the rows to choose by.
#pragma once

#include <memory>
#include <string>

#include "arguments.h"
#include "fit_arguments.h"
#include "sextant/encoding.h"
#include "sextant/table.h"

namespace sextant::app {

class TrainingTables {
 public:
  // Opens `validation` too unless it is empty, and says what a person should know of both.
  TrainingTables(EncodedTable training, const std::string& validation, const TableOptions& options);

  [[nodiscard]] const EncodedSource& rows() const { return *rows_; }
  [[nodiscard]] const EncodedSource* validation() const { return validation_.get(); }  // null without a table
  [[nodiscard]] const Encoding& encoding() const { return training_.encoding; }
  // "wing.csv: 4 000 rows, 10 inputs"; `used`: of how many rows was learned, since others may be left out or set aside.
  [[nodiscard]] std::string description(Index used) const;

 private:
  EncodedTable training_;
  std::unique_ptr<EncodedSource> rows_;
  std::unique_ptr<Table> validation_table_;
  std::unique_ptr<EncodedSource> validation_;
};

// What every command that learns is given.
struct TrainingArguments {
  ColumnArguments columns;
  TableArguments table;
  FitArguments fit;
  RunArguments run;
  CheckpointArguments checkpoint;

  void add_to(CLI::App& command, Learns learns);
  // What the columns mean, the task included.
  [[nodiscard]] ColumnRoles roles() const;
  // Adds the classes' weights to options, where a table says them.
  void add_class_weights(const Encoding& encoding, const TableOptions& reading, FitOptions& options) const;
};

}  // namespace sextant::app
