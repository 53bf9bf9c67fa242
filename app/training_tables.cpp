#include "training_tables.h"

#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "presentation.h"

namespace sextant::app {

TrainingTables::TrainingTables(EncodedTable training, const std::string& validation, const TableOptions& options)
    : training_(std::move(training)), rows_(std::make_unique<EncodedSource>(*training_.table, training_.encoding)) {
  if (!validation.empty()) {
    validation_table_ = open_for_model(validation, training_.encoding, true, options);
    validation_ = std::make_unique<EncodedSource>(*validation_table_, training_.encoding);
    warn_about_table(*validation_table_, *validation_, training_.encoding);
  }
  for (const std::string& notice : training_.notices) spdlog::warn("{}", notice);
  warn_about_table(*training_.table, *rows_, training_.encoding, RowsFor::learning);
}

std::string TrainingTables::description(Index used) const {
  const Index rows = rows_->rows();
  return fmt::format("{}: {}{}, {}", training_.table->path(), count_of(rows, "row"),
                     used < rows ? fmt::format(" ({} learned from)", grouped(used)) : "",
                     count_of(rows_->inputs(), "input"));
}

void TrainingArguments::add_to(CLI::App& command, Learns learns) {
  columns.add_to(command, learns != Learns::head);
  table.add_to(command);
  fit.add_to(command, learns);
  run.add_to(command);
}

ColumnRoles TrainingArguments::roles() const {
  ColumnRoles roles = columns.roles();
  roles.classes = fit.task() == Task::classification;
  return roles;
}

void TrainingArguments::add_class_weights(const Encoding& encoding, const TableOptions& reading,
                                          FitOptions& options) const {
  const std::string path = fit.class_weights_table();
  if (!path.empty()) options.class_weights = read_class_weights(path, encoding.classes, reading);
}

}  // namespace sextant::app
