"""The league's tables: folders of train and test, a synthetic battery, and what a table looks like to a learner of numbers.

Cells are read by the rules of `sextant fit`: empty cells and NaN are missing; NA, N/A, null and None are missing in a column
whose other training cells are numbers, and texts elsewhere. A column is text where a training cell is no number.
"""

import csv
import gzip
import json
import math
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

TASK_RULE = "a target with text is a class, and so are whole numbers of at most ten different values; all else is a number"
CLASSES_AT_MOST = 10
ALWAYS_MISSING = {"", "nan", "+nan", "-nan"}
MISSING_AMONG_NUMBERS = {"na", "n/a", "null", "none"}
LEVELS_AT_MOST = 50  # of a text column, as indicators; the rarer ones share no indicator


@dataclass
class Table:
    """Rows of text, as a file has them; `truth` is what the best possible function would predict, where that is known."""

    name: str
    task: str  # regression or classification
    inputs: list  # names
    train: list  # rows of cells: the inputs', then the target's
    test: list
    truth: np.ndarray | None = None  # n or n×k, by sorted classes
    notes: list = field(default_factory=list)


# ---------------------------------------------------------------------------------------------------------------- folders


def find(folder, name):
    return next((path for path in (folder / f"{name}.csv", folder / f"{name}.csv.gz") if path.exists()), None)


def open_text(path):
    return (gzip.open if path.suffix == ".gz" else open)(path, "rt", newline="", encoding="utf-8-sig")


def read_rows(path):
    with open_text(path) as file:
        rows = [row for row in csv.reader(file) if row]
    if not rows:
        raise ValueError(f"{path}: no header")
    names = [name.strip() for name in rows[0]]
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise ValueError(f"{path}: row {number} has {len(row)} cells, expected {len(names)} as in the header")
    return names, rows[1:]


def number(cell):
    """The cell as a number: NaN where it is missing, None where it is text."""
    text = cell.strip().lower()
    if text in ALWAYS_MISSING or text in MISSING_AMONG_NUMBERS:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return None


def is_missing(cell):
    return cell.strip().lower() in ALWAYS_MISSING


def task_of(cells):
    """By TASK_RULE."""
    values = [number(cell) for cell in cells]
    if any(value is None for value in values):
        return "classification"
    seen = {value for value in values if not math.isnan(value)}
    whole = all(value.is_integer() for value in seen)
    return "classification" if whole and len(seen) <= CLASSES_AT_MOST else "regression"


class FolderTables:
    """Every folder NAME with train.csv and test.csv (or .csv.gz) below `root`; a table for each of its targets."""

    def __init__(self, root, targets=("y", "lift", "drag"), classes=None):
        self.root, self.targets, self.classes = Path(root), targets, classes
        if not self.root.is_dir():
            raise SystemExit(f"{root}: no such folder, expected one of folders NAME with train.csv and test.csv")

    def names(self):
        """Name → (folder, target)."""
        found = {}
        for folder in sorted(path for path in self.root.iterdir() if find(path, "train") and find(path, "test")):
            with open_text(find(folder, "train")) as file:
                columns = [name.strip() for name in next(csv.reader(file), [])]
            mine = [target for target in self.targets if target in columns]
            for target in mine:
                found[folder.name if len(mine) == 1 else f"{folder.name}:{target}"] = (folder, target)
        return found

    def make(self, name, seed, rows=None, resplit=False):
        """With `rows`, at most so many training rows, drawn by the seed; with `resplit`, train and test are drawn anew."""
        folder, target = self.names()[name]
        columns, train = read_rows(find(folder, "train"))
        test_columns, test = read_rows(find(folder, "test"))
        if set(columns) - set(test_columns):
            raise ValueError(f"{folder}: test has no column {sorted(set(columns) - set(test_columns))[0]}")
        where = [test_columns.index(column) for column in columns]
        test = [[row[j] for j in where] for row in test]
        inputs = [column for column in columns if column not in self.targets]
        order = [columns.index(column) for column in [*inputs, target]]
        train, test = ([[row[j] for j in order] for row in part] for part in (train, test))
        if self.classes is None:
            task = task_of([row[-1] for row in train])
        else:
            named = name in self.classes or folder.name in self.classes
            task = "classification" if named else "regression"
        notes = []
        lost = is_missing if task == "classification" else lambda cell: number(cell) is None or math.isnan(number(cell))
        for part, what in ((train, "training"), (test, "test")):
            kept = [row for row in part if not lost(row[-1])]
            if len(kept) < len(part):
                notes.append(f"{len(part) - len(kept)} {what} rows without a target are left out")
            part[:] = kept
        rng = np.random.default_rng(seed)
        if resplit:
            pool = train + test
            drawn = rng.permutation(len(pool))
            train, test = [pool[i] for i in drawn[: len(train)]], [pool[i] for i in drawn[len(train) :]]
        if rows and len(train) > rows:
            train = [train[i] for i in np.sort(rng.choice(len(train), rows, replace=False))]
        if task == "classification":
            train, test = ([[*row[:-1], row[-1].strip()] for row in part] for part in (train, test))
            known = {row[-1] for row in train}
            kept = [row for row in test if row[-1] in known]
            if len(kept) < len(test):
                notes.append(f"{len(test) - len(kept)} test rows of a class without training rows are left out")
            test = kept
        return Table(name, task, inputs, train, test, notes=notes)


