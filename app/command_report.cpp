// sextant report DIR|MODEL: one HTML page that opens offline.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "arguments.h"
#include "commands.h"
#include "experiment_page.h"
#include "model_page.h"
#include "presentation.h"
#include "sextant/error.h"
#include "sextant/model_file.h"
#include "sextant/text_file.h"

namespace sextant::app {
namespace {

namespace fs = std::filesystem;

// "runs/figure1/" → "figure1", "." → the folder's own name.
std::string folder_name(const std::string& folder) {
  std::error_code ignored;
  const fs::path whole = fs::weakly_canonical(folder, ignored);
  return whole.filename().empty() ? folder : whole.filename().string();
}

struct ReportCommand {
  std::string subject;
  std::string data;
  std::string out;
  TableArguments table;
  RunArguments run;

  void operator()() const {
    std::error_code ignored;
    const bool folder = fs::is_directory(subject, ignored);
    if (folder && !data.empty())
      throw InvalidArgument(fmt::format("data: given with the folder '{}', expected only with a model file", subject));
    const std::string path = !out.empty() ? out
                             : folder     ? (fs::path(subject) / "report.html").string()
                                          : fs::path(subject).replace_extension(".html").string();
    check_output(path, {subject, data});
    ProgressBar bar;
    const Context context = run.context(bar);
    context.check();
    const Page page = folder ? of_folder() : of_model(context);
    write_text(path, page.html());
    print_line("report", path);
  }

  [[nodiscard]] Page of_folder() const {
    const Results results = Results::open_to_read(subject);
    const auto specs = results.specs();
    if (specs.empty())
      throw DataError(
          fmt::format("{}: there is no experiment in it, expected what 'sextant experiment' writes", subject));
    return experiment_page(folder_name(subject), specs, results.failed());
  }

  [[nodiscard]] Page of_model(const Context& context) const {
    const Model model = load_model(subject);
    std::optional<ShownRows> rows;
    if (!data.empty()) rows = rows_to_show(model, data, table.options(context), context);
    return model_page(model, fs::path(subject).filename().string(), rows);
  }
};

}  // namespace

void add_report(CLI::App& program) {
  auto state = std::make_shared<ReportCommand>();
  CLI::App& command = *program.add_subcommand("report", "Make a page of a model or of an experiment's results");
  command.footer("Example:\n  sextant report wing.sextant --data test.csv --out wing.html");
  command.add_option("DIR|MODEL", state->subject, "A folder of results, or a model file")->required()->type_name("");
  command
      .add_option("--data", state->data, "A table for a model to be seen on, with its inputs and perhaps its targets")
      ->type_name("DATA");
  command.add_option("--out", state->out, "The page (default: DIR/report.html, or MODEL's name with .html)")
      ->type_name("FILE.html");
  state->table.add_to(command);
  state->run.add_to(command);
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
