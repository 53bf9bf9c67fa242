#include "model_page.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "class_section.h"
#include "presentation.h"
#include "sextant/automatic.h"
#include "sextant/encoding.h"
#include "sextant/importance.h"

namespace sextant::app {
namespace {

constexpr Index most_rows = 2000;          // as points of a chart
constexpr Index most_bars = 40;            // of a spectrum
constexpr Index most_directions = 8;       // shown as charts
constexpr Index without_gap = 3;           // directions shown when none stands out
constexpr Index most_weights = 10;         // of a direction's chart
constexpr std::size_t most_columns = 20;   // of the chart of importance
constexpr Index most_class_sections = 12;  // of classes' indicators, each of which is a target
constexpr Index plotted_directions = 2;    // that targets are plotted against

std::string names_text(const std::vector<std::string>& names, std::size_t most = 12) {
  if (names.size() <= most) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{}, … ({} in all)", fmt::join(names.begin(), names.begin() + static_cast<Index>(most), ", "),
                     names.size());
}

std::string percent(double share) { return fmt::format("{:.3g} %", 100 * share); }

nlohmann::json r2_of(double error, double mean) {
  return mean > 0 ? nlohmann::json(1 - error / mean) : nlohmann::json(nullptr);
}

nlohmann::json lambda_value(double lambda) {
  return std::isinf(lambda) ? nlohmann::json("∞ (no head)") : nlohmann::json(lambda);
}

// Whether the model is better than the mean by more than rounding.
bool found_something(const Validation& validation, Index t) {
  return validation.chosen[t] < (1 - 1e-9) * validation.mean[t];
}

std::string held_out(const Validation& validation) {
  return validation.folds > 1
             ? fmt::format("{} rows, each held out in one of {} folds", grouped(validation.rows), validation.folds)
             : fmt::format("{} held out", count_of(validation.rows, "row"));
}

Index shown_directions(const Directions& found) {
  const Index d = found.spectrum.values.size();
  if (found.rank.rank == 0) return 0;
  return std::min(found.rank.rank == d ? without_gap : found.rank.rank, std::min(most_directions, d));
}

std::string directions_sentence(const Directions& found) {
  const Index d = found.spectrum.values.size();
  if (found.rank.rank == 0) return "The model is constant: it varies in no direction.";
  if (found.rank.rank == d && d > 1) return fmt::format("It varies in all {} directions; none stands out.", grouped(d));
  if (d == 1) return "There is one input, and so one direction.";
  return fmt::format("{} of {} directions carr{} {} of how its prediction varies.", found.rank.rank, grouped(d),
                     found.rank.rank == 1 ? "ies" : "y", percent(found.rank.share));
}

std::string summary(const Model& model, const Directions& found) {
  const Validation& validation = model.validation;
  const std::string what = fmt::format("Predicts {} from {}. {}", names_text(model.encoding.targets, 4),
                                       count_of(model.scaling.inputs(), "input"), directions_sentence(found));
  if (model.classification)
    return fmt::format("{} On held-out rows it is right in {} of them; the most frequent class is in {}.", what,
                       percent(model.classification->held_out.accuracy),
                       percent(model.classification->majority.accuracy));
  if (model.targets() > 1) return what;
  if (!found_something(validation, 0))
    return what + " Nothing was found: its error on held-out rows is not below that of always guessing the mean.";
  return fmt::format(
      "{} On held-out rows it errs by {} (root mean square), the best linear model by {}, always guessing the mean "
      "by {}.",
      what, short_number(std::sqrt(validation.chosen[0])), short_number(std::sqrt(validation.linear[0])),
      short_number(std::sqrt(validation.mean[0])));
}

Section what_it_is(const Model& model, const std::string& name) {
  std::vector<std::pair<std::string, nlohmann::json>> facts = {
      {"Model", fmt::format("{}, written by Sextant {}", name, model.version)},
      {"Method",
       sextant::name(model.options.method) + (model.transferred ? ", its first layer kept from another task" : "")},
      {"Targets", names_text(model.encoding.targets)},
      {"Inputs", names_text(model.kept_names())},
  };
  if (!model.constant_names().empty())
    facts.emplace_back("Left out", names_text(model.constant_names()) + " (never varied)");
  std::vector<std::string> no_inputs;
  for (const auto& [column, why] : left_out_columns(model.encoding))
    no_inputs.push_back(fmt::format("{} ({})", column, why));
  if (!no_inputs.empty()) facts.emplace_back("No inputs", names_text(no_inputs));
  facts.emplace_back("Trained on", count_of(model.rows, "row"));
  for (const Predictor& predictor : model.predictors) facts.emplace_back("Features", features_text(predictor.map));
  facts.emplace_back("Options", fmt::format("preprocess {}, head {}, seed {}", sextant::name(model.options.preprocess),
                                            sextant::name(model.options.head), model.options.seed));

  const Validation& validation = model.validation;
  std::vector<nlohmann::json> rows;
  for (Index t = 0; t < model.targets(); ++t)
    rows.push_back({model.encoding.output_names()[static_cast<std::size_t>(t)], std::sqrt(validation.chosen[t]),
                    r2_of(validation.chosen[t], validation.mean[t]), std::sqrt(validation.linear[t]),
                    std::sqrt(validation.mean[t]),
                    validation.path.rows() > 0 ? lambda_value(validation.chosen_lambda[t]) : nlohmann::json()});
  return {"The model",
          {page_facts(facts),
           page_table(
               fmt::format("Errors when λ was chosen ({}), in each target's own units", held_out(validation)),
               {{"target", ColumnFormat::text}, {"RMSE"}, {"R²"}, {"RMSE, linear model"}, {"RMSE, mean"}, {"chosen λ"}},
               rows)}};
}

PageBlock direction_chart(const Directions& found, Index i, double largest) {
  const auto v = found.spectrum.directions.row(i);
  std::vector<Index> order(found.inputs.size());
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return std::abs(v[a]) > std::abs(v[b]); });
  nlohmann::json weights = nlohmann::json::array();
  const Index shown = std::min<Index>(most_weights, v.size());
  for (Index j = 0; j < shown; ++j)
    weights.push_back({{"name", found.inputs[static_cast<std::size_t>(order[static_cast<std::size_t>(j)])]},
                       {"value", v[order[static_cast<std::size_t>(j)]]}});
  const std::string note = shown < v.size() ? fmt::format("{} of all. The {} largest of {} weights.",
                                                          percent(found.spectrum.values[i]), shown, grouped(v.size()))
                                            : fmt::format("{} of all.", percent(found.spectrum.values[i]));
  return page_chart({fmt::format("direction-{}", i + 1), fmt::format("Direction {}", i + 1), note,
                     fmt::format("Bars of the weights of direction {}: {}", i + 1, weights_text(v, found.inputs))},
                    "weights", {{"x", page_axis("weight")}, {"weights", weights}, {"largest", largest}});
}

