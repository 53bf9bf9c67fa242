"""Arguments that are single numbers, Python's or NumPy's, refused by name where they are something else."""

from __future__ import annotations

import numbers
from typing import Any, Optional


def whole(value: Any, name: str, least: Optional[int] = None) -> int:
    """A whole number, of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name}: {value!r} given, expected a whole number")
    if least is not None and int(value) < least:
        raise ValueError(f"{name}: {value} given, expected at least {least}")
    if abs(int(value)) >= 2**63:
        raise ValueError(f"{name}: {value} is too large")
    return int(value)


def number(value: Any, name: str) -> float:
    """Any number; what range it must lie in, the library says."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: {value!r} given, expected a number")
    return float(value)
