// sextant report, where the program was built without it (SEXTANT_BUILD_REPORT=OFF).
#include "commands.h"
#include "sextant/error.h"

namespace sextant::app {

void add_report(CLI::App& program) {
  CLI::App& command = *program.add_subcommand("report", "Make a page of results (left out of this build)");
  command.allow_extras();
  command.callback(
      [] { throw Error("report: this program was built without pages; build it with SEXTANT_BUILD_REPORT=ON"); });
}

}  // namespace sextant::app