PageBlock importance_chart(const Importance& shares) {
  const auto order = largest_first(shares.by_column);
  nlohmann::json bars = nlohmann::json::array();
  std::vector<std::string> leading;
  for (std::size_t i = 0; i < std::min(order.size(), most_columns); ++i) {
    const std::string& name = shares.columns[static_cast<std::size_t>(order[i])];
    bars.push_back({{"name", name}, {"value", shares.by_column[order[i]]}});
    if (i < 5) leading.push_back(name);
  }
  const std::string of_more = order.size() > most_columns ? fmt::format(" The {} largest of {}.", most_columns,
                                                                        grouped(static_cast<Index>(order.size())))
                                                          : "";
  return page_chart(
      {"importance", "Importance",
       "Share of the mean squared gradient along each column of the table, on standardised inputs." + of_more,
       fmt::format("Bars of the importance of the columns, largest first: {}", fmt::join(leading, ", "))},
      "weights",
      {{"x", page_axis("share")}, {"weights", bars}, {"lowest", 0.0}, {"largest", shares.by_column.maxCoeff()}});
}

Section directions_section(const Directions& found, const Importance& importance) {
  const Index d = found.spectrum.values.size();
  Section section = {"Directions", {page_text(directions_sentence(found))}};
  const Index r = shown_directions(found);
  if (r == 0) return section;

  const Index bars = std::min(d, most_bars);
  std::vector<double> shares(found.spectrum.values.begin(), found.spectrum.values.begin() + bars);
  const std::string of_more = bars < d ? fmt::format(" The first {} of {}.", bars, grouped(d)) : "";
  section.blocks.push_back(
      page_chart({"spectrum", "Spectrum", "Share of the mean squared gradient that each direction carries." + of_more,
                  fmt::format("Bars of the spectrum, largest first: {}",
                              fmt::join(shares.begin(), shares.begin() + std::min<Index>(bars, 8), ", "))},
                 "spectrum",
                 {{"x", page_axis("direction")},
                  {"y", page_axis("share")},
                  {"shares", shares},
                  {"rank", found.rank.rank == d && d > 1 ? Index{0} : found.rank.rank}}));

  std::vector<PageBlock> charts;
  const double largest = found.spectrum.directions.topRows(r).cwiseAbs().maxCoeff();
  for (Index i = 0; i < r; ++i) charts.push_back(direction_chart(found, i, largest));
  section.blocks.push_back(page_grid(charts));
  section.blocks.push_back(importance_chart(importance));
  section.blocks.push_back(
      page_text("A direction adds up the standardised inputs, (x − mean) / deviation, by these weights; its sign is a "
                "convention."));

  std::vector<nlohmann::json> spectrum;
  double together = 0;
  for (Index i = 0; i < d; ++i) {
    together += found.spectrum.values[i];
    spectrum.push_back({i + 1, found.spectrum.values[i], together});
  }
  section.blocks.push_back(
      page_table("Spectrum", {{"direction"}, {"share"}, {"together"}}, spectrum, "The spectrum as a table"));

  std::vector<PageColumn> columns = {{"input", ColumnFormat::text}};
  for (Index i = 0; i < r; ++i) columns.push_back({fmt::format("direction {}", i + 1)});
  columns.insert(columns.end(), {{"mean"}, {"deviation"}});
  std::vector<nlohmann::json> rows;
  for (Index j = 0; j < d; ++j) {
    nlohmann::json row = {found.inputs[static_cast<std::size_t>(j)]};
    for (Index i = 0; i < r; ++i) row.push_back(found.spectrum.directions(i, j));
    row.push_back(found.mean[j]);
    row.push_back(found.scale[j]);
    rows.push_back(std::move(row));
  }
  section.blocks.push_back(page_table("Weights of every input", columns, rows, "The weights of every input"));
  return section;
}

