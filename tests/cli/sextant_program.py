"""Runs the program under test, and says how it must refuse what it cannot use.

SEXTANT_BIN names the program; without it, the release build of this working tree is taken.
"""

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tables import read_csv

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("SEXTANT_BIN", ROOT / "build/release/bin/sextant")).resolve()
TIMEOUT = 1200  # seconds; ten times what any command here takes with sanitizers on a busy machine

# What a crash, a sanitizer or an error that nobody put into words leaves on standard error.
CRASHES = re.compile(r"terminate|abort|Assertion|Sanitizer|runtime error|Traceback|core dumped|std::|json\.exception|unexpected")


@dataclass
class Result:
    status: int
    out: str
    err: str


def quick(arguments):
    """The arguments, with the quick way of learning where none is named: tests of what surrounds learning (columns,
    files, errors) need no search. Those of the search itself name `--method auto` or `--keep directions`."""
    words = [os.fsdecode(a) if isinstance(a, bytes) else str(a) for a in arguments]
    if words[:1] == ["fit"] and "--method" not in words:
        words += ["--method", "algorithm-1"]
    if words[:1] == ["transfer"] and "--keep" not in words:
        words += ["--keep", "first-layer"]
    return words


def run(*arguments, cwd, **options):
    """Runs `sextant arguments…` in the folder `cwd`; options go to subprocess.run."""
    command = [str(PROGRAM), *quick(arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": TIMEOUT, **options}
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, **options)
    assert not CRASHES.search((done.stderr or b"").decode(errors="replace")), done.stderr.decode(errors="replace")
    return Result(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())


def succeed(*arguments, cwd, **options):
    result = run(*arguments, cwd=cwd, **options)
    assert result.status == 0, result.err
    return result


def wait_until(holds):
    """Until holds() is true, however slow the machine is today."""
    deadline = time.monotonic() + TIMEOUT
    while not holds():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.01)


def catches(pid, number):
    """Whether a process has a handler for the signal, or has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True
    caught = re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)
    return caught is None or bool(int(caught[1], 16) >> (number - 1) & 1)


def json_of(*arguments, cwd):
    """The one object on standard output."""
    out = succeed(*arguments, "--json", cwd=cwd).out
    assert out.endswith("}\n") and out.count("\n") == 1
    return json.loads(out)


def contents(folder):
    """Every file below a folder and its bytes."""
    return {p.relative_to(folder): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


def refuse(*arguments, cwd, status=None, says="", **options):
    """Runs a command that must fail: with the status (1 or 2 if none is given), one sentence in which the pattern
    `says` is found, nothing on standard output, and every file in the folder as it was, none added.
    """
    before = contents(cwd)
    result = run(*arguments, cwd=cwd, **options)
    assert result.status in ((1, 2) if status is None else (status,)), (result.status, result.err)
    assert_one_sentence(result.err, says)
    assert result.out == ""
    after = contents(cwd)
    assert sorted(after) == sorted(before)
    assert after == before
    return result


def assert_one_sentence(err, says=""):
    lines = err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    hints = [line for line in lines if line.startswith("info: ")]
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert len(errors) == 1 and len(lines) == 1 + len(hints) + len(warnings), err
    assert len(errors[0]) < 600 and errors[0].isprintable(), errors[0]
    assert re.search(says, errors[0]), f"{errors[0]!r} does not say {says!r}"


def predictions(model, data, *arguments, cwd):
    """n×k, from standard output."""
    return np.column_stack(list(read_csv(succeed("predict", model, data, *arguments, cwd=cwd).out).values()))
