// sextant fit DATA --target NAME: train a model on a table and say what was found.
#include <fmt/core.h>

#include <memory>

#include "commands.h"
#include "direction_table.h"
#include "presentation.h"
#include "sextant/model_file.h"
#include "sextant/provenance.h"
#include "training_tables.h"
#include "world.h"

namespace sextant::app {
namespace {

struct FitCommand {
  std::string data;
  std::string out;
  bool json = false;
  TrainingArguments training;

  void operator()() const {
    FitOptions options = training.fit.fit_options();
    warn_about_ignored(ignored_options(options, {options.method}));
    ProgressBar bar;
    Context context = training.run.context(bar);
    const std::string path = out.empty() ? stem(data) + ".sextant" : out;
    if (is_first()) check_output(path, {data, training.fit.validation, training.fit.class_weights_table()});
    training.checkpoint.check(
        {path, data, training.fit.validation, training.fit.subspace(), training.fit.class_weights_table()});

    const TableOptions reading = training.table.options(context);
    const TrainingTables tables(open_for_fit(data, training.roles(), training.columns.missing_policy(), reading),
                                training.fit.validation, reading);
    training.add_class_weights(tables.encoding(), reading, options);
    if (!takes_part(context, tables.rows().rows())) return;
    if (!training.fit.subspace().empty())
      options.subspace = read_directions(training.fit.subspace(), tables.encoding().input_names());
    if (!is_automatic(options.method))
      say_head_form(head_form(options, tables.rows().rows(), tables.encoding().inputs()));
    const auto of = [&] { return provenance(tables.rows(), tables.encoding(), options, context, tables.validation()); };
    const auto checkpoint = training.checkpoint.open(of, context);
    const Model model = going_on(checkpoint, [&] {
      return sextant::fit(tables.rows(), tables.encoding(), options, context, tables.validation());
    });
    if (!is_first()) return;
    save_model(model, path);
    if (checkpoint) checkpoint->complete();
    warn_about_model(model);
    if (json) {
      print_json(fit_report(model, path, bar.seconds()));
      return;
    }
    print_line("table", tables.description(model.rows));
    const Directions found = directions(model);
    print_directions(found, options.rank.value_or(std::clamp<Index>(found.rank.rank, 1, 3)));
    print_validation(model);
    print_intervals(model);
    print_saved(path, bar.seconds(), fmt::format("sextant predict {} NEW.csv", path));
  }
};

}  // namespace

void add_fit(CLI::App& program) {
  auto state = std::make_shared<FitCommand>();
  CLI::App& command = *program.add_subcommand("fit", "Train a model on a table and say what was found");
  command.footer("Example:\n  sextant fit wing.csv --target weight --out wing.sextant");
  command.add_option("DATA", state->data, "The table: .csv, .csv.gz, .npy or .h5 (FILE.h5:/DATASET)")
      ->required()
      ->type_name("");
  command.add_option("--out", state->out, "The model file (default: the table's name, ending in .sextant)")
      ->type_name("MODEL");
  command.add_flag("--json", state->json, "Print one JSON object instead");
  state->training.add_to(command, Learns::model);
  state->training.checkpoint.add_to(command);
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
