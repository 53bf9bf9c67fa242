"""sextant experiment. Oracles: an undisturbed folder of the same spec; the database read by Python's own sqlite3; the
rows of a grid counted by hand.
"""

import os
import random
import resource
import signal
import sqlite3
import subprocess
import time

import pytest
from sextant_program import PROGRAM, ROOT, TIMEOUT, assert_one_sentence, contents, refuse, run, succeed, wait_until

TINY = """
name = "tiny"
title = "A tiny grid"
seeds = 3
[defaults]
d = 4
noise = 1
holdout = {holdout}
test = {holdout}
width = 8
preprocess = "none"
standardise = false
refit = false
[[grid]]
method = ["algorithm-1", "random-features"]
n = [1, 20, 50, 100]
[[grid]]
n = 50
n_target = [1, 10]
[quick]
seeds = 1
n = 20
[[figure]]
crossings = [0.5]
"""
RUNS = 30  # (2·4 + 2) points · 3 seeds


def spec(folder, name="tiny.toml", holdout=200):
    (folder / name).write_text(TINY.format(holdout=holdout))
    return name


def rows(folder, columns="*", table="runs"):
    database = sqlite3.connect(f"file:{folder}/results.sqlite?mode=ro", uri=True)
    try:
        return database.execute(f"SELECT {columns} FROM {table} ORDER BY rowid").fetchall()
    finally:
        database.close()


RESULT = "key, excess_risk, excess_risk_error, overlap, lambda"  # all that is a function of the run


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    succeed("experiment", spec(folder), "--out", "out", "--jobs", 1, cwd=folder)
    return sorted(rows(folder / "out", RESULT))


def summary_without_seconds(folder):
    return [line.rsplit(",", 1)[0] for line in (folder / "summary.csv").read_text().splitlines()]


def test_the_results_are_a_row_per_point_and_next_to_nothing_happens_again(tmp_path, undisturbed):
    result = succeed("experiment", spec(tmp_path), "--out", "out", cwd=tmp_path)
    assert "10 grid points, 3 seeds: 30 runs" in result.out
    assert "30 runs computed" in result.out
    assert "next         sextant report out --out out/report.html" in result.out
    assert sorted(rows(tmp_path / "out", RESULT)) == undisturbed
    assert len((tmp_path / "out/summary.csv").read_text().splitlines()) == 11
    assert (tmp_path / "out/crossings.csv").read_text().startswith("experiment,method,width,p,r,d,x,level,n_star,")
    seconds = rows(tmp_path / "out", "seconds")
    again = succeed("experiment", "tiny.toml", "--out", "out", cwd=tmp_path)
    assert "30 runs already, not computed again" in again.out and "0 runs computed" in again.out
    assert rows(tmp_path / "out", "seconds") == seconds


def test_another_spec_adds_to_the_folder(tmp_path):
    succeed("experiment", spec(tmp_path), "--out", "out", cwd=tmp_path)
    (tmp_path / "other.toml").write_text(TINY.format(holdout=200).replace('"tiny"', '"other"').replace("50", "60"))
    result = succeed("experiment", "other.toml", "--out", "out", "--seeds", 1, cwd=tmp_path)
    assert "6 runs already" in result.out and "4 runs computed" in result.out
    assert [name for (name,) in rows(tmp_path / "out", "name", "specs")] == ["tiny", "other"]
    assert len((tmp_path / "out/summary.csv").read_text().splitlines()) == 15


def test_quick_replaces_the_grid(tmp_path):
    result = succeed("experiment", spec(tmp_path), "--out", "out", "--quick", cwd=tmp_path)
    assert "tiny (quick)" in result.out and "4 grid points, 1 seed: 4 runs" in result.out


def test_dry_run_lists_the_runs_and_writes_nothing(tmp_path):
    before = contents(tmp_path)
    result = succeed("experiment", spec(tmp_path), "--dry-run", "--out", "out", cwd=tmp_path)
    assert "10 grid points, 3 seeds: 30 runs" in result.out
    table = [line.split() for line in result.out.split("\n\n")[1].splitlines()]
    assert table[0][:5] == ["method", "n", "n_target", "transfer_target", "transfer_p"] or table[0][0] == "method"
    assert len(table) == 11
    assert set(contents(tmp_path)) - set(before) == {(tmp_path / "tiny.toml").relative_to(tmp_path)}
    succeed("experiment", "tiny.toml", "--out", "out", "--seeds", 1, cwd=tmp_path)
    again = succeed("experiment", "tiny.toml", "--out", "out", "--dry-run", cwd=tmp_path)
    assert "finished     10 runs" in again.out


