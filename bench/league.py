#!/usr/bin/python3
"""A league of methods on tables: any folder of train and test tables, any set of methods, measured as a stranger would.

    bench/league.py FOLDER… [--synthetic] --sextant build/release/bin/sextant [--methods sextant-medium,xgboost,…]
                    [--sine 1000x20,…] [--seeds 3] [--results league.jsonl] [--html league.html] [--markdown league.md]
    bench/league.py --budget-check --synthetic --sextant build/release/bin/sextant --seeds 3

FOLDER holds one folder per table with train.csv and test.csv (or .csv.gz), the target named y (or by --targets; a table with
several of them counts once for each). A target is a class if --classes names the table; without --classes, by the rule that is
printed. --synthetic adds a battery of tables whose best possible error is known; each seed draws them anew.

Every cell (table, method, seed) runs in a process of its own, on --threads threads, within --limit seconds, and ends as one
line of --results: what it measured, or the sentence why it failed. A rerun does what is missing; `--again METHOD` does a method
again, `--again failed` what failed. `--report` runs nothing and writes the page of what there is.

Errors are RMSE over the standard deviation of the training target, or log-loss (probabilities are at least 10⁻⁷) and accuracy.
CPU seconds are user and system time of fitting and predicting with all threads and children; imports and reading files are
left out, but for Sextant, whose program is started and reads its files itself. Peak memory is that of the largest process of a
cell; Python with NumPy takes some 40 MiB of it. Seeds go to the methods and to the fifth of the training rows by which grids choose.
Methods whose package is missing are left out with a sentence. Needs NumPy; scikit-learn, Matplotlib and all peers are optional.
"""

import argparse
import contextlib
import hashlib
import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import league_report
import league_tables
from league_methods import METHODS

BUDGETS = ["sextant-low", "sextant-medium", "sextant-high"]


# ----------------------------------------------------------------------------------------------------------------- results


class Results:
    """A file of lines of JSON, one a cell; of several lines of a cell the last one counts."""

    def __init__(self, path):
        self.path, self.cells = Path(path), {}
        text = self.path.read_text() if self.path.exists() else ""
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            try:
                cell = json.loads(line) if line.strip() else None
            except json.JSONDecodeError:
                if number < len(lines):
                    raise SystemExit(f"{path}: line {number} is no JSON, expected a cell of the league") from None
                cell = None  # the last one, cut off when the run was killed
            if cell:
                self.cells[key_of(cell)] = cell
        self.torn = bool(lines[-1].strip())

    def add(self, cell):
        with open(self.path, "a") as file:
            if self.torn:
                file.write("\n")
                self.torn = False
            file.write(json.dumps(cell) + "\n")
        self.cells[key_of(cell)] = cell


def key_of(cell):
    return cell["table"], cell["method"], cell["seed"], cell["data"]


# ----------------------------------------------------------------------------------------------------------- one cell's child


def cell_of_child(order):
    """Fits and predicts in this process; what it measured."""
    method = METHODS[order["method"]](order["options"])
    given = league_tables.Given(order["folder"], order["seed"], order["threads"], order["device"])
    method.load(given)
    found = {"versions": {"python": platform.python_version(), **method.versions()}}
    cpu, wall = cpu_seconds(), time.perf_counter()
    method.fit(given)
    found["fit_cpu_s"], found["fit_wall_s"] = round(cpu_seconds() - cpu, 3), round(time.perf_counter() - wall, 3)
    predicted = method.predict(given)
    found["cpu_s"], found["wall_s"] = round(cpu_seconds() - cpu, 3), round(time.perf_counter() - wall, 3)
    found["settings"] = method.settings
    found.update(league_tables.scores(predicted, given))
    return found


def cpu_seconds():
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def child():
    order = json.load(sys.stdin)
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    import warnings

    warnings.simplefilter("ignore")
    try:
        found = cell_of_child(order)
    except BaseException as error:
        traceback.print_exc()
        said = " ".join(str(error).split())[:400]
        found = {"failed": said if isinstance(error, RuntimeError) and said else f"{type(error).__name__}: {said}"}
    json.dump(found, answer)
    answer.close()


# ------------------------------------------------------------------------------------------------------------------- running


