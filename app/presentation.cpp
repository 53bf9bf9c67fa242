#include "presentation.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "class_presentation.h"

namespace sextant::app {
namespace {

constexpr int label_width = 13;

// One bar per direction, the tallest for the largest share; at most 24.
std::string bars(const Vector& spectrum) {
  static const char* const heights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::string text;
  const double top = spectrum.size() > 0 ? spectrum[0] : 0.0;
  for (Index i = 0; i < std::min<Index>(spectrum.size(), 24); ++i) {
    const double share = top > 0 ? spectrum[i] / top : 0.0;
    text += heights[std::clamp(static_cast<int>(std::ceil(share * 8)) - 1, 0, 7)];
  }
  return text;
}

double rmse(double square) { return std::sqrt(square); }

std::string lambda_text(double lambda) { return std::isinf(lambda) ? "∞ (no head)" : short_number(lambda); }

std::string file_size(const std::string& path) {
  std::error_code error;
  const auto bytes = static_cast<double>(std::filesystem::file_size(path, error));
  if (error) return "";
  return fmt::format(" ({})", bytes_text(bytes));
}

// What becomes of missing cells of a column; `input` is null unless it is one.
std::string what_happens(const InputColumn* input, Missing policy, RowsFor purpose) {
  if (input == nullptr || policy == Missing::drop || policy == Missing::error)
    return purpose == RowsFor::prediction ? "these rows get an empty prediction" : "these rows are left out";
  if (!input->indicator) return "filled by the mean of the training rows";
  return fmt::format("{}, an indicator beside{}", input->kind == ColumnKind::number ? "filled by the mean" : "no level",
                     purpose == RowsFor::learning ? " (--missing)" : "");
}

// Says once for all columns whose missing cells have the same fate what it is.
void warn_about_missing_cells(const Table& table, const Encoding& encoding, RowsFor purpose) {
  std::unordered_map<std::string_view, const InputColumn*> inputs;
  for (const InputColumn& column : encoding.columns) inputs.emplace(column.name, &column);
  struct Fate {
    std::string what;
    Index cells = 0;
    std::vector<std::size_t> columns;
  };
  std::vector<Fate> fates;
  const auto missing = table.missing();
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (missing[i].count == 0) continue;
    const auto found = inputs.find(table.columns()[i].name);
    const InputColumn* input = found == inputs.end() ? nullptr : found->second;
    if (input != nullptr && input->left_out != LeftOut::no) continue;  // said already
    const std::string what = what_happens(input, encoding.missing, purpose);
    auto fate = std::find_if(fates.begin(), fates.end(), [&](const Fate& each) { return each.what == what; });
    if (fate == fates.end()) fate = fates.insert(fates.end(), {what, 0, {}});
    fate->cells += missing[i].count;
    fate->columns.push_back(i);
  }
  for (const Fate& fate : fates) {
    const std::size_t first = fate.columns.front();
    const std::string where = table.where(missing[first].first_row);
    const std::string& name = table.columns()[first].name;
    if (fate.columns.size() == 1)
      spdlog::warn("{}: '{}' has {} (first at {}): {}", table.path(), name, count_of(fate.cells, "missing value"),
                   where, fate.what);
    else
      spdlog::warn("{}: {} in {} (first '{}' at {}): {}", table.path(), count_of(fate.cells, "missing cell"),
                   count_of(static_cast<Index>(fate.columns.size()), "column"), name, where, fate.what);
  }
}

// Why a column is no input.
const char* why_text(LeftOut why) {
  switch (why) {
    case LeftOut::missing:
      return "no value";
    case LeftOut::identifier:
      return "identifier";
    case LeftOut::levels:
      return "too many texts";
    case LeftOut::no:
      break;
  }
  return "";
}

}  // namespace

std::string bytes_text(double bytes) {
  if (bytes < 0x1p20) return fmt::format("{:.0f} KiB", bytes / 0x1p10);
  return bytes < 0x1p30 ? fmt::format("{:.1f} MiB", bytes / 0x1p20) : fmt::format("{:.1f} GiB", bytes / 0x1p30);
}