def test_list_names_the_built_in_experiments(tmp_path):
    names = [line.split()[0] for line in succeed("experiment", "--list", cwd=tmp_path).out.splitlines()[1:]]
    assert sorted(names) == ["ablations", "dimension", "figure1", "figure2", "hard-class", "kernels", "multi-index", "transfer-dimension"]
    for name in names:
        succeed("experiment", name, "--dry-run", "--quick", cwd=tmp_path)


def test_shards_together_are_everything(tmp_path, undisturbed):
    spec(tmp_path)
    for i in (1, 2, 3):
        result = succeed("experiment", "tiny.toml", "--out", f"part{i}", "--shard", f"{i}/3", cwd=tmp_path)
        assert f"10 of them in shard {i}/3" in result.out
    for i in (2, 3):
        taken = succeed("experiment", "tiny.toml", "--out", "part1", "--shard", "1/3", "--take-from", f"part{i}", cwd=tmp_path)
        assert f"10 finished runs from part{i}" in taken.out
    assert sorted(rows(tmp_path / "part1", RESULT)) == undisturbed


def test_ranks_take_their_shard(tmp_path, undisturbed):
    spec(tmp_path)
    for rank in (0, 1):
        environment = {**os.environ, "OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": "2"}
        result = succeed("experiment", "tiny.toml", "--out", "out", cwd=tmp_path, env=environment)
        assert f"takes shard {rank + 1}/2" in result.err
        assert len(rows(tmp_path / "out")) == 15 * (rank + 1)
    assert sorted(rows(tmp_path / "out", RESULT)) == undisturbed


def test_the_batch_script(tmp_path, undisturbed):
    """Under a stand-in for srun that starts three tasks as Slurm does."""
    spec(tmp_path)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "sextant").symlink_to(PROGRAM)
    srun = bin_folder / "srun"
    srun.write_text(
        '#!/bin/bash\nwhile [[ $1 == -* ]]; do shift; done\n'
        'for ((i = 0; i < SLURM_NTASKS; ++i)); do SLURM_PROCID=$i SLURM_STEP_NUM_TASKS=$SLURM_NTASKS "$@" & done\nwait\n'
    )
    srun.chmod(0o755)
    script = ROOT / "examples/slurm/experiment.sbatch"
    job = {"PATH": f"{bin_folder}:{os.environ['PATH']}", "SLURM_NTASKS": "3", "SLURM_PROCID": "0", "SLURM_CPUS_PER_TASK": "1"}
    done = subprocess.run(["bash", script, "tiny.toml", tmp_path / "out"], cwd=tmp_path, env={**os.environ, **job}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(len(rows(tmp_path / "out" / f"part-{i}")) == 10 for i in range(3))
    assert sorted(rows(tmp_path / "out" / "all", RESULT)) == undisturbed


def count(folder, table="runs"):
    """Finished runs, read beside a live process; none while its tables are not there yet."""
    if not (folder / "results.sqlite").exists():
        return 0
    try:
        return len(rows(folder, "*", table))
    except sqlite3.OperationalError:
        return 0


def start(folder, *arguments):
    return subprocess.Popen([str(PROGRAM), "experiment", *map(str, arguments)], cwd=folder, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_killed_fifty_times_it_loses_no_finished_run_and_repeats_none(tmp_path):
    """A finished run that was computed again would have other seconds; one that was recorded again, another row."""
    spec(tmp_path, holdout=10_000)
    began = time.monotonic()
    succeed("experiment", "tiny.toml", "--out", "undisturbed", cwd=tmp_path)
    whole = time.monotonic() - began  # with sanitizers on a busy machine many times what it is without
    undisturbed = sorted(rows(tmp_path / "undisturbed", RESULT))
    out = tmp_path / "out"
    rng = random.Random(3)
    known = []
    kills = 0
    interrupted = 0  # kills in the middle of the grid
    while kills < 50:
        process = start(tmp_path, "tiny.toml", "--out", "out", "--jobs", 2)
        if kills % 2:  # any moment, the start and the end among them
            time.sleep(rng.uniform(0, whole))
        else:  # a moment in the grid, however fast the machine is today
            while process.poll() is None and count(out) <= len(known):
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.02))
        process.kill()
        error = process.communicate()[1].decode()
        assert process.returncode in (0, -signal.SIGKILL), error
        kills += process.returncode != 0
        if not (out / "results.sqlite").exists():
            continue
        now = rows(out, RESULT + ", seconds, worker")
        assert now[: len(known)] == known
        assert len({row[0] for row in now}) == len(now)
        interrupted += len(known) < len(now) < RUNS
        known = now
        if len(known) == RUNS:  # finished before the 50th kill: begin again
            assert sorted(row[:5] for row in known) == undisturbed
            for file in out.iterdir():
                file.unlink()
            known = []
    assert interrupted > 10
    succeed("experiment", "tiny.toml", "--out", "out", cwd=tmp_path)
    now = rows(out, RESULT + ", seconds, worker")
    assert now[: len(known)] == known
    assert sorted(row[:5] for row in now) == undisturbed
    assert rows(out, "*", "claims") == []
    assert (out / "summary.csv").exists()


