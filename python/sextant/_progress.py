"""Progress of long work, as the user wants to see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Optional, Union

from . import _core
from ._scalars import whole

#: Called with the stage's name and how much of it is done, in [0, 1]; returning False cancels (KeyboardInterrupt).
Callback = Callable[[str, float], Any]
#: What `progress` may be: nothing (None, False), a bar by tqdm (True), or a function.
Progress = Union[None, bool, Callback]


@contextmanager
def reporter(progress: Progress) -> Iterator[Optional[Callback]]:
    """The function that the library shall call, or None."""
    if progress is None or progress is False:
        yield None
    elif progress is True:
        with _bar() as update:
            yield update
    elif callable(progress):
        yield progress
    else:
        raise TypeError(f"progress: {progress!r} given, expected True, False, None or a function of stage and fraction")


@contextmanager
def running(progress: Progress = None, threads: Optional[int] = None, block_rows: int = 1024) -> Iterator[_core.Run]:
    """How the library shall run: all cores where `threads` is None."""
    with reporter(progress) as report:
        yield _core.Run(0 if threads is None else whole(threads, "threads"), whole(block_rows, "block_rows"), report)


@contextmanager
def _bar() -> Iterator[Callback]:
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError(
            "progress: True draws its bar with tqdm, which is not installed; install it (Debian: python3-tqdm) or give "
            "a function of stage and fraction"
        ) from None
    with tqdm(total=1.0, leave=False, bar_format="{desc} |{bar}| {percentage:3.0f} %") as bar:

        def update(stage: str, fraction: float) -> None:
            bar.set_description_str(stage, refresh=False)
            bar.n = fraction
            bar.refresh()

        yield update