void add_lambda_path(Section& section, const Model& model, Index t) {
  const Validation& validation = model.validation;
  nlohmann::json candidates = nlohmann::json::array();
  std::vector<double> errors;
  std::vector<nlohmann::json> rows;
  Index chosen = 0;
  for (Index l = 0; l < validation.path.rows(); ++l) {
    const double lambda = validation.lambda[static_cast<std::size_t>(l)];
    if (lambda == validation.chosen_lambda[t]) chosen = l;
    candidates.push_back(lambda);  // ∞ becomes null
    errors.push_back(std::sqrt(validation.path(l, t)));
    rows.push_back({lambda_value(lambda), errors.back()});
  }
  const std::string name = fmt::format("lambda-{}", t + 1);
  section.blocks.push_back(page_heading("How λ was chosen"));
  section.blocks.push_back(page_chart(
      {name, "Error for every candidate λ", fmt::format("Root mean square error on {}.", held_out(validation)),
       fmt::format("Line of the error on held-out rows against λ; the chosen one is {} with error {}.",
                   std::isinf(validation.chosen_lambda[t]) ? "∞" : short_number(validation.chosen_lambda[t]),
                   short_number(std::sqrt(validation.chosen[t])))},
      "path",
      {{"y", page_axis("RMSE")},
       {"candidates", candidates},
       {"errors", errors},
       {"chosen", chosen},
       {"references",
        {{{"name", "mean"}, {"value", std::sqrt(validation.mean[t])}},
         {{"name", "linear model"}, {"value", std::sqrt(validation.linear[t])}}}}}));
  if (validation.at_grid_end[static_cast<std::size_t>(t)])
    section.blocks.push_back(page_text("The best λ is at the end of its list: values beyond may be better."));
  section.blocks.push_back(page_table("Error for every candidate λ", {{"λ"}, {"RMSE"}}, rows, "The λ path as a table"));
}

