#include "sextant/results.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "data/csv_writer.h"
#include "data/file_descriptor.h"
#include "lab/database.h"
#include "lab/run_parameters.h"
#include "sextant/error.h"
#include "sextant/text_file.h"
#include "sextant/version.h"

namespace sextant {
namespace {

constexpr std::int64_t application = 0x53787431;  // "Sxt1", in the header of the file
constexpr std::int64_t format = 1;                // counts versions of the tables below

constexpr const char* const schema = R"sql(
CREATE TABLE specs(
  name TEXT PRIMARY KEY, text TEXT NOT NULL, quick INTEGER NOT NULL, seeds INTEGER NOT NULL,
  version TEXT NOT NULL, machine TEXT NOT NULL, added TEXT NOT NULL);
CREATE TABLE runs(
  key TEXT PRIMARY KEY, excess_risk REAL NOT NULL, excess_risk_error REAL NOT NULL, overlap REAL, lambda REAL NOT NULL,
  seconds REAL NOT NULL, method TEXT NOT NULL, cost REAL NOT NULL, version TEXT NOT NULL, worker INTEGER NOT NULL);
CREATE TABLE failures(key TEXT PRIMARY KEY, message TEXT NOT NULL, attempts INTEGER NOT NULL);
CREATE TABLE workers(id INTEGER PRIMARY KEY AUTOINCREMENT, version TEXT NOT NULL, machine TEXT NOT NULL, started TEXT NOT NULL);
CREATE TABLE claims(key TEXT PRIMARY KEY, worker INTEGER NOT NULL);
)sql";

constexpr const char* const outcome_columns = "excess_risk, excess_risk_error, overlap, lambda, seconds";

Outcome outcome_from(const Statement& row, int column) {
  return {row.number(column), row.number(column + 1), row.optional_number(column + 2), row.number(column + 3),
          row.number(column + 4)};
}

std::string database_in(const std::string& folder) { return folder + "/results.sqlite"; }

// Whether the file is ours, from its first 100 bytes: SQLite would change a foreign database by opening it to write.
void check_header(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw IoError(fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
  std::array<char, 100> header{};
  file.read(header.data(), header.size());
  constexpr std::string_view magic("SQLite format 3\0", 16);
  if (file.gcount() < static_cast<std::streamsize>(header.size()) ||
      std::string_view(header.data(), magic.size()) != magic)
    throw DataError(fmt::format("{}: is no database of results; move it away, or use another folder", path));
  const auto number_at = [&header](std::size_t at) {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value * 256 + static_cast<unsigned char>(header[at + i]);
    return value;
  };
  if (number_at(68) != application)
    throw DataError(fmt::format("{}: is a database of another program; use another folder", path));
  if (number_at(60) > format)
    throw DataError(fmt::format("{}: was written by a newer version of Sextant (format {}, this one reads up to {})",
                                path, number_at(60), format));
}

// Puts an empty database of results in place, complete or not at all, unless another process was faster.
void create_database(const std::string& path) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  try {
    const Database database(temporary, Database::Access::create);
    Transaction transaction(database);
    database.execute(schema);
    database.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", application, format));
    transaction.commit();
    database.execute("PRAGMA journal_mode = WAL");
  } catch (...) {
    for (const char* ending : {"", "-journal", "-wal", "-shm"}) std::filesystem::remove(temporary + ending, ignored);
    throw;
  }
  if (::link(temporary.c_str(), path.c_str()) == 0 || errno == EEXIST) {
    std::filesystem::remove(temporary, ignored);
  } else if (std::rename(temporary.c_str(), path.c_str()) != 0) {  // a file system without hard links
    const int error = errno;
    std::filesystem::remove(temporary, ignored);
    throw IoError(fmt::format("{}: cannot be written: {}", path, std::strerror(error)));
  }
}

// A worker lives as long as its process (and this object) holds the lock on byte `id` of the file. The lock belongs to
// the open file, so that two workers in one process exclude each other too.
class WorkerLock {
 public:
  explicit WorkerLock(const std::string& path)
      : path_(path), file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
    if (!file_.open()) throw IoError(fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
  }

