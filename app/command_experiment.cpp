// sextant experiment NAME|SPEC.toml --out DIR: runs a grid of experiments, in parallel and resumable.
#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <thread>

#include "arguments.h"
#include "commands.h"
#include "fit_arguments.h"
#include "presentation.h"
#include "sextant/builtin_experiments.h"
#include "sextant/error.h"
#include "sextant/runner.h"
#include "sextant/version.h"
#include "world.h"

namespace sextant::app {
namespace {

// Grid points differ in these; options too, where no label stands for them.
std::vector<std::string> varying(const std::vector<Run>& points) {
  const bool labelled = std::any_of(points.begin(), points.end(), [](const Run& run) { return !run.label.empty(); });
  std::vector<std::string> names;
  for (const RunField& field : run_fields()) {
    const std::string name(field.name);
    const bool option = find_option_field(name) != nullptr;
    if (name == "method" || (option && labelled && name != "width")) continue;
    const auto first = parameter(points.front(), name);
    if (std::any_of(points.begin(), points.end(), [&](const Run& run) { return parameter(run, name) != first; }))
      names.push_back(name);
  }
  return names;
}

std::string cell(const Run& run, const std::string& name) {
  const auto value = parameter(run, name);
  if (!value) return "";
  if (const auto* number = std::get_if<std::int64_t>(&*value)) return grouped(*number);
  if (const auto* number = std::get_if<double>(&*value)) return short_number(*number);
  return text_of(*value);
}

std::vector<std::string> cells(const Run& run, const std::vector<std::string>& names) {
  std::vector<std::string> row = {shown_method(run)};
  for (const std::string& name : names) row.push_back(cell(run, name));
  return row;
}

std::string machine_description() {
  std::string processor = "a processor without a name";
  std::ifstream cpu("/proc/cpuinfo");
  for (std::string line; std::getline(cpu, line);) {
    if (!line.starts_with("model name")) continue;
    const auto at = line.find(": ");
    if (at != std::string::npos) processor = line.substr(at + 2);
    break;
  }
  return fmt::format("{}, {}; {}", processor, count_of(std::thread::hardware_concurrency(), "core"), blas_version());
}

// The rank's part when started by mpirun or srun.
Shard shard_of_rank() {
  const Launch started = launch();
  if (started.size < 2) return {};
  const Shard shard{started.rank + 1, started.size};
  spdlog::info("{} is set: this process takes shard {}/{}", started.variable, shard.index, shard.count);
  return shard;
}

struct ExperimentCommand {
  std::string what;
  std::string out;
  std::string take_from;
  std::string shard;
  Index seeds = 0;
  int jobs = 0;
  bool quick = false;
  bool dry_run = false;
  bool list = false;

  void operator()() const {
    if (list) {
      list_builtin();
      return;
    }
    if (what.empty())
      throw InvalidArgument("no experiment is given, expected a name that --list shows, or a spec file");
    const Spec spec = read();
    warn_about_ignored(ignored_in(spec));
    const Shard part = shard.empty() ? shard_of_rank() : shard_from(shard);
    if (dry_run) {
      preview(spec, part);
      return;
    }
    if (out.empty()) throw InvalidArgument("out: no folder given, expected --out DIR");
    perform(spec, part);
  }

  static void list_builtin() {
    std::vector<std::vector<std::string>> rows;
    for (const BuiltinExperiment& each : builtin_experiments()) {
      const std::string name(each.name);
      rows.push_back({name, parse_spec(std::string(each.text), name).title});
    }
    print_table({"name", "what it shows"}, rows);
  }

  [[nodiscard]] Spec read() const {
    SpecOptions options{quick, {}};
    if (seeds > 0) options.seeds = seeds;
    return find_spec(what, options);
  }

  // Options that are given to methods of which none uses them.
  static std::vector<std::string> ignored_in(const Spec& spec) {
    std::vector<std::string> sentences;
    for (const OptionField& option : option_fields()) {
      std::vector<Method> methods;
      const FitOptions* given = nullptr;
      for (const Run& run : spec.points) {
        if (!option.changed(run.fit)) continue;
        given = &run.fit;
        if (std::ranges::find(methods, run.fit.method) == methods.end()) methods.push_back(run.fit.method);
      }
      std::string sentence = given == nullptr ? "" : ignored_option(option, *given, methods);
      if (!sentence.empty()) sentences.push_back(std::move(sentence));
    }
    return sentences;
  }