# -------------------------------------------------------------------------------------------------------------- synthetic


def directions(rng, d, k):
    """d×k, orthonormal."""
    return np.linalg.qr(rng.standard_normal((d, k)))[0]


def sine(rng, X):
    """y = sin(2z₁)z₂ + z₂²/2, two directions of all inputs."""
    z = X @ directions(rng, X.shape[1], 2)
    return np.sin(2 * z[:, 0]) * z[:, 1] + z[:, 1] ** 2 / 2


def single_index(rng, X):
    z = (X @ directions(rng, X.shape[1], 1))[:, 0]
    return z + np.sin(3 * z)


def three_directions(rng, X):
    z = X @ directions(rng, X.shape[1], 3)
    return z[:, 0] * z[:, 1] + np.tanh(2 * z[:, 2]) + z[:, 0] / 2


def additive(rng, X):
    return np.sin(2 * X[:, 0]) + np.abs(X[:, 1]) + X[:, 2] ** 2 / 2 + (X[:, 3] > 0) + X[:, 4]


def linear(rng, X):
    return X @ rng.standard_normal(X.shape[1]) / math.sqrt(X.shape[1])


def sparse_linear(rng, X):
    return X[:, :5] @ np.array([2.0, -1.5, 1.0, -1.0, 0.5])


def robot_arm(rng, X):
    """Distance of a plane arm's hand from its foot: four angles, four lengths; other inputs say nothing."""
    U = 0.5 + 0.5 * np.vectorize(math.erf)(X[:, :8] / math.sqrt(2))  # uniform
    angles, lengths = np.cumsum(2 * np.pi * U[:, :4], axis=1), U[:, 4:]
    return np.hypot((lengths * np.cos(angles)).sum(1), (lengths * np.sin(angles)).sum(1))


def friedman(rng, X):
    """Friedman's first (1991), five of the inputs."""
    U = 0.5 + 0.5 * np.vectorize(math.erf)(X[:, :5] / math.sqrt(2))
    y = 10 * np.sin(np.pi * U[:, 0] * U[:, 1]) + 20 * (U[:, 2] - 0.5) ** 2 + 10 * U[:, 3] + 5 * U[:, 4]
    return y / 5


def steps(rng, X):
    """Piecewise constant along axes: the home of trees."""
    return (X[:, 0] > 0.3) + 2.0 * ((X[:, 1] > 0) & (X[:, 2] < 0.5)) - (np.floor(2 * X[:, 3]) % 2)


def radial(rng, X):
    return np.linalg.norm(X, axis=1)


def nothing(rng, X):
    return np.zeros(len(X))


def bent_boundary(rng, X):
    """Logits of two classes along a bent boundary of two directions."""
    z = X @ directions(rng, X.shape[1], 2)
    return np.column_stack([np.zeros(len(X)), 3 * (np.sin(2 * z[:, 0]) + z[:, 1])])