  void hold(std::int64_t id) const {
    struct flock lock = byte(id);
    if (::fcntl(file_.get(), F_OFD_SETLK, &lock) != 0)
      throw IoError(fmt::format("{}: cannot be locked: {}", path_, std::strerror(errno)));
  }

  // Whether another open file holds the lock.
  [[nodiscard]] bool alive(std::int64_t id) const {
    struct flock lock = byte(id);
    if (::fcntl(file_.get(), F_OFD_GETLK, &lock) != 0)
      throw IoError(fmt::format("{}: its locks cannot be read: {}", path_, std::strerror(errno)));
    return lock.l_type != F_UNLCK;
  }

 private:
  static struct flock byte(std::int64_t id) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = id;
    lock.l_len = 1;
    return lock;
  }

  std::string path_;
  FileDescriptor file_;
};

// The curves of a figure that differ in d alone.
struct Curve {
  Run run;                         // one of its points
  std::map<double, double> means;  // x → mean of y
};
struct Family {
  std::string key;
  std::string series;
  std::map<Index, Curve> curves;  // by d
};

std::string series_text(const Run& run, const std::string& name) {
  if (name == "method") return shown_method(run);
  const auto value = parameter(run, name);
  return value ? text_of(*value) : std::string();
}

// In the order of the file.
std::vector<Family> families_of(const StoredSpec& stored, const Figure& figure) {
  std::vector<Family> families;
  for (const Point& point : stored.points) {
    if (point.seeds.empty() || !figure.shows(point.run)) continue;
    const NamedValue x = *parameter(point.run, figure.x);
    // All but x and d; η, which a factor makes a function of d, is told by the label or the series.
    Run rest = point.run;
    set_parameter(rest, figure.x, std::int64_t{0});
    rest.d = 0;
    rest.fit.eta.reset();
    const std::string key = shown_method(point.run) + ' ' + point_key(rest);
    auto family = std::find_if(families.begin(), families.end(), [&](const Family& each) { return each.key == key; });
    if (family == families.end()) {
      // Curves of one family differ in d, so d cannot name it.
      std::string series = series_text(point.run, figure.series == "d" ? "method" : figure.series);
      if (!figure.facet.empty() && figure.facet != "d")
        series += fmt::format(", {} = {}", figure.facet, series_text(point.run, figure.facet));
      family = families.insert(families.end(), {key, series, {}});
    }
    Curve& curve = family->curves[point.run.d];
    curve.run = point.run;
    const double at =
        std::holds_alternative<double>(x) ? std::get<double>(x) : static_cast<double>(std::get<std::int64_t>(x));
    curve.means[at] = figure.y == "overlap" ? point.overlap().mean : point.excess_risk().mean;
  }
  return families;
}

// A cell of a table of results: empty for what is not there.
std::string cell(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

}  // namespace

// ---- statistics ----

Spread spread(const std::vector<double>& values) {
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  Spread result{static_cast<Index>(values.size()), none, none};
  if (values.empty()) return result;
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += value;
  result.mean = sum / n;
  if (values.size() < 2) return result;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  result.deviation = std::sqrt(squares / (n - 1));
  return result;
}

Spread Point::excess_risk() const {
  std::vector<double> values;
  for (const Seed& seed : seeds) values.push_back(seed.outcome.excess_risk);
  return spread(values);
}

Spread Point::overlap() const {
  std::vector<double> values;
  for (const Seed& seed : seeds)
    if (seed.outcome.overlap) values.push_back(*seed.outcome.overlap);
  return spread(values);
}

Spread Point::seconds() const {
  std::vector<double> values;
  for (const Seed& seed : seeds) values.push_back(seed.outcome.seconds);
  return spread(values);
}

std::vector<FigureCrossing> figure_crossings(const StoredSpec& stored) {
  std::vector<FigureCrossing> all;
  for (const Figure& figure : stored.spec.figures) {
    if (figure.crossings.empty()) continue;
    std::vector<Family> families = families_of(stored, figure);
    for (const double level : figure.crossings) {
      for (const Family& family : families) {
        std::vector<double> ds;
        std::vector<std::optional<double>> crossed;
        const std::size_t first = all.size();
        for (const auto& [d, curve] : family.curves) {
          std::vector<double> x;
          std::vector<double> y;
          for (const auto& [at, mean] : curve.means) {
            if (!(at > 0)) continue;
            x.push_back(at);
            y.push_back(mean);
          }
          all.push_back(
              {stored.spec.name, family.series, d, figure.x, level, sextant::crossing(x, y, level), {}, curve.run});
          ds.push_back(static_cast<double>(d));
          crossed.push_back(all.back().crossing.x);
        }
        const auto slopes = local_slopes(ds, crossed);
        for (std::size_t i = 0; i < slopes.size(); ++i) all[first + i].slope = slopes[i];
      }
    }
  }
  return all;
}

