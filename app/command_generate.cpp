// sextant generate TARGET: synthetic tables whose directions are known.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "arguments.h"
#include "commands.h"
#include "presentation.h"
#include "sextant/engineering.h"
#include "sextant/error.h"
#include "sextant/subspace.h"
#include "sextant/synthetic.h"

namespace sextant::app {
namespace {

// What is generated: rows, the columns' names, and the true directions, r×d on standardised inputs.
struct Generated {
  std::unique_ptr<RowSource> rows;
  std::vector<std::string> inputs;
  std::string target;
  Matrix U;
};

struct GenerateCommand {
  std::string target;
  std::string out;
  std::string orientation = "random";
  Index d = 10;
  Index r = 2;
  int p = 4;
  SyntheticRows rows;
  CLI::Option* d_given = nullptr;
  CLI::Option* r_given = nullptr;
  CLI::Option* p_given = nullptr;
  CLI::Option* orientation_given = nullptr;
  RunArguments run;

  void operator()() const {
    ProgressBar bar;
    const Context context = run.context(bar);
    context.check();
    if (out == "-") throw InvalidArgument("out: '-' given, expected a file: the true directions go beside it");
    const Generated generated = is_hermite() ? hermite() : engineering();
    auto columns = generated.inputs;
    columns.push_back(generated.target);
    const auto table = create_table(out, columns);
    Block block;
    Matrix cells;
    for (Index first = 0; first < rows.rows; first += context.block_rows) {
      context.report("generate", static_cast<double>(first) / static_cast<double>(rows.rows));
      generated.rows->read(first, std::min(context.block_rows, rows.rows - first), block);
      cells.resize(block.rows(), static_cast<Index>(columns.size()));
      cells << block.X, block.Y;
      table->write(cells);
    }
    const std::string side = directions_file();
    const auto directions = create_table(side, generated.inputs);
    directions->write(generated.U);
    table->close();
    directions->close();
    print_line("table", fmt::format("{}: {}, {} and the target {}", out, count_of(rows.rows, "row"),
                                    count_of(static_cast<Index>(generated.inputs.size()), "input"), generated.target));
    print_line("directions",
               fmt::format("{}: the true {}, on standardised inputs", side, count_of(generated.U.rows(), "direction")));
    print_line("next", fmt::format("sextant fit {} --target {}", out, generated.target));
  }

  [[nodiscard]] bool is_hermite() const {
    const std::vector<std::string>& names = target_names();
    return std::find(names.begin(), names.end(), target) != names.end();
  }

  // "folder/data.csv" → "folder/data.directions.csv"
  [[nodiscard]] std::string directions_file() const {
    return std::filesystem::path(table_file(out)).replace_extension(".directions.csv").string();
  }

  [[nodiscard]] Generated hermite() const {
    if (orientation != "axis" && orientation != "random")
      throw InvalidArgument(fmt::format("orientation: '{}' given, expected axis or random", orientation));
    const TargetOptions options{d, orientation == "axis" ? Orientation::axis : Orientation::random, rows.seed};
    const Index directions = target == "multi-index" || r_given->count() > 0 ? r : 1;
    HermiteTarget f = target_named(target, directions, p, options);
    Generated generated;
    for (Index j = 1; j <= d; ++j) generated.inputs.push_back(fmt::format("x{}", j));
    generated.target = "y";
    generated.U = f.U;
    generated.rows = std::make_unique<GaussianSource>(std::vector<HermiteTarget>{std::move(f)}, rows);
    return generated;
  }

  [[nodiscard]] Generated engineering() const {
    std::vector<std::string> known = target_names();
    for (const EngineeringFunction& function : engineering_functions()) known.push_back(function.name);
    if (std::find(known.begin(), known.end(), target) == known.end())
      throw InvalidArgument(
          fmt::format("target: '{}' is not known, expected one of {}", target, fmt::join(known, ", ")));
    const EngineeringFunction& function = engineering_function(target);
    for (const auto& [option, name] :
         {std::pair{d_given, "d"}, {r_given, "r"}, {p_given, "p"}, {orientation_given, "orientation"}})
      if (option->count() > 0)
        throw InvalidArgument(
            fmt::format("{}: given for {}, expected only for source, hermite and multi-index", name, target));
    Generated generated;
    for (const EngineeringInput& input : function.inputs) generated.inputs.push_back(input.name);
    generated.target = function.output;
    const ActiveSubspace truth = active_subspace(function, 100'000, 0);
    generated.U = truth.directions.topRows(estimate_rank(truth.eigenvalues).rank);
    generated.rows = std::make_unique<UniformSource>(function, rows);
    return generated;
  }
};

}  // namespace

void add_generate(CLI::App& program) {
  auto state = std::make_shared<GenerateCommand>();
  CLI::App& command = *program.add_subcommand("generate", "Make a synthetic table whose directions are known");
  command.footer(
      "Targets of Gaussian inputs (r directions of d, unit variance):\n"
      "  source       He_2/2 + He_p/√(2·p!) of one direction\n"
      "  hermite      He_p/√p! of one direction\n"
      "  multi-index  quadratics and cross terms of degree p of r directions\n"
      "Engineering formulas of uniform inputs:\n"
      "  wing-weight  borehole  otl-circuit  piston\n\n"
      "Example:\n  sextant generate source --n 10000 --d 20 --p 4 --noise 0.5 --out data.csv");
  command.add_option("TARGET", state->target, "What to generate, see below")->required()->type_name("");
  command.add_option("--n", state->rows.rows, "Rows")->required()->check(whole_number_from(1));
  state->d_given = command.add_option("--d", state->d, "Inputs")->check(whole_number())->capture_default_str();
  state->r_given =
      command.add_option("--r", state->r, "Directions of multi-index")->check(whole_number())->capture_default_str();
  state->p_given = command.add_option("--p", state->p, "Degree")->check(whole_number())->capture_default_str();
  command.add_option("--noise", state->rows.noise, "Label noise ±ς, in the target's unit")
      ->check(number())
      ->capture_default_str();
  state->orientation_given =
      command.add_option("--orientation", state->orientation, "Directions: random or axis")->capture_default_str();
  command.add_option("--seed", state->rows.seed, "Of directions, inputs and noise")
      ->check(seed_number())
      ->capture_default_str();
  command
      .add_option("--first-row", state->rows.first_row,
                  "Skip so many rows: tables of one seed with other rows share directions and no row")
      ->check(whole_number())
      ->capture_default_str();
  command.add_option("--out", state->out, "The table: .csv, .npy or .h5")->required()->type_name("DATA");
  state->run.add_to(command);
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