def straight_boundary(rng, X):
    return np.column_stack([np.zeros(len(X)), 2 * (X @ directions(rng, X.shape[1], 1))[:, 0]])


def rare_class(rng, X):
    z = X @ directions(rng, X.shape[1], 2)
    return np.column_stack([np.full(len(X), 6.0), 1.5 * (z**2).sum(1)])


def three_classes(rng, X):
    z = X @ directions(rng, X.shape[1], 2)
    return 3 * np.column_stack([z[:, 0], z[:, 1], np.sin(2 * z[:, 0]) - z[:, 1]])


@dataclass
class Recipe:
    function: object
    rows: int
    inputs: int
    noise: float = 0.0  # standard deviation, for regression
    correlation: float = 0.0  # of neighbouring inputs
    tails: str = "normal"  # or of inputs: t3; of noise: noise-t3
    classes: bool = False
    mixed: bool = False  # a text column of six levels that shift y, and a tenth of the cells of two inputs missing


BATTERY = {
    "sine-200": Recipe(sine, 200, 20, 0.3),
    "sine-500": Recipe(sine, 500, 20, 0.3),
    "sine-2000": Recipe(sine, 2000, 20, 0.3),
    "sine-noisy": Recipe(sine, 1000, 20, 1.0),
    "sine-wide": Recipe(sine, 2000, 100, 0.3),
    "sine-correlated": Recipe(sine, 1000, 20, 0.3, correlation=0.9),
    "sine-heavy-inputs": Recipe(sine, 1000, 10, 0.3, tails="t3"),
    "sine-heavy-noise": Recipe(sine, 1000, 10, 0.3, tails="noise-t3"),
    "sine-mixed": Recipe(sine, 1000, 10, 0.3, mixed=True),
    "single-index-300": Recipe(single_index, 300, 10, 0.3),
    "single-index-wide": Recipe(single_index, 1000, 100, 0.3),
    "three-directions": Recipe(three_directions, 2000, 15, 0.2),
    "additive-500": Recipe(additive, 500, 10, 0.3),
    "additive-2000": Recipe(additive, 2000, 10, 0.3),
    "linear-100": Recipe(linear, 100, 10, 0.5),
    "linear-correlated": Recipe(linear, 500, 50, 0.5, correlation=0.9),
    "sparse-linear-wide": Recipe(sparse_linear, 200, 400, 0.5),
    "robot-arm-500": Recipe(robot_arm, 500, 8, 0.02),
    "robot-arm-4000": Recipe(robot_arm, 4000, 8, 0.02),
    "robot-arm-padded": Recipe(robot_arm, 2000, 24, 0.02),
    "friedman": Recipe(friedman, 500, 10, 0.2),
    "friedman-mixed": Recipe(friedman, 1000, 10, 0.2, mixed=True),
    "steps": Recipe(steps, 1500, 8, 0.1),
    "radial": Recipe(radial, 800, 5, 0.05),
    "nothing": Recipe(nothing, 400, 10, 1.0),
    "bent-boundary-500": Recipe(bent_boundary, 500, 10, classes=True),
    "bent-boundary-2000": Recipe(bent_boundary, 2000, 10, classes=True),
    "straight-boundary": Recipe(straight_boundary, 300, 10, classes=True),
    "rare-class": Recipe(rare_class, 2000, 8, classes=True),
    "three-classes": Recipe(three_classes, 1000, 8, classes=True),
}
SYNTHETIC_TEST_ROWS = 2000


def sine_recipes(sizes):
    """Of texts ROWSxINPUTS: `sine` of so many, for curves of the error against rows, inputs and seconds."""
    recipes = {}
    for size in sizes:
        rows, _, inputs = size.partition("x")
        if not (rows.isdigit() and inputs.isdigit() and int(rows) >= 10 and int(inputs) >= 2):
            raise SystemExit(f"--sine: {size!r} given, expected ROWSxINPUTS, 1000x20 say")
        recipes[f"sine {int(rows)}x{int(inputs)}"] = Recipe(sine, int(rows), int(inputs), 0.3)
    return recipes