// ---- Results ----

struct Results::State {
  std::string folder;
  std::string machine;
  Database database;
  std::optional<WorkerLock> lock;  // of a writer
  std::int64_t worker = 0;
  mutable std::mutex mutex;  // one user of the connection at a time

  State(std::string folder_, std::string machine_, Database::Access access)
      : folder(std::move(folder_)), machine(std::move(machine_)), database(database_in(folder), access) {}

  [[nodiscard]] std::optional<Outcome> find(const std::string& key) const {
    Statement row(database, fmt::format("SELECT {} FROM runs WHERE key = ?", outcome_columns));
    row.bind(1, key);
    if (!row.step()) return {};
    return outcome_from(row, 0);
  }

  void drop_claim(const std::string& key) const {
    Statement(database, "DELETE FROM claims WHERE key = ? AND worker = ?").bind(1, key).bind(2, worker).run();
  }
};

Results::Results(std::unique_ptr<State> state) : state_(std::move(state)) {}
Results::Results(Results&&) noexcept = default;
Results& Results::operator=(Results&&) noexcept = default;
Results::~Results() = default;

Results Results::open(const std::string& folder, const std::string& machine) {
  namespace fs = std::filesystem;
  if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST)
    throw IoError(fmt::format("{}: the folder cannot be made: {}", folder, std::strerror(errno)));
  if (!fs::is_directory(folder)) throw IoError(fmt::format("{}: is not a folder", folder));
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    throw IoError(fmt::format("{}: the folder cannot be written: {}", folder, std::strerror(errno)));
  const std::string path = database_in(folder);
  if (!fs::exists(path)) create_database(path);
  check_header(path);
  if (::access(path.c_str(), W_OK) != 0)
    throw IoError(fmt::format("{}: cannot be written: {}", path, std::strerror(errno)));

  auto state = std::make_unique<State>(folder, machine, Database::Access::write);
  const Database& database = state->database;
  {
    Statement check(database, "PRAGMA quick_check(1)");
    if (check.step() && check.text(0) != "ok") {
      std::string found = check.text(0);  // SQLite says it in two lines, of which the second is the finding
      found.erase(0, found.rfind('\n') + 1);
      throw DataError(
          fmt::format("{}: is damaged: {}; move it away to start again, or put a copy in its place", path, found));
    }
  }
  database.execute("PRAGMA synchronous = FULL");
  state->lock.emplace(folder + "/workers.lock");
  Transaction transaction(database);
  Statement(database, "INSERT INTO workers(version, machine, started) VALUES (?, ?, datetime('now'))")
      .bind(1, version())
      .bind(2, machine)
      .run();
  state->worker = database.last_row();
  state->lock->hold(state->worker);
  transaction.commit();
  return Results(std::move(state));
}

Results Results::open_to_read(const std::string& folder) {
  const std::string path = database_in(folder);
  if (!std::filesystem::is_directory(folder)) throw IoError(fmt::format("{}: is not a folder", folder));
  if (!std::filesystem::exists(path))
    throw IoError(fmt::format("{}: holds no results.sqlite, expected the folder of an experiment", folder));
  check_header(path);
  return Results(std::make_unique<State>(folder, "", Database::Access::read));
}

const std::string& Results::folder() const { return state_->folder; }

