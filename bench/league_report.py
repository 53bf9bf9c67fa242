"""What the league's cells say: errors, CPU seconds, ranks, wins and losses, critical differences, and the test of budgets.

Ranks and critical differences are those of Demšar, Statistical comparisons of classifiers over multiple data sets, JMLR 7
(2006): a table is the unit, the mean over seeds its error; mean ranks that differ by less than q √(k(k+1)/6N) don't differ at
the level of 0.05 by Nemenyi's test.
"""

import html
import io
import math
import statistics

REFERENCES = ("sextant-medium", "sextant-low", "sextant-high")  # the first that there is
TIE = 0.01  # relative difference of errors up to which a table is neither won nor lost
TABLES_OF_A_TEST = 20
LEVEL = 0.05 / 3  # of each of three comparisons of budgets, one-sided
STANDARD_ERRORS = 2.3  # Student's quantile of this level with 19 degrees of freedom

# Studentised range at 0.95 and infinite degrees of freedom over √2, for k = 2, 3, … methods.
NEMENYI = (1.960, 2.344, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164, 3.219, 3.268, 3.313, 3.354, 3.391, 3.426, 3.458,
           3.489, 3.517, 3.544)

MANNERS = (
    "Every cell is a process of its own. CPU seconds are user and system time of fitting and predicting, with all threads and "
    "children: Sextant's program is started and reads and writes its files itself, which counts; peers' imports and their "
    "reading of files do not. Peak memory is that of a cell's largest process. Probabilities are at least 10⁻⁷. Grids of peers "
    "choose on a fifth of the training rows, drawn by the seed, and what they chose learns from all rows; xRFM, RealMLP and "
    "TabM stop early on that fifth and are not fitted again. Sextant gets the table's files with text and missing cells as they are. "
    "For peers, text with more different values than half its cells is left out. XGBoost and LightGBM get other text as their "
    "categories and missing cells as missing, CatBoost gets the text itself, TabPFN and the forest get levels by number (the "
    "forest missing cells as a value below all others). RealMLP and TabM get text as categories; they and the linear methods "
    "and xRFM get missing numbers filled by the mean, beside an indicator. Linear methods and xRFM get an indicator for "
    "each of the 50 most frequent levels, all inputs centred and scaled."
)


def critical_difference(methods, tables):
    """None for fewer than two methods or more than the table of quantiles has."""
    if not 2 <= methods < 2 + len(NEMENYI) or not tables:
        return None
    return NEMENYI[methods - 2] * math.sqrt(methods * (methods + 1) / (6 * tables))


def ranks(errors):
    """Of each error, 1 for the least; equal ones share the mean of their ranks."""
    return [sum(other < error for other in errors) + (sum(other == error for other in errors) + 1) / 2 for error in errors]


def sign_test(more, less):
    """One-sided: the probability of at least `more` of more + less by chance."""
    n = more + less
    return sum(math.comb(n, k) for k in range(more, n + 1)) / 2**n


def mean_and_error(values):
    """Mean and its standard error (NaN of a single value)."""
    if not values:
        return math.nan, math.nan
    spread = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return statistics.fmean(values), spread


def log_ratio(a, b):
    return math.log(max(a, 1e-12) / max(b, 1e-12))


