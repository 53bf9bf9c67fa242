// sextant: find the few directions that matter, learn a predictor along them, carry them to new tasks.
//
// Exit status: 0 done, 1 a failure, 2 wrong usage. Results go to standard output; notices, errors and progress to
// standard error.
#include <fcntl.h>
#include <fmt/core.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "commands.h"
#include "process.h"
#include "sextant/error.h"
#include "sextant/joined_ranks.h"
#include "sextant/version.h"
#include "terminal.h"
#include "world.h"

namespace sextant::app {
namespace {

constexpr int failure = 1;
constexpr int wrong_usage = 2;

std::string version_text() {
  const std::string mpi = mpi_version();
  return fmt::format("sextant {}\nBLAS {}{}", version(), blas_version(), mpi.empty() ? "" : "\nMPI " + mpi);
}

// CLI11 reports what is missing before what it did not understand, which is often why it is missing.
std::string usage_sentence(const CLI::App& program, const CLI::ParseError& error) {
  const auto chosen = program.get_subcommands();
  const CLI::App& command = chosen.empty() ? program : *chosen.front();
  const auto left = command.remaining();
  for (const std::string& argument : left)
    if (argument.size() > 1 && argument.front() == '-')
      return fmt::format("there is no option '{}'", argument.substr(0, argument.find('=')));
  if (chosen.empty()) {
    std::vector<std::string> names;
    for (const CLI::App* each : program.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(each->get_name());
    const std::string what =
        left.empty() ? "no command is given" : fmt::format("there is no command '{}'", left.front());
    return fmt::format("{}, expected one of {}", what, fmt::join(names, ", "));
  }
  if (!left.empty()) return fmt::format("'{}' is one argument too many", left.front());
  return error.what();
}

// Arguments that cannot be understood, and what may help.
struct WrongUsage : std::runtime_error {
  WrongUsage(const std::string& sentence, std::string help) : std::runtime_error(sentence), hint(std::move(help)) {}
  std::string hint;
};

void run(int argc, char** argv) {
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
  add_compare(program);
  add_transfer(program);
  add_directions(program);
  add_info(program);
  add_generate(program);
  add_experiment(program);
  add_report(program);
  add_plan(program);
  add_options(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::CallForVersion& version) {
    fmt::print("{}\n", version.what());
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", program.help());  // of the chosen command
  } catch (const CLI::ParseError& error) {
    const auto chosen = program.get_subcommands();
    throw WrongUsage(
        usage_sentence(program, error),
        fmt::format("sextant {}--help shows how it is used", chosen.empty() ? "" : chosen.front()->get_name() + " "));
  }
  if (std::fflush(stdout) != 0)
    throw IoError(fmt::format("standard output: cannot be written: {}", std::strerror(errno)));
}

// The same, with the processes that were started together with this one.
void run_with_others(int argc, char** argv) {
  const std::string command = argc > 1 ? argv[1] : "";
  if (join_world(command)) run(argc, argv);
  leave_world();
}

// Ends as a signal would have ended the program when it came, now that nothing half-written is left.
void end_by(int signal) {
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

// Whether standard output is a pipe whose reader has seen enough: predict … | head.
bool reader_left() {
  pollfd pipe{STDOUT_FILENO, 0, 0};
  return std::ferror(stdout) != 0 && ::poll(&pipe, 1, 0) > 0 && (pipe.revents & POLLERR) != 0;
}

// A file opened next must not get the number of a closed standard stream, and then what is printed there. Writing to a
// closed standard output stays an error.
void occupy_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0 && ::open("/dev/null", stream == STDERR_FILENO ? O_WRONLY : O_RDONLY) < 0)
      std::abort();
}

}  // namespace
}  // namespace sextant::app

int main(int argc, char** argv) {
  using namespace sextant;
  app::occupy_standard_streams();
  app::prepare_process();
  spdlog::set_default_logger(spdlog::stderr_color_mt("sextant"));
  spdlog::set_pattern("%^%l%$: %v");
  app::catch_signals();
  // Says why this process ends; of several started together one does, for all.
  const auto fail = [](const std::string& sentence, int status) {
    app::fail_together([&](const std::string& who) { spdlog::error("{}: {}", who, sentence); }, status);
    spdlog::error("{}", sentence);
    return status;
  };
  // The same after a signal.
  const auto stop = [&fail](const std::string& sentence) {
    fail(sentence, 128 + app::caught_signal());
    app::end_by(app::caught_signal());
    return app::failure;
  };
  try {
    app::run_with_others(argc, argv);
    return 0;
  } catch (const app::WrongUsage& wrong) {
    const auto say = [&](const std::string&) {
      spdlog::error("{}", wrong.what());
      spdlog::info("{}", wrong.hint);
    };
    app::fail_together(say, app::wrong_usage);
    say("");
    return app::wrong_usage;
  } catch (const app::Stopped& stopped) {
    return stop(stopped.what());
  } catch (const Cancelled&) {
    return stop("stopped: no file was written");
  } catch (const InvalidArgument& error) {
    return fail(error.what(), app::wrong_usage);
  } catch (const Error& error) {
    if (app::reader_left()) app::end_by(SIGPIPE);
    return fail(error.what(), app::failure);
  } catch (const std::bad_alloc&) {
    return fail("out of memory: fewer columns, or a smaller --width, need less", app::failure);
  } catch (const std::system_error& error) {
    if (app::reader_left()) app::end_by(SIGPIPE);
    return fail(std::ferror(stdout) != 0 ? fmt::format("standard output: cannot be written: {}", error.code().message())
                                         : fmt::format("unexpected: {}", error.what()),
                app::failure);
  } catch (const std::exception& error) {
    return fail(fmt::format("unexpected: {}", error.what()), app::failure);
  }
}
