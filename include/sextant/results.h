// The results of experiments: one folder with results.sqlite (WAL mode), summary.csv and, where asked for,
// crossings.csv. Any number of specs share a folder; a run that several of them contain is there once.
//
// A finished run is committed at once and never computed again. Several processes may work in one folder: each claims a
// run before computing it. A claim counts only while its worker lives, which the operating system's lock on
// workers.lock tells, so the claims of a killed process are free. All processes must be on one machine: SQLite's WAL
// needs shared memory. docs/experiments.md describes the tables.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sextant/crossings.h"
#include "sextant/experiment.h"

namespace sextant {

// Mean and sample standard deviation.
struct Spread {
  Index count = 0;
  double mean = 0;       // NaN without values
  double deviation = 0;  // NaN with fewer than 2
};
[[nodiscard]] Spread spread(const std::vector<double>& values);

// A grid point with what is known about it.
struct Point {
  Run run;  // with seed 0
  struct Seed {
    std::uint64_t seed = 0;
    Outcome outcome;
  };
  std::vector<Seed> seeds;  // those finished, ascending
  Index missing = 0;        // seeds wanted and not finished

  [[nodiscard]] Spread excess_risk() const;
  [[nodiscard]] Spread overlap() const;  // over the seeds that have one
  [[nodiscard]] Spread seconds() const;
};

// A spec as it was last run in the folder.
struct StoredSpec {
  Spec spec;            // with its text, figures and points; quick and seeds as it was run
  std::string version;  // of the program that ran it last
  std::string machine;  // what that program ran on
  std::string added;    // when it was first run, UTC: "2026-01-31 12:00:00"
  std::vector<Point> points;
};

// Where one curve of a figure reaches a level. A curve holds the points that differ in x alone.
struct FigureCrossing {
  std::string spec;
  std::string series;  // what its points have of the figure's series parameter (the method where that is d), and of its facet
  Index d = 0;
  std::string x;  // the figure's: what `crossing.x` counts
  double level = 0;
  Crossing crossing;
  std::optional<double> slope;  // local: from the curve of the next smaller d, all else equal
  Run run;                      // one of its points
};
// Of all figures of a spec that ask for crossings.
[[nodiscard]] std::vector<FigureCrossing> figure_crossings(const StoredSpec& stored);

class Results {
 public:
  // Opens a folder's results to add to them; makes the folder (not its parents) and the database if they are not there.
  // `machine` describes what this process runs on. Throws IoError when the folder cannot be written, and DataError when
  // results.sqlite is damaged, belongs to another program or to a newer version; nothing is changed then.
  [[nodiscard]] static Results open(const std::string& folder, const std::string& machine = "");
  // Opens a folder's results to read them; the folder may be read-only, or in use by a running experiment.
  [[nodiscard]] static Results open_to_read(const std::string& folder);
  Results(Results&&) noexcept;
  Results& operator=(Results&&) noexcept;
  ~Results();

  [[nodiscard]] const std::string& folder() const;

  // ---- reading ----
  // All specs, in the order they were added, each with its points. Throws DataError when a stored spec cannot be read.
  [[nodiscard]] std::vector<StoredSpec> specs() const;
  // The outcome of a run, if it is finished.
  [[nodiscard]] std::optional<Outcome> find(const Run& run) const;
  [[nodiscard]] std::optional<Outcome> find(const std::string& key) const;
  struct Finished {
    std::string key;
    std::string method;
    double seconds = 0;
    double cost = 0;  // estimated_cost when it was computed
  };
  [[nodiscard]] std::vector<Finished> finished() const;
  struct Failed {
    std::string key;
    std::string message;
    Index attempts = 0;
  };
  [[nodiscard]] std::vector<Failed> failed() const;

  // ---- writing ----
  // Adds a spec, or replaces the one of its name; finished runs stay.
  void add(const Spec& spec);
  // Takes over the finished runs (not the specs) of another folder's results; returns how many were new.
  Index take_from(const Results& other);

  // Marks a run as this worker's. `taken`: a live worker has it. `finished`: it is done. `failed`: it failed more than
  // `known_attempts` times, so another worker tried it meanwhile.
  enum class Claim { mine, taken, finished, failed };
  [[nodiscard]] Claim claim(const std::string& key, Index known_attempts = 0);
  void release(const std::string& key);
  // Both drop the claim in the same transaction. Throws IoError when nothing could be written (a full disk, say).
  void record(const Run& run, const Outcome& outcome);
  void record_failure(const Run& run, const std::string& message);

  // Write summary.csv and crossings.csv (the latter if a figure asks for crossings) in the folder, each whole or not at
  // all.
  void export_summary() const;
  void export_crossings() const;

 private:
  struct State;
  explicit Results(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sextant
