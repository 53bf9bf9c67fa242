"""Fits that are killed and gone on with. Oracle: the model file of the same fit that nothing disturbed, byte for byte."""

import os
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from sextant_program import PROGRAM, json_of, quick, refuse, run, succeed
from tables import wing_columns, write_csv

KEPT = "run.ckpt"
# Sanitizers look at what a few kills leave; the release build has them all.
SHARE_OF_KILLS = 3 if os.environ.get("SEXTANT_SANITIZED") == "1" else 1


def start(folder, *arguments):
    return subprocess.Popen([str(PROGRAM), *quick(arguments)], cwd=folder, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def npy_table(folder, rows, inputs=10, seed=5):
    """NPY is read in blocks from the disk, whatever its size."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, inputs))
    y = x[:, 0] + (x[:, 1] + x[:, 2]) ** 2 + 0.1 * rng.standard_normal(rows)
    np.save(folder / "table.npy", np.column_stack([x, y]))
    return "table.npy", str(inputs + 1)


def csv_table(folder):
    """More cells than are kept in memory: 210 000 × 42 numbers are 67 MiB."""
    rng = np.random.default_rng(6)
    x = rng.integers(0, 10, (210_000, 41))
    y = (x[:, 0] + x[:, 1] - 9) ** 2
    cells = np.column_stack([x, y]).astype(str)
    lines = [",".join(f"x{j + 1}" for j in range(41)) + ",y"] + [",".join(row) for row in cells]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    return "table.csv", "y"


def leftovers(folder):
    return sorted(p.name for p in folder.iterdir() if KEPT in p.name)


def kill_and_go_on(folder, command, kills):
    """Kills the command so often, at moments all over its length, going on from its checkpoint; every model that comes
    out must be the undisturbed one. Returns how many processes had something to go on from."""
    kills //= SHARE_OF_KILLS
    began = time.monotonic()
    succeed(*command, "--out", "undisturbed.sextant", cwd=folder)
    whole = time.monotonic() - began
    undisturbed = (folder / "undisturbed.sextant").read_bytes()
    rng = random.Random(7)
    killed = 0
    went_on = 0
    ends = 0
    while killed < kills or ends == 0:
        every = 0 if killed % 3 else 0.05
        process = start(folder, *command, "--out", "out.sextant", "--checkpoint", KEPT, "--checkpoint-every", every)
        try:
            # At the end it is left alone.
            error = process.communicate(timeout=rng.uniform(0, whole) if killed < kills else None)[1].decode()
        except subprocess.TimeoutExpired:
            process.kill()
            error = process.communicate()[1].decode()
        assert process.returncode in (0, -signal.SIGKILL), error
        went_on += "going on from" in error
        if process.returncode != 0:
            killed += 1
            continue
        ends += 1
        assert (folder / "out.sextant").read_bytes() == undisturbed
        assert leftovers(folder) == []
        (folder / "out.sextant").unlink()
    return went_on


@pytest.mark.parametrize("method", ["algorithm-1", "polish", "auto"])
def test_killed_thirty_times_it_ends_with_the_same_model(tmp_path, method):
    rows = {"algorithm-1": 60_000, "polish": 6000, "auto": 1500}[method]
    table, target = npy_table(tmp_path, rows)
    command = ["fit", table, "--target", target, "--method", method, "--width", "256"]
    command += [] if method == "algorithm-1" else ["--budget", "0.3"]
    assert kill_and_go_on(tmp_path, command, 30) >= 10 // SHARE_OF_KILLS


@pytest.mark.parametrize("precision", ["mixed", "float32"])
def test_killed_in_single_precision(tmp_path, precision):
    table, target = npy_table(tmp_path, 60_000)
    command = ["fit", table, "--target", target, "--width", "256", "--precision", precision, "--folds", "3"]
    assert kill_and_go_on(tmp_path, command, 10) >= 3 // SHARE_OF_KILLS


def test_killed_while_it_streams_a_csv(tmp_path):
    table, target = csv_table(tmp_path)
    assert kill_and_go_on(tmp_path, ["fit", table, "--target", target, "--width", "128"], 10) >= 3 // SHARE_OF_KILLS


def test_killed_transfers_go_on(tmp_path):
    table, target = npy_table(tmp_path, 60_000)
    succeed("fit", table, "--target", target, "--width", "256", "--out", "source.sextant", cwd=tmp_path)
    assert kill_and_go_on(tmp_path, ["transfer", "source.sextant", table, "--target", target], 10) >= 3 // SHARE_OF_KILLS


def test_killed_while_partial_sums_are_written(tmp_path):
    """Sums of 8 MiB after every block, and a kill as soon as the file they go to is there."""
    table, target = npy_table(tmp_path, 30_000)
    command = ["fit", table, "--target", target, "--width", "1024"]
    succeed(*command, "--out", "undisturbed.sextant", cwd=tmp_path)
    writing = tmp_path / f"{KEPT}.partial.tmp"
    half_written = 0
    for _ in range(200):
        began_with = writing.stat().st_mtime_ns if writing.exists() else None
        process = start(tmp_path, *command, "--out", "out.sextant", "--checkpoint", KEPT, "--checkpoint-every", 0)
        while process.poll() is None:
            try:
                if writing.stat().st_mtime_ns != began_with:
                    break
            except FileNotFoundError:
                began_with = None
        process.kill()
        error = process.communicate()[1].decode()
        assert process.returncode in (0, -signal.SIGKILL), error
        half_written += writing.exists() and writing.stat().st_size < 8 * 1024 * 1024
        if half_written >= 5:
            break
    assert half_written >= 1
    succeed(*command, "--out", "out.sextant", "--checkpoint", KEPT, cwd=tmp_path)
    assert (tmp_path / "out.sextant").read_bytes() == (tmp_path / "undisturbed.sextant").read_bytes()
    assert leftovers(tmp_path) == []


def stopped(folder, *command):
    """Starts the command and stops it as Ctrl-C does once something is kept."""
    process = start(folder, *command, "--checkpoint", KEPT, "--checkpoint-every", 0)
    while process.poll() is None and not (folder / f"{KEPT}.partial").exists():
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    error = process.communicate()[1].decode()
    assert process.returncode == -signal.SIGINT, error
    return error


def test_it_says_how_to_go_on_and_what_from(tmp_path):
    table, target = npy_table(tmp_path, 60_000)
    command = ["fit", table, "--target", target, "--width", "512", "--out", "out.sextant"]
    error = stopped(tmp_path, *command)
    assert error == f"error: stopped: what was found is kept in {KEPT}; the same command goes on from there\n"
    assert not (tmp_path / "out.sextant").exists()
    result = succeed(*command, "--checkpoint", KEPT, cwd=tmp_path)
    assert f"info: going on from {KEPT} (" in result.err
    assert "% of the pass '" in result.err or "result" in result.err
    model = (tmp_path / "out.sextant").read_bytes()
    assert succeed(*command, cwd=tmp_path).err == ""
    assert (tmp_path / "out.sextant").read_bytes() == model


def test_the_checkpoint_of_another_fit_is_refused(tmp_path):
    table, target = npy_table(tmp_path, 60_000)
    command = ["fit", table, "--target", target, "--width", "512", "--out", "out.sextant"]
    stopped(tmp_path, *command, "--seed", 7)
    ending = "; remove it, or name another file$"
    says = f"{KEPT}: is the checkpoint of another fit: its seed is 7 and here it is "
    refuse(*command, "--checkpoint", KEPT, cwd=tmp_path, status=1, says=says + "0" + ending)
    refuse(*command, "--checkpoint", KEPT, "--seed", 8, cwd=tmp_path, status=1, says=says + "8" + ending)
    says = "its rank is not given and here it is 2" + ending
    refuse(*command, "--checkpoint", KEPT, "--seed", 7, "--rank", 2, cwd=tmp_path, status=1, says=says)
    # One cell in the middle of the table.
    cells = np.load(tmp_path / table)
    cells[30_000, 3] = np.nextafter(cells[30_000, 3], 2)
    np.save(tmp_path / table, cells)
    refuse(*command, "--checkpoint", KEPT, "--seed", 7, cwd=tmp_path, status=1, says="its table is 60000 rows")
    # Another number of threads is the same fit.
    cells[30_000, 3] = np.nextafter(cells[30_000, 3], -2)
    np.save(tmp_path / table, cells)
    assert "going on" in succeed(*command, "--checkpoint", KEPT, "--seed", 7, "--threads", 1, cwd=tmp_path).err


def test_a_second_process_is_refused(tmp_path):
    table, target = npy_table(tmp_path, 60_000)
    command = ["fit", table, "--target", target, "--width", "512", "--out", "out.sextant", "--checkpoint", KEPT]
    first = start(tmp_path, *command, "--checkpoint-every", 0)
    while not (tmp_path / f"{KEPT}.partial").exists():
        time.sleep(0.002)
    os.kill(first.pid, signal.SIGSTOP)
    second = run(*command, cwd=tmp_path)
    assert second.status == 1
    assert second.err == f"error: {KEPT}: another run is using this checkpoint; wait for its end, or name another file\n"
    os.kill(first.pid, signal.SIGCONT)
    error = first.communicate()[1].decode()
    assert first.returncode == 0, error
    assert leftovers(tmp_path) == []


def test_where_none_can_be_written_it_says_so_at_the_start(wing):
    command = ["fit", "wing.csv", "--target", "y", "--width", "64", "--checkpoint"]
    refuse(*command, "no/run.ckpt", cwd=wing, status=1, says="no/run.ckpt: cannot be written: No such file")
    refuse(*command, ".", cwd=wing, status=1, says="cannot be written: Is a directory")
    refuse(*command, "wing.csv", cwd=wing, status=2, says="checkpoint: 'wing.csv' is a file that is read or written")
    refuse(*command, "out.sextant", "--out", "./out.sextant", cwd=wing, status=2, says="expected one of its own")
    refuse(*command, "out", "--out", "out.partial", cwd=wing, status=2, says="'out.partial' is a file that is read or")
    (wing / "thesis.txt").write_text("it was a dark and stormy night")
    refuse(*command, "thesis.txt", cwd=wing, status=1, says="thesis.txt: is no checkpoint that this version can read")
    (wing / f"{KEPT}.partial").write_text("it was a dark and stormy night")
    run(*command, KEPT, cwd=wing)
    assert (wing / f"{KEPT}.partial").read_text() == "it was a dark and stormy night"
    refuse(*command, "a.ckpt", "--checkpoint-every", "-1", cwd=wing, status=2, says="expected at least 0")
    refuse("fit", "wing.csv", "--target", "y", "--checkpoint-every", "1", cwd=wing, status=2, says="--checkpoint")


def test_a_read_only_folder():
    """As root, the command runs as nobody: root may write anywhere."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_csv(folder / "wing.csv", wing_columns())
        kept = folder / "kept"
        kept.mkdir()
        kept.chmod(0o555)
        folder.chmod(0o777)
        user = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
        if subprocess.run([PROGRAM, "--version"], capture_output=True, **user, check=False).returncode != 0:
            pytest.skip("the user nobody cannot run the program")
        refuse("fit", "wing.csv", "--target", "y", "--checkpoint", "kept/run.ckpt", cwd=folder, status=1,
               says="kept/run.ckpt: cannot be written: Permission denied", **user)
        kept.chmod(0o755)


def test_a_quick_fit_leaves_nothing(wing):
    succeed("fit", "wing.csv", "--target", "y", "--width", "64", "--out", "a.sextant", cwd=wing)
    result = json_of("fit", "wing.csv", "--target", "y", "--width", "64", "--out", "b.sextant", "--checkpoint", KEPT,
                     cwd=wing)
    assert result["model"] == "b.sextant"
    assert (wing / "a.sextant").read_bytes() == (wing / "b.sextant").read_bytes()
    assert leftovers(wing) == []
