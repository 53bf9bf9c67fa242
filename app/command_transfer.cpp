// sextant transfer MODEL DATA --target NAME: learn a new target on a model's directions.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <memory>

#include "commands.h"
#include "presentation.h"
#include "sextant/error.h"
#include "sextant/model_file.h"
#include "sextant/provenance.h"
#include "training_tables.h"
#include "world.h"

namespace sextant::app {
namespace {

struct TransferCommand {
  std::vector<std::string> models;
  std::string keep = "directions";
  std::string data;
  std::string out;
  bool json = false;
  TrainingArguments training;

  void operator()() const {
    FitOptions options = training.fit.fit_options();
    warn_about_ignored(keep == "first-layer" ? ignored_with_kept_layer(options)
                                             : ignored_options(options, {Method::automatic}));
    ProgressBar bar;
    Context context = training.run.context(bar);
    const std::string path =
        out.empty() ? fmt::format("{}-{}.sextant", stem(models.front()), training.columns.target.front()) : out;
    std::vector<std::string> read = models;
    read.insert(read.end(), {data, training.fit.validation, training.fit.class_weights_table()});
    if (is_first()) check_output(path, read);
    read.push_back(path);
    training.checkpoint.check(read);
    if (keep == "first-layer" && models.size() > 1)
      throw InvalidArgument(fmt::format(
          "keep: first-layer given with {} models, expected one; directions of several can be kept", models.size()));

    std::vector<Model> sources;
    for (const std::string& model : models) sources.push_back(load_model(model));
    const Model& source = sources.front();
    const TableOptions reading = training.table.options(context);
    const TrainingTables tables(
        open_for_transfer(data, source.encoding, training.roles(), training.columns.missing_policy(), reading),
        training.fit.validation, reading);
    training.add_class_weights(tables.encoding(), reading, options);
    if (!takes_part(context, tables.rows().rows())) return;
    const auto of = [&] {
      Provenance all = provenance(tables.rows(), tables.encoding(), options, context, tables.validation());
      all.emplace_back("keep", keep);
      for (std::size_t i = 0; i < sources.size(); ++i)
        all.emplace_back(fmt::format("model {}", i + 1), content_of(sources[i]));
      return all;
    };
    const auto checkpoint = training.checkpoint.open(of, context);
    const Model result = going_on(checkpoint, [&] {
      return keep == "first-layer"
                 ? sextant::transfer(source, tables.rows(), tables.encoding(), options, context, tables.validation())
                 : transfer_directions(sources, tables.rows(), tables.encoding(), options, context,
                                       tables.validation());
    });
    if (!is_first()) return;
    save_model(result, path);
    if (checkpoint) checkpoint->complete();
    warn_about_model(result);
    if (json) {
      print_json(fit_report(result, path, bar.seconds()));
      return;
    }
    print_line("table", tables.description(result.rows));
    print_line(keep == "first-layer" ? "first layer" : "directions",
               fmt::format("{} {} ({})", keep == "first-layer" ? "kept from" : "known from", fmt::join(models, ", "),
                           count_of(source.rows, "row")));
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
  one_argument(command.add_option("MODEL", state->models,
                                  "The model that other targets were learned by; several, separated by commas, join "
                                  "their directions"),
               "")
      ->required();
  command.add_option("DATA", state->data, "The table with the new target")->required()->type_name("");
  command.add_option("--out", state->out, "The new model file (default: MODEL-TARGET.sextant)")->type_name("MODEL");
  command
      .add_option("--keep", state->keep,
                  "directions: as far as they help on held-out rows; first-layer: as it is, with a new head")
      ->check(CLI::IsMember({"directions", "first-layer"}))
      ->capture_default_str();
  command.add_flag("--json", state->json, "Print one JSON object instead");
  state->training.add_to(command, Learns::head);
  state->training.checkpoint.add_to(command);
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
