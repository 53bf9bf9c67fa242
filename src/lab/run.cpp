#include "sextant/run.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <future>
#include <list>
#include <map>
#include <mutex>
#include <utility>

#include "lab/run_parameters.h"
#include "sextant/automatic.h"
#include "sextant/error.h"
#include "sextant/linear_fit.h"
#include "sextant/passes.h"
#include "sextant/subspace.h"
#include "sextant/train.h"

namespace sextant {
namespace {

// ---- parameters by name ----

struct RunAccess {
  RunField field;
  std::optional<NamedValue> (*get)(const Run&);
  void (*set)(Run&, const NamedValue&);
};

[[noreturn]] void refuse_kind(const NamedValue& value, FieldKind kind) {
  throw InvalidArgument(fmt::format("{} given, expected {}", text_of(value), expectation(kind)));
}

std::int64_t whole(const NamedValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  refuse_kind(value, FieldKind::whole_number);
}

double real(const NamedValue& value) {
  if (const auto* number = std::get_if<double>(&value)) return *number;
  if (const auto* number = std::get_if<std::int64_t>(&value)) return static_cast<double>(*number);
  refuse_kind(value, FieldKind::number);
}

const std::string& text(const NamedValue& value) {
  if (const auto* name = std::get_if<std::string>(&value)) return *name;
  refuse_kind(value, FieldKind::name);
}

// A degree beyond any that check() allows must not wrap around on its way into an int.
int degree(const NamedValue& value) { return static_cast<int>(std::clamp<std::int64_t>(whole(value), -1, 1000)); }

const std::vector<RunAccess>& accesses() {
  using Value = std::optional<NamedValue>;
  using enum FieldKind;
  static const std::vector<RunAccess> table = {
      {{"target", name},
       [](const Run& run) -> Value { return run.target; },
       [](Run& run, const NamedValue& value) { run.target = text(value); }},
      {{"d", whole_number},
       [](const Run& run) -> Value { return run.d; },
       [](Run& run, const NamedValue& value) { run.d = whole(value); }},
      {{"r", whole_number},
       [](const Run& run) -> Value { return run.r; },
       [](Run& run, const NamedValue& value) { run.r = whole(value); }},
      {{"p", whole_number},
       [](const Run& run) -> Value { return std::int64_t{run.p}; },
       [](Run& run, const NamedValue& value) { run.p = degree(value); }},
      {{"orientation", name},
       [](const Run& run) -> Value { return std::string(run.orientation == Orientation::axis ? "axis" : "random"); },
       [](Run& run, const NamedValue& value) {
         if (text(value) != "axis" && text(value) != "random")
           throw InvalidArgument(fmt::format("orientation: '{}' given, expected axis or random", text(value)));
         run.orientation = text(value) == "axis" ? Orientation::axis : Orientation::random;
       }},
      {{"noise", number},
       [](const Run& run) -> Value { return run.noise; },
       [](Run& run, const NamedValue& value) { run.noise = real(value); }},
      {{"n", whole_number},
       [](const Run& run) -> Value { return run.n; },
       [](Run& run, const NamedValue& value) { run.n = whole(value); }},
      {{"holdout", whole_number},
       [](const Run& run) -> Value { return run.holdout; },
       [](Run& run, const NamedValue& value) { run.holdout = whole(value); }},
      {{"test", whole_number},
       [](const Run& run) -> Value { return run.test; },
       [](Run& run, const NamedValue& value) { run.test = whole(value); }},
      {{"n_target", whole_number},
       [](const Run& run) -> Value { return run.n_target ? Value(*run.n_target) : std::nullopt; },
       [](Run& run, const NamedValue& value) { run.n_target = whole(value); }},
      {{"transfer_target", name},
       [](const Run& run) -> Value { return run.n_target ? Value(run.transfer_target) : std::nullopt; },
       [](Run& run, const NamedValue& value) { run.transfer_target = text(value); }},
      {{"transfer_p", whole_number},
       [](const Run& run) -> Value { return run.n_target ? Value(std::int64_t{run.transfer_p}) : std::nullopt; },
       [](Run& run, const NamedValue& value) { run.transfer_p = degree(value); }},
  };
  return table;
}

const RunAccess* find_access(std::string_view name) {
  const auto& table = accesses();
  const auto found = std::find_if(table.begin(), table.end(), [&](const RunAccess& a) { return a.field.name == name; });
  return found == table.end() ? nullptr : &*found;
}

// ---- rules ----

template <class Value>
void refuse(const char* field, const Value& value, const std::string& rule) {
  throw InvalidArgument(fmt::format("{}: {} given, expected {}", field, value, rule));
}

constexpr Index most_rows = Index{1} << 40;

void check_rows(const char* field, Index rows, Index least) {
  if (rows < least || rows > most_rows) refuse(field, rows, fmt::format("{} to 2^40", least));
}

void check_target(const char* field, const std::string& target, const char* degree_field, int p, Index r) {
  if (target != "source" && target != "hermite" && target != "multi-index")
    refuse(field, "'" + target + "'", "source, hermite or multi-index");
  const int least = target == "hermite" ? 1 : 3;
  if (p < least || p > 60) refuse(degree_field, p, fmt::format("{} to 60 for the target {}", least, target));
  if (target == "multi-index" && r < 2) refuse("r", r, "at least 2 for the target multi-index");
  if (target != "multi-index" && r != 1) refuse("r", r, fmt::format("1 for the target {}", target));
}

// ---- targets and rows ----

HermiteTarget make_target(const Run& run, const std::string& target, int p) {
  const TargetOptions options{run.d, run.orientation, run.fit.seed};
  if (target == "source") return source_target(p, options);
  if (target == "hermite") return hermite_target(p, options);
  return multi_index_target(run.r, p, options);
}

// Parts of the endless table of a seed.
enum class Part : Index { train = 0, target_train = 1, holdout = 2, test = 3 };

// The part's rows: in memory when they are not too many, so that several passes do not draw them again; kept in the
// workshop if there is one.
class Rows {
 public:
  Rows(const Run& run, const HermiteTarget& target, const std::string& target_name, Part part, Index rows, double noise,
       Workshop* workshop)
      : drawn_(
            {target},
            {.rows = rows, .noise = noise, .seed = run.fit.seed, .first_row = static_cast<Index>(part) * most_rows}) {
    const double bytes = sizeof(double) * static_cast<double>(rows) * static_cast<double>(run.d + 1);
    if (bytes > 0x1p27) return;
    if (workshop != nullptr) {
      kept_ = workshop->rows(
          fmt::format("{} d={} r={} orientation={} noise={} seed={} part={} rows={}", target_name, run.d, run.r,
                      text_of(*parameter(run, "orientation")), noise, run.fit.seed, static_cast<Index>(part), rows),
          drawn_);
    } else {
      Block block;
      drawn_.read(0, rows, block);
      kept_ = std::make_shared<Workshop::Rows>(Workshop::Rows{std::move(block.X), std::move(block.Y)});
    }
    in_memory_.emplace(kept_->X, kept_->Y);
  }

