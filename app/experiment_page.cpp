#include "experiment_page.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "presentation.h"
#include "sextant/builtin_experiments.h"

namespace sextant::app {
namespace {

constexpr double published_seeds = 10;  // behind every published value
constexpr double far = 3;               // joint standard errors

// How a parameter is called on an axis, in a legend or a table.
std::string title_of(const std::string& parameter) {
  static const std::map<std::string, std::string> titles = {
      {"n", "training rows n"},
      {"n_target", "target rows N"},
      {"d", "inputs d"},
      {"r", "directions r"},
      {"p", "degree p"},
      {"width", "width m"},
      {"noise", "label noise ς"},
      {"excess_risk", "excess risk"},
      {"overlap", "overlap of directions"},
      {"eta", "step size η"},
      {"method", "method"},
      {"preprocess", "preprocess"},
  };
  const auto at = titles.find(parameter);
  return at == titles.end() ? parameter : at->second;
}

// "n" of "training rows n": for "n = 1000".
std::string symbol_of(const std::string& parameter) {
  const std::string title = title_of(parameter);
  return title == parameter || parameter == "method" || parameter == "preprocess" ? parameter
                                                                                  : title.substr(title.rfind(' ') + 1);
}

std::optional<double> number_of(const Run& run, const std::string& parameter) {
  const auto value = sextant::parameter(run, parameter);
  if (!value) return {};
  if (const auto* whole = std::get_if<std::int64_t>(&*value)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&*value)) return *real;
  return {};
}

std::string grouped_text(const NamedValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return grouped(*whole);
  return text_of(value);
}

std::string text_of_parameter(const Run& run, const std::string& parameter) {
  if (parameter == "method") return shown_method(run);
  const auto value = sextant::parameter(run, parameter);
  return value ? grouped_text(*value) : "—";
}

// The name of a curve or a plot: "algorithm-1", "N = 100".
std::string named(const Run& run, const std::string& parameter) {
  const std::string value = text_of_parameter(run, parameter);
  return parameter == "method" ? value : fmt::format("{} = {}", symbol_of(parameter), value);
}

Spread measured(const Point& point, const Figure& figure) {
  return figure.y == "overlap" ? point.overlap() : point.excess_risk();
}

nlohmann::json or_null(const std::optional<double>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json(nullptr);
}

// The published value of a grid point, if there is one.
const ReferenceValue* published(const Figure& figure, const Run& run) {
  if (figure.reference.empty() || figure.y != "excess_risk") return nullptr;
  const auto& values = reference_values(figure.reference);
  const auto at = std::find_if(values.begin(), values.end(), [&](const ReferenceValue& v) { return v.matches(run); });
  return at == values.end() ? nullptr : &*at;
}

// The finished points of a figure, by plot and by curve, each in the order of the spec.
struct Curve {
  std::string name;
  bool numeric = false;
  std::vector<const Point*> points;
};
struct Plot {
  std::string title;
  std::vector<Curve> curves;
};
std::vector<Plot> plots_of(const StoredSpec& stored, const Figure& figure) {
  std::vector<Plot> plots;
  const auto find_or_add = [](auto& list, const std::string& name, auto member, auto make) -> auto& {
    const auto at = std::find_if(list.begin(), list.end(), [&](const auto& each) { return each.*member == name; });
    if (at != list.end()) return *at;
    list.push_back(make);
    return list.back();
  };
  for (const Point& point : stored.points) {
    if (point.seeds.empty() || !figure.shows(point.run)) continue;
    const std::string facet = figure.facet.empty() ? "" : named(point.run, figure.facet);
    const std::string series = named(point.run, figure.series);
    Plot& plot = find_or_add(plots, facet, &Plot::title, Plot{facet, {}});
    Curve& curve = find_or_add(plot.curves, series, &Curve::name, Curve{series, false, {}});
    curve.numeric = number_of(point.run, figure.series).has_value();
    curve.points.push_back(&point);
  }
  for (Plot& plot : plots)
    for (Curve& curve : plot.curves)
      std::stable_sort(curve.points.begin(), curve.points.end(), [&](const Point* a, const Point* b) {
        return *number_of(a->run, figure.x) < *number_of(b->run, figure.x);
      });
  return plots;
}

nlohmann::json numbers_of(const Figure& figure, const std::vector<Plot>& plots) {
  nlohmann::json panels = nlohmann::json::array();
  bool ordered = true;
  for (const Plot& plot : plots) {
    nlohmann::json series = nlohmann::json::array();
    for (const Curve& curve : plot.curves) {
      ordered = ordered && curve.numeric;
      nlohmann::json ours = nlohmann::json::array();
      nlohmann::json theirs = nlohmann::json::array();
      for (const Point* point : curve.points) {
        const double x = *number_of(point->run, figure.x);
        const Spread y = measured(*point, figure);
        ours.push_back({{"x", x}, {"y", y.mean}, {"sd", y.deviation}});
        if (const ReferenceValue* value = published(figure, point->run))
          theirs.push_back({{"x", x}, {"y", value->excess_risk_mean}, {"sd", or_null(value->excess_risk_std)}});
      }
      series.push_back({{"name", curve.name}, {"points", ours}, {"published", theirs}});
    }
    panels.push_back({{"title", plot.title}, {"series", series}});
  }
  return {{"x", page_axis(title_of(figure.x), figure.x_scale)},
          {"y", page_axis(title_of(figure.y), figure.y_scale)},
          {"series_name", figure.series == "method" ? "method" : title_of(figure.series)},
          {"panel_name", title_of(figure.facet)},
          {"series_ordered", ordered},
          {"panels", panels}};
}

PageBlock points_table(const StoredSpec& stored, const Figure& figure, const std::vector<Plot>& plots) {
  std::vector<PageColumn> columns;
  if (!figure.facet.empty()) columns.push_back({title_of(figure.facet), ColumnFormat::text});
  columns.insert(columns.end(), {{title_of(figure.series), ColumnFormat::text},
                                 {title_of(figure.x)},
                                 {title_of(figure.y)},
                                 {"± sd"},
                                 {"seeds"},
                                 {"seconds a run"}});
  std::vector<nlohmann::json> rows;
  for (const Plot& plot : plots)
    for (const Curve& curve : plot.curves)
      for (const Point* point : curve.points) {
        nlohmann::json row = nlohmann::json::array();
        if (!figure.facet.empty()) row.push_back(text_of_parameter(point->run, figure.facet));
        const Spread y = measured(*point, figure);
        row.push_back(text_of_parameter(point->run, figure.series));
        for (const nlohmann::json& cell :
             {nlohmann::json(*number_of(point->run, figure.x)), nlohmann::json(y.mean), nlohmann::json(y.deviation),
              nlohmann::json(y.count), nlohmann::json(point->seconds().mean)})
          row.push_back(cell);
        rows.push_back(std::move(row));
      }
  const auto count = static_cast<Index>(rows.size());
  return page_table(figure.title.empty() ? stored.spec.title : figure.title, columns, std::move(rows),
                    fmt::format("The {} as a table", count_of(count, "point")));
}

std::string agreement_sentence(const std::vector<Agreement>& list) {
  const auto judged =
      std::count_if(list.begin(), list.end(), [](const Agreement& a) { return a.distance.has_value(); });
  const auto within = std::count_if(list.begin(), list.end(), [](const Agreement& a) { return a.within(); });
  if (judged == 0)
    return fmt::format("{} published values to compare with; two seeds or more are needed to judge.", list.size());
  return fmt::format("{} of {} within {:.0f} joint standard errors of the published values", within,
                     count_of(judged, "point"), far);
}

PageBlock agreement_table(const std::vector<Agreement>& list) {
  std::vector<nlohmann::json> rows;
  for (const Agreement& a : list)
    rows.push_back({a.point, a.ours.mean, a.ours.deviation, a.published, or_null(a.published_deviation),
                    a.distance ? nlohmann::json(std::round(*a.distance * 100) / 100) : nlohmann::json(nullptr),
                    !a.distance  ? "one seed"
                    : a.within() ? "within"
                                 : "outside"});
  return page_table(
      fmt::format("Ours less published, in joint standard errors of the two means (published: {:.0f} seeds; where no "
                  "deviation is published, ours stands in)",
                  published_seeds),
      {{"point", ColumnFormat::text},
       {"ours"},
       {"± sd"},
       {"published"},
       {"± sd"},
       {"difference"},
       {"verdict", ColumnFormat::verdict}},
      std::move(rows), "The agreement point by point");
}

// Where curves reach a level, against d.
void add_crossings(Section& section, const StoredSpec& stored, const std::string& chart_name) {
  const std::vector<FigureCrossing> crossings = figure_crossings(stored);
  if (crossings.empty()) return;
  const auto curve_of = [](const FigureCrossing& c) {
    return fmt::format("{}{}{}", c.series, c.series.empty() ? "" : ", ", short_number(c.level));
  };
  std::vector<nlohmann::json> rows;
  std::vector<std::string> names;
  std::map<std::string, nlohmann::json> curves;
  std::set<Index> dimensions;
  std::string counted;  // along which curves fall
  for (const FigureCrossing& c : crossings) {
    const nlohmann::json reached = c.crossing.x                             ? nlohmann::json(*c.crossing.x)
                                   : c.crossing.kind == CrossingKind::above ? nlohmann::json("not reached")
                                                                            : nlohmann::json("from the start");
    rows.push_back({c.series, c.level, c.d, symbol_of(c.x), reached, or_null(c.slope)});
    counted = c.x;
    if (!c.crossing.x) continue;
    const std::string curve = curve_of(c);
    if (curves.find(curve) == curves.end()) {
      names.push_back(curve);
      curves[curve] = nlohmann::json::array();
    }
    curves[curve].push_back({{"x", c.d}, {"y", *c.crossing.x}});
    dimensions.insert(c.d);
  }
  section.blocks.push_back(page_heading("Where curves reach a level"));
  if (dimensions.size() > 1) {
    nlohmann::json series = nlohmann::json::array();
    for (const std::string& name : names) series.push_back({{"name", name}, {"points", curves[name]}});
    section.blocks.push_back(
        page_chart({chart_name, "Where curves reach a level, against the number of inputs",
                    "Straight lines on these axes are power laws; the table has the local slopes.",
                    "Lines of the crossing point against the number of inputs d; the table below has the numbers."},
                   "lines",
                   {{"x", page_axis("inputs d", "log")},
                    {"y", page_axis(title_of(counted) + " at the crossing", "log")},
                    {"series_name", "curve, level"},
                    {"panels", {{{"title", ""}, {"series", series}}}}}));
  }
  section.blocks.push_back(page_table("Crossing points, and the local slope of log crossing point against log d",
                                      {{"curve", ColumnFormat::text},
                                       {"level"},
                                       {"inputs d"},
                                       {"along", ColumnFormat::text},
                                       {"reached at"},
                                       {"local slope"}},
                                      std::move(rows)));
}

void add_figure(Section& section, const StoredSpec& stored, const Figure& figure, const std::string& name) {
  const std::vector<Plot> plots = plots_of(stored, figure);
  const std::string title = figure.title.empty() ? stored.spec.title : figure.title;
  if (plots.empty()) {
    section.blocks.push_back(page_heading(title));
    section.blocks.push_back(page_text("No run of this figure is finished yet."));
    return;
  }
  const std::vector<Agreement> list = agreements(stored, figure);
  std::string note = "Means over seeds; bands are one standard deviation.";
  if (!list.empty()) note += " Hollow marks are the published values.";
  section.blocks.push_back(page_chart(
      {name, title, note,
       fmt::format("Lines of {} against {}, one for each {}{}. The table below has the numbers.", title_of(figure.y),
                   title_of(figure.x), title_of(figure.series),
                   figure.facet.empty() ? "" : fmt::format(", one plot for each {}", title_of(figure.facet)))},
      "lines", numbers_of(figure, plots)));
  section.blocks.push_back(points_table(stored, figure, plots));
  if (list.empty()) return;
  section.blocks.push_back(page_count(agreement_sentence(list) + "."));
  section.blocks.push_back(agreement_table(list));
}

struct Tally {
  Index finished = 0;
  Index missing = 0;
  double seconds = 0;
};
Tally tally(const StoredSpec& stored) {
  Tally sum;
  for (const Point& point : stored.points) {
    sum.finished += static_cast<Index>(point.seeds.size());
    sum.missing += point.missing;
    for (const Point::Seed& seed : point.seeds) sum.seconds += seed.outcome.seconds;
  }
  return sum;
}

void add_how(Section& section, const StoredSpec& stored) {
  const Tally sum = tally(stored);
  section.blocks.push_back(page_heading("How it was run"));
  section.blocks.push_back(page_facts({
      {"Spec", stored.spec.name + (stored.spec.quick ? ", the quick form of it" : "")},
      {"Runs", fmt::format("{} finished{}", grouped(sum.finished),
                           sum.missing == 0 ? "" : fmt::format(", {} missing", grouped(sum.missing)))},
      {"Seeds", stored.spec.seeds == 1 ? std::string("0") : fmt::format("0 … {}", stored.spec.seeds - 1)},
      {"Time", fmt::format("{} of computing, on one core each run", duration_text(sum.seconds))},
      {"Machine", stored.machine.empty() ? std::string("not recorded") : stored.machine},
      {"Version", "Sextant " + stored.version},
      {"First run", stored.added + " UTC"},
  }));
  section.blocks.push_back(page_code("The spec", stored.spec.text));
}

std::string summary(const std::vector<StoredSpec>& specs) {
  std::vector<Agreement> all;
  Tally sum;
  for (const StoredSpec& stored : specs) {
    for (const Figure& figure : stored.spec.figures)
      for (Agreement& a : agreements(stored, figure)) all.push_back(std::move(a));
    const Tally one = tally(stored);
    sum.finished += one.finished;
    sum.missing += one.missing;
    sum.seconds += one.seconds;
  }
  std::string text =
      sum.missing == 0
          ? fmt::format("{} in {} of computing.", count_of(sum.finished, "run"), duration_text(sum.seconds))
          : fmt::format("{} of {} finished.", grouped(sum.finished), count_of(sum.finished + sum.missing, "run"));
  if (!all.empty()) text = agreement_sentence(all) + ". " + text;
  return text;
}

// Often many runs fail for one reason.
Section failures(const std::vector<Results::Failed>& failed) {
  std::map<std::string, std::vector<const Results::Failed*>> reasons;
  for (const Results::Failed& each : failed) reasons[each.message].push_back(&each);
  std::vector<nlohmann::json> rows;
  for (const auto& [message, runs] : reasons) rows.push_back({message, runs.size(), runs.front()->key});
  return {"Runs that failed",
          {page_table("They are tried again when the experiment is run again",
                      {{"what happened", ColumnFormat::text}, {"runs"}, {"the first of them", ColumnFormat::text}},
                      std::move(rows))}};
}

}  // namespace