std::vector<StoredSpec> Results::specs() const {
  std::vector<StoredSpec> all;
  const std::scoped_lock lock(state_->mutex);
  Statement row(state_->database, "SELECT name, text, quick, seeds, version, machine, added FROM specs ORDER BY rowid");
  while (row.step()) {
    StoredSpec stored;
    stored.spec = parse_spec(row.text(1), fmt::format("{}, spec '{}'", state_->database.path(), row.text(0)),
                             {row.whole(2) != 0, row.whole(3)});
    stored.version = row.text(4);
    stored.machine = row.text(5);
    stored.added = row.text(6);
    for (const Run& run : stored.spec.points) {
      Point point{run, {}, 0};
      for (Index seed = 0; seed < stored.spec.seeds; ++seed) {
        Run one = run;
        one.fit.seed = static_cast<std::uint64_t>(seed);
        if (const auto outcome = state_->find(key(one)))
          point.seeds.push_back({one.fit.seed, *outcome});
        else
          ++point.missing;
      }
      stored.points.push_back(std::move(point));
    }
    all.push_back(std::move(stored));
  }
  return all;
}

std::optional<Outcome> Results::find(const Run& run) const { return find(key(run)); }

std::optional<Outcome> Results::find(const std::string& key) const {
  const std::scoped_lock lock(state_->mutex);
  return state_->find(key);
}

std::vector<Results::Finished> Results::finished() const {
  const std::scoped_lock lock(state_->mutex);
  std::vector<Finished> all;
  Statement row(state_->database, "SELECT key, method, seconds, cost FROM runs ORDER BY rowid");
  while (row.step()) all.push_back({row.text(0), row.text(1), row.number(2), row.number(3)});
  return all;
}

std::vector<Results::Failed> Results::failed() const {
  const std::scoped_lock lock(state_->mutex);
  std::vector<Failed> all;
  Statement row(state_->database, "SELECT key, message, attempts FROM failures ORDER BY rowid");
  while (row.step()) all.push_back({row.text(0), row.text(1), row.whole(2)});
  return all;
}

void Results::add(const Spec& spec) {
  const std::scoped_lock lock(state_->mutex);
  Transaction transaction(state_->database);
  Statement(state_->database, R"sql(
    INSERT INTO specs(name, text, quick, seeds, version, machine, added) VALUES (?, ?, ?, ?, ?, ?, datetime('now'))
    ON CONFLICT(name) DO UPDATE SET text = excluded.text, quick = excluded.quick, seeds = excluded.seeds,
                                    version = excluded.version, machine = excluded.machine)sql")
      .bind(1, spec.name)
      .bind(2, spec.text)
      .bind(3, std::int64_t{spec.quick})
      .bind(4, std::int64_t{spec.seeds})
      .bind(5, version())
      .bind(6, state_->machine)
      .run();
  transaction.commit();
}

Index Results::take_from(const Results& other) {
  const std::scoped_lock lock(state_->mutex, other.state_->mutex);
  const std::string columns = fmt::format("key, {}, method, cost, version", outcome_columns);
  Statement row(other.state_->database, fmt::format("SELECT {} FROM runs ORDER BY rowid", columns));
  Transaction transaction(state_->database);
  Index taken = 0;
  while (row.step()) {
    Statement(state_->database,
              fmt::format("INSERT OR IGNORE INTO runs({}, worker) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", columns))
        .bind(1, row.text(0))
        .bind(2, row.number(1))
        .bind(3, row.number(2))
        .bind(4, row.optional_number(3))
        .bind(5, row.number(4))
        .bind(6, row.number(5))
        .bind(7, row.text(6))
        .bind(8, row.number(7))
        .bind(9, row.text(8))
        .bind(10, state_->worker)
        .run();
    if (state_->database.changes() > 0) {
      ++taken;
      Statement(state_->database, "DELETE FROM failures WHERE key = ?").bind(1, row.text(0)).run();
    }
  }
  transaction.commit();
  return taken;
}

Results::Claim Results::claim(const std::string& key, Index known_attempts) {
  const std::scoped_lock lock(state_->mutex);
  const Database& database = state_->database;
  if (state_->find(key)) return Claim::finished;  // most often so: spares a transaction
  Transaction transaction(database);
  if (state_->find(key)) return Claim::finished;
  {
    Statement failure(database, "SELECT attempts FROM failures WHERE key = ?");
    failure.bind(1, key);
    if (failure.step() && failure.whole(0) > known_attempts) return Claim::failed;
  }
  {
    Statement owner(database, "SELECT worker FROM claims WHERE key = ?");
    owner.bind(1, key);
    if (owner.step() && (owner.whole(0) == state_->worker || state_->lock->alive(owner.whole(0)))) return Claim::taken;
  }
  Statement(database, "INSERT OR REPLACE INTO claims(key, worker) VALUES (?, ?)")
      .bind(1, key)
      .bind(2, state_->worker)
      .run();
  transaction.commit();
  return Claim::mine;
}