void print_line(const std::string& label, const std::string& text) {
  fmt::print("{:<{}}{}\n", label, label_width, text);
}

void print_table(const std::vector<std::string>& names, const std::vector<std::vector<std::string>>& rows) {
  // Characters, not bytes: ± is two bytes long.
  const auto length = [](const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
  };
  std::vector<std::size_t> widths;
  std::vector<bool> numbers;
  for (std::size_t j = 0; j < names.size(); ++j) {
    std::size_t width = length(names[j]);
    bool number = !rows.empty();
    for (const auto& row : rows) {
      width = std::max(width, length(row[j]));
      number = number && (row[j].empty() || std::isdigit(static_cast<unsigned char>(row[j].front())) != 0);
    }
    widths.push_back(width);
    numbers.push_back(number);
  }
  const auto print_row = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t j = 0; j < row.size(); ++j) {
      const std::string blanks(widths[j] - length(row[j]), ' ');
      line += (j > 0 ? "  " : "") + (numbers[j] ? blanks + row[j] : row[j] + blanks);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  };
  print_row(names);
  for (const auto& row : rows) print_row(row);
}

void print_json(const nlohmann::json& object) {
  fmt::print("{}\n", object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_json(const nlohmann::ordered_json& object) {
  fmt::print("{}\n", object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

std::vector<Index> largest_first(const Vector& values) {
  std::vector<Index> order(static_cast<std::size_t>(values.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) { return values[i] > values[j]; });
  return order;
}

std::string grouped(Index number) {
  std::string text = std::to_string(number);
  for (auto at = static_cast<Index>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<std::size_t>(at), " ");
  return text;
}

std::string short_number(double value) { return fmt::format("{:.4g}", value); }

std::string r2_text(double r2) {
  if (std::isnan(r2)) return "—";
  return fmt::format("{:.4f}", std::abs(r2) < 5e-5 ? 0.0 : r2);
}

std::string duration_text(double seconds) {
  if (seconds < 100) return fmt::format("{:.2g} s", seconds);
  if (seconds < 6000) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string count_of(Index number, const std::string& noun) {
  return fmt::format("{} {}{}", grouped(number), noun, number == 1 ? "" : "s");
}

std::string weights_text(const Vector& direction, const std::vector<std::string>& names) {
  constexpr std::size_t most = 5;
  std::vector<Index> order(names.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(),
            [&](Index i, Index j) { return std::abs(direction[i]) > std::abs(direction[j]); });
  std::string text;
  double explained = 0;
  for (std::size_t i = 0; i < order.size() && i < most && explained < 0.95; ++i) {
    const double weight = direction[order[i]];
    text += fmt::format("{}{:.2f} {}  ", weight < 0 ? "−" : "+", std::abs(weight),
                        names[static_cast<std::size_t>(order[i])]);
    explained += weight * weight;
  }
  if (explained < 0.95) text += "…";
  return text;
}

void print_directions(const Directions& found, Index shown) {
  const auto d = static_cast<Index>(found.inputs.size());
  if (found.rank.rank == 0) {
    print_line("directions", "none: the model is constant");
    return;
  }
  if (found.rank.rank == d && d > 1)
    print_line("directions", fmt::format("no gap among {}: none stands out    {}", d, bars(found.spectrum.values)));
  else
    print_line("directions",
               fmt::format("{} of {} carr{} {:.1f} % of the gradient    {}", found.rank.rank, d,
                           found.rank.rank == 1 ? "ies" : "y", 100 * found.rank.share, bars(found.spectrum.values)));
  for (Index i = 0; i < std::min(shown, found.spectrum.directions.rows()); ++i)
    print_line(fmt::format("  {}", i + 1), weights_text(found.spectrum.directions.row(i), found.inputs));
}

std::string features_text(const FeatureMap& map) {
  if (const auto* linearised = std::get_if<LinearisedNetwork>(&map))
    return fmt::format("{} tangent features ({}) of {} units", grouped(linearised->width()), name(linearised->blocks),
                       grouped(linearised->units()));
  if (const auto* sections = std::get_if<KernelSections>(&map))
    return fmt::format("kernel at {}", count_of(sections->width(), "row"));
  if (const auto* machine = std::get_if<LeafMachine>(&map))
    return fmt::format("kernels on {} of rows",
                       machine->leaves() == 1 ? "1 leaf" : grouped(machine->leaves()) + " leaves");
  return fmt::format("{} units", grouped(width(map)));
}

namespace {

// "log(price + 3.2)", "normal scores of price (301 knots)"
std::string transform_text(const TargetTransform& transform, const std::string& target) {
  if (transform.kind == TransformKind::rank)
    return fmt::format("normal scores of {} ({} knots)", target, transform.y.size());
  if (transform.shift == 0) return fmt::format("log({})", target);
  return fmt::format("log({} {} {})", target, transform.shift > 0 ? "−" : "+", short_number(std::abs(transform.shift)));
}

std::string classes_listed(const std::vector<std::string>& classes) {
  constexpr std::size_t most = 8;
  std::string text = std::to_string(classes.size());
  for (std::size_t c = 0; c < std::min(most, classes.size()); ++c) text += (c == 0 ? ": " : ", ") + classes[c];
  return classes.size() > most ? text + ", …" : text;
}

// "accuracy 0.953 (most frequent 0.333)   log-loss 0.12 (frequencies 1.1)"
std::string classes_text(const Classification& classes) {
  return fmt::format("accuracy {:.4f} (most frequent class {:.4f})   log-loss {} (frequencies {})",
                     classes.held_out.accuracy, classes.majority.accuracy, short_number(classes.held_out.log_loss),
                     short_number(classes.majority.log_loss));
}

// What the model is made of, and what else was tried, with errors relative to the mean's.
void print_selection(const Model& model, const std::string& how) {
  const Selection& selection = model.selection;
  const auto relative = [&](const CandidateReport& report) {
    return std::sqrt(report.error.cwiseQuotient(model.validation.mean.cwiseMax(1e-300)).mean());
  };
  std::vector<const CandidateReport*> others;
  std::vector<const CandidateReport*> failed;
  bool first = true;
  for (const CandidateReport& report : selection.candidates) {
    const double share = report.weight.mean();
    if (!(share > 0)) {
      (report.failed.empty() ? others : failed).push_back(&report);
      continue;
    }
    print_line(first ? "made of" : "", fmt::format("{:>3.0f} %  {} ({})", 100 * share, report.name, report.settings));
    first = false;
  }
  if (first) print_line("made of", "the mean alone: nothing beat it by more than chance");
  std::stable_sort(others.begin(), others.end(),
                   [&](const auto* a, const auto* b) { return relative(*a) < relative(*b); });
  std::string tried;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, others.size()); ++i)
    tried += fmt::format("{}{} {:.3f}", i == 0 ? "" : ", ", others[i]->name, relative(*others[i]));
  print_line("chosen",
             fmt::format("{} of {} ways tried, {}", selection.candidates.size() - others.size() - failed.size(),
                         selection.candidates.size(), how));
  if (!tried.empty()) print_line("", fmt::format("next best, in RMSE over the mean's: {}", tried));
  for (const CandidateReport* report : failed)
    print_line("", fmt::format("failed: {} ({})", report->name, report->failed));
  if (!selection.skipped.empty())
    print_line(
        "", fmt::format("beyond the budget: {}; a larger --budget reaches them", fmt::join(selection.skipped, ", ")));
  for (const NotTried& each : selection.left_out)
    print_line("", fmt::format("not tried: {}, because {}", each.name, each.why));
}

}  // namespace

void print_validation(const Model& model) {
  const Validation& validation = model.validation;
  const auto& transforms = model.scaling.y_transforms;
  for (std::size_t t = 0; t < transforms.size(); ++t)
    if (transforms[t].kind != TransformKind::none)
      print_line("transform", transform_text(transforms[t], model.encoding.targets[t]));
  const std::string which = model.options.ordered ? ", each after what was learned from"
                            : model.encoding.groups.empty()
                                ? ""
                                : fmt::format(", whole groups of '{}'", model.encoding.groups);
  const std::string how =
      (validation.folds > 1 ? fmt::format("in {} folds of {}", validation.folds, count_of(validation.rows, "row"))
                            : fmt::format("on {}", count_of(validation.rows, "row"))) +
      which;
  const bool searched = !model.selection.candidates.empty();
  if (searched) print_selection(model, how);
  const std::string features = model.predictors.empty() ? "no features" : features_text(model.predictors.front().map);
  if (model.classification) {
    const auto [low, high] = std::minmax_element(validation.chosen_lambda.begin(), validation.chosen_lambda.end());
    print_line("classes", classes_listed(model.encoding.classes));
    if (!searched)
      print_line("head", *low == *high ? fmt::format("{}, λ = {} chosen {}", features, lambda_text(*low), how)
                                       : fmt::format("{}, λ from {} to {} chosen per class {}", features,
                                                     lambda_text(*low), lambda_text(*high), how));
    print_line("held out", classes_text(*model.classification));
    print_held_out_classes(model);
    return;
  }
  for (Index t = 0; t < model.targets(); ++t) {
    const std::string head =
        fmt::format("{}, λ = {} chosen {}", features, lambda_text(validation.chosen_lambda[t]), how);
    const double share = validation.mean[t] > 0 ? 1.0 - validation.chosen[t] / validation.mean[t] : 0.0;
    const std::string error =
        fmt::format("{} RMSE (R² {:.4f})   linear {}   mean {}", short_number(rmse(validation.chosen[t])), share,
                    short_number(rmse(validation.linear[t])), short_number(rmse(validation.mean[t])));
    const std::string& name = model.encoding.targets[static_cast<std::size_t>(t)];
    if (model.targets() == 1) {
      if (!searched) print_line("head", head);
      print_line("error", error);
    } else {
      print_line(t == 0 ? "targets" : "", fmt::format("{:<12} {}", name, error));
      if (t + 1 == model.targets() && !searched)
        print_line("head", fmt::format("{}, λ per target chosen {}", features, how));
    }
  }
}

void print_intervals(const Model& model) {
  constexpr double level = 0.9;
  const Intervals& intervals = model.intervals;
  if (intervals.rows == 0 || intervals.level.row(intervals.level.rows() - 1).minCoeff() < level) return;
  const Vector q = half_widths(intervals, level);
  std::string widths;
  for (Index t = 0; t < q.size(); ++t) {
    if (t > 0) widths += ", ";
    widths += "±" + short_number(q[t]);
    if (q.size() > 1) widths += " " + model.encoding.targets[static_cast<std::size_t>(t)];
  }
  print_line("interval",
             fmt::format("{} holds {}{:.0f} % of new rows ({} {})", widths, intervals.set_aside ? "" : "about ",
                         100 * level, count_of(intervals.rows, "row"), intervals.set_aside ? "set aside" : "held out"));
}

void say_head_form(const HeadForm& form) {
  if (form.pairs && form.bytes >= 100 * 0x1p20)
    spdlog::info("{} of memory for {} × {} pairs of rows", bytes_text(form.bytes), grouped(form.size),
                 grouped(form.size));
}

void say_what_is_gone_on_from(const Checkpoint& checkpoint) {
  const Checkpoint::Found& found = checkpoint.found();
  if (found.results == 0 && found.part == 0) return;
  std::string what = count_of(found.results, "result");
  if (found.part > 0) what += fmt::format(" and {:.0f} % of the pass '{}'", 100 * found.part, found.partial_stage);
  spdlog::info("going on from {} ({}): {}", checkpoint.path(), bytes_text(found.bytes), what);
}

void print_saved(const std::string& path, double seconds, const std::string& next) {
  print_line("model", fmt::format("{}{} in {:.1f} s", path, file_size(path), seconds));
  print_line("next", next);
}

void warn_about_table(const Table& table, const EncodedSource& rows, const Encoding& encoding, RowsFor purpose) {
  if (table.cache_bytes() > 0)
    spdlog::info("{}: parsed once into a temporary file of {:.0f} MiB", table.path(),
                 static_cast<double>(table.cache_bytes()) / 0x1p20);
  if (!rows.unknown_levels().empty()) {
    const UnknownLevel& first = rows.unknown_levels().front();
    const std::size_t count = rows.unknown_levels().size();
    spdlog::warn("{}: {} among those the model knows and count{} as none of them (first: '{}' in '{}')", table.path(),
                 count == 1 ? "1 text level is not" : fmt::format("{} text levels are not", count),
                 count == 1 ? "s" : "", first.level, first.column);
  }
  warn_about_missing_cells(table, encoding, purpose);
}

std::vector<std::pair<std::string, std::string>> left_out_columns(const Encoding& encoding) {
  std::vector<std::pair<std::string, std::string>> columns;
  for (const InputColumn& column : encoding.columns)
    if (column.left_out != LeftOut::no) columns.emplace_back(column.name, why_text(column.left_out));
  return columns;
}

nlohmann::json left_out_json(const Encoding& encoding) {
  nlohmann::json columns = nlohmann::json::array();
  for (const auto& [column, why] : left_out_columns(encoding)) columns.push_back({{"name", column}, {"why", why}});
  return columns;
}

void warn_about_extrapolation(const Table& table, const EncodedSource& rows, const Model& model,
                              const Context& context) {
  const Extrapolation found = extrapolation(model, rows, context);
  for (const OutsideRange& outside : found.outside)
    spdlog::warn(
        "{}: {} of {} outside the training range along direction {} (first at {}): predictions there are extrapolation",
        table.path(), grouped(outside.rows), count_of(found.rows, "row") + (outside.rows == 1 ? " lies" : " lie"),
        outside.direction + 1, table.where(outside.first_row));
  if (found.unseen_codes > 0)
    spdlog::warn(
        "{}: {} of {} a number that serves as a code and is in no training row (first at {}): it counts as unknown",
        table.path(), grouped(found.unseen_codes),
        count_of(found.rows, "row") + (found.unseen_codes == 1 ? " has" : " have"),
        table.where(found.first_unseen_code));
  if (found.drawn_in > 0)
    spdlog::warn(
        "{}: {} of {} an input far outside what the model was trained on (first at {}), drawn in to the limit of what "
        "is plausible or, far beyond it, taken as unknown; a model fitted with --extrapolate lets linear trends go on",
        table.path(), grouped(found.drawn_in), count_of(found.rows, "row") + (found.drawn_in == 1 ? " has" : " have"),
        table.where(found.first_drawn_in));
}

void warn_about_held_back(const Table& table, const Model& model, const HeldBack& held_back) {
  for (std::size_t t = 0; t < held_back.rows.size(); ++t)
    if (held_back.rows[t] > 0)
      spdlog::warn(
          "{}: {} of '{}' {} held back to the training targets' range and a tenth of it on either side (first at {}); "
          "a "
          "model fitted with --extrapolate lets linear trends go on",
          table.path(), count_of(held_back.rows[t], "prediction"), model.encoding.targets[t],
          held_back.rows[t] == 1 ? "is" : "are", table.where(held_back.first_row[t]));
}

std::string drawn_targets_text(const Model& model, std::size_t t) {
  const auto at = static_cast<Index>(t);
  return fmt::format(
      "{} of {} far outside the rest and {} drawn in (to between {} and {}, or nearer to what a fit to the other rows "
      "says) before the model was learned; --clip-targets false learns from them as they are",
      grouped(model.drawn_targets[t]),
      count_of(model.rows, "target") + (model.drawn_targets[t] == 1 ? " lies" : " lie"),
      model.drawn_targets[t] == 1 ? "was" : "were", short_number(model.scaling.y_low[at]),
      short_number(model.scaling.y_high[at]));
}

std::string contradicted_text(const Model& model) {
  const auto count = static_cast<Index>(model.contradicted.size());
  const Contradicted& first = model.contradicted.front();
  Index t = 0;
  (first.y - first.f).cwiseQuotient(model.scaling.y_scale).cwiseAbs().maxCoeff(&t);
  return fmt::format(
      "{} of {} {} a target that the others contradict ({}: '{}' is {} where they say {}) and {} not learned from; "
      "--clip-targets false learns from all as they are",
      grouped(count), count_of(model.rows + count, "row"), count == 1 ? "has" : "have",
      count == 1 ? "in it" : "in the first", model.encoding.output_names()[static_cast<std::size_t>(t)],
      short_number(first.y[t]), short_number(first.f[t]), count == 1 ? "was" : "were");
}

void warn_about_model(const Model& model) {
  for (const std::string& input : model.constant_names())
    spdlog::warn("input '{}' never varies and is left out", input);
  for (const InputColumn& column : model.encoding.columns)
    if (column.coded && !model.scaling.levels)
      spdlog::warn("input '{}', text of {} different values, is left out: level effects are off", column.name,
                   column.levels.size());
  const Validation& validation = model.validation;
  const auto names = model.encoding.output_names();
  for (std::size_t t = 0; t < model.drawn_targets.size(); ++t)
    if (model.drawn_targets[t] > 0) spdlog::warn("target '{}': {}", names[t], drawn_targets_text(model, t));
  if (!model.contradicted.empty()) spdlog::warn("{}", contradicted_text(model));
  for (const CandidateReport& report : model.selection.candidates)
    if (!report.failed.empty() && report.error.allFinite())
      spdlog::warn("'{}' was chosen and failed when it was {}: its weight went to the others", report.name,
                   report.failed);
  if (model.classification && model.classification->held_out.log_loss >= model.classification->majority.log_loss)
    spdlog::warn("target '{}': nothing was found: the log-loss on validation rows is not below that of the frequencies",
                 model.encoding.targets.front());
  for (Index t = 0; t < model.targets(); ++t) {
    const std::string& target = names[static_cast<std::size_t>(t)];
    if (validation.at_grid_end[static_cast<std::size_t>(t)])
      spdlog::warn("target '{}': the best λ is at the end of its list, {}; values beyond may be better", target,
                   short_number(validation.chosen_lambda[t]));
    if (model.classification) continue;
    if (validation.chosen[t] >= (1 - 1e-9) * validation.mean[t])  // the mean itself, up to rounding, is nothing found
      spdlog::warn("target '{}': nothing was found: the error on validation rows is not below that of the mean",
                   target);
    else if (validation.chosen[t] > 1.001 * validation.linear[t])
      spdlog::warn("target '{}': the linear model does better on validation rows", target);
  }
}

nlohmann::json fit_report(const Model& model, const std::string& path, double seconds) {
  const Validation& validation = model.validation;
  const Directions found = directions(model);
  nlohmann::json targets = nlohmann::json::array();
  if (model.classification) {
    const Classification& classes = *model.classification;
    nlohmann::json lambda = nlohmann::json::array();
    for (const double value : validation.chosen_lambda)
      lambda.push_back(std::isinf(value) ? nlohmann::json("inf") : nlohmann::json(value));
    targets.push_back({{"name", model.encoding.targets.front()},
                       {"classes", model.encoding.classes},
                       {"lambda", lambda},
                       {"temperature", classes.link.temperature},
                       {"validation_accuracy", classes.held_out.accuracy},
                       {"validation_log_loss", classes.held_out.log_loss},
                       {"validation_accuracy_majority", classes.majority.accuracy},
                       {"validation_log_loss_frequencies", classes.majority.log_loss},
                       {"class_weights", name(model.options.class_weights)},
                       {"validation_classes", class_report_json(classes.report, model.encoding.classes)}});
    if (classes.threshold)
      targets.back()["threshold_advice"] = threshold_advice_json(*classes.threshold, model.encoding.classes);
  }
  for (Index t = 0; t < model.targets() && !model.classification; ++t) {
    const double lambda = validation.chosen_lambda[t];
    targets.push_back({{"name", model.encoding.targets[static_cast<std::size_t>(t)]},
                       {"lambda", std::isinf(lambda) ? nlohmann::json("inf") : nlohmann::json(lambda)},
                       {"validation_rmse", rmse(validation.chosen[t])},
                       {"validation_rmse_linear", rmse(validation.linear[t])},
                       {"validation_rmse_mean", rmse(validation.mean[t])}});
    const auto& transforms = model.scaling.y_transforms;
    if (!transforms.empty()) targets.back()["transform"] = name(transforms[static_cast<std::size_t>(t)].kind);
    const auto drawn = static_cast<std::size_t>(t);
    if (drawn < model.drawn_targets.size() && model.drawn_targets[drawn] > 0)
      targets.back()["drawn_in"] = {
          {"rows", model.drawn_targets[drawn]}, {"low", model.scaling.y_low[t]}, {"high", model.scaling.y_high[t]}};
  }
  nlohmann::json contradicted = nlohmann::json::array();
  for (const Contradicted& each : model.contradicted)
    contradicted.push_back({{"row", each.row},
                            {"y", std::vector<double>(each.y.begin(), each.y.end())},
                            {"predicted", std::vector<double>(each.f.begin(), each.f.end())}});
  nlohmann::json candidates = nlohmann::json::array();
  for (const CandidateReport& report : model.selection.candidates)
    candidates.push_back({{"name", report.name},
                          {"settings", report.settings},
                          {"rank", report.rank},
                          {"validation_rmse", std::vector<double>(report.error.size())},
                          {"standard_error", std::vector<double>(report.error.size())},
                          {"cost", report.cost},
                          {"rows", report.rows > 0 ? report.rows : model.rows},
                          {"weight", std::vector<double>(report.weight.begin(), report.weight.end())},
                          {"failed", report.failed},
                          {"dropped", report.dropped}});
  for (std::size_t c = 0; c < candidates.size(); ++c)
    for (Index t = 0; t < model.targets(); ++t) {
      const CandidateReport& report = model.selection.candidates[c];
      candidates[c]["validation_rmse"][static_cast<std::size_t>(t)] = rmse(report.error[t]);
      const bool known = report.standard_error.size() > 0 && report.error[t] > 0;
      candidates[c]["standard_error"][static_cast<std::size_t>(t)] =
          known ? report.standard_error[t] / (2 * std::sqrt(report.error[t])) : 0.0;
    }
  nlohmann::json not_tried = nlohmann::json::array();
  for (const NotTried& each : model.selection.left_out) not_tried.push_back({{"name", each.name}, {"why", each.why}});
  nlohmann::json search_path = nlohmann::json::array();
  for (const SearchStep& step : model.selection.path)
    search_path.push_back(
        {{"name", step.name}, {"cost", step.cost}, {"spent", step.spent}, {"error", std::sqrt(step.error)}});
  return {{"model", path},
          {"left_out", left_out_json(model.encoding)},
          {"missing", name(model.encoding.missing)},
          {"method", name(model.options.method)},
          {"candidates", candidates},
          {"skipped", model.selection.skipped},
          {"not_tried", not_tried},
          {"path", search_path},
          {"rows", model.rows},
          {"validation_rows", validation.rows},
          {"inputs", model.kept_names()},
          {"constant_inputs", model.constant_names()},
          {"contradicted", contradicted},
          {"rank", found.rank.rank},
          {"spectrum", std::vector<double>(found.spectrum.values.begin(), found.spectrum.values.end())},
          {"targets", targets},
          {"seconds", seconds}};
}

}  // namespace sextant::app
