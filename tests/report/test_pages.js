// Report pages as a browser shows them: node test_pages.js SEXTANT OUTDIR. Makes tables, models and results with the
// program, opens their pages in headless Chromium, and leaves screenshots in OUTDIR.
//
// Oracles: the marks that Vega drew against the rows the page carries and against the program's own JSON and CSV; the
// browser's console, its list of requests and its measure of the page's width.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const skipped = process.env.SEXTANT_BROWSER === "required" ? 1 : 77; // 77 is what CTest takes for "skipped"
const report = new URL("../../report/", import.meta.url);
if (!existsSync(new URL("node_modules/playwright-core", report))) {
  console.log("skipped: report/node_modules is missing; scripts/install-deps makes it");
  process.exit(skipped);
}
const { chromium_path, launch, open_page } = await import(new URL("browser.js", report));
if (!chromium_path) {
  console.log("skipped: Chromium is missing; scripts/install-deps installs it");
  process.exit(skipped);
}

const [program, folder] = process.argv.slice(2).map((path) => resolve(path));
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const sextant = (...words) =>
  execFileSync(program, words, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });

// What Vega drew, of the layers named so: one entry per mark with its data.
const marks = (page, chart, name) =>
  page.evaluate(
    ([chart_name, mark_name]) => {
      const found = [];
      const walk = (item) => {
        if (item.marktype && item.name && item.name.includes(mark_name))
          found.push(...item.items.map((i) => JSON.parse(JSON.stringify(i.datum))));
        else if (item.items) item.items.forEach(walk);
      };
      walk(document.querySelector(`.chart[data-name="${chart_name}"]`).view.scenegraph().root);
      return found;
    },
    [chart, name],
  );

const charts_of = (page) => page.$$eval(".chart", (places) => places.map((place) => place.dataset.name));
const content_of = (page) => page.evaluate(() => JSON.parse(document.getElementById("page-data").textContent));
const table_cells = (page, caption) =>
  page.evaluate((wanted) => {
    const table = [...document.querySelectorAll("table")].find((each) => each.caption.textContent === wanted);
    return [...table.tBodies[0].rows].map((row) =>
      [...row.cells].map((cell) => cell.dataset.value ?? cell.textContent),
    );
  }, caption);

