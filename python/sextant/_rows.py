"""From arrays and data frames to the library's rows: float64, C order, copied only where they are something else."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_array, column_or_1d

from . import _core

Floats = NDArray[np.float64]


def matrix(values: ArrayLike, name: str, *, allow_nan: bool = False) -> Floats:
    """n×d, with scikit-learn's errors for what is no table of finite numbers."""
    finite: Any = "allow-nan" if allow_nan else True
    return check_array(values, dtype=np.float64, order="C", force_all_finite=finite, input_name=name)


def numbers(y: ArrayLike, name: str = "y") -> Floats:
    """Targets n×k; one target may be given as a vector."""
    Y = check_array(y, dtype=np.float64, order="C", ensure_2d=False, input_name=name)
    return Y.reshape(-1, 1) if Y.ndim == 1 else Y


def weights(sample_weight: Optional[ArrayLike], X: Any) -> Optional[Floats]:
    """Of as many rows as X, or whatever is as long, has."""
    if sample_weight is None:
        return None
    return np.ascontiguousarray(_check_sample_weight(sample_weight, X, dtype=np.float64))


def positions(groups: Optional[ArrayLike]) -> Optional[list[int]]:
    """Each row's group as a whole number, in the order of their values; groups may be anything that sorts."""
    if groups is None:
        return None
    return np.unique(np.asarray(groups), return_inverse=True)[1].ravel().tolist()


def rows(
    X: Floats,
    Y: Floats,
    sample_weight: Optional[ArrayLike] = None,
    groups: Optional[ArrayLike] = None,
) -> _core.Rows:
    return _core.Rows(X, Y, weights(sample_weight, X), positions(groups))


def number_cells(X: Floats, names: Sequence[str], what: str = "X") -> _core.Cells:
    return _core.Cells(X, [(name, None, False) for name in names], what)


def encoded_rows(
    cells: _core.Cells,
    encoding: _core.Encoding,
    Y: Floats,
    sample_weight: Optional[ArrayLike] = None,
    groups: Optional[ArrayLike] = None,
) -> _core.Rows:
    return _core.Rows(cells, encoding, Y, weights(sample_weight, Y), positions(groups))


def text_names(X: Any) -> Optional[list[str]]:
    """The columns of a data frame whose names are all text; any other frame is no more than an array."""
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(name, str) for name in columns):
        return None
    return list(columns)


def numbered_names(d: int) -> list[str]:
    """x1 … xd, as in a table without names."""
    return [f"x{j}" for j in range(1, d + 1)]


def input_names(X: Any, d: int) -> list[str]:
    return text_names(X) or numbered_names(d)


def in_order(X: Any, names: list[str], what: str, fitted: Optional[list[str]] = None) -> Any:
    """Of a data frame the columns `names` in their order; an array as it is.

    Where the names of the table that was fitted are those of one without, and a frame has none of them, its columns count
    by their place too.
    """
    fitted = fitted or names
    given = text_names(X)
    if given is None or given == names:
        return X
    times = Counter(given)
    missing = [name for name in names if not times[name]]
    if len(missing) == len(names) and fitted == numbered_names(len(fitted)):
        return X
    if missing:
        raise ValueError(f"{what}: the columns {', '.join(map(repr, missing))} are not there")
    for name in names:
        if times[name] > 1:
            raise ValueError(f"{what}: the column {name!r} is there {times[name]} times, expected once")
    return X[names]


def check_names(inputs: Sequence[str], targets: Sequence[str]) -> None:
    """Columns must be told apart in the model's file: different names, none empty.

    A target may be called x1, say, where inputs are numbered for want of names.
    """
    for what, names in (("X", inputs), ("y", targets)):
        for name, times in Counter(names).items():
            if not name:
                raise ValueError(f"{what}: a column has an empty name, expected a name")
            if times > 1:
                raise ValueError(f"{what}: the column {name!r} is there {times} times, expected different names")
    known = set(inputs)
    for name in targets:
        if name in known and inputs != numbered_names(len(inputs)):
            raise ValueError(f"y: the target {name!r} is named like an input, expected another name")


#: Texts that the command line takes for a missing cell, unless a text column has other texts, or this as a level.
MARKERS = frozenset(("na", "n/a", "null", "none"))
#: The same, and those that are one in every column.
MISSING = MARKERS | {"", "nan"}
#: As the command line has it: text of more values is no input.
MOST_LEVELS = 1 << 17


def is_gap(cell: Any) -> bool:
    """Whether `to_csv` writes nothing for this cell of a data frame."""
    return not isinstance(cell, str) and str(cell) in ("None", "nan", "<NA>", "NaT")


