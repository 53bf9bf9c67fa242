// sextant: find the few directions that matter, learn a predictor along them, carry them to new tasks.
//
// Exit status: 0 done, 1 a failure, 2 wrong usage. Results go to standard output; notices, errors and progress to
// standard error.
#include <fmt/core.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <exception>
#include <new>

#include "commands.h"
#include "sextant/error.h"
#include "sextant/version.h"
#include "terminal.h"

namespace sextant::app {
namespace {

constexpr int failure = 1;
constexpr int wrong_usage = 2;

std::string version_text() { return fmt::format("sextant {}\nBLAS {}", version(), blas_version()); }

int run(int argc, char** argv) {
  CLI::App program(
      "Find the few directions that matter in a table, learn a predictor along them, carry them to new tasks.",
      "sextant");
  program.require_subcommand(1);
  program.set_version_flag("--version", version_text);
  program.footer(
      "Start with:\n  sextant fit DATA.csv --target NAME\n\nsextant COMMAND --help shows a command's options.");
  add_fit(program);
  add_predict(program);
  add_evaluate(program);
  add_transfer(program);
  add_directions(program);
  add_info(program);
  add_generate(program);
  try {
    program.parse(argc, argv);
    return 0;
  } catch (const CLI::Success& request) {  // --help, --version
    return program.exit(request);
  } catch (const CLI::ParseError& error) {
    const auto chosen = program.get_subcommands();
    spdlog::error("{}", error.what());
    spdlog::info("sextant {}--help shows how it is used", chosen.empty() ? "" : chosen.front()->get_name() + " ");
    return wrong_usage;
  }
}

// Ends as the caught signal would have ended the program, now that nothing half-written is left.
void end_by_signal() {
  std::signal(caught_signal(), SIG_DFL);
  std::raise(caught_signal());
}

}  // namespace
}  // namespace sextant::app

int main(int argc, char** argv) {
  using namespace sextant;
  spdlog::set_default_logger(spdlog::stderr_color_mt("sextant"));
  spdlog::set_pattern("%^%l%$: %v");
  app::catch_signals();
  try {
    return app::run(argc, argv);
  } catch (const Cancelled&) {
    spdlog::error("stopped: nothing was written");
    app::end_by_signal();
  } catch (const InvalidArgument& error) {
    spdlog::error("{}", error.what());
    return app::wrong_usage;
  } catch (const Error& error) {
    spdlog::error("{}", error.what());
  } catch (const std::bad_alloc&) {
    spdlog::error("out of memory: a smaller --width or fewer columns need less");
  } catch (const std::exception& error) {
    spdlog::error("unexpected: {}", error.what());
  }
  return app::failure;
}