async function overflow(page) {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

// Marks that stick out of their chart's drawing, and charts that drew nothing.
async function assert_all_drawn(page) {
  const empty = await page.evaluate(() =>
    [...document.querySelectorAll(".chart")]
      .filter((place) => {
        const drawing = place.querySelector("svg.marks, canvas.marks");
        return (
          !drawing ||
          drawing.getBoundingClientRect().height < 100 ||
          drawing.getBoundingClientRect().width > place.clientWidth + 1
        );
      })
      .map((place) => place.dataset.name),
  );
  assert.deepEqual(empty, [], "charts that are missing, empty or too wide");
}

// Every way a page is looked at: nothing on the console, no request, all drawn, no scrolling sideways, a screenshot.
async function looks(browser, name) {
  for (const [look, options] of Object.entries({
    light: {},
    dark: { dark: true },
    phone: { width: 375, height: 812 },
  })) {
    const { page, context, complaints } = await open_page(browser, join(folder, `${name}.html`), options);
    for (const details of await page.$$("details"))
      await details.evaluate((each) => (each.open = !each.matches(".chart details")));
    await assert_all_drawn(page);
    assert.equal(await overflow(page), 0, `${name} ${look}: the page scrolls sideways`);
    await page.$$eval("main details, footer details", (all) => all.forEach((each) => (each.open = false)));
    await page.screenshot({ path: join(folder, `${name}-${look}.png`), fullPage: true });
    assert.deepEqual(complaints, [], `${name} ${look}`);
    await context.close();
  }
}

async function hover(page, chart, mark) {
  const place = await page.$(`.chart[data-name="${chart}"]`);
  await place.scrollIntoViewIfNeeded();
  const box = await (await place.$("svg.marks, canvas.marks")).boundingBox();
  const at = await place.evaluate((element, name) => {
    const view = element.view;
    const [left, top] = [view.origin()[0] + view.padding().left, view.origin()[1] + view.padding().top];
    let found = null;
    const walk = (item, x, y) => {
      const [px, py] = [x + (item.x || 0), y + (item.y || 0)];
      if (item.marktype && item.name && item.name.includes(name) && item.items.length && !found) {
        const mark_item = item.items[0];
        found = [x + mark_item.x, y + mark_item.y];
      } else if (item.items) item.items.forEach((each) => walk(each, item.marktype ? x : px, item.marktype ? y : py));
    };
    walk(view.scenegraph().root, left, top);
    return found;
  }, mark);
  assert.ok(at, `${chart} has a mark named ${mark}`);
  await page.mouse.move(box.x + at[0], box.y + at[1]);
  await page.waitForSelector("#vg-tooltip-element.visible", { timeout: 60000 });
  return page.$eval("#vg-tooltip-element", (tip) => tip.innerText);
}

const tests = {
  async "a model with its data"(browser) {
    sextant(
      "generate",
      "multi-index",
      "--n",
      "3000",
      "--d",
      "12",
      "--r",
      "2",
      "--p",
      "3",
      "--noise",
      "0.3",
      "--seed",
      "3",
      "--out",
      "multi.csv",
    );
    sextant("fit", "multi.csv", "--method", "algorithm-1", "--target", "y", "--rank", "2", "--width", "256", "--out", "multi.sextant");
    sextant("report", "multi.sextant", "--data", "multi.csv");
    await looks(browser, "multi");

    const { page, context } = await open_page(browser, join(folder, "multi.html"));
    assert.equal(await page.title(), "multi.sextant");
    const found = JSON.parse(sextant("directions", "multi.sextant", "--json"));
    const scores = JSON.parse(sextant("evaluate", "multi.sextant", "multi.csv", "--json")).targets[0];
    assert.deepEqual(await charts_of(page), [
      "spectrum",
      "direction-1",
      "direction-2",
      "importance",
      "target-1-direction-1",
      "target-1-direction-2",
      "target-1-predicted",
      "target-1-residuals",
      "lambda-1",
    ]);

    assert.equal((await marks(page, "spectrum", "marks")).length, 12);
    assert.deepEqual(
      (await table_cells(page, "Spectrum")).map((row) => Number(row[1])),
      found.spectrum,
    );
    const weights = await table_cells(page, "Weights of every input");
    assert.deepEqual(
      weights.map((row) => row[0]),
      found.inputs,
    );
    assert.deepEqual(
      weights.map((row) => Number(row[2])),
      found.directions[1],
    );
    assert.deepEqual((await table_cells(page, "Errors on 3 000 rows"))[0].map(Number), [
      3000,
      scores.rmse,
      scores.mae,
      scores.r2,
    ]);

    for (const chart of ["target-1-direction-1", "target-1-direction-2", "target-1-predicted", "target-1-residuals"])
      assert.equal((await marks(page, chart, "rows")).length, 2000, chart);
    assert.ok((await page.innerText("main")).includes("2 000 of 3 000 rows"));
    // Points are rows of the table: each shown target is a cell of it, each residual is target less prediction.
    const cells = new Set(
      readFileSync(join(folder, "multi.csv"), "utf8")
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => Number(line.split(",").at(-1))),
    );
    const predicted = await marks(page, "target-1-predicted", "rows");
    const residuals = await marks(page, "target-1-residuals", "rows");
    predicted.forEach((row, i) => {
      assert.ok(cells.has(row.y));
      assert.ok(Math.abs(residuals[i].y - (row.y - row.x)) < 1e-12);
    });
    assert.equal((await marks(page, "lambda-1", "candidates")).length, 38);
    assert.equal((await table_cells(page, "Error for every candidate λ")).length, 38);

    assert.match(await hover(page, "lambda-1", "hover"), /RMSE/);
    assert.match(await hover(page, "target-1-predicted", "rows"), /predicted y/);
    await context.close();
  },

  async "hostile names are shown as they are"(browser) {
    const names = [
      "</script><script>document.title='bad'</script>",
      "quote \" and ' and, comma",
      "🛩️ span (m)",
      "x".repeat(300),
      "<!-- <img src=x onerror=alert(2)> -->",
      "{{data}} ${x}",
      "a&b;&lt;",
      "\\u003c \\",
    ];
    const targets = ["<b>lift</b>", 'drag "D"'];
    const quoted = (name) => `"${name.replaceAll('"', '""')}"`;
    let state = 1; // a small generator of its own: any numbers do
    const draw = () => ((state = (state * 48271) % 2147483647) / 2147483647 - 0.5) * 3;
    const rows = Array.from({ length: 300 }, () => {
      const x = names.map(draw);
      return [...x, (0.6 * x[0] - 0.8 * x[3]) ** 2 + 0.1 * draw(), Math.tanh(x[2] + x[1]) + x[4]];
    });
    writeFileSync(
      join(folder, "hostile.csv"),
      [[...names, ...targets].map(quoted).join(","), ...rows.map((row) => row.join(","))].join("\n") + "\n",
    );
    sextant(
      "fit",
      "hostile.csv",
      "--method",
      "algorithm-1",
      "--target",
      String(names.length + 1),
      "--target",
      String(names.length + 2),
      "--width",
      "64",
      "--out",
      "hostile.sextant",
    );
    sextant("report", "hostile.sextant", "--data", "hostile.csv");
    await looks(browser, "hostile");

    const { page, context } = await open_page(browser, join(folder, "hostile.html"));
    assert.equal(await page.title(), "hostile.sextant");
    assert.deepEqual(
      (await table_cells(page, "Weights of every input")).map((row) => row[0]),
      names,
    );
    assert.deepEqual(
      await page.$$eval("h2", (all) => all.slice(2).map((each) => each.textContent)),
      targets.map((name) => `Target ${name}`),
    );
    assert.equal(await page.$$eval("main script, main b, main img", (all) => all.length), 0);
    assert.equal((await marks(page, "target-2-predicted", "rows")).length, 300);
    const tip = await hover(page, "target-1-residuals", "rows");
    assert.ok(tip.includes("predicted <b>lift</b>"), tip);
    await context.close();
  },

  async "a model without data, and data without targets"(browser) {
    sextant("report", "multi.sextant", "--out", "plain.html");
    sextant(
      "generate",
      "multi-index",
      "--n",
      "50",
      "--d",
      "12",
      "--r",
      "2",
      "--p",
      "3",
      "--seed",
      "4",
      "--out",
      "other.csv",
    );
    const lines = readFileSync(join(folder, "other.csv"), "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(",").slice(0, -1).join(","));
    writeFileSync(join(folder, "inputs.csv"), lines.join("\n") + "\n");
    sextant("report", "multi.sextant", "--data", "inputs.csv", "--out", "inputs.html");

    const plain = await open_page(browser, join(folder, "plain.html"));
    assert.deepEqual(await charts_of(plain.page), ["spectrum", "direction-1", "direction-2", "importance", "lambda-1"]);
    await plain.context.close();
    const inputs = await open_page(browser, join(folder, "inputs.html"));
    assert.ok((await inputs.page.innerText("main")).includes("predictions alone"));
    assert.equal((await marks(inputs.page, "target-1-direction-1", "rows")).length, 50);
    assert.deepEqual(inputs.complaints, []);
    await inputs.context.close();
  },

  async "an experiment with published values"(browser) {
    writeFileSync(
      join(folder, "small.toml"),
      `name = "small"
title = "A small figure 1"
about = "Excess risk of three methods against the number of training rows."
seeds = 4
[defaults]
holdout = 1000
test = 1000
noise = 1.0
preprocess = "none"
standardise = false
[[grid]]
method = ["algorithm-1", "random-features"]
width = [100, 1000]
n = [1, 10, 100, 1000]
[[figure]]
title = "Excess risk"
facet = "width"
y_scale = "linear"
reference = "figure1"
[[figure]]
title = "Overlap"
y = "overlap"
series = "width"
facet = "method"
y_scale = "linear"
`,
    );
    sextant("experiment", "small.toml", "--out", "runs", "--jobs", "2");
    sextant("report", "runs", "--out", "small.html");
    await looks(browser, "small");

    const { page, context } = await open_page(browser, join(folder, "small.html"));
    assert.deepEqual(await charts_of(page), ["small", "small-2"]);
    const ours = await marks(page, "small", "ours");
    const published = await marks(page, "small", "published");
    const rows = await table_cells(page, "Excess risk");
    assert.equal(ours.length, 16);
    assert.equal(published.length, 16);
    const numbers = (list) => list.sort((a, b) => a - b);
    assert.deepEqual(numbers(rows.map((row) => Number(row[3]))), numbers(ours.map((mark) => mark.y)));
    assert.match(await page.innerText("header p"), /^\d+ of 16 points within 3 joint standard errors/);
    // Series differ in shape and in dash, not in colour alone.
    for (const [mark, look] of [
      ["ours", "shape"],
      ["line", "strokeDash"],
    ]) {
      const kinds = await page.evaluate(
        ([name, key]) => {
          const found = new Set();
          const walk = (item) => {
            if (
              item.marktype === (name === "line" ? "line" : "symbol") &&
              item.items.length &&
              (name === "line" || (item.name || "").includes(name))
            )
              item.items.forEach((i) => found.add(`${i.datum.series}: ${i[key]}`));
            else if (item.items) item.items.forEach(walk);
          };
          walk(document.querySelector('.chart[data-name="small"]').view.scenegraph().root);
          return [...found];
        },
        [mark, look],
      );
      assert.equal(new Set(kinds.map((kind) => kind.split(": ")[0])).size, 2, `${kinds}`);
      assert.equal(new Set(kinds.map((kind) => kind.split(": ")[1])).size, 2, `${kinds}`);
    }
    assert.match(await hover(page, "small", "hover"), /excess risk|mean/);
    await context.close();

    const pictures = execFileSync(
      process.execPath,
      [new URL("pictures.js", report).pathname, join(folder, "small.html"), join(folder, "pictures")],
      { encoding: "utf8" },
    );
    assert.deepEqual(
      pictures
        .trim()
        .split("\n")
        .map((path) => path.split("/").at(-1)),
      ["small.png", "small-2.png"],
    );
    assert.ok(readFileSync(join(folder, "pictures/small.svg"), "utf8").startsWith("<svg"));
  },

  async "crossings against the number of inputs"(browser) {
    writeFileSync(
      join(folder, "cross.toml"),
      `name = "cross"
title = "Crossings"
seeds = 2
[defaults]
holdout = 1000
test = 1000
preprocess = "none"
standardise = false
[[grid]]
d = [4, 8]
width = 64
n = [10, 100, 1000, 10000]
[[figure]]
title = "Risk"
series = "d"
crossings = [0.5, 1e-9]
`,
    );
    sextant("experiment", "cross.toml", "--out", "crossings", "--jobs", "2");
    sextant("report", "crossings", "--out", "cross.html");
    await looks(browser, "cross");
    const { page, context } = await open_page(browser, join(folder, "cross.html"));
    assert.deepEqual(await charts_of(page), ["cross", "cross-crossings"]);
    const header = "experiment,method,width,p,r,d,x,level,n_star,crossing,local_slope";
    const [head, ...lines] = readFileSync(join(folder, "crossings/crossings.csv"), "utf8").trim().split("\n");
    assert.equal(head, header);
    const crossed = lines.map((line) => line.split(",")).filter((cells) => cells[9] === "crossed");
    assert.deepEqual(
      (await marks(page, "cross-crossings", "ours")).map((mark) => [mark.x, mark.y]),
      crossed.map((cells) => [Number(cells[5]), Number(cells[8])]),
    );
    await context.close();
  },

  async "a chart is saved as SVG and PNG"(browser) {
    const { page, context } = await open_page(browser, join(folder, "multi.html"));
    await page.click('.chart[data-name="lambda-1"] summary');
    for (const [label, name, begins] of [
      ["Save as SVG", "lambda-1.svg", "<svg"],
      ["Save as PNG", "lambda-1.png", "\u0089PNG"],
    ]) {
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.click(`.chart[data-name="lambda-1"] >> text=${label}`),
      ]);
      assert.equal(download.suggestedFilename(), name);
      assert.ok(readFileSync(await download.path(), "latin1").startsWith(begins), name);
    }
    await context.close();
  },
};

const browser = await launch();
let failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test(browser);
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}`);
  }
}
await browser.close();
process.exit(failed === 0 ? 0 : 1);