  static void print_spec(const Spec& spec, const Shard& part) {
    print_line("experiment", fmt::format("{}{}: {}", spec.name, spec.quick ? " (quick)" : "", spec.title));
    std::string text =
        fmt::format("{}, {}: {}", count_of(static_cast<Index>(spec.points.size()), "grid point"),
                    count_of(spec.seeds, "seed"), count_of(static_cast<Index>(spec.runs().size()), "run"));
    if (part.count > 1)
      text += fmt::format(", {} of them in shard {}/{}", shard_of(spec.runs(), part).size(), part.index, part.count);
    print_line("runs", text);
  }

  [[nodiscard]] int job_count() const { return Context{.threads = jobs}.thread_count(); }

  void preview(const Spec& spec, const Shard& part) const {
    std::optional<Results> results;
    if (!out.empty() && std::filesystem::exists(std::filesystem::path(out) / "results.sqlite"))
      results.emplace(Results::open_to_read(out));
    const CostModel model = results ? CostModel(*results) : CostModel();
    print_spec(spec, part);

    // Points that differ in n and n_target only share a line when there are many.
    const auto names = varying(spec.points);
    constexpr std::size_t many = 40;
    std::vector<std::string> columns = {"method"};
    for (const std::string& name : names)
      if (spec.points.size() <= many || (name != "n" && name != "n_target")) columns.push_back(name);
    struct Group {
      std::vector<std::string> row;
      Index runs = 0;
      Index done = 0;
      double seconds = 0;
    };
    std::vector<Group> groups;
    double seconds = 0;
    double longest = 0;
    Index done = 0;
    std::map<std::string, const Run*> points;  // with their labels
    for (const Run& point : spec.points) points.emplace(point_key(point), &point);
    for (const Run& point : spec.points) {
      const auto row = cells(point, {columns.begin() + 1, columns.end()});
      if (std::none_of(groups.begin(), groups.end(), [&](const Group& group) { return group.row == row; }))
        groups.push_back({row, 0, 0, 0});
    }
    for (const Run& run : shard_of(spec.runs(), part)) {
      const auto row = cells(*points.at(point_key(run)), {columns.begin() + 1, columns.end()});
      Group& group = *std::find_if(groups.begin(), groups.end(), [&](const Group& each) { return each.row == row; });
      ++group.runs;
      if (results && results->find(run)) {
        ++group.done;
        ++done;
        continue;
      }
      const double cost = model.seconds(run);
      group.seconds += cost;
      seconds += cost;
      longest = std::max(longest, cost);
    }
    for (const char* name : {"runs", "done", "to do"}) columns.emplace_back(name);
    std::vector<std::vector<std::string>> rows;
    for (Group& group : groups) {
      if (group.runs == 0) continue;
      group.row.push_back(grouped(group.runs));
      group.row.push_back(grouped(group.done));
      group.row.push_back(duration_text(group.seconds));
      rows.push_back(group.row);
    }
    print_line("finished", count_of(done, "run"));
    print_line("to do",
               fmt::format("about {} with {}, an estimate", duration_text(std::max(longest, seconds / job_count())),
                           count_of(job_count(), "job")));
    fmt::print("\n");
    print_table(columns, rows);
  }

  void perform(const Spec& spec, const Shard& part) const {
    Results results = Results::open(out, machine_description());
    print_spec(spec, part);
    if (!take_from.empty()) {
      std::error_code error;
      if (std::filesystem::equivalent(take_from, out, error))
        throw InvalidArgument(fmt::format("take-from: '{}' is the folder itself, expected another one", take_from));
      const Index taken = results.take_from(Results::open_to_read(take_from));
      print_line("taken over", fmt::format("{} from {}", count_of(taken, "finished run"), take_from));
    }
    Index there = 0;
    const std::vector<Run> runs = shard_of(spec.runs(), part);
    for (const Run& run : runs) there += results.find(run) ? 1 : 0;
    if (there > 0) print_line("finished", fmt::format("{} already, not computed again", count_of(there, "run")));
    std::fflush(stdout);

    RunnerReport report;
    {
      ProgressBar bar;
      const auto draw = bar.callback();
      RunnerOptions options;
      options.jobs = jobs;
      options.shard = part;
      options.progress = [&draw](const RunnerProgress& now) {
        const std::string text = fmt::format("{} of {} runs, about {} left", grouped(now.done), grouped(now.total),
                                             duration_text(now.seconds_left));
        return draw({text, static_cast<double>(now.done) / static_cast<double>(std::max<Index>(now.total, 1))});
      };
      report = run_experiment(spec, results, options);
    }
    const Index done = report.found + report.computed + report.elsewhere;
    if (report.cancelled)
      throw Stopped(fmt::format("stopped: {} of {} runs are finished and kept; the same command goes on from there",
                                done, report.total));
    print_results(results, spec);
    std::string text =
        fmt::format("{} computed in {}", count_of(report.computed, "run"), duration_text(report.seconds));
    if (report.found > 0) text += fmt::format(", {} found", grouped(report.found));
    if (report.elsewhere > 0) text += fmt::format(", {} by other processes", grouped(report.elsewhere));
    print_line("done", text);
    const auto folder = std::filesystem::path(out);
    const bool crossings = std::filesystem::exists(folder / "crossings.csv");
    print_line("files", fmt::format("{}{}, {}", (folder / "summary.csv").string(), crossings ? ", crossings.csv" : "",
                                    "results.sqlite"));
    if (!report.failures.empty()) {
      const auto& first = report.failures.front();
      std::fflush(stdout);
      throw DataError(fmt::format("{} of {} runs failed and will be tried again by the same command; the first, {}: {}",
                                  report.failures.size(), report.total, key(first.run), first.message));
    }
    print_line("next", fmt::format("sextant report {} --out {}", out, (folder / "report.html").string()));
  }

