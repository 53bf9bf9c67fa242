// sextant transfer MODEL DATA --target NAME: learn a new target on a model's directions.
#include <fmt/core.h>

#include <memory>

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
  TrainingArguments training;

  void operator()() const {
    const FitOptions options = training.fit.fit_options();
    ProgressBar bar;
    const Context context = training.run.context(bar);
    const std::string path =
        out.empty() ? fmt::format("{}-{}.sextant", stem(model), training.columns.target.front()) : out;
    check_output(path, {model, data, training.fit.validation});

    const Model source = load_model(model);
    const TableOptions reading = training.table.options(context);
    const TrainingTables tables(
        open_for_transfer(data, source.encoding, training.roles(), training.columns.missing_policy(), reading),
        training.fit.validation, reading);
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
    print_intervals(result);
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
  state->training.add_to(command, Learns::head);
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
