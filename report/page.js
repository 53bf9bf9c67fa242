// Builds the page from the data in it. Every text goes in as a text node, never as markup.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const places = []; // charts and where they are drawn

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
  }

  const verdicts = { within: "good", outside: "bad" };

  function cell(value, column) {
    if (column.kind === "number") {
      const text = charts.number(value);
      return element("td", { class: "number", "data-value": value === null ? "" : String(value) }, text);
    }
    if (column.kind === "verdict") return element("td", { class: verdicts[value.split(" ")[0]] || "" }, value);
    return element("td", String(value ?? "").length > 24 ? { class: "long" } : {}, String(value ?? "—"));
  }

  function table(block) {
    const head = element(
      "tr",
      {},
      ...block.columns.map((c) => element("th", { scope: "col", class: c.kind === "number" ? "number" : "" }, c.name)),
    );
    const body = block.rows.map((row) => element("tr", {}, ...row.map((value, j) => cell(value, block.columns[j]))));
    const made = element(
      "div",
      { class: "table", tabindex: "0", role: "region", "aria-label": block.caption },
      element(
        "table",
        {},
        element("caption", {}, element("span", {}, block.caption)),
        element("thead", {}, head),
        element("tbody", {}, ...body),
      ),
    );
    return block.folded ? element("details", {}, element("summary", {}, block.folded), made) : made;
  }

  function chart(block) {
    const place = element("div", { class: "chart", "data-name": block.name });
    places.push({ block, place, width: 0 });
    const caption = element("figcaption", {}, block.title, block.note ? element("span", {}, block.note) : null);
    return element("figure", {}, caption, place);
  }

  const kinds = {
    text: (block) => element("p", block.strong ? { class: "count" } : {}, block.text),
    heading: (block) => element("h3", {}, block.text),
    facts: (block) =>
      element(
        "dl",
        {},
        ...block.items.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, charts_text(value))]),
      ),
    code: (block) =>
      element("details", {}, element("summary", {}, block.summary), element("pre", { tabindex: "0" }, block.text)),
    grid: (block) => element("div", { class: "grid" }, ...block.blocks.map(build)),
    table,
    chart,
  };
  const charts_text = (value) => (typeof value === "number" ? charts.number(value) : String(value));
  const build = (block) => kinds[block.kind](block);

  function write() {
    const page = document.getElementById("page");
    const links = data.sections.map((section, i) =>
      element("li", {}, element("a", { href: `#section-${i + 1}` }, section.title)),
    );
    page.replaceChildren(
      element(
        "header",
        {},
        element("h1", {}, data.title),
        element("p", {}, data.summary),
        links.length > 2 ? element("nav", { "aria-label": "Sections" }, element("ul", {}, ...links)) : null,
      ),
      ...data.sections.map((section, i) =>
        element(
          "section",
          { id: `section-${i + 1}`, "aria-labelledby": `title-${i + 1}` },
          element("h2", { id: `title-${i + 1}` }, section.title),
          ...section.blocks.map(build),
        ),
      ),
    );
  }

  async function draw(each, theme) {
    const width = Math.floor(each.place.clientWidth);
    if (width === 0) return;
    each.width = width;
    each.drawing = (each.drawing || 0) + 1;
    const turn = each.drawing;
    if (each.result) each.result.finalize();
    each.place.replaceChildren();
    const result = await vegaEmbed(each.place, charts.specification(each.block, width, theme), {
      mode: "vega-lite",
      ast: true,
      renderer: charts.renderer(each.block),
      downloadFileName: each.block.name,
      actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
      i18n: { CLICK_TO_VIEW_ACTIONS: "Save this chart", SVG_ACTION: "Save as SVG", PNG_ACTION: "Save as PNG" },
      tooltip: { theme: "sextant-tip", styleId: "vega-tooltip-style", disableDefaultStyle: false },
      scaleFactor: { png: 2 },
    });
    if (turn !== each.drawing) return result.finalize();
    each.result = result;
    each.place.view = result.view;
    const summary = each.place.querySelector("summary");
    if (summary) summary.setAttribute("aria-label", `Save the chart: ${each.block.title}`);
  }

  async function draw_all() {
    const theme = dark.matches ? "dark" : "light";
    document.documentElement.dataset.theme = theme;
    delete document.documentElement.dataset.drawn;
    for (const each of places) await draw(each, theme);
    document.documentElement.dataset.drawn = "yes"; // for who waits for it: the test and the maker of pictures
  }

  let waiting = 0;
  function redraw_if_resized() {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (places.some(({ place, width }) => Math.abs(place.clientWidth - width) > 4)) draw_all();
    }, 120);
  }

  write();
  draw_all();
  dark.addEventListener("change", draw_all);
  window.addEventListener("resize", redraw_if_resized);
})();
