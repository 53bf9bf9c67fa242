// sextant transfer MODEL DATA --target NAME: learn a new target on a model's directions.
#include <fmt/core.h>

#include <memory>

#include "arguments.h"
#include "commands.h"
#include "presentation.h"
#include "sextant/model_file.h"
#include "training_tables.h"

namespace sextant::app {
namespace {

struct TransferCommand {
  std::string model;
  std::string data;
  std::string out;
  bool json = false;
  ColumnArguments columns;
  TableArguments table;
  FitArguments fit;
  RunArguments run;

  void operator()() const {
    const FitOptions options = fit.fit_options();
    ProgressBar bar;
    const Context context = run.context(bar);
    const std::string path = out.empty() ? fmt::format("{}-{}.sextant", stem(model), columns.target.front()) : out;
    check_output(path, {model, data, fit.validation});

    const Model source = load_model(model);
    const TableOptions reading = table.options(context);
    const TrainingTables tables(
        open_for_transfer(data, source.encoding, columns.roles(), columns.missing_policy(), reading), fit.validation,
        reading);
    const Model result =
        sextant::transfer(source, tables.rows(), tables.encoding(), options, context, tables.validation());
    save_model(result, path);
    warn_about_model(result);
    if (json) {
      print_json(fit_report(result, path, bar.seconds()));
      return;
    }
    print_line("table", tables.description());
    print_line("first layer", fmt::format("kept from {} ({})", model, count_of(source.rows, "row")));
    print_validation(result);
    print_saved(path, bar.seconds(), fmt::format("sextant predict {} NEW.csv", path));
  }
};

}  // namespace

void add_transfer(CLI::App& program) {
  auto state = std::make_shared<TransferCommand>();
  CLI::App& command = *program.add_subcommand("transfer", "Learn a new target on a model's directions, from few rows");
  command.footer("Example:\n  sextant transfer lift.sextant airfoils.csv --target drag --out drag.sextant");
  command.add_option("MODEL", state->model, "The model whose first layer is kept")->required()->type_name("");
  command.add_option("DATA", state->data, "The table with the new target")->required()->type_name("");
  command.add_option("--out", state->out, "The new model file (default: MODEL-TARGET.sextant)")->type_name("MODEL");
  command.add_flag("--json", state->json, "Print one JSON object instead");
  state->columns.add_to(command, false);
  state->table.add_to(command);
  state->fit.add_to(command, false);
  state->run.add_to(command);
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