def test_two_processes_share_a_folder(tmp_path, undisturbed):
    spec(tmp_path)
    processes = [start(tmp_path, "tiny.toml", "--out", "out", "--jobs", 1) for _ in range(3)]
    for process in processes:
        error = process.communicate(timeout=TIMEOUT)[1].decode()
        assert process.returncode == 0, error
    assert sorted(rows(tmp_path / "out", RESULT)) == undisturbed


def test_a_killed_worker_frees_its_runs_for_one_that_waits(tmp_path):
    (tmp_path / "long.toml").write_text(TINY.format(holdout=200).replace("[1, 20, 50, 100]", "3_000_000").replace("= 3\n", "= 1\n"))
    first = start(tmp_path, "long.toml", "--out", "out", "--jobs", 2)
    wait_until(lambda: count(tmp_path / "out", "claims") > 0)
    second = start(tmp_path, "long.toml", "--out", "out", "--jobs", 2)
    first.kill()
    first.communicate()
    error = second.communicate(timeout=TIMEOUT)[1].decode()
    assert second.returncode == 0, error
    assert len(rows(tmp_path / "out")) == 4


def test_stopped_by_ctrl_c_it_keeps_what_is_finished(tmp_path):
    spec(tmp_path, holdout=200_000)
    process = start(tmp_path, "tiny.toml", "--out", "out", "--jobs", 1)
    wait_until(lambda: count(tmp_path / "out") > 0)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=TIMEOUT)[1].decode()
    assert process.returncode == -signal.SIGINT
    assert_one_sentence(error, r"stopped: \d+ of 30 runs are finished and kept; the same command goes on from there")
    finished = len(rows(tmp_path / "out"))
    assert 1 <= finished < RUNS
    assert rows(tmp_path / "out", "*", "claims") == []
    assert (tmp_path / "out/summary.csv").exists()