def frame_cells(X: Any) -> Optional[_core.Cells]:
    """The cells of a data frame that has columns of text, read as from its CSV; None of any other X."""
    names = text_names(X)
    if names is None or all_numeric(X):
        return None
    check_names(names, [])
    parts, described = [], []
    for name in names:
        values, levels, too_many = _read_column(X[name], name)
        parts.append(values)
        described.append((name, levels, too_many))
    return _core.Cells(np.ascontiguousarray(np.column_stack(parts)), described, "X")


def _is_numeric(kind: Any) -> bool:
    """Of a column's type, NumPy's or a data frame's own (Int64): whether it holds numbers, not text or categories."""
    if isinstance(kind, np.dtype):
        return kind.kind in "iufb"
    try:
        return np.dtype(str(kind).lower()).kind in "iufb"
    except TypeError:
        return False


def all_numeric(X: Any) -> bool:
    """Whether all columns of a data frame are numbers."""
    return all(map(_is_numeric, X.dtypes))


def _number(text: str) -> Optional[float]:
    try:
        return float(text)
    except ValueError:
        return None


def _read_column(cells: Any, name: str) -> tuple[Floats, Optional[list[str]], bool]:
    """Numbers, or positions of the levels returned; NaN where a cell is missing. Last whether they are too many.

    As in a CSV, a column is text where at least a tenth of its cells are no numbers.
    """
    if isinstance(cells.dtype, np.dtype) and _is_numeric(cells.dtype):
        return np.asarray(cells, dtype=np.float64), None, False
    texts = ["" if is_gap(cell) else str(cell) for cell in np.asarray(cells, dtype=object)]
    gaps = [text.strip(" \t").lower() in ("", "nan") for text in texts]
    values = np.full(len(texts), np.nan)
    present = [i for i, gap in enumerate(gaps) if not gap and texts[i].strip(" \t").lower() not in MARKERS]
    found = {i: _number(texts[i]) for i in present}
    other = [i for i in present if found[i] is None]
    if not other:
        values[present] = [found[i] for i in present]
        if np.isinf(values).any():
            raise ValueError(f"X: the column {name!r} holds an infinite number, expected finite or missing ones")
        return values, None, False
    if 10 * len(other) < len(present):
        raise ValueError(
            f"X: the column {name!r} holds {texts[other[0]]!r} in row {other[0] + 1}, which is not a number "
            f"({len(other)} of its {len(present)} cells {'is' if len(other) == 1 else 'are'} not)"
        )
    present = [i for i, gap in enumerate(gaps) if not gap]
    levels = sorted({texts[i] for i in present}, key=str.encode)
    if len(levels) > MOST_LEVELS:
        values[present] = 0.0
        return values, None, True
    place = {level: t for t, level in enumerate(levels)}
    values[present] = [place[texts[i]] for i in present]
    return values, levels, False


def text_cells(X: Any, columns: Sequence[tuple[str, Optional[list[str]]]], *, allow_nan: bool) -> _core.Cells:
    """The cells of a data frame with text columns: (name, levels), None for numbers. Text is read as from its CSV."""
    of_numbers = [name for name, levels in columns if levels is None]
    read = [_as_numbers(X[name], name) for name in of_numbers]
    numeric = iter(list(matrix(np.column_stack(read), "X", allow_nan=allow_nan).T) if read else [])
    parts: list[Floats] = []
    described: list[tuple[str, Optional[list[str]], bool]] = []
    for name, levels in columns:
        if levels is None:
            parts.append(next(numeric))
            described.append((name, None, False))
        else:
            codes, all_levels = level_codes(X[name], name, levels, allow_nan=allow_nan)
            parts.append(codes)
            described.append((name, all_levels, False))
    return _core.Cells(np.ascontiguousarray(np.column_stack(parts)), described, "X")


def _as_numbers(cells: Any, name: str) -> Floats:
    """A column of numbers, whatever holds them; NaN where a cell is missing."""
    if isinstance(cells.dtype, np.dtype) and _is_numeric(cells.dtype):
        return np.asarray(cells, dtype=np.float64)
    values = np.full(len(cells), np.nan)
    for i, cell in enumerate(np.asarray(cells, dtype=object)):
        text = "" if is_gap(cell) else str(cell).strip(" \t")
        if text.lower() in MISSING:
            continue
        value = float(cell) if isinstance(cell, bool) else _number(text)
        if value is None:
            raise ValueError(f"X: the column {name!r} holds {cell!r} in row {i + 1}, expected a number")
        values[i] = value
    return values


