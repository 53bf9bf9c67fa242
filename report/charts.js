// From a chart's data, as the program wrote it, to a Vega-Lite specification for a width in pixels and a theme.
//
// A chart says what is shown (its form, its numbers, its axes' titles); all looks are decided here. Series are told apart
// by colour, shape and dash at once, so that none is needed alone.
"use strict";

const charts = (() => {
  // Okabe and Ito (2008), the colours of enough contrast to the paper first.
  const themes = {
    light: {
      paper: "#fdfdfc",
      ink: "#1d1f22",
      soft: "#5a5e66",
      rule: "#e4e2dd",
      band: 0.15,
      colours: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#4a4a4a"],
      ramp: ["#3b0f6f", "#31688e", "#1f9e89", "#8fae1b", "#d69a00"],
    },
    dark: {
      paper: "#15171a",
      ink: "#e6e5e1",
      soft: "#a3a7ae",
      rule: "#2c3035",
      band: 0.22,
      colours: ["#56b4e9", "#e8743b", "#1dbf91", "#dd9bc0", "#e69f00", "#f0e442", "#c9c9c9"],
      ramp: ["#b58cf0", "#5fa8e0", "#35c2a8", "#b5d64a", "#fde05c"],
    },
  };
  const shapes = [
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "cross",
    "triangle-down",
    "triangle-right",
    "triangle-left",
  ];
  const dashes = [
    [1, 0],
    [6, 3],
    [2, 2],
    [8, 3, 2, 3],
    [10, 4],
    [4, 2, 1, 2],
    [1, 3],
  ];
  const fontFamily = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';

  const superscript = (n) => String(n).replace(/[-0-9]/g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));

  const power_of_ten = (k) => (k >= -2 && k <= 2 ? String(Number((10 ** k).toPrecision(1))) : `10${superscript(k)}`);

  // Four significant digits, as a person writes them: 4 000, 0.0316, 1.2·10⁻⁷.
  function number(value) {
    if (value === null || value === undefined) return "—";
    if (typeof value !== "number") return String(value);
    const grouped = (digits) => digits.replace("-", "−").replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
    if (Number.isInteger(value) && Math.abs(value) < 1e7) return grouped(String(value));
    const size = Math.abs(value);
    if (size >= 1e7 || size < 1e-4) {
      const [digits, exponent] = value.toExponential(3).split("e");
      const power = "10" + superscript(Number(exponent));
      const head = String(Number(digits)).replace("-", "−");
      return head === "1" ? power : `${head}·${power}`;
    }
    const short = String(Number(value.toPrecision(4)));
    return size >= 1000 ? grouped(short) : short.replace("-", "−");
  }

  const positive = (value) => typeof value === "number" && value > 0;
  const finite = (value) => typeof value === "number" && Number.isFinite(value);
  const round = (value) => Math.round(value * 1e9) / 1e9;

  // Plain numbers; far from 1, powers of ten.
  function linear_axis(values) {
    const largest = Math.max(...values.map(Math.abs));
    return { tickCount: 5, ...(largest >= 1e6 || (largest > 0 && largest < 1e-3) ? { format: ".3~e" } : {}) };
  }

  // Powers of ten as 10ⁿ when the axis spans several, plain numbers otherwise.
  function log_axis(values) {
    const span = Math.log10(Math.max(...values) / Math.min(...values));
    if (!(span >= 1.5)) return linear_axis(values);
    const low = Math.floor(Math.log10(Math.min(...values))) - 1;
    const high = Math.ceil(Math.log10(Math.max(...values))) + 1;
    const powers = [];
    for (let k = low; k <= high; ++k) powers.push(`'${power_of_ten(k)}'`);
    const exponent = "round(log(datum.value) / LN10)";
    const is_power = `abs(log(datum.value) / LN10 - ${exponent}) < 1e-6`;
    return {
      labelExpr: `${is_power} ? [${powers.join(",")}][${exponent} - (${low})] : ''`,
      tickCount: 6,
      gridOpacity: { condition: { test: is_power, value: 1 }, value: 0 },
      tickOpacity: { condition: { test: is_power, value: 1 }, value: 0.35 },
    };
  }

  const axis_of = (axis, values) => (axis.scale === "log" ? log_axis(values.filter(positive)) : linear_axis(values));

  function config(theme) {
    return {
      background: theme.paper,
      font: fontFamily,
      padding: { left: 2, right: 8, top: 4, bottom: 4 },
      view: { stroke: null },
      axis: {
        domainColor: theme.soft,
        tickColor: theme.soft,
        gridColor: theme.rule,
        labelColor: theme.ink,
        titleColor: theme.ink,
        labelFontSize: 12,
        titleFontSize: 13,
        titleFontWeight: 500,
        titlePadding: 8,
        tickSize: 4,
        labelOverlap: true,
      },
      legend: {
        labelColor: theme.ink,
        titleColor: theme.soft,
        labelFontSize: 12.5,
        titleFontSize: 12.5,
        titleFontWeight: 500,
        symbolSize: 70,
        symbolStrokeWidth: 2,
        rowPadding: 4,
        columnPadding: 18,
      },
      header: {
        labelColor: theme.ink,
        labelFontSize: 13,
        labelFontWeight: 600,
        titleColor: theme.ink,
        labelPadding: 6,
      },
      text: { color: theme.ink, font: fontFamily, fontSize: 12 },
      rule: { color: theme.soft },
    };
  }

  // Means over seeds with bands of one standard deviation, and published values as hollow marks over them.
  function lines(chart, width, theme) {
    const rows = [];
    const log_y = chart.y.scale === "log";
    const usable = (p) =>
      (chart.x.scale === "log" ? positive(p.x) : finite(p.x)) && (log_y ? positive(p.y) : finite(p.y));
    const lowest = Math.min(
      ...chart.panels.flatMap((p) => p.series.flatMap((s) => s.points.filter(usable).map((q) => q.y))),
    );
    chart.panels.forEach((panel) =>
      panel.series.forEach((series) => {
        const add = (points, source) =>
          points.filter(usable).forEach((p) => {
            const row = { panel: panel.title, series: series.name, source, x: p.x, y: p.y };
            const band = finite(p.sd) && p.sd > 0;
            row.low = band ? p.y - p.sd : p.y;
            row.high = band ? p.y + p.sd : p.y;
            if (log_y && row.low <= 0) row.low = Math.min(p.y, lowest) / 2;
            row.tip = {};
            if (chart.panels.length > 1) row.tip[chart.panel_name || "panel"] = panel.title;
            row.tip[chart.series_name || "series"] = series.name;
            row.tip[chart.x.title] = number(p.x);
            row.tip[source === "ours" ? "mean" : "published"] = number(p.y);
            if (band) row.tip["± sd"] = number(p.sd);
            rows.push(row);
          });
        add(series.points, "ours");
        add(series.published || [], "published");
      }),
    );

    const names = [...new Set(chart.panels.flatMap((p) => p.series.map((s) => s.name)))];
    const ordered = chart.series_ordered && names.length > 4;
    rows.forEach((row) => {
      row.curve = names.indexOf(row.series);
    });
    const colours = ordered
      ? names.map((_, i) => vega.interpolateColors(theme.ramp, "rgb")(i / (names.length - 1)))
      : names.map((_, i) => theme.colours[i % theme.colours.length]);
    const cycle = (list) => names.map((_, i) => list[i % list.length]);
    const longest = Math.max(...names.map((name) => name.length));
    const label_limit = Math.min(width - 70, 320);
    const legend_columns = Math.max(
      1,
      Math.min(names.length, Math.floor((width - 50) / (Math.min(longest * 7.2, label_limit) + 44))),
    );
    const legend = {
      title: chart.series_name && names.length > 1 ? chart.series_name : null,
      orient: "top",
      direction: "horizontal",
      columns: legend_columns,
      labelLimit: label_limit,
      symbolOpacity: 1,
      offset: 6,
      titleLimit: width - 40,
    };

    const xs = rows.map((r) => r.x);
    const ys = rows.flatMap((r) => [r.low, r.high]);
    const scale = (axis, values) =>
      axis.scale === "log"
        ? { type: "log", nice: false, domain: padded(values.filter(positive), true) }
        : {
            type: "linear",
            zero: axis.zero !== false,
            nice: true,
            ...(axis.domain ? { domain: axis.domain, nice: false } : {}),
          };
    const columns = Math.max(1, Math.min(chart.panels.length, Math.floor(width / 300)));
    const left = 72;
    const gap = 20;
    const panel_width = Math.floor((width - left - 12 - gap * (columns - 1)) / columns);
    const y_axis = { title: chart.y.title, minExtent: 38, maxExtent: 38, titleLimit: 260, ...axis_of(chart.y, ys) };
    const x = {
      field: "x",
      type: "quantitative",
      scale: scale(chart.x, xs),
      axis: { title: chart.x.title, grid: false, titleLimit: panel_width, ...axis_of(chart.x, xs) },
    };
    const y = {
      field: "y",
      type: "quantitative",
      scale: { ...scale(chart.y, ys), clamp: Boolean(chart.y.domain) },
      axis: y_axis,
    };
    const colour = { field: "series", type: "nominal", scale: { domain: names, range: colours }, legend };
    const shape = { field: "series", type: "nominal", scale: { domain: names, range: cycle(shapes) }, legend };
    // By number, not by name: in one legend with the colour, the dash would cut up the symbols' outlines.
    const dash = {
      field: "curve",
      type: "nominal",
      scale: { domain: names.map((_, i) => i), range: cycle(dashes) },
      legend: null,
    };
    const published = rows.filter((row) => row.source === "published");
    const only = (source) => [{ filter: { field: "source", equal: source } }];
    const tooltip = { field: "tip" };
    const band = { y: { ...y, field: "low" }, y2: { field: "high" } };
    const layer = [
      {
        transform: only("ours"),
        mark: { type: "area", opacity: theme.band, clip: true },
        encoding: { x, ...band, color: colour },
      },
      {
        transform: only("ours"),
        mark: { type: "line", strokeWidth: 2, clip: true },
        encoding: { x, y, color: colour, strokeDash: dash },
      },
      ...(published.some((row) => row.low < row.high)
        ? [
            {
              transform: only("published"),
              mark: { type: "rule", strokeWidth: 1, opacity: 0.7 },
              encoding: { x, ...band, color: colour },
            },
          ]
        : []),
      ...(published.length > 0
        ? [
            {
              transform: only("published"),
              name: "published",
              encoding: { x, y, color: colour, shape, tooltip },
              mark: { type: "point", filled: false, size: 130, strokeWidth: 1.4, opacity: 1 },
            },
          ]
        : []),
      {
        transform: only("ours"),
        name: "ours",
        mark: { type: "point", filled: true, size: 46, opacity: 1 },
        encoding: { x, y, color: colour, shape },
      },
      // What the pointer finds is larger than what the eye sees.
      {
        transform: only("ours"),
        name: "hover",
        mark: { type: "point", filled: true, size: 320, opacity: 0, aria: false },
        encoding: { x, y, tooltip },
      },
    ];
    const inner = { width: panel_width, height: Math.round(Math.max(220, Math.min(340, panel_width * 0.72))), layer };
    if (chart.panels.length === 1) return { data: { values: rows }, ...inner };
    return {
      data: { values: rows },
      facet: {
        field: "panel",
        type: "nominal",
        sort: chart.panels.map((p) => p.title),
        header: { title: null, labelLimit: panel_width },
      },
      columns,
      spacing: gap,
      spec: inner,
    };
  }

  function padded(values, log) {
    let [low, high] = [Math.min(...values), Math.max(...values)];
    if (log) return low === high ? [low / 2, high * 2] : [round_down(low, high), high * (high / low) ** 0.02];
    const room = (high - low) * 0.02 || Math.abs(low) || 1;
    return [low - room, high + room];
  }
  const round_down = (low, high) => low / (high / low) ** 0.02;

  // Shares of a spectrum, one bar each; those that matter in colour.
  function spectrum(chart, width, theme) {
    const values = chart.shares.map((share, i) => ({
      at: String(i + 1),
      share,
      kind: i < chart.rank ? "kept" : "rest",
      tip: {
        direction: String(i + 1),
        share: number(share),
        together: number(round(chart.shares.slice(0, i + 1).reduce((a, b) => a + b, 0))),
      },
    }));
    return {
      data: { values },
      width: Math.min(width - 74, Math.max(160, values.length * 44)),
      height: 200,
      mark: { type: "bar", name: "bars", binSpacing: 1 },
      encoding: {
        x: {
          field: "at",
          type: "ordinal",
          sort: null,
          axis: { title: chart.x.title, labelAngle: 0, labelOverlap: "greedy", ticks: false },
          scale: { paddingInner: 0.25 },
        },
        y: {
          field: "share",
          type: "quantitative",
          axis: { title: chart.y.title, format: "~p", tickCount: 5, minExtent: 38, maxExtent: 38 },
        },
        color: {
          field: "kind",
          type: "nominal",
          legend: null,
          scale: { domain: ["kept", "rest"], range: [theme.colours[0], theme.soft] },
        },
        tooltip: { field: "tip" },
      },
    };
  }

  // Numbers by name as bars: the weights of a direction, to the left and right of 0, or from `lowest` = 0 to the right.
  function weights(chart, width, theme) {
    const values = chart.weights.map((w, i) => ({
      ...w,
      at: i,
      sign: w.value < 0 ? "−" : "+",
      tip: { input: w.name, [chart.x.title]: number(w.value) },
    }));
    const widest = Math.max(...values.map((v) => [...v.name].length));
    const room = Math.round(Math.min(width * 0.42, 30 + widest * 7));
    return {
      data: { values },
      width: Math.max(80, width - room - 24),
      height: { step: 24 },
      layer: [
        {
          mark: { type: "bar", height: { band: 0.66 } },
          encoding: {
            color: {
              field: "sign",
              type: "nominal",
              legend: null,
              scale: { domain: ["+", "−"], range: [theme.colours[0], theme.colours[1]] },
            },
            tooltip: { field: "tip" },
          },
        },
        { mark: { type: "rule", strokeWidth: 1 }, encoding: { x: { datum: 0 }, y: null } },
      ],
      encoding: {
        y: {
          field: "at",
          type: "ordinal",
          sort: null,
          axis: {
            title: null,
            ticks: false,
            domain: false,
            labelLimit: room - 8,
            minExtent: room,
            maxExtent: room,
            labelPadding: 6,
            labelOverlap: false,
            labelExpr: `[${values.map((v) => JSON.stringify(v.name)).join(",")}][datum.value]`,
          },
        },
        x: {
          field: "value",
          type: "quantitative",
          scale: { domain: [chart.lowest ?? -chart.largest, chart.largest], nice: true },
          axis: { title: chart.x.title, tickCount: 5 },
        },
      },
    };
  }

  // The error on held-out rows for every candidate λ; candidates are evenly spaced, whatever their values (0 and ∞ too).
  function path(chart, width, theme) {
    const labels = chart.candidates.map((c) => (c === null ? "∞" : number(c)));
    const ticks = chart.candidates.map((c, i) =>
      positive(c) && Math.abs(Math.log10(c) % 1) < 1e-9 ? power_of_ten(Math.round(Math.log10(c))) : labels[i],
    );
    const values = chart.errors.map((error, i) => ({
      at: i,
      error,
      tip: { λ: labels[i], [chart.y.title]: number(error), ...(i === chart.chosen ? { chosen: "yes" } : {}) },
    }));
    const all = [...chart.errors, ...chart.references.map((r) => r.value)].filter(finite);
    const log = Math.min(...all) > 0 && Math.max(...all) / Math.min(...all) > 20;
    const inner = width - 74;
    // Labels at whole powers of ten, 0 and ∞, or at every candidate where there are few; as many as there is room for.
    const round_ones = chart.candidates
      .map((c, i) => (c === 0 || c === null || Math.abs(Math.log10(c) % 1) < 1e-9 ? i : -1))
      .filter((i) => i >= 0);
    const labelled = labels.length <= 8 ? labels.map((_, i) => i) : round_ones;
    const every = Math.max(1, Math.ceil(labelled.length / Math.max(2, Math.floor(inner / 48))));
    const last = labels.length - 1;
    const shown = labelled.filter(
      (i, k) => i === last || (k % every === 0 && ((last - i) * inner) / labels.length > 36),
    );
    const y = {
      field: "error",
      type: "quantitative",
      scale: log
        ? { type: "log", nice: false, domain: padded(all, true) }
        : { zero: false, nice: true, domain: padded(all, false) },
      axis: { title: chart.y.title, minExtent: 38, maxExtent: 38, ...(log ? log_axis(all) : linear_axis(all)) },
    };
    const x = {
      field: "at",
      type: "quantitative",
      scale: { domain: [-0.5, labels.length - 0.5], nice: false },
      axis: {
        title: "λ",
        values: shown,
        grid: false,
        labelOverlap: false,
        labelExpr: `[${ticks.map((l) => JSON.stringify(l)).join(",")}][datum.value]`,
      },
    };
    const best = [{ filter: `datum.at === ${chart.chosen}` }];
    const right = chart.chosen > labels.length * 0.3; // which way its name goes; curves mostly rise to the right
    const references = [...chart.references].sort((a, b) => b.value - a.value);
    // The names stand at the side where the curve is farther from them.
    const left = chart.errors[0] < chart.errors[last];
    return {
      data: { values },
      width: inner,
      height: 240,
      layer: [
        // The upper line's name above it, the lower one's below: they may be close.
        ...references.map((reference, i) => ({
          data: { values: [{ error: reference.value }] },
          layer: [
            { mark: { type: "rule", strokeDash: [5, 4], strokeWidth: 1.2 }, encoding: { y } },
            {
              mark: {
                type: "text",
                align: left ? "left" : "right",
                baseline: i === 0 ? "bottom" : "top",
                dx: left ? 4 : -4,
                dy: i === 0 ? -4 : 5,
                color: theme.soft,
                text: `${reference.name} ${number(reference.value)}`,
              },
              encoding: { y, x: { value: left ? 0 : inner } },
            },
          ],
        })),
        { mark: { type: "line", strokeWidth: 2, color: theme.colours[0] }, encoding: { x, y } },
        {
          name: "candidates",
          mark: { type: "point", filled: true, size: 26, opacity: 1, color: theme.colours[0] },
          encoding: { x, y },
        },
        {
          transform: best,
          mark: {
            type: "point",
            filled: false,
            shape: "diamond",
            size: 210,
            strokeWidth: 2.2,
            opacity: 1,
            color: theme.colours[1],
          },
          encoding: { x, y },
        },
        // With the paper around its letters where it crosses the curve.
        ...[{ stroke: theme.paper, strokeWidth: 5, strokeJoin: "round" }, {}].map((around) => ({
          transform: best,
          encoding: { x, y },
          mark: {
            type: "text",
            align: right ? "right" : "left",
            dx: right ? 6 : -6,
            dy: -20,
            fontWeight: 600,
            color: theme.colours[1],
            text: `chosen: λ = ${labels[chart.chosen]}`,
            ...around,
          },
        })),
        {
          name: "hover",
          mark: { type: "point", filled: true, size: 260, opacity: 0, aria: false },
          encoding: { x, y, tooltip: { field: "tip" } },
        },
      ],
    };
  }

  // Rows of a table as points, with the line where they would lie if the model were right.
  function scatter(chart, width, theme) {
    const values = chart.points.map(([x, y]) => ({
      x,
      y,
      tip: { [chart.x.title]: number(x), [chart.y.title]: number(y) },
    }));
    const xs = values.map((v) => v.x);
    const ys = values.map((v) => v.y);
    const both = chart.line === "diagonal" ? [...xs, ...ys] : null;
    const x_domain = padded(both || xs, false);
    const y_domain = padded(both || ys, false);
    const inner = width - 74;
    const count = values.length;
    const axis = (title, numbers) => ({ title, titleLimit: Math.min(inner, 220), ...linear_axis(numbers) });
    const x = {
      field: "x",
      type: "quantitative",
      scale: { domain: x_domain, nice: true, zero: false },
      axis: axis(chart.x.title, both || xs),
    };
    const y = {
      field: "y",
      type: "quantitative",
      scale: { domain: y_domain, nice: true, zero: false },
      axis: { ...axis(chart.y.title, both || ys), minExtent: 38, maxExtent: 38 },
    };
    const layer = [
      {
        name: "rows",
        mark: {
          type: "point",
          filled: true,
          shape: "circle",
          size: count > 800 ? 12 : count > 200 ? 20 : 34,
          opacity: count > 800 ? 0.4 : 0.6,
          color: theme.colours[0],
          aria: false,
        },
        encoding: { x, y, tooltip: { field: "tip" } },
      },
    ];
    const ends =
      chart.line === "diagonal"
        ? x_domain.map((v) => ({ x: v, y: v }))
        : chart.line === "zero"
          ? x_domain.map((v) => ({ x: v, y: 0 }))
          : null;
    if (ends)
      layer.unshift({
        data: { values: ends },
        mark: { type: "line", strokeWidth: 1.4, strokeDash: [5, 4], color: theme.soft, clip: true },
        encoding: { x, y },
      });
    return { data: { values }, width: inner, height: Math.round(Math.max(200, Math.min(300, inner * 0.8))), layer };
  }

  const forms = { lines, spectrum, weights, path, scatter };

  return {
    number,
    specification(chart, width, theme_name) {
      const theme = themes[theme_name];
      return { ...forms[chart.form](chart, width, theme), description: chart.description, config: config(theme) };
    },
    // Thousands of marks are quicker on a canvas; few are sharper as SVG.
    renderer: (chart) => (chart.form === "scatter" && chart.points.length > 400 ? "canvas" : "svg"),
  };
})();