def test_a_failing_run_is_told_and_the_others_are_kept(tmp_path):
    (tmp_path / "x.toml").write_text('name = "x"\nseeds = 2\n[[grid]]\nd = 3\nwidth = 8\ntest = 20\nn = [1, 30]\n')
    result = run("experiment", "x.toml", "--out", "out", cwd=tmp_path)
    assert result.status == 1
    assert_one_sentence(result.err, "2 of 4 runs failed and will be tried again by the same command; the first, .* n=1 .*"
                        "1 row in the table, expected at least 2")
    assert "2 runs computed" in result.out
    assert len(rows(tmp_path / "out")) == 2
    assert len((tmp_path / "out/summary.csv").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "text, says",
    [
        ("name = 'x'\n[[grid]]\nwidht = 4", r"bad\.toml, line 3: 'widht' is not known, expected one of label,"),
        ("name = 'x'\n[[grid]]\nwidth = 'wide'", r"bad\.toml, line 3: width is a text, expected a whole number"),
        ("name = 'x'\n[[grid]]\nn = []", r"bad\.toml, line 3: n is an empty list, so the grid is empty"),
        ("name = 'x'", r"bad\.toml, line 1: there is no \[\[grid\]\]"),
        ("name = ", r"bad\.toml, line 1: is no TOML"),
        ("\0", r"bad\.toml, line 1: is no TOML"),
    ],
)
def test_a_spec_that_cannot_be_used_is_refused(tmp_path, text, says):
    (tmp_path / "bad.toml").write_text(text)
    refuse("experiment", "bad.toml", "--out", "out", cwd=tmp_path, status=1, says=says)


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "no experiment is given"),
        (["figure7", "--out", "out"], "'figure7' is not known, expected one of ablations|'figure7' is not known, expected one of figure1"),
        (["figure1"], "no folder given, expected --out DIR"),
        (["figure1", "--out", "out", "--shard", "3/2"], "shard: 3/2 given"),
        (["figure1", "--out", "out", "--shard", "half"], "shard: 'half' given"),
        (["figure1", "--out", "out", "--jobs", "0"], "0 given, expected a whole number of at least 1"),
        (["figure1", "--out", "out", "--seeds", "0"], "0 given, expected a whole number of at least 1"),
        (["figure1", "--out", "out", "--seeds", "999999999"], "seeds: 999999999 given, expected 1 to"),
    ],
)
def test_wrong_usage_is_told(tmp_path, arguments, says):
    result = run("experiment", *arguments, cwd=tmp_path)
    assert result.status == 2
    assert_one_sentence(result.err, says)
    assert contents(tmp_path) == {}


def test_a_foreign_or_damaged_database_is_left_alone(tmp_path):
    spec(tmp_path)
    succeed("experiment", "tiny.toml", "--out", "out", "--seeds", 1, cwd=tmp_path)
    whole = (tmp_path / "out/results.sqlite").read_bytes()
    (tmp_path / "out/summary.csv").unlink()
    (tmp_path / "out/crossings.csv").unlink()
    (tmp_path / "out/workers.lock").unlink()
    for bytes_, says in [
        (b"", "is no database of results"),
        (b"x" * 5000, "is no database of results"),
        (whole[:63] + b"\x07" + whole[64:], "newer version of Sextant"),
        (whole[:4096] + b"\xff" * 8192 + whole[12288:], "is damaged"),
        (whole[:9000], "is damaged"),
    ]:
        (tmp_path / "out/results.sqlite").write_bytes(bytes_)
        refuse("experiment", "tiny.toml", "--out", "out", cwd=tmp_path, status=1, says=r"out/results\.sqlite: .*" + says)
    (tmp_path / "out/results.sqlite").unlink()
    other = sqlite3.connect(tmp_path / "out/results.sqlite")
    other.execute("CREATE TABLE diary(day, text)")
    other.commit()
    other.close()
    refuse("experiment", "tiny.toml", "--out", "out", cwd=tmp_path, status=1, says="is a database of another program")


def test_a_full_disk_is_told_and_what_is_finished_stays(tmp_path, undisturbed):
    """A limit on the size of files stands in for a full disk: writes fail in the middle of the work."""
    spec(tmp_path)
    for limit in (0, 20_000, 60_000, 80_000, 100_000):
        def lower(limit=limit):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        result = run("experiment", "tiny.toml", "--out", "out", cwd=tmp_path, preexec_fn=lower)
        if result.status == 0:
            continue
        assert result.status == 1
        assert_one_sentence(result.err, "cannot be written|cannot be read or written|the disk is full")
    succeed("experiment", "tiny.toml", "--out", "out", cwd=tmp_path)
    assert sorted(rows(tmp_path / "out", RESULT)) == undisturbed
    assert not [name for name in os.listdir(tmp_path / "out") if name.endswith(".tmp")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_told(tmp_path):
    spec(tmp_path)
    (tmp_path / "out").mkdir(mode=0o555)
    refuse("experiment", "tiny.toml", "--out", "out", cwd=tmp_path, status=1, says="out: the folder cannot be written")
    (tmp_path / "out").chmod(0o755)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    spec(tmp_path)
    refuse("experiment", "tiny.toml", "--out", "no/such/out", cwd=tmp_path, status=1, says="no/such/out: the folder cannot be made")
    refuse("experiment", "tiny.toml", "--out", "tiny.toml", cwd=tmp_path, status=1, says=r"tiny\.toml: is not a folder")
