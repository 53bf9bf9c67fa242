// Report pages: blocks of content, and the one HTML file made of them.
//
// A page is data: titles, texts, tables and charts' numbers as JSON. What it looks like is decided by report/
// (template, style, script), which is inside the program together with the drawing library. The page opens offline and
// asks no server for anything; the same content gives the same bytes.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace sextant::app {

using PageBlock = nlohmann::json;

enum class ColumnFormat { text, number, verdict };  // a verdict starts with "within" or "outside", which is coloured
struct PageColumn {
  std::string name;
  ColumnFormat format = ColumnFormat::number;
};

// Of a chart's axis.
[[nodiscard]] nlohmann::json page_axis(const std::string& title, const std::string& scale = "linear");

[[nodiscard]] PageBlock page_text(const std::string& text);
[[nodiscard]] PageBlock page_count(const std::string& text);  // a line that stands out: "52 of 55 points …"
[[nodiscard]] PageBlock page_heading(const std::string& text);
[[nodiscard]] PageBlock page_facts(const std::vector<std::pair<std::string, nlohmann::json>>& items);
[[nodiscard]] PageBlock page_code(const std::string& summary, const std::string& text);
[[nodiscard]] PageBlock page_grid(std::vector<PageBlock> blocks);  // side by side where there is room
// Rows hold a number, a text or null per column. With `folded`, the table opens on a click on that text.
[[nodiscard]] PageBlock page_table(const std::string& caption, const std::vector<PageColumn>& columns,
                                   std::vector<nlohmann::json> rows, const std::string& folded = "");

struct ChartText {
  std::string name;         // of the file when it is saved; unique on the page, letters, digits and - only
  std::string title;        // above it
  std::string note;         // below the title: how to read it
  std::string description;  // for who cannot see it
};
// `form` and what report/charts.js expects with it.
[[nodiscard]] PageBlock page_chart(const ChartText& text, const std::string& form, nlohmann::json numbers);

struct Section {
  std::string title;
  std::vector<PageBlock> blocks;
};

struct Page {
  std::string title;
  std::string summary;  // one sentence or two: what is seen
  std::vector<Section> sections;

  [[nodiscard]] std::string html() const;
};

}  // namespace sextant::app
