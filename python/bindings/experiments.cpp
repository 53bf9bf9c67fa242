// Experiments: specs, the runner and its results.
#include <string>

#include "arrays.h"
#include "bindings.h"
#include "run.h"
#include "sextant/builtin_experiments.h"
#include "sextant/experiment.h"
#include "sextant/runner.h"

namespace sextant::python {
namespace {

// A grid point: its parameters by name, and means and standard deviations over its seeds.
py::dict to_dict(const Point& point) {
  py::dict row;
  row["method"] = shown_method(point.run);
  for (const RunField& field : run_fields()) {
    if (field.name == "method" || field.name == "eta_factor") continue;
    if (const auto value = parameter(point.run, field.name)) row[py::str(std::string(field.name))] = *value;
  }
  row["seeds"] = point.seeds.size();
  const Spread risk = point.excess_risk();
  row["excess_risk_mean"] = risk.mean;
  row["excess_risk_std"] = risk.deviation;
  row["overlap_mean"] = point.overlap().mean;
  row["seconds_mean"] = point.seconds().mean;
  return row;
}

py::list points_of(const std::string& folder, const std::string& name) {
  py::list rows;
  for (const StoredSpec& stored : Results::open_to_read(folder).specs()) {
    if (stored.spec.name != name) continue;
    for (const Point& point : stored.points)
      if (!point.seeds.empty()) rows.append(to_dict(point));
  }
  return rows;
}

py::dict run(const std::string& what, const std::string& folder, bool quick, const std::optional<Index>& seeds,
             int jobs, const std::string& machine, const py::object& progress) {
  const Spec spec = find_spec(what, {quick, seeds});
  const RunnerReport report = without_lock(progress, [&](Interpreter& interpreter) {
    Results results = Results::open(folder, machine);
    RunnerOptions options;
    options.jobs = jobs;
    options.progress = [&](const RunnerProgress& now) {
      return interpreter.hears(spec.name,
                               static_cast<double>(now.done) / static_cast<double>(std::max<Index>(now.total, 1)));
    };
    RunnerReport done = run_experiment(spec, results, options);
    if (done.cancelled) throw Cancelled();
    return done;
  });
  py::dict row;
  row["name"] = spec.name;
  row["total"] = report.total;
  row["found"] = report.found;
  row["computed"] = report.computed;
  row["seconds"] = report.seconds;
  py::list failures;
  for (const RunnerReport::Failure& failure : report.failures)
    failures.append(py::make_tuple(key(failure.run), failure.message));
  row["failures"] = failures;
  return row;
}

py::list published(const std::string& name) {
  py::list rows;
  for (const ReferenceValue& value : reference_values(name)) {
    py::dict row;
    for (const auto& [parameter, text] : value.where) row[py::str(parameter)] = text;
    row["excess_risk_mean"] = value.excess_risk_mean;
    row["excess_risk_std"] = py::cast(value.excess_risk_std);
    rows.append(row);
  }
  return rows;
}

}  // namespace

void bind_experiments(py::module_& module) {
  module.def("builtin_experiments", [] {
    py::dict titles;
    for (const BuiltinExperiment& each : builtin_experiments())
      titles[py::str(std::string(each.name))] = parse_spec(std::string(each.text), std::string(each.name)).title;
    return titles;
  });
  module.def("run_experiment", &run, py::arg("spec"), py::arg("folder"), py::arg("quick"), py::arg("seeds"),
             py::arg("jobs"), py::arg("machine"), py::arg("progress"));
  module.def("experiment_points", &points_of, py::arg("folder"), py::arg("name"));
  module.def("reference_values", &published, py::arg("name"));
}

}  // namespace sextant::python
