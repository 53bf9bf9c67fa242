#include "page.h"

#include <fmt/core.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "embedded/report.h"
#include "sextant/version.h"

namespace sextant::app {
namespace {

const char* name(ColumnFormat format) {
  switch (format) {
    case ColumnFormat::number:
      return "number";
    case ColumnFormat::verdict:
      return "verdict";
    default:
      return "text";
  }
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// Bytes that are not UTF-8 (a path may hold any) become U+FFFD.
std::string dump(const nlohmann::json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string as_markup(const std::string& text) {
  std::string safe = nlohmann::json::parse(dump(text)).get<std::string>();
  safe = replaced(std::move(safe), "&", "&amp;");
  safe = replaced(std::move(safe), "<", "&lt;");
  return replaced(std::move(safe), "\"", "&quot;");
}

// JSON inside a script element: only a '<' could end the element or begin a comment, and it occurs in strings alone.
std::string as_script_data(const nlohmann::json& json) { return replaced(dump(json), "<", "\\u003c"); }

// A library's file inside a script element. Its source map is not here, and asking for it would be a request.
std::string as_script(std::string_view file) {
  std::string text(embedded::report(file));
  if (const auto at = text.rfind("//# sourceMappingURL="); at != std::string::npos) text.erase(at);
  return replaced(std::move(text), "</script", "<\\/script");
}

// `{{name}}` in the template → its value. Values are put in once and not looked through again.
std::string filled(std::string_view page, const std::vector<std::pair<std::string_view, std::string>>& values) {
  std::string text;
  while (true) {
    const auto open = page.find("{{");
    if (open == std::string_view::npos) return text.append(page);
    const auto close = page.find("}}", open);
    const std::string_view key = page.substr(open + 2, close - open - 2);
    const auto value = std::find_if(values.begin(), values.end(), [&](const auto& each) { return each.first == key; });
    if (value == values.end()) throw std::logic_error(fmt::format("the page's template asks for '{}'", key));
    text.append(page.substr(0, open)).append(value->second);
    page.remove_prefix(close + 2);
  }
}

}  // namespace

nlohmann::json page_axis(const std::string& title, const std::string& scale) {
  return {{"title", title}, {"scale", scale}};
}

PageBlock page_text(const std::string& text) { return {{"kind", "text"}, {"text", text}}; }
PageBlock page_count(const std::string& text) { return {{"kind", "text"}, {"text", text}, {"strong", true}}; }
PageBlock page_heading(const std::string& text) { return {{"kind", "heading"}, {"text", text}}; }

PageBlock page_facts(const std::vector<std::pair<std::string, nlohmann::json>>& items) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [label, value] : items) list.push_back(nlohmann::json::array({label, value}));
  return {{"kind", "facts"}, {"items", std::move(list)}};
}

PageBlock page_code(const std::string& summary, const std::string& text) {
  return {{"kind", "code"}, {"summary", summary}, {"text", text}};
}

PageBlock page_grid(std::vector<PageBlock> blocks) { return {{"kind", "grid"}, {"blocks", std::move(blocks)}}; }

PageBlock page_table(const std::string& caption, const std::vector<PageColumn>& columns,
                     std::vector<nlohmann::json> rows, const std::string& folded) {
  for (const nlohmann::json& row : rows)
    if (row.size() != columns.size())
      throw std::logic_error(
          fmt::format("the table '{}' has {} columns and a row of {}", caption, columns.size(), row.size()));
  nlohmann::json heads = nlohmann::json::array();
  for (const PageColumn& column : columns) heads.push_back({{"name", column.name}, {"kind", name(column.format)}});
  return {{"kind", "table"}, {"caption", caption}, {"columns", heads}, {"rows", std::move(rows)}, {"folded", folded}};
}

PageBlock page_chart(const ChartText& text, const std::string& form, nlohmann::json numbers) {
  numbers.update({{"kind", "chart"},
                  {"form", form},
                  {"name", text.name},
                  {"title", text.title},
                  {"note", text.note},
                  {"description", text.description}});
  return numbers;
}

std::string Page::html() const {
  nlohmann::json content = {{"title", title}, {"summary", summary}, {"sections", nlohmann::json::array()}};
  for (const Section& section : sections)
    content["sections"].push_back({{"title", section.title}, {"blocks", section.blocks}});
  return filled(embedded::report("page.html"),
                {{"title", as_markup(title)},
                 {"generator", fmt::format("Sextant {}", version())},
                 {"style", std::string(embedded::report("page.css"))},
                 {"licences", as_markup(std::string(embedded::report("THIRD_PARTY.txt")))},
                 {"data", as_script_data(content)},
                 {"vega", as_script("node_modules/vega/build/vega.min.js")},
                 {"vega-lite", as_script("node_modules/vega-lite/build/vega-lite.min.js")},
                 {"vega-embed", as_script("node_modules/vega-embed/build/vega-embed.min.js")},
                 {"charts", as_script("charts.js")},
                 {"page", as_script("page.js")}});
}

}  // namespace sextant::app
