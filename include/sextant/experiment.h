// Experiment specs: a grid of runs and the figures drawn from it, as a TOML file. docs/experiments.md describes the
// keys.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sextant/run.h"

namespace sextant {

// What a report draws from the grid points of a spec.
struct Figure {
  std::string title;
  std::string x = "n";            // a numeric parameter
  std::string y = "excess_risk";  // excess_risk or overlap
  std::string series = "method";  // the parameter that tells curves apart; "method" shows the label where there is one
  std::string facet;              // one plot per value of this parameter; empty: one plot
  std::string x_scale = "log";    // log or linear
  std::string y_scale = "log";
  std::string reference;          // name of published values (builtin_experiments.h); empty: none
  std::vector<double> crossings;  // levels of y whose crossing points over x are wanted, against d
  std::vector<std::pair<std::string, NamedValue>> where;  // only points with these parameters are drawn

  // Whether a grid point is drawn: it has `x` and the parameters of `where`.
  [[nodiscard]] bool shows(const Run& run) const;
};

struct Spec {
  std::string name;  // letters, digits, - and _
  std::string title;
  std::string about;
  Index seeds = 10;         // runs have seeds 0 … seeds − 1
  std::vector<Run> points;  // the grid points in the order of the file, each once, with seed 0
  std::vector<Figure> figures;
  std::string text;    // the TOML it was read from
  bool quick = false;  // whether the overrides of [quick] were applied

  // All runs: every point with every seed.
  [[nodiscard]] std::vector<Run> runs() const;
};

struct SpecOptions {
  bool quick = false;               // apply [quick]
  std::optional<Index> seeds = {};  // instead of the spec's (and of [quick]'s)
};

// Reads a spec from its text; `where` is what messages call it. Throws DataError naming where, line, key, what was
// found and what was expected: for text that is no TOML, an unknown key, a wrong type, a value out of range, a grid
// without points.
[[nodiscard]] Spec parse_spec(const std::string& text, const std::string& where, const SpecOptions& options = {});
// The same from a file. Throws IoError when it cannot be read or holds more than 1 MiB.
[[nodiscard]] Spec read_spec(const std::string& path, const SpecOptions& options = {});

}  // namespace sextant
