// The commands. Each adds itself to the program with its options, its help and what it does when chosen.
#pragma once

#include <CLI/CLI.hpp>

namespace sextant::app {

void add_fit(CLI::App& program);
void add_predict(CLI::App& program);
void add_evaluate(CLI::App& program);
void add_compare(CLI::App& program);
void add_transfer(CLI::App& program);
void add_directions(CLI::App& program);
void add_info(CLI::App& program);
void add_generate(CLI::App& program);
void add_experiment(CLI::App& program);
void add_report(CLI::App& program);
void add_plan(CLI::App& program);
void add_options(CLI::App& program);

}  // namespace sextant::app