def level_codes(cells: Any, name: str, levels: list[str], *, allow_nan: bool) -> tuple[Floats, list[str]]:
    """Of each cell the position of its text among the levels returned, NaN where it is missing.

    They are the model's levels, and after them texts that are none of these, which count as none, as on the command line,
    with a warning. Of a cell that is no text this would hide that pandas made something else of it, 1.0 of 1 say.
    """
    place = {level: t for t, level in enumerate(levels)}
    codes = np.empty(len(cells))
    unknown: dict[str, int] = {}
    for i, cell in enumerate(np.asarray(cells, dtype=object)):
        text = "" if is_gap(cell) else str(cell)
        if text in place:
            codes[i] = place[text]
        elif text.strip(" \t").lower() in MISSING:
            if not allow_nan:
                raise ValueError(
                    f"X: the column {name!r} has a missing cell in row {i + 1}, expected text; only a model fitted with "
                    "--missing indicator or mean accepts it"
                )
            codes[i] = np.nan
        elif isinstance(cell, str):
            unknown.setdefault(text, i + 1)
            codes[i] = place[text] = len(place)
        else:
            raise ValueError(
                f"X: the column {name!r} holds {cell!r} in row {i + 1}, expected text like {listed(levels)}; read the "
                "column as text (dtype=str)"
            )
    if unknown:
        text, row = next(iter(unknown.items()))
        others = f" ({len(unknown)} such texts)" if len(unknown) > 1 else ""
        warnings.warn(
            f"X: {text!r} in row {row} is none of the levels of {name!r}, {listed(levels)}{others}; it counts as none"
        )
    return codes, list(place)


def listed(values: Sequence[Any]) -> str:
    """The first few, for a message."""
    return ", ".join(map(repr, values[:5])) + (", …" if len(values) > 5 else "")


def target_names(y: Any, k: int) -> list[str]:
    """The name of a series or the columns of a data frame, else y, or y1 … yk."""
    name = getattr(y, "name", None)
    if isinstance(name, str) and name:
        return [name]
    names = text_names(y)
    if names is not None:
        return names
    return ["y"] if k == 1 else [f"y{t}" for t in range(1, k + 1)]


def label_vector(y: Any) -> NDArray[Any]:
    """Labels (n,), from a column of them too, with scikit-learn's warning."""
    return column_or_1d(np.asarray(y), warn=True)


class Labels:
    """The classes of a target, ascending, and how the library writes them down."""

    def __init__(self, classes: NDArray[Any]) -> None:
        self.classes = classes
        #: Those that rows are of, of weight 0 too.
        self.given = set(classes.tolist())
        #: Numbers are named by their shortest text, and everything else by its own, in model files.
        self.names: Sequence[float] | Sequence[str]
        if classes.dtype.kind in "biuf":
            self.names = classes.astype(np.float64).tolist()
        else:
            self.names = [str(label) for label in classes]

    @classmethod
    def learned(cls, y: NDArray[Any], w: Optional[Floats] = None) -> tuple[Labels, Floats]:
        """The classes that rows of positive weight are of, and the indicators of all rows."""
        check_classification_targets(y)
        classes = np.unique(y if w is None else y[w > 0])
        if len(classes) < 2:
            raise ValueError("y: rows of fewer than 2 classes have a positive weight, expected at least 2 classes")
        labels = cls(classes)
        labels.given.update(np.unique(y).tolist())
        return labels, labels.indicators(y if w is None else np.where(w > 0, y, classes[0]))  # weight 0: of any class

    def weighted(self, options: dict[str, Any]) -> dict[str, Any]:
        """The library's options with weights by label, if there are any, as numbers in the order of the classes."""
        by_label = options.get("class_weights")
        if not isinstance(by_label, Mapping):
            return options
        for label in by_label:
            if label not in self.given:
                raise ValueError(f"class_weight: {label!r} is none of the classes, which are {listed(self.classes.tolist())}")
        numbers_in_order = []
        for label in self.classes.tolist():
            if label not in by_label:
                raise ValueError(f"class_weight: the class {label!r} has no weight, expected one for each class")
            weight = float(by_label[label])
            if not (weight > 0 and np.isfinite(weight)):
                raise ValueError(f"class_weight: the weight of {label!r} is {weight}, expected a number above 0")
            numbers_in_order.append(repr(weight))
        return {**options, "class_weights": ",".join(numbers_in_order)}

    def indicators(self, y: NDArray[Any]) -> Floats:
        """n×k, 1 where row i is of class t; ValueError for a label that is none of the classes."""
        known = self.classes.tolist()
        place = {label: t for t, label in enumerate(known)}
        Y = np.zeros((len(y), len(known)))
        for i, label in enumerate(y.tolist()):
            if label not in place:
                raise ValueError(f"y: the label {label!r} is none of the model's classes, expected {listed(known)}")
            Y[i, place[label]] = 1.0
        return Y