class League:
    """Cells by table and method, over the seeds that all methods at a table share."""

    def __init__(self, cells, order, left_out=()):
        latest = {}
        for cell in sorted(cells, key=lambda cell: cell.get("at", "")):
            latest[cell["table"], cell["method"], cell["seed"]] = cell
        self.cells, self.left_out = list(latest.values()), list(left_out)
        self.methods = [name for name in order if any(cell["method"] == name for cell in self.cells)]
        self.tables = sorted({cell["table"] for cell in self.cells})
        self.at = {}
        for cell in self.cells:
            self.at.setdefault((cell["table"], cell["method"]), {})[cell["seed"]] = cell
        # Ranked are methods with half of the tables or more, on the tables and seeds that all of these have.
        count = {method: sum((table, method) in self.at for table in self.tables) for method in self.methods}
        self.ranked = [method for method in self.methods if 2 * count[method] >= len(self.tables)]
        self.shared = {}
        for table in self.tables:
            seeds = [set(self.at.get((table, method), {})) for method in self.ranked]
            both = set.intersection(*seeds) if seeds else set()
            if both:
                self.shared[table] = sorted(both)
        self.reference = next((name for name in (*REFERENCES, *self.ranked) if name in self.ranked), None)

    def error(self, table, method):
        """Mean over the shared seeds; infinite if one failed."""
        found = [self.at[table, method][seed].get("error", math.inf) for seed in self.shared[table]]
        return statistics.fmean(found)

    def mean_ranks(self):
        """Method → mean rank over the shared tables."""
        rows = [ranks([self.error(table, method) for method in self.ranked]) for table in self.shared]
        return {method: statistics.fmean(row[j] for row in rows) for j, method in enumerate(self.ranked)} if rows else {}

    def against(self, method):
        """Of the shared tables: how many the reference wins, ties, loses; mean log ratio of the method's error to its."""
        wins = ties = losses = 0
        logs = []
        for table in self.shared:
            mine, other = self.error(table, self.reference), self.error(table, method)
            if math.isinf(mine) or math.isinf(other):
                wins, losses = wins + (mine < other), losses + (mine > other)
                ties += mine == other
                continue
            logs.append(log_ratio(other, mine))
            tie = abs(logs[-1]) <= math.log1p(TIE)
            wins, ties, losses = wins + (not tie and mine < other), ties + tie, losses + (not tie and mine > other)
        return wins, ties, losses, *mean_and_error(logs)

    def sound_tables(self):
        """Shared tables on which no ranked method failed."""
        return [table for table in self.shared if all(math.isfinite(self.error(table, method)) for method in self.ranked)]

    def cpu(self, table, method):
        return statistics.fmean(self.at[table, method][seed]["cpu_s"] for seed in self.shared[table])

    def costs(self):
        """Method → (geometric mean of CPU seconds, of the ratio to the least error), over the sound tables."""
        tables = self.sound_tables()
        least = {table: min(self.error(table, method) for method in self.ranked) for table in tables}
        return {method: tuple(math.exp(statistics.fmean(logs)) for logs in (
            [math.log(max(self.cpu(table, method), 1e-3)) for table in tables],
            [log_ratio(self.error(table, method), least[table]) for table in tables],
        )) for method in self.ranked} if tables else {}

    # ------------------------------------------------------------------------------------------------------------- tables

    def grid(self, tables, field, form, best=None, middle=statistics.fmean):
        """Rows of a table by tables and methods: mean ± standard deviation of a field over seeds; `best` is min or max."""
        rows = []
        for table in tables:
            texts, values = [], []
            for method in self.methods:
                cells = list(self.at.get((table, method), {}).values())
                found = [cell[field] for cell in cells if "failed" not in cell and field in cell]
                failed = sum("failed" in cell for cell in cells)
                text = format(middle(found), form) if found else ("failed" if failed else "")
                values.append(float(text) if found and not failed else None)
                if best and len(found) > 1:
                    text += f" ± {format(statistics.stdev(found), form)}"
                if found and failed:
                    text += f" ({failed} of {len(cells)} failed)"
                texts.append(text)
            top = best((value for value in values if value is not None), default=None) if best else None
            rows.append([table, *((text, top is not None and value == top) for text, value in zip(texts, values))])
        return rows

    def facts(self, table):
        cell = next(cell for cell in self.cells if cell["table"] == table)
        return f"{table} ({cell['rows']}×{cell['inputs']})"

    def blocks(self):
        """The page: ("heading" | "text", text), ("table", header, rows) of texts or (text, bold), ("picture", svg, text)."""
        if not self.cells:
            return [("heading", "A league of methods on tables"), ("text", "No cells.")]
        page = [("heading", "A league of methods on tables"), ("text", self.introduction())]
        kinds = {table: next(cell["task"] for cell in self.cells if cell["table"] == table) for table in self.tables}
        numbers = [table for table in self.tables if kinds[table] == "regression"]
        classes = [table for table in self.tables if kinds[table] == "classification"]
        page += self.standing()
        for tables, field, title, best in (
            (numbers, "error", "Errors where the target is a number: test RMSE over the training target's standard deviation", min),
            (classes, "error", "Errors where the target is a class: log-loss on test rows", min),
            (classes, "accuracy", "Accuracy on test rows", max),
        ):
            if not tables:
                continue
            rows = self.grid(tables, field, ".4f", best)
            known = any(f"best_{field}" in cell for cell in self.cells if cell["table"] in tables)
            for row in rows:
                table = row[0]
                row[0] = self.facts(table)
                if known:
                    found = {cell["seed"]: cell.get(f"best_{field}") for cell in self.cells if cell["table"] == table}
                    row.insert(1, "" if None in found.values() else format(statistics.fmean(found.values()), ".4f"))
            header = ["table (rows×inputs)", *(["best possible"] if known else []), *self.methods]
            page += [("heading", title), ("table", header, rows)]
        page += [("heading", "CPU seconds of fitting and predicting, median over seeds"),
                 ("table", ["table", *self.methods], self.grid(self.tables, "cpu_s", ".2f", middle=statistics.median))]
        failures = [[cell["table"], cell["method"], f"{cell['seed']}", cell["failed"]]
                    for cell in self.cells if "failed" in cell]
        if failures:
            page += [("heading", "What failed"), ("table", ["table", "method", "seed", "why"], sorted(failures))]
        versions = {}
        for cell in self.cells:
            for package, version in cell.get("versions", {}).items():
                versions.setdefault(package, set()).add(version)
        page += [("heading", "Versions"),
                 ("table", ["package", "version"],
                  [[name, ", ".join(sorted(found))] for name, found in sorted(versions.items())])]
        page += [("heading", "How it was measured"), ("text", MANNERS)]
        if self.left_out:
            page.append(("text", " ".join(sentence + "." for sentence in self.left_out)))
        return page

    def introduction(self):
        machines = sorted({f"{m['processor']}, {m['cores']} cores; {m['threads']} thread{'s' * (m['threads'] != 1)}, {m['device']}"
                           for m in (cell["machine"] for cell in self.cells)})
        seeds = sorted({cell["seed"] for cell in self.cells})
        return (f"{len(self.tables)} tables, {len(self.methods)} methods, {len(seeds)} seed{'s' * (len(seeds) != 1)}, "
                f"{len(self.cells)} cells, {sum('failed' in cell for cell in self.cells)} of which failed. Measured on "
                f"{'; and on '.join(machines)}. Means over seeds ± their standard deviation; the best of a row in bold. "
                "Lower is better, but for accuracy.")

    def standing(self):
        mean, costs = self.mean_ranks(), self.costs()
        if not mean:
            return [("text", "No table has cells of all methods yet: no ranks.")]
        difference = critical_difference(len(mean), len(self.shared))
        said = (f"Over the {len(self.shared)} tables that all of these methods have; a failure ranks last. "
                f"{len(self.sound_tables())} of them, where none failed, count for the last two columns. "
                f"Won means that {self.reference} has the lower error by more than {TIE:.0%}. ")
        if difference is None:
            said += "No critical difference: there are fewer than two methods, or too many."
        else:
            said += f"Mean ranks closer than {difference:.2f} don't differ at the level of 0.05 (Nemenyi's test)."
        unfinished = [method for method in self.methods if method not in self.ranked]
        if unfinished:
            said += f" Not ranked, for want of tables: {', '.join(unfinished)}."
        top = min(mean.values())
        rows = []
        for method in sorted(mean, key=mean.get):
            wins, ties, losses, log, spread = self.against(method)
            mine = [cell for cell in self.cells if cell["method"] == method]
            ratio = "" if math.isnan(log) else f"{math.exp(log):.3f}"
            if not math.isnan(spread):
                ratio += f" ({math.exp(log - spread):.3f} to {math.exp(log + spread):.3f})"
            other = method == self.reference
            rows.append([method, (f"{mean[method]:.2f}", mean[method] == top), "" if other else f"{wins} / {ties} / {losses}",
                         "" if other else ratio, f"{sum('failed' in cell for cell in mine)}",
                         f"{max(cell['peak_mib'] for cell in mine):.0f}",
                         f"{costs[method][1]:.3f}" if costs else "", f"{costs[method][0]:.2f}" if costs else ""])
        header = ["method", "mean rank", f"{self.reference} won / tied / lost",
                  f"error over {self.reference}'s, geometric mean (± its standard error)",
                  "failed cells", "peak MiB", "error over the least, geometric mean", "CPU seconds, geometric mean"]
        page = [("heading", "Standing"), ("text", said), ("table", header, rows)]
        pictures = draw(mean, difference, costs)
        if pictures is None:
            page.append(("text", "No pictures: Matplotlib is not installed."))
        return page + (pictures or [])

    # ------------------------------------------------------------------------------------------------------------ writing

    def markdown(self):
        def cell(part):
            text, bold = part if isinstance(part, tuple) else (part, False)
            text = text.replace("|", "\\|")
            return f"**{text}**" if bold else text

        lines = []
        for kind, *what in self.blocks():
            if kind == "heading":
                lines += [f"{'##' if lines else '#'} {what[0]}", ""]
            elif kind == "text":
                lines += [what[0], ""]
            elif kind == "table":
                header, rows = what
                lines += [f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
                lines += [f"| {' | '.join(map(cell, row))} |" for row in rows] + [""]
        return "\n".join(lines)

    def html(self):
        def cell(part):
            text, bold = part if isinstance(part, tuple) else (part, False)
            return f"<td>{'<b>' if bold else ''}{html.escape(text)}{'</b>' if bold else ''}</td>"

        body = []
        for kind, *what in self.blocks():
            if kind == "heading":
                level = "h2" if body else "h1"
                body.append(f"<{level}>{html.escape(what[0])}</{level}>")
            elif kind == "text":
                body.append(f"<p>{html.escape(what[0])}</p>")
            elif kind == "picture":
                body.append(f"<figure>{what[0]}<figcaption>{html.escape(what[1])}</figcaption></figure>")
            else:
                header, rows = what
                head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
                body.append(f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>'
                            + "\n".join(f"<tr>{''.join(map(cell, row))}</tr>" for row in rows) + "</tbody></table></div>")
        return PAGE.replace("BODY", "\n".join(body))


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A league of methods on tables</title><style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 78rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
.wide { overflow-x: auto } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap }
th { white-space: normal; vertical-align: bottom; font-weight: 600 }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: #fff }
td:last-child:not(:nth-child(n+5)) { white-space: normal; text-align: left }
b { color: #0b5a3c } figure { margin: 1.5rem 0 } svg { max-width: 100%; height: auto } figcaption { color: #555 }
</style></head><body>
BODY
</body></html>
"""


# ---------------------------------------------------------------------------------------------------------------- pictures


def draw(mean, difference, costs):
    """Pictures for the page, or None without Matplotlib."""
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    pictures = []
    if len(mean) > 1:
        pictures.append(("picture", svg(pyplot, draw_ranks, mean, difference),
                         "Mean ranks, best on the left; bars join methods that Nemenyi's test does not tell apart."))
    if len(costs) > 1:
        pictures.append(("picture", svg(pyplot, draw_costs, costs),
                         "Error over the least of all methods against CPU seconds, geometric means over tables."))
    return pictures


def svg(pyplot, function, *arguments):
    with pyplot.rc_context({"svg.hashsalt": function.__name__, "font.size": 10}):
        figure = function(pyplot, *arguments)
        text = io.StringIO()
        figure.savefig(text, format="svg", bbox_inches="tight", metadata={"Date": None})
        pyplot.close(figure)
    return text.getvalue()[text.getvalue().index("<svg") :]


def cliques(values, difference):
    """Index pairs (first, last) of the maximal runs of sorted values that lie within the difference."""
    found = []
    for first in range(len(values)):
        last = max(j for j in range(first, len(values)) if values[j] - values[first] < difference)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found


def draw_ranks(pyplot, mean, difference):
    order = sorted(mean, key=mean.get)
    values = [mean[method] for method in order]
    k, half = len(order), (len(order) + 1) // 2
    bars = cliques(values, difference) if difference else []
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.28 * half + 0.14 * len(bars)))
    low, high = 1, k
    axes.hlines(0, low, high, color="black")
    for tick in range(low, high + 1):
        axes.vlines(tick, 0, 0.15, color="black")
        axes.text(tick, 0.25, str(tick), ha="center", va="bottom")
    below = -0.25 - 0.3 * len(bars)
    for number, (first, last) in enumerate(bars):
        axes.hlines(-0.3 - 0.3 * number, values[first] - 0.03, values[last] + 0.03, color="black", linewidth=3.5)
    reach = 0.06 * (high - low)
    for i, (method, value) in enumerate(zip(order, values)):
        left = i < half
        y = below - 0.6 * (1 + (i if left else k - 1 - i))
        end = low - reach if left else high + reach
        colour = "#0b5a3c" if method.startswith("sextant") else "#444444"
        axes.plot([value, value, end], [0, y, y], color=colour, linewidth=0.9)
        axes.text(end, y, f"{method} {value:.2f} " if left else f" {value:.2f} {method}", ha="right" if left else "left",
                  va="center", color=colour)
    if difference and difference < high - low:
        axes.hlines(1.3, low, low + difference, color="black", linewidth=2)
        axes.text(low + difference / 2, 1.4, f"critical difference {difference:.2f}", ha="center", va="bottom")
    axes.axis("off")
    return figure


def draw_costs(pyplot, costs):
    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    span = max(ratio for _, ratio in costs.values()) - min(ratio for _, ratio in costs.values())
    placed = []
    for method, (seconds, ratio) in sorted(costs.items(), key=lambda item: item[1]):
        beside = sum(abs(math.log(seconds / s)) < 1 and abs(ratio - r) < 0.05 * span for s, r in placed)
        placed.append((seconds, ratio))
        colour = "#0b5a3c" if method.startswith("sextant") else "#444444"
        axes.plot(seconds, ratio, "o", color=colour)
        axes.annotate(method, (seconds, ratio), textcoords="offset points", xytext=(5, 4 - 13 * beside), color=colour)
    axes.set_xscale("log")
    axes.set_xlabel("CPU seconds of fitting and predicting")
    axes.set_ylabel("error over the least")
    axes.grid(True, color="#dddddd")
    axes.set_axisbelow(True)
    axes.margins(0.25, 0.15)
    return figure


# ----------------------------------------------------------------------------------------------------------------- budgets


def budget_check(cells, budgets):
    """(Text, status): whether the error of a larger budget is above that of a smaller one, beyond noise. A table is the
    unit: the mean over its seeds of log(error with more / error with less), both on the same rows. Status 0: no; 1: yes; 2:
    fewer than TABLES_OF_A_TEST tables."""
    at = {(cell["table"], cell["seed"], cell["method"]): cell for cell in cells}
    pairs = [(0, 1), (1, 2), (0, 2)]
    lines, hurts, few = [], [], False
    for less, more in ((budgets[a], budgets[b]) for a, b in pairs if max(a, b) < len(budgets)):
        logs, broken = {}, set()
        for (table, seed, method), cell in at.items():
            other = at.get((table, seed, more)) if method == less else None
            if other is None or "failed" in cell:
                continue
            if "failed" in other:
                broken.add(table)
            else:
                logs.setdefault(table, []).append(log_ratio(other["error"], cell["error"]))
        means = {table: statistics.fmean(found) for table, found in logs.items()}
        worse = sum(value > 1e-9 for value in means.values()) + len(broken - set(means))
        better = sum(value < -1e-9 for value in means.values())
        equal = len(means) + len(broken - set(means)) - worse - better
        mean, spread = mean_and_error(list(means.values()))
        chance = sign_test(worse, better)
        count = worse + better + equal
        lines.append(f"{less} → {more}: {count} tables, {sum(map(len, logs.values()))} pairs; better on {better}, worse on {worse}, "
                     f"equal on {equal}; sign test of worse p = {chance:.3f}; mean log ratio {mean:+.4f} ± {spread:.4f}")
        if broken:
            lines.append(f"  {more} failed where {less} did not: {', '.join(sorted(broken))}")
        for table in sorted(means, key=means.get, reverse=True)[:3]:
            if means[table] > math.log1p(TIE):
                _, of_seeds = mean_and_error(logs[table])
                noise = "one seed" if math.isnan(of_seeds) else f"± {of_seeds:.3f} over seeds"
                lines.append(f"  worst: {table} {means[table]:+.3f} ({noise})")
        if count < TABLES_OF_A_TEST:
            few = True
        elif chance < LEVEL or mean > STANDARD_ERRORS * spread:
            hurts.append(f"{less} → {more}")
    if hurts:
        lines.append(f"More budget hurts beyond noise: {', '.join(hurts)}.")
    elif few:
        lines.append(f"Open: a test takes {TABLES_OF_A_TEST} tables or more for each pair of budgets.")
    else:
        lines.append("More budget does not hurt beyond noise.")
    return "\n".join(lines), 1 if hurts else 2 if few else 0