def run_cell(order, limit, log):
    """The child's answer, or why there is none."""
    threads = str(order["threads"])
    environment = dict(os.environ, **{f"{name}_NUM_THREADS": threads for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")})
    if order["device"] == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as answer, tempfile.TemporaryFile("w+") as said:
        # A session of its own, so that the time limit ends what the child has started as well.
        process = subprocess.Popen([sys.executable, __file__, "--cell"], stdin=subprocess.PIPE, stdout=answer, stderr=said,
                                   env=environment, text=True, start_new_session=True)
        late = False
        try:
            process.stdin.write(json.dumps(order))
            process.stdin.close()
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                if not late and time.monotonic() - started > limit:
                    late = True
                    os.killpg(process.pid, signal.SIGKILL)
                time.sleep(0.02)
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it left behind
        process.returncode = os.waitstatus_to_exitcode(status)
        answer.seek(0)
        said.seek(0)
        if log:
            log.write(said.read())
        text = answer.read()
    if late:
        found = {"failed": f"took longer than {limit:g} seconds"}
    elif process.returncode < 0:
        found = {"failed": f"ended by {signal.Signals(-process.returncode).name}"}
    else:
        try:
            found = json.loads(text)
        except json.JSONDecodeError:
            found = {"failed": f"ended with status {process.returncode} and no answer"}
    found["process_cpu_s"] = round(usage.ru_utime + usage.ru_stime, 3)
    found["process_wall_s"] = round(time.monotonic() - started, 3)
    found["peak_mib"] = round(usage.ru_maxrss / 1024, 1)
    return found


def digest(*paths):
    made = hashlib.sha256()
    for path in paths:
        made.update(Path(path).read_bytes())
    return made.hexdigest()[:12]


def prepared(source, name, seed, options, folder):
    """Writes the table for the methods; what all its cells share."""
    table = source.make(name, seed, options.rows, options.resplit)
    if not table.train or not table.test:
        raise ValueError(f"{len(table.train)} training and {len(table.test)} test rows, expected some of both")
    league_tables.write(table, folder)
    given = league_tables.Given(folder, seed, 1, "cpu")
    shared = {"table": name, "seed": seed, "data": digest(folder / "train.csv", folder / "table.json", folder / "test.csv"),
              "task": table.task, "rows": len(table.train), "test_rows": len(table.test), "inputs": len(table.inputs)}
    if given.is_class:
        shared["classes"] = len(given.classes)
    if table.truth is not None:
        shared.update({f"best_{name}": value for name, value in league_tables.scores(table.truth, given).items()})
    return shared, table.notes


def run(options, sources, methods, results):
    machine = {"processor": processor(), "cores": os.cpu_count(), "threads": options.threads, "device": options.device}
    told = {"sextant": options.sextant}
    again = set(options.again)
    done, wanted = 0, []
    for source in sources:
        wanted += [(source, name) for name in source.names() if not options.tables or name in options.tables]
    twice = sorted({name for _, name in wanted if sum(name == other for _, other in wanted) > 1})
    if twice:
        raise SystemExit(f"two tables are named {twice[0]!r}, expected a name for each")
    if not wanted:
        raise SystemExit("no table, expected folders NAME with train.csv and test.csv, or --synthetic")
    shown = set()
    log = open(options.log, "a") if options.log else None
    # Seeds outermost: a run that is stopped has all tables.
    for seed in range(options.seeds):
        for source, name in wanted:
            with tempfile.TemporaryDirectory(prefix="league-") as scratch:
                try:
                    shared, notes = prepared(source, name, seed, options, Path(scratch))
                except (ValueError, OSError) as error:
                    print(f"{name}: {error}; the table is left out", flush=True)
                    continue
                if name not in shown:
                    shown.add(name)
                    kind = f"{shared['classes']} classes" if "classes" in shared else "a number"
                    print(f"{name}: {shared['rows']} + {shared['test_rows']} rows, {shared['inputs']} inputs, the target is "
                          f"{kind}{''.join('; ' + note for note in notes)}", flush=True)
                for method in methods:
                    key = (name, method, seed, shared["data"])
                    before = results.cells.get(key)
                    if before and not (method in again or "failed" in again and "failed" in before):
                        options.keys.add(key)
                        continue
                    order = {"method": method, "folder": scratch, "seed": seed, "threads": options.threads,
                             "device": options.device, "options": told}
                    cell = {**shared, "method": method, **run_cell(order, options.limit, log), "machine": machine,
                            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
                    results.add(cell)
                    options.keys.add(key)
                    done += 1
                    outcome = f"failed: {cell['failed']}" if "failed" in cell else (
                        f"{cell['error']:.4f}   {cell['cpu_s']:.1f} CPU s   {cell['peak_mib']:.0f} MiB")
                    print(f"  {name:22} {method:16} seed {seed}   {outcome}", flush=True)
    if log:
        log.close()
    print(f"{done} cells were run, {len(options.keys) - done} were there")


def processor():
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def names(text):
    return [name.strip() for name in text.split(",") if name.strip()]


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--synthetic", action="store_true", help="the synthetic battery, too")
    parser.add_argument("--sine", type=names, default=[], metavar="ROWSxINPUTS,…",
                        help="sin(2z₁)z₂ + z₂²/2 of two directions, noise .3, in tables of these sizes: for curves")
    parser.add_argument("--sextant", default=os.environ.get("SEXTANT"), help="the program (default: $SEXTANT, or sextant in $PATH)")
    parser.add_argument("--methods", type=names, help=f"of {', '.join(METHODS)} (default: all that can run here)")
    parser.add_argument("--tables", type=names, help="only these (default: all)")
    parser.add_argument("--targets", type=names, default=["y", "lift", "drag"], help="names of targets (default: y,lift,drag)")
    parser.add_argument("--classes", type=names, help="tables whose target is a class; all others' are numbers")
    parser.add_argument("--seeds", type=int, default=1, help="0 … SEEDS − 1 (default 1)")
    parser.add_argument("--rows", type=int, help="training rows at most, drawn by the seed")
    parser.add_argument("--resplit", action="store_true", help="draw train and test of folders anew for each seed")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="of methods that can use another")
    parser.add_argument("--limit", type=float, default=3600, help="seconds by the clock for a cell (default 3600)")
    parser.add_argument("--results", default="league.jsonl", help="file of cells (default league.jsonl)")
    parser.add_argument("--again", type=names, default=[], metavar="METHOD", help="run these again, or `failed` cells")
    parser.add_argument("--report", action="store_true", help="run nothing: the page of what --results has")
    parser.add_argument("--html", help="write one self-contained page")
    parser.add_argument("--markdown", help="write the tables as Markdown")
    parser.add_argument("--log", help="append what the cells print on standard error")
    parser.add_argument("--budget-check", action="store_true",
                        help="test that more budget never hurts Sextant beyond noise; exit status 1 if it does, 2 if that is open")
    options = parser.parse_args(arguments)
    if options.seeds < 1 or options.threads < 1 or options.limit <= 0:
        parser.error("--seeds and --threads are at least 1, --limit is above 0")
    if options.budget_check and options.methods:
        parser.error(f"--budget-check has the methods {', '.join(BUDGETS)}, expected no --methods")
    for name in [*(options.methods or []), *(set(options.again) - {"failed"})]:
        if name not in METHODS:
            parser.error(f"there is no method {name!r}, expected {', '.join(METHODS)}")
    options.sextant = options.sextant or shutil.which("sextant")
    if options.sextant and os.path.exists(options.sextant):
        options.sextant = os.path.abspath(options.sextant)
    return options


def main():
    if sys.argv[1:] == ["--cell"]:
        child()
        return 0
    options = parse(sys.argv[1:])
    methods, left_out = [], []
    for name in BUDGETS if options.budget_check else options.methods or METHODS:
        why = METHODS[name].absent({"sextant": options.sextant})
        if why:
            left_out.append(why)
        else:
            methods.append(name)
    results = Results(options.results)
    if options.report:
        cells = [cell for key, cell in results.cells.items()
                 if (not options.methods or cell["method"] in options.methods)
                 and (not options.tables or cell["table"] in options.tables)]
        left_out = []
    else:
        for why in left_out:
            print(why)
        if not methods:
            print("skipped: none of the methods can run here")
            return 2 if options.budget_check else 0
        sources = [league_tables.FolderTables(folder, options.targets, options.classes) for folder in options.folders]
        if options.synthetic:
            sources.append(league_tables.SyntheticTables())
        if options.sine:
            sources.append(league_tables.SyntheticTables(league_tables.sine_recipes(options.sine)))
        if options.classes is None and options.folders:
            print(f"Targets by the rule: {league_tables.TASK_RULE} (--classes says otherwise).")
        options.keys = set()
        run(options, sources, methods, results)
        cells = [results.cells[key] for key in results.cells if key in options.keys]
    league = league_report.League(cells, list(METHODS), left_out)
    if options.markdown:
        Path(options.markdown).write_text(league.markdown())
    if options.html:
        Path(options.html).write_text(league.html())
    if options.budget_check:
        text, status = league_report.budget_check(cells, BUDGETS)
        print(text)
        return status
    if not options.markdown and not options.html:
        print(league.markdown())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped: the same command goes on from here")
