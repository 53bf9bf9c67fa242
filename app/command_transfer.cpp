// sextant transfer MODEL DATA --target NAME: learn a new target on a model's directions.
#include <fmt/core.h>

#include <memory>

#include "arguments.h"
#include "commands.h"
#include "presentation.h"
#include "sextant/model_file.h"

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
    const auto opened =
        open_for_transfer(data, source.encoding, columns.roles(), columns.missing_policy(), table.options(context));
    const EncodedSource rows(*opened.table, opened.encoding);
    std::unique_ptr<Table> validation_table;
    std::unique_ptr<EncodedSource> validation;
    if (!fit.validation.empty()) {
      validation_table = open_for_model(fit.validation, opened.encoding, true, table.options(context));
      validation = std::make_unique<EncodedSource>(*validation_table, opened.encoding);
      warn_about_table(*validation_table, *validation, opened.encoding);
    }
    warn_about_table(*opened.table, rows, opened.encoding);

    const Model result = sextant::transfer(source, rows, opened.encoding, options, context, validation.get());
    save_model(result, path);
    warn_about_model(result);
    if (json) {
      fmt::print("{}\n", fit_report(result, path, bar.seconds()).dump());
      return;
    }
    print_line("table",
               fmt::format("{}: {}, {}", data, count_of(rows.rows(), "row"), count_of(rows.inputs(), "input")));
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
  command.add_option("model", state->model, "The model whose first layer is kept")->required()->type_name("MODEL");
  command.add_option("data", state->data, "The table with the new target")->required()->type_name("DATA");
  command.add_option("--out", state->out, "The new model file (default: MODEL-TARGET.sextant)")->type_name("MODEL");
  command.add_flag("--json", state->json, "Print one JSON object instead");
  state->columns.add_to(command, false);
  state->table.add_to(command);
  state->fit.add_to(command, false);
  state->run.add_to(command);
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