void Results::release(const std::string& key) {
  const std::scoped_lock lock(state_->mutex);
  Transaction transaction(state_->database);
  state_->drop_claim(key);
  transaction.commit();
}

void Results::record(const Run& run, const Outcome& outcome) {
  const std::scoped_lock lock(state_->mutex);
  const std::string name = key(run);
  Transaction transaction(state_->database);
  Statement(state_->database, fmt::format("INSERT INTO runs(key, {}, method, cost, version, worker) "
                                          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                          outcome_columns))
      .bind(1, name)
      .bind(2, outcome.excess_risk)
      .bind(3, outcome.excess_risk_error)
      .bind(4, outcome.overlap)
      .bind(5, outcome.lambda)
      .bind(6, outcome.seconds)
      .bind(7, sextant::name(run.fit.method))
      .bind(8, estimated_cost(run))
      .bind(9, version())
      .bind(10, state_->worker)
      .run();
  Statement(state_->database, "DELETE FROM failures WHERE key = ?").bind(1, name).run();
  state_->drop_claim(name);
  transaction.commit();
}

void Results::record_failure(const Run& run, const std::string& message) {
  const std::scoped_lock lock(state_->mutex);
  const std::string name = key(run);
  Transaction transaction(state_->database);
  Statement(state_->database, R"sql(
    INSERT INTO failures(key, message, attempts) VALUES (?, ?, 1)
    ON CONFLICT(key) DO UPDATE SET message = excluded.message, attempts = attempts + 1)sql")
      .bind(1, name)
      .bind(2, message)
      .run();
  state_->drop_claim(name);
  transaction.commit();
}

void Results::export_summary() const {
  // A point that several specs contain is one row, with the seeds of all of them.
  std::vector<Point> points;
  std::map<std::string, std::size_t> places;
  for (const StoredSpec& stored : specs()) {
    for (const Point& point : stored.points) {
      const auto [place, first] = places.emplace(shown_method(point.run) + '\n' + point_key(point.run), points.size());
      if (first)
        points.push_back(point);
      else if (point.seeds.size() > points[place->second].seeds.size())
        points[place->second].seeds = point.seeds;  // seeds count from 0, so more hold all of fewer
    }
  }
  std::string text = "method,d,r,p,width,n,n_target,seeds,excess_risk_mean,excess_risk_std,overlap_mean,seconds_mean\n";
  for (const Point& point : points) {
    if (point.seeds.empty()) continue;
    const Run& run = point.run;
    const Spread risk = point.excess_risk();
    append_field(text, shown_method(run), ',', false);
    text += fmt::format(",{},{},{},{},{},{},{},{},{},{},{}\n", run.d, run.r, run.p, run.fit.width, run.n,
                        run.n_target ? fmt::format("{}", *run.n_target) : "", risk.count, cell(risk.mean),
                        cell(risk.deviation), cell(point.overlap().mean), cell(point.seconds().mean));
  }
  write_text(state_->folder + "/summary.csv", text);
}

void Results::export_crossings() const {
  std::string text = "experiment,method,width,p,r,d,x,level,n_star,crossing,local_slope\n";
  bool asked = false;
  for (const StoredSpec& stored : specs()) {
    for (const FigureCrossing& each : figure_crossings(stored)) {
      asked = true;
      append_field(text, each.spec, ',', false);
      text += ',';
      // Rows of a transfer are no rows of the method: readers of n* by method must not take the one for the other.
      append_field(text, shown_method(each.run) + (each.run.n_target ? " (transfer)" : ""), ',', false);
      text += fmt::format(",{},{},{},{},{},{},{},{},{}\n", each.run.fit.width, each.run.p, each.run.r, each.d, each.x,
                          each.level, each.crossing.x ? fmt::format("{}", *each.crossing.x) : "",
                          name(each.crossing.kind), each.slope ? fmt::format("{}", *each.slope) : "");
    }
  }
  if (asked) write_text(state_->folder + "/crossings.csv", text);
}

}  // namespace sextant