bool Agreement::within() const { return distance && std::abs(*distance) <= far; }

std::vector<Agreement> agreements(const StoredSpec& stored, const Figure& figure) {
  std::vector<Agreement> list;
  for (const Plot& plot : plots_of(stored, figure))
    for (const Curve& curve : plot.curves)
      for (const Point* point : curve.points) {
        const ReferenceValue* value = published(figure, point->run);
        if (value == nullptr) continue;
        Agreement a;
        a.point = fmt::format("{}{}, {} = {}", plot.title.empty() ? "" : plot.title + ", ", curve.name,
                              symbol_of(figure.x), text_of_parameter(point->run, figure.x));
        a.ours = measured(*point, figure);
        a.published = value->excess_risk_mean;
        a.published_deviation = value->excess_risk_std;
        if (a.ours.count > 1) {
          const double ours = a.ours.deviation * a.ours.deviation / static_cast<double>(a.ours.count);
          const double theirs =
              a.published_deviation ? *a.published_deviation * *a.published_deviation / published_seeds : ours;
          const double error = std::sqrt(ours + theirs);
          const double difference = a.ours.mean - a.published;
          a.distance = difference == 0 ? 0 : difference / error;
        }
        list.push_back(std::move(a));
      }
  return list;
}

Page experiment_page(const std::string& name, const std::vector<StoredSpec>& specs,
                     const std::vector<Results::Failed>& failed) {
  Page page;
  page.title = specs.size() == 1 && !specs.front().spec.title.empty() ? specs.front().spec.title
                                                                      : fmt::format("Experiments in {}", name);
  page.summary = summary(specs);
  for (const StoredSpec& stored : specs) {
    const Spec& spec = stored.spec;
    Section section = {specs.size() == 1 ? "Results" : spec.title.empty() ? spec.name : spec.title, {}};
    if (!spec.about.empty()) section.blocks.push_back(page_text(spec.about));
    if (spec.quick)
      section.blocks.push_back(
          page_text("This is the quick form: fewer seeds and smaller sizes, for the shape alone."));
    for (std::size_t i = 0; i < spec.figures.size(); ++i)
      add_figure(section, stored, spec.figures[i],
                 fmt::format("{}{}", spec.name, i == 0 ? "" : fmt::format("-{}", i + 1)));
    add_crossings(section, stored, spec.name + "-crossings");
    add_how(section, stored);
    page.sections.push_back(std::move(section));
  }
  if (!failed.empty()) page.sections.push_back(failures(failed));
  return page;
}

}  // namespace sextant::app