  [[nodiscard]] const RowSource& source() const {
    return in_memory_ ? static_cast<const RowSource&>(*in_memory_) : drawn_;
  }

 private:
  GaussianSource drawn_;
  std::shared_ptr<const Workshop::Rows> kept_;
  std::optional<MemorySource> in_memory_;
};

// ---- learning ----

// The options a run trains with: the oracle is told the truth, and drawn rows are what they are, none of them wild.
FitOptions options_of(const Run& run, const HermiteTarget& target) {
  FitOptions options = run.fit;
  options.extrapolate = run.fit.extrapolate.value_or(true);
  options.clip_targets = run.fit.clip_targets.value_or(false);
  if (options.method == Method::oracle) options.subspace = target.U;
  return options;
}

// The map learned on the source rows, and how it scales inputs. Its head is not needed, so in figure mode, where
// nothing before the map is chosen by validation, it is not fitted.
Workshop::Pretrained pretrain(const Run& run, const FitOptions& options, const HermiteTarget& target,
                              const Context& context) {
  const std::string name = fmt::format("{} p={}", run.target, run.p);
  const Rows train_rows(run, target, name, Part::train, run.n, run.noise, nullptr);
  if (!options.standardise && options.preprocess != Preprocess::linear && !options.sample_splitting &&
      (run.holdout > 0 || options.refit)) {
    options.check();
    const LinearPart linear = options.preprocess == Preprocess::none ? LinearPart::zero(run.d, 1)
                                                                     : fit_linear(moments(train_rows.source(), context),
                                                                                  options.preprocess, Vector::Zero(1));
    return {representation(options)(train_rows.source(), linear, context), {}};
  }
  std::optional<Rows> holdout;
  if (run.holdout > 0) holdout.emplace(run, target, name, Part::holdout, run.holdout, run.noise, nullptr);
  Trained trained =
      train(train_rows.source(), holdout ? &holdout->source() : nullptr, representation(options), options, context);
  return {std::move(trained.predictors[0].map), std::move(trained.scaling)};
}

// A matrix on scaled kept inputs, one per column, on the inputs themselves.
Matrix unscaled(const Matrix& scaled, const Scaling& scaling, Index d) {
  Matrix result = Matrix::Zero(scaled.rows(), d);
  for (Index at = 0; at < scaling.inputs(); ++at)
    result.col(scaling.kept[static_cast<std::size_t>(at)]) = scaled.col(at) / scaling.x_scale[at];
  return result;
}

std::optional<double> learned_overlap(const Trained& trained, const Matrix& U) {
  const Index d = U.cols();
  Spectrum found;
  const auto* network = trained.predictors.size() == 1 ? std::get_if<ReluNetwork>(&trained.predictors[0].map) : nullptr;
  if (network != nullptr) {
    found = first_layer_spectrum(unscaled(network->first_layer(), trained.scaling, d));
  } else {
    const Matrix half = unscaled(trained.gradient_outer_product, trained.scaling, d);
    found = spectrum(unscaled(half.transpose(), trained.scaling, d));
  }
  if (!(found.values[0] > 0)) return {};
  return overlap(found.directions.topRows(U.rows()), U);
}

// An option's value where it is given and is one: of lists of one that one, of the seed, which is each run's own, and
// of lists of more nothing.
std::optional<NamedValue> one_value(const OptionField& option, const FitOptions& options) {
  if (option.kind == FieldKind::seed || option.kind == FieldKind::rows || !option.given(options)) return {};
  NamedValue value = option.get(options);
  const auto* list = std::get_if<std::vector<double>>(&value);
  if (list == nullptr) return value;
  if (list->size() != 1) return {};
  return list->front();
}

}  // namespace

const std::vector<RunField>& run_fields() {
  static const std::vector<RunField> fields = [] {
    std::vector<RunField> list;
    for (const RunAccess& access : accesses()) list.push_back(access.field);
    // All of one value; the seed is each run's own.
    for (const OptionField& option : option_fields()) {
      if (option.kind == FieldKind::seed || option.kind == FieldKind::rows) continue;
      list.push_back({option.name, option.kind == FieldKind::numbers ? FieldKind::number : option.kind});
    }
    return list;
  }();
  return fields;
}

std::optional<FieldKind> parameter_kind(std::string_view name) {
  if (name == "label") return FieldKind::name;
  if (name == "eta_factor") return FieldKind::number;
  for (const RunField& field : run_fields())
    if (field.name == name) return field.kind;
  return {};
}

void set_parameter(Run& run, std::string_view name, const NamedValue& value) {
  if (name == "label") {
    run.label = text(value);
  } else if (name == "eta_factor") {
    const double factor = real(value);
    if (!(factor > 0 && std::isfinite(factor))) refuse("eta_factor", factor, "a number above 0");
    const Index r = run.fit.rank.value_or(1);
    run.fit.eta = factor * std::sqrt(static_cast<double>(run.d) * static_cast<double>(r));
  } else if (const RunAccess* access = find_access(name)) {
    access->set(run, value);
  } else if (const OptionField* option = find_option_field(name)) {
    option->set(run.fit, value);
  } else {
    throw InvalidArgument(fmt::format("{}: no such parameter", name));
  }
}

std::optional<NamedValue> parameter(const Run& run, std::string_view name) {
  if (const RunAccess* access = find_access(name)) return access->get(run);
  const OptionField* option = find_option_field(name);
  if (option == nullptr) throw InvalidArgument(fmt::format("{}: no such parameter", name));
  return one_value(*option, run.fit);
}

std::string shown_method(const Run& run) { return run.label.empty() ? name(run.fit.method) : run.label; }

std::string point_key(const Run& run) {
  static const FitOptions defaults;
  std::string line;
  const auto append = [&line](std::string_view name, const NamedValue& value) {
    line += fmt::format("{}{}={}", line.empty() ? "" : " ", name, text_of(value));
  };
  for (const RunAccess& access : accesses())
    if (const auto value = access.get(run)) append(access.field.name, *value);
  for (const OptionField& option : option_fields()) {
    const auto value = one_value(option, run.fit);
    const bool always = option.name == "method" || option.name == "width";
    if (value && (always || one_value(option, defaults) != value)) append(option.name, *value);
  }
  return line;
}

std::string key(const Run& run) { return fmt::format("{} seed={}", point_key(run), run.fit.seed); }

void Run::check() const {
  if (d < 1 || d > Index{1} << 20) refuse("d", d, "1 to 2^20");
  if (r < 1 || r > d) refuse("r", r, fmt::format("1 to d = {}", d));
  check_target("target", target, "p", p, r);
  if (!(noise >= 0 && std::isfinite(noise))) refuse("noise", noise, "a finite number of at least 0");
  check_rows("n", n, 1);
  check_rows("holdout", holdout, 0);
  check_rows("test", test, 1);
  if (n_target) {
    check_rows("n_target", *n_target, 1);
    check_target("transfer_target", transfer_target, "transfer_p", transfer_p, r);
  }
  fit.check();
  if (fit.task != Task::regression)
    refuse("task", sextant::name(fit.task), "regression: synthetic targets are numbers");
  if (fit.target_transform.any())
    refuse("target_transform", sextant::name(fit.target_transform),
           "none: risks are those of synthetic targets as they are");
  if (fit.rank && *fit.rank > d) refuse("rank", *fit.rank, fmt::format("at most d = {}", d));
  if (fit.folds && holdout > 0) refuse("folds", *fit.folds, "none with holdout rows to choose by: one of the two");
  if (n_target && (is_kernel(fit.method) || is_automatic(fit.method)))
    throw InvalidArgument(fmt::format("n_target: {} given for the method {}, expected one with a first layer to keep",
                                      *n_target, sextant::name(fit.method)));
}

// ---- Workshop ----

struct Workshop::State {
  struct Entry {
    std::string name;
    std::shared_ptr<const Rows> rows;
    double bytes;
  };
  double limit = 0;
  double used = 0;
  std::list<Entry> entries;  // the last used first
  std::map<std::string, std::shared_future<std::shared_ptr<const Pretrained>>> pretrained;
  std::mutex mutex;
};

Workshop::Workshop(double bytes) : state_(std::make_unique<State>()) { state_->limit = bytes; }
Workshop::~Workshop() = default;

std::shared_ptr<const Workshop::Rows> Workshop::rows(const std::string& name, const RowSource& source) {
  State& state = *state_;
  const auto look = [&]() -> std::shared_ptr<const Rows> {
    const auto found = std::find_if(state.entries.begin(), state.entries.end(),
                                    [&](const State::Entry& entry) { return entry.name == name; });
    if (found == state.entries.end()) return nullptr;
    state.entries.splice(state.entries.begin(), state.entries, found);
    return found->rows;
  };
  {
    const std::scoped_lock lock(state.mutex);
    if (auto rows = look()) return rows;
  }
  // Drawn outside the lock: two threads may both draw the same rows, which have the same bits.
  Block block;
  source.read(0, source.rows(), block);
  auto rows = std::make_shared<const Rows>(Rows{std::move(block.X), std::move(block.Y)});
  const std::scoped_lock lock(state.mutex);
  if (auto other = look()) return other;
  const double bytes = sizeof(double) * static_cast<double>(rows->X.size() + rows->Y.size());
  state.entries.push_front({name, rows, bytes});
  state.used += bytes;
  while (state.used > state.limit && !state.entries.empty()) {
    state.used -= state.entries.back().bytes;
    state.entries.pop_back();
  }
  return rows;
}

std::shared_ptr<const Workshop::Pretrained> Workshop::pretrained(const std::string& name,
                                                                 const std::function<Pretrained()>& pretrain) {
  std::promise<std::shared_ptr<const Pretrained>> promise;
  std::shared_future<std::shared_ptr<const Pretrained>> result;
  {
    const std::scoped_lock lock(state_->mutex);
    const auto found = state_->pretrained.find(name);
    if (found != state_->pretrained.end())
      result = found->second;
    else
      state_->pretrained.emplace(name, promise.get_future().share());
  }
  if (result.valid()) return result.get();
  try {
    auto made = std::make_shared<const Pretrained>(pretrain());
    promise.set_value(made);
    return made;
  } catch (...) {
    {
      const std::scoped_lock lock(state_->mutex);
      state_->pretrained.erase(name);
    }
    promise.set_exception(std::current_exception());
    throw;
  }
}

// ---- perform ----

Outcome perform(const Run& run, const Context& context, Workshop* workshop) {
  run.check();
  const auto start = std::chrono::steady_clock::now();
  const HermiteTarget source = make_target(run, run.target, run.p);
  FitOptions options = options_of(run, source);

  // What is finally learned, and from which rows.
  HermiteTarget target = source;
  std::string name = fmt::format("{} p={}", run.target, run.p);
  Part part = Part::train;
  Index n = run.n;
  const bool automatic = is_automatic(options.method);
  Representation learner = automatic ? Representation() : representation(options);
  std::shared_ptr<const Workshop::Pretrained> kept;
  if (run.n_target) {
    const auto make = [&] { return pretrain(run, options, source, context); };
    Run first_task = run;
    first_task.n_target.reset();
    first_task.test = 1;  // it is not tested
    kept = workshop != nullptr ? workshop->pretrained(key(first_task), make)
                               : std::make_shared<const Workshop::Pretrained>(make());
    learner = [&kept](const RowSource&, const LinearPart&, const Context&) { return kept->map; };
    target = make_target(run, run.transfer_target, run.transfer_p);
    target.U = source.U;
    name = fmt::format("{} p={}", run.transfer_target, run.transfer_p);
    part = Part::target_train;
    n = *run.n_target;
    options.sample_splitting = false;  // the features have never seen a label of these rows
  }

  const Rows train_rows(run, target, name, part, n, run.noise, nullptr);
  std::optional<Rows> holdout;
  if (run.holdout > 0) holdout.emplace(run, target, name, Part::holdout, run.holdout, run.noise, workshop);
  const RowSource* const chosen_by = holdout ? &holdout->source() : nullptr;
  const Trained trained = automatic ? train_automatic(train_rows.source(), chosen_by, options, context)
                                    : train(train_rows.source(), chosen_by, learner, options, context,
                                            kept && kept->scaling ? &*kept->scaling : nullptr);

  const Rows test(run, target, name, Part::test, run.test, 0.0, workshop);
  Scaling scaling = trained.scaling;
  scaling.y_low = scaling.y_high = {};  // the truth stays as it is
  const ScaledSource test_rows(test.source(), scaling);
  const Risks risk =
      automatic ? risks(test_rows, trained.linear, trained.predictors, context)
                : risks(test_rows, trained.linear, trained.predictors[0].map, trained.predictors[0].a, {0}, context);
  const double unit = trained.scaling.y_scale[0] * trained.scaling.y_scale[0];
  Outcome outcome;
  outcome.excess_risk = unit * risk.square[0];
  const double variance = std::max(0.0, risk.fourth[0] - risk.square[0] * risk.square[0]);
  outcome.excess_risk_error = unit * std::sqrt(variance / static_cast<double>(risk.rows));
  if (!std::isfinite(outcome.excess_risk) || !std::isfinite(outcome.excess_risk_error))
    throw NumericalError(fmt::format("run: its excess risk is {}, expected a finite number", outcome.excess_risk));
  outcome.overlap = learned_overlap(trained, target.U);
  outcome.lambda = trained.validation.chosen_lambda[0];  // 0 where nothing was chosen along one path
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

double estimated_cost(const Run& run) {
  // A normal draw takes about as long as 75 multiply-adds; the λ path has 38 heads; the head's reduction takes 2/3·p³.
  constexpr double draw = 75;
  constexpr double heads = 38;
  const auto d = static_cast<double>(run.d);
  const auto m = static_cast<double>(run.fit.width);
  const auto learned = static_cast<double>(run.n_target.value_or(run.n));
  const auto pretrained = run.n_target ? static_cast<double>(run.n) : 0.0;
  const double held_out = run.holdout > 0 ? static_cast<double>(run.holdout) : learned;
  const auto test = static_cast<double>(run.test);
  // P features, which cost `map` per row; for a kernel a feature per row, some 20 multiply-adds beyond its d.
  const bool kernel = is_kernel(run.fit.method);
  const double P = kernel ? learned : run.fit.method == Method::ntk ? m * (d + 2) : m;
  const double map = kernel ? learned * (d + 20) : d * m;
  const bool pairs = kernel || learned < P;
  const double p = pairs ? learned : P;
  const double sums =
      learned * p * (pairs ? (kernel ? d + 20 : m) : P) / 2 + (pairs && !kernel ? heads * learned * P : 0);
  return pretrained * d * (draw + m) + learned * (draw * d + 3 * map) + sums + 2 * p * p * p / 3 +
         held_out * (draw * d + map + heads * P) + test * (draw * d + map + P);
}

}  // namespace sextant