class SyntheticTables:
    """Tables by recipes, the battery's if not said: each seed draws function, training and test rows anew."""

    def __init__(self, recipes=None):
        self.recipes = BATTERY if recipes is None else recipes

    def names(self):
        return self.recipes

    def make(self, name, seed, rows=None, resplit=False):
        recipe = self.recipes[name]
        rng = np.random.default_rng([zlib.crc32(name.encode()), seed])
        n, d = min(recipe.rows, rows or recipe.rows), recipe.inputs
        total = n + SYNTHETIC_TEST_ROWS
        X = rng.standard_normal((total, d))
        for j in range(1, d if recipe.correlation else 0):
            X[:, j] = recipe.correlation * X[:, j - 1] + math.sqrt(1 - recipe.correlation**2) * X[:, j]
        if recipe.tails == "t3":
            X /= np.sqrt(rng.chisquare(3, (total, 1)) / 3)
        f = recipe.function(rng, X)
        level = rng.integers(6, size=total) if recipe.mixed else None
        if recipe.mixed:
            f = f + 0.3 * level
        if recipe.classes:
            P = np.exp(f - f.max(1, keepdims=True))
            truth = P / P.sum(1, keepdims=True)
            drawn = (rng.random((total, 1)) > np.cumsum(truth, axis=1)).sum(1)
            y = [f"class {'abc'[c]}" for c in np.minimum(drawn, truth.shape[1] - 1)]
        else:
            noise = rng.standard_t(3, total) / math.sqrt(3) if recipe.tails == "noise-t3" else rng.standard_normal(total)
            truth, y = f, [repr(float(v)) for v in f + recipe.noise * noise]
        cells = [[repr(float(v)) for v in row] for row in X]
        if recipe.mixed:
            for row, lost, c in zip(cells, rng.random((total, 2)) < 0.1, level):
                row[:2] = ["" if gone else cell for gone, cell in zip(lost, row[:2])]
                row.append(f"level {'abcdef'[c]}")
        inputs = [f"x{j + 1}" for j in range(d)] + (["kind"] if recipe.mixed else [])
        rows = [[*row, target] for row, target in zip(cells, y)]
        task = "classification" if recipe.classes else "regression"
        # Of missing cells the truth here knows too much.
        return Table(name, task, inputs, rows[:n], rows[n:], None if recipe.mixed else truth[n:])


# ----------------------------------------------------------------------------------------- a table on disk, for one method