// By the error's, to first order; null where it is not known.
nlohmann::json standard_error_of_rmse(const CandidateReport& report, Index t) {
  if (report.standard_error.size() == 0 || !std::isfinite(report.standard_error[t]) || !(report.error[t] > 0))
    return {};
  return report.standard_error[t] / (2 * std::sqrt(report.error[t]));
}

// What the automatic method tried for target t, the best first.
void add_candidates(Section& section, const Model& model, Index t) {
  std::vector<const CandidateReport*> order;
  for (const CandidateReport& report : model.selection.candidates) order.push_back(&report);
  std::stable_sort(order.begin(), order.end(), [t](const auto* a, const auto* b) { return a->error[t] < b->error[t]; });
  std::vector<nlohmann::json> rows;
  for (const CandidateReport* report : order)
    rows.push_back({report->name, report->failed.empty() ? report->settings : "failed: " + report->failed,
                    std::isfinite(report->error[t]) ? nlohmann::json(std::sqrt(report->error[t])) : nlohmann::json(),
                    standard_error_of_rmse(*report, t), report->cost / multiply_adds_per_second, report->weight[t],
                    report->dropped});
  section.blocks.push_back(page_heading("What was tried, and what the model is made of"));
  section.blocks.push_back(page_text(
      fmt::format("Each way of learning was judged on {}; the shares are those of the mean that did best there.",
                  held_out(model.validation))));
  section.blocks.push_back(page_table("Ways of learning, the best first",
                                      {{"way", ColumnFormat::text},
                                       {"settings", ColumnFormat::text},
                                       {"RMSE"},
                                       {"± (standard error)"},
                                       {"seconds' worth of work"},
                                       {"share of the model"},
                                       {"why it is not part of it", ColumnFormat::text}},
                                      rows));
  for (const NotTried& each : model.selection.left_out)
    section.blocks.push_back(page_text(fmt::format("Not tried: {}, because {}.", each.name, each.why)));
  if (!model.selection.skipped.empty())
    section.blocks.push_back(
        page_text(fmt::format("Beyond the budget: {}.", fmt::join(model.selection.skipped, ", "))));
}

// How the error of what is chosen fell with the work spent.
void add_search_path(Section& section, const Model& model) {
  const std::vector<SearchStep>& path = model.selection.path;
  if (path.size() < 2) return;
  nlohmann::json chosen = nlohmann::json::array();
  for (const SearchStep& step : path)
    if (step.spent > 0) chosen.push_back({{"x", step.spent / multiply_adds_per_second}, {"y", std::sqrt(step.error)}});
  nlohmann::json work = page_axis("seconds' worth of work", "log");
  nlohmann::json error = page_axis("RMSE over the mean's");
  const nlohmann::json series = {{{"name", "what is chosen"}, {"points", chosen}}};
  section.blocks.push_back(page_chart(
      {"search", "Error against work",
       fmt::format("Of what is chosen after each of {} steps, on {}; all that a larger budget adds lies further right.",
                   path.size(), held_out(model.validation)),
       fmt::format("Line of the held-out error of what is chosen against the work spent: it ends at {} of the mean's.",
                   short_number(std::sqrt(path.back().error)))},
      "lines", {{"x", work}, {"y", error}, {"panels", {{{"title", ""}, {"series", series}}}}}));
}