  static void print_results(const Results& results, const Spec& spec) {
    constexpr std::size_t most = 80;
    for (const StoredSpec& stored : results.specs()) {
      if (stored.spec.name != spec.name) continue;
      const auto names = varying(stored.spec.points);
      std::vector<std::string> columns = {"method"};
      columns.insert(columns.end(), names.begin(), names.end());
      for (const char* name : {"excess risk", "overlap", "seeds"}) columns.emplace_back(name);
      std::vector<std::vector<std::string>> rows;
      for (const Point& point : stored.points) {
        if (point.seeds.empty()) continue;
        const Spread risk = point.excess_risk();
        const Spread agreement = point.overlap();
        auto row = cells(point.run, names);
        row.push_back(
            fmt::format("{:.4f}{}", risk.mean, risk.count > 1 ? fmt::format(" ± {:.4f}", risk.deviation) : ""));
        row.push_back(agreement.count > 0 ? fmt::format("{:.4f}", agreement.mean) : "");
        row.push_back(grouped(risk.count));
        rows.push_back(std::move(row));
      }
      const std::size_t more = rows.size() > most ? rows.size() - most : 0;
      rows.resize(rows.size() - more);
      fmt::print("\n");
      print_table(columns, rows);
      if (more > 0) fmt::print("… {} more in summary.csv\n", more);
      print_crossings(stored);
      fmt::print("\n");
    }
  }

  static void print_crossings(const StoredSpec& stored) {
    std::vector<std::vector<std::string>> rows;
    for (const FigureCrossing& each : figure_crossings(stored))
      rows.push_back({shown_method(each.run), grouped(each.d), short_number(each.level),
                      each.crossing.x                             ? grouped(std::lround(*each.crossing.x))
                      : each.crossing.kind == CrossingKind::above ? "not reached"
                                                                  : "reached from the start",
                      each.slope ? fmt::format("{:.2f}", *each.slope) : ""});
    if (rows.empty()) return;
    fmt::print("\n");
    print_table({"method", "d", "level", "crossing", "local slope"}, rows);
  }
};

}  // namespace

void add_experiment(CLI::App& program) {
  auto state = std::make_shared<ExperimentCommand>();
  CLI::App& command =
      *program.add_subcommand("experiment", "Run a grid of experiments; stopped, it goes on where it was");
  command.footer("Example:\n  sextant experiment figure1 --quick --out results");
  command.add_option("EXPERIMENT", state->what, "A name that --list shows, or a spec file")
      ->type_name("NAME|SPEC.toml");
  command.add_option("--out", state->out, "Folder of the results; one that has some is added to")->type_name("DIR");
  command.add_option("--seeds", state->seeds, "Seeds per grid point (default: the spec's)")
      ->check(whole_number_from(1));
  command.add_option("--jobs", state->jobs, "Runs at a time, each on one thread (default: all cores)")
      ->check(whole_number_from(1));
  command.add_option("--shard", state->shard, "Only part i of k of the runs, to share them between machines")
      ->type_name("i/k");
  command.add_option("--take-from", state->take_from, "Take over the finished runs of another folder first")
      ->type_name("DIR");
  command.add_flag("--quick", state->quick, "The spec's smaller grid: the shape in under two minutes");
  command.add_flag("--dry-run", state->dry_run, "Show the runs and their estimated time instead");
  command.add_flag("--list", state->list, "Show the experiments that come with the program");
  command.callback([state] { (*state)(); });
}

}  // namespace sextant::app