def write(table, folder, target="y"):
    """train.csv, test.csv without the target, and table.json with the test rows' targets, which only the judge reads."""
    target = target if target not in table.inputs else "target of this table"
    for name, rows, columns in (("train", table.train, [*table.inputs, target]), ("test", table.test, table.inputs)):
        with open(folder / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(row[: len(columns)] for row in rows)
    facts = {"name": table.name, "task": table.task, "target": target, "inputs": table.inputs,
             "test_targets": [row[-1] for row in table.test]}
    (folder / "table.json").write_text(json.dumps(facts))


class Given:
    """What a method gets: the files, the columns as numbers or texts, targets of the training rows, the share to choose by."""

    def __init__(self, folder, seed, threads, device):
        self.folder, self.seed, self.threads, self.device = Path(folder), seed, threads, device
        facts = json.loads((self.folder / "table.json").read_text())
        self.task, self.target = facts["task"], facts["target"]
        self.is_class = self.task == "classification"
        _, rows = read_rows(self.folder / "train.csv")
        self.test_targets = facts["test_targets"]
        cells = [row[-1] for row in rows]
        if self.is_class:
            self.classes = sorted(set(cells))
            self.y = np.array([self.classes.index(cell) for cell in cells])
        else:
            self.classes = None
            self.y = np.array([float(cell) for cell in cells])
        self.read = None

    def scale(self):
        """Standard deviation of the training target."""
        return float(self.y.std()) or 1.0

    def held(self):
        """Whether a row is held out to choose by: a fifth, by the seed, of each class a fifth where it has five rows."""
        rng = np.random.default_rng([self.seed, 20])
        chosen = np.zeros(len(self.y), bool)
        groups = [np.flatnonzero(self.y == c) for c in range(len(self.classes))] if self.is_class else [np.arange(len(self.y))]
        for group in groups:
            chosen[rng.permutation(group)[: len(group) // 5]] = True
        return chosen

    def columns(self):
        """[(name, training cells, test cells)]: numbers with NaN for missing, or texts with None. Left out is what has no
        value, and text with more different values than half its cells, an identifier. Read once."""
        if self.read is not None:
            return self.read
        names, train = read_rows(self.folder / "train.csv")
        _, test = read_rows(self.folder / "test.csv")
        kept = []
        for j, name in enumerate(names[:-1]):
            cells, fresh = [row[j] for row in train], [row[j] for row in test]
            values = [number(cell) for cell in cells]
            if None not in values:
                both = np.array(values), np.array([math.nan if v is None else v for v in map(number, fresh)])
                both = [np.where(np.isinf(part), np.nan, part) for part in both]
                if np.isfinite(both[0]).any():
                    kept.append((name, *both))
                continue
            both = [[None if is_missing(cell) else cell.strip() for cell in part] for part in (cells, fresh)]
            present = [cell for cell in both[0] if cell is not None]
            if len(set(present)) <= len(present) / 2:
                kept.append((name, *both))
        if not kept:
            raise ValueError("no column is an input")
        self.read = kept
        return kept

    def codes(self):
        """Training and test rows for learners that know categories: texts by their number among the sorted levels of the
        training rows, NaN where missing or new; and which columns are texts."""
        parts, texts = ([], []), []
        for j, (_, train, test) in enumerate(self.columns()):
            if isinstance(train, list):
                level = {text: float(i) for i, text in enumerate(sorted({cell for cell in train if cell is not None}))}
                train, test = ([level.get(cell, math.nan) for cell in part] for part in (train, test))
                texts.append(j)
            for part, column in zip(parts, (train, test)):
                part.append(np.asarray(column, float))
        return np.column_stack(parts[0]), np.column_stack(parts[1]), texts

    def dense(self):
        """Training and test rows for learners of plain numbers: an indicator for each of a text's LEVELS_AT_MOST most
        frequent levels, missing numbers filled by the training mean beside an indicator of where they were, all centred
        and scaled by the training rows."""
        parts = ([], [])

        def add(train, test):
            centre, scale = train.mean(), train.std()
            if scale > 0:
                parts[0].append((train - centre) / scale)
                parts[1].append((test - centre) / scale)

        for _, train, test in self.columns():
            if isinstance(train, list):
                count = {}
                for cell in train:
                    count[cell] = count.get(cell, 0) + 1
                for text in sorted(count, key=lambda text: (-count[text], str(text)))[:LEVELS_AT_MOST]:
                    add(*(np.array([cell == text for cell in part], float) for part in (train, test)))
                continue
            lost = np.isnan(train)
            if lost.any():
                add(lost.astype(float), np.isnan(test).astype(float))
            mean = train[~lost].mean()
            add(np.where(lost, mean, train), np.where(np.isnan(test), mean, test))
        return np.column_stack(parts[0]), np.column_stack(parts[1])


def scores(predicted, given):
    """RMSE over the standard deviation of the training target, or log-loss and accuracy."""
    predicted = np.asarray(predicted, float)
    n = len(given.test_targets)
    expected = (n, len(given.classes)) if given.is_class else (n,)
    if predicted.shape != expected:
        raise ValueError(f"predictions of shape {predicted.shape}, expected {expected}")
    if not np.isfinite(predicted).all():
        raise ValueError(f"{(~np.isfinite(predicted)).sum()} predictions are no finite numbers")
    if not given.is_class:
        y = np.array([float(cell) for cell in given.test_targets])
        return {"error": float(np.sqrt(np.mean((predicted - y) ** 2)) / given.scale())}
    y = np.array([given.classes.index(cell) for cell in given.test_targets])
    P = np.clip(predicted, 1e-7, None)
    P /= P.sum(1, keepdims=True)
    return {"error": float(-np.log(P[np.arange(n), y]).mean()), "accuracy": float((P.argmax(1) == y).mean())}