nlohmann::json points(const Matrix& X, Index i, const Matrix& Y, Index j) {
  nlohmann::json list = nlohmann::json::array();
  for (Index row = 0; row < X.rows(); ++row) list.push_back({X(row, i), Y(row, j)});
  return list;
}

// `observed`: the targets, or the predictions where the table has none.
PageBlock summary_plots(const ShownRows& rows, const Matrix& observed, const std::string& what, Index t) {
  static const char* const ordinal[] = {"first", "second"};
  std::vector<PageBlock> charts;
  for (Index i = 0; i < rows.along.cols(); ++i)
    charts.push_back(page_chart(
        {fmt::format("target-{}-direction-{}", t + 1, i + 1), fmt::format("Along the {} direction", ordinal[i]), "",
         fmt::format("Points of {} against the {} direction of the model.", what, ordinal[i])},
        "scatter",
        {{"x", page_axis(fmt::format("direction {}", i + 1))},
         {"y", page_axis(what)},
         {"points", points(rows.along, i, observed, t)}}));
  return page_grid(charts);
}

void add_rows(Section& section, const Model& model, const ShownRows& rows, Index t) {
  const std::string target = model.encoding.output_names()[static_cast<std::size_t>(t)];
  const Index shown = rows.predicted.rows();
  section.blocks.push_back(page_heading(fmt::format("On the rows of {}", rows.table)));
  if (shown == 0) {
    section.blocks.push_back(page_text("No row of it can be predicted: each has a missing cell."));
    return;
  }
  if (rows.scores) {
    const Score& score = rows.scores->targets[static_cast<std::size_t>(t)];
    section.blocks.push_back(page_table(fmt::format("Errors on {}", count_of(rows.scores->n, "row")),
                                        {{"rows"}, {"RMSE"}, {"MAE"}, {"R²"}},
                                        {{rows.scores->n, score.rmse, score.mae, score.r2}}));
  } else {
    section.blocks.push_back(
        page_text(fmt::format("{} does not have every target, so this shows the predictions alone.", rows.table)));
  }
  if (shown < rows.rows)
    section.blocks.push_back(page_text(fmt::format("The charts show {} of {} rows, spread evenly over the table.",
                                                   grouped(shown), grouped(rows.rows))));
  if (rows.along.cols() > 0)
    section.blocks.push_back(summary_plots(rows, rows.target ? *rows.target : rows.predicted,
                                           rows.target ? target : "predicted " + target, t));
  if (!rows.target) return;
  const Matrix residual = *rows.target - rows.predicted;
  section.blocks.push_back(
      page_grid({page_chart({fmt::format("target-{}-predicted", t + 1), "Predicted against observed",
                             "On the dashed line, they agree.",
                             fmt::format("Points of {} as observed against what the model predicts.", target)},
                            "scatter",
                            {{"x", page_axis("predicted " + target)},
                             {"y", page_axis(target)},
                             {"points", points(rows.predicted, t, *rows.target, t)},
                             {"line", "diagonal"}}),
                 page_chart({fmt::format("target-{}-residuals", t + 1), "Residuals against predictions",
                             "Observed less predicted; a pattern is something not learned.",
                             fmt::format("Points of the residuals of {} against its predictions.", target)},
                            "scatter",
                            {{"x", page_axis("predicted " + target)},
                             {"y", page_axis("residual")},
                             {"points", points(rows.predicted, t, residual, t)},
                             {"line", "zero"}})}));
}

// Throwing out of the choice of columns ends the reading at the header.
std::vector<std::string> column_names(const std::string& data, TableOptions options) {
  struct Enough {};
  std::vector<std::string> found;
  options.choose = [&found](const std::vector<std::string>& names) -> std::vector<ColumnUse> {
    found = names;
    throw Enough();
  };
  try {
    (void)open_table(data, options);
  } catch (const Enough&) {
  }
  return found;
}

// One row of each of `most_rows` equal parts of the table. Within its part, the row moves by the golden ratio, so that
// no period in the table meets a period in the choice.
Index row_of_part(Index part, Index parts, Index rows) {
  const Index first = part * rows / parts;
  const Index size = (part + 1) * rows / parts - first;
  const double fraction = std::fmod(static_cast<double>(part) * 0.6180339887498949, 1.0);
  return first + std::min(static_cast<Index>(fraction * static_cast<double>(size)), size - 1);
}

}  // namespace

ShownRows rows_to_show(const Model& model, const std::string& data, const TableOptions& options,
                       const Context& context) {
  const std::vector<std::string> names = column_names(data, options);
  const auto& targets = model.encoding.targets;
  const bool with_targets = std::all_of(targets.begin(), targets.end(), [&](const std::string& target) {
    return std::find(names.begin(), names.end(), target) != names.end();
  });
  const auto table = open_for_model(data, model.encoding, with_targets, options);
  const EncodedSource source(*table, model.encoding, with_targets);
  warn_about_table(*table, source, model.encoding, with_targets ? RowsFor::measuring : RowsFor::prediction);

  ShownRows shown;
  shown.table = std::filesystem::path(data).filename().string();
  shown.rows = source.rows();
  const Directions found = directions(model);
  const Index q = std::min(plotted_directions, shown_directions(found));
  const Index k = model.targets();
  const Index parts = std::min(shown.rows, most_rows);
  shown.along.resize(parts, q);
  shown.predicted.resize(parts, k);
  Matrix observed(parts, with_targets ? k : 0);
  Index count = 0;
  Index part = 0;
  Block block;
  for (Index first = 0; first < shown.rows; first += context.block_rows) {
    context.report("read", static_cast<double>(first) / static_cast<double>(shown.rows));
    const Index end = std::min(first + context.block_rows, shown.rows);
    std::vector<Index> picked;  // rows of this block
    for (; part < parts && row_of_part(part, parts, shown.rows) < end; ++part)
      picked.push_back(row_of_part(part, parts, shown.rows) - first);
    if (picked.empty()) continue;
    source.read(first, end - first, block);
    // Rows that the model's policy leaves out are not shown.
    std::erase_if(picked, [&](Index i) {
      return !(block.w[i] > 0) || (model.encoding.missing == Missing::drop && block.X.row(i).hasNaN());
    });
    const Matrix X = block.X(picked, Eigen::all);
    Matrix Z;
    model.scaling.apply(X, Z);
    const auto size = static_cast<Index>(picked.size());
    if (size == 0) continue;
    shown.along.middleRows(count, size) = Z * found.spectrum.directions.topRows(q).transpose();
    shown.predicted.middleRows(count, size) = predict(model, X, context, first);
    if (with_targets) observed.middleRows(count, size) = block.Y(picked, Eigen::all);
    count += size;
  }
  shown.along.conservativeResize(count, q);
  shown.predicted.conservativeResize(count, k);
  if (with_targets) {
    observed.conservativeResize(count, k);
    shown.target = std::move(observed);
    if (count > 0) shown.scores = evaluate(model, source, context);
  }
  return shown;
}

Page model_page(const Model& model, const std::string& name, const std::optional<ShownRows>& rows) {
  const Directions found = directions(model);
  Page page = {
      name, summary(model, found), {what_it_is(model, name), directions_section(found, sextant::importance(model))}};
  if (model.classification) page.sections.push_back(classes_section(model, held_out(model.validation)));
  const Index shown = model.classification ? std::min(model.targets(), most_class_sections) : model.targets();
  for (Index t = 0; t < shown; ++t) {
    Section section = {fmt::format("Target {}", model.encoding.output_names()[static_cast<std::size_t>(t)]), {}};
    if (rows) add_rows(section, model, *rows, t);
    if (model.selection.candidates.empty())
      add_lambda_path(section, model, t);
    else
      add_candidates(section, model, t);
    if (t == 0) add_search_path(section, model);
    page.sections.push_back(std::move(section));
  }
  return page;
}

}  // namespace sextant::app
