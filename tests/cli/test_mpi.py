"""Several processes that share the work, started by mpirun. Oracle: the same command of one process alone, and NumPy on
its predictions; for what goes wrong, one sentence and an exit status. Built without MPI, the program must say so.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from sextant_program import PROGRAM, TIMEOUT, catches, json_of, predictions, succeed, wait_until

ROWS = 24_000  # more than one process keeps for itself
VERSION = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
BUILT_WITH_MPI = "\nMPI " in VERSION
OPEN_MPI = "\nMPI Open MPI" in VERSION and shutil.which("mpirun") is not None
mpi = pytest.mark.skipif(not OPEN_MPI, reason="the program is built without Open MPI, or there is no mpirun")
MPIRUN = ["mpirun", "-q", "--oversubscribe", "--allow-run-as-root"]


def environment(**more):
    """Without what another mpirun or srun may have left; threads that wait sleep, on a machine with few cores."""
    kept = {k: v for k, v in os.environ.items() if not re.match("OMPI_|PMI|SLURM_", k)}
    return {**kept, "OMP_WAIT_POLICY": "passive", **more}


def start(command, cwd):
    pipe = subprocess.PIPE
    return subprocess.Popen([str(c) for c in command], cwd=cwd, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, env=environment())


def finish(process):
    out, err = process.communicate(timeout=TIMEOUT)
    return process.returncode, out, err


def together(ranks, *arguments, cwd):
    """Runs one command on so many ranks, which must succeed; its standard output."""
    status, out, err = finish(start([*MPIRUN, "-n", ranks, PROGRAM, *arguments], cwd))
    assert status == 0, err
    assert "error" not in err, err
    return out


def assert_one_error(status, err, expected_status, says):
    assert status == expected_status, err
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, err
    assert re.search(says, errors[0]), errors[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """table.npy with 6 inputs and y, hidden along two directions; one.sextant, a model of it by one process."""
    at = tmp_path_factory.mktemp("mpi")
    succeed("generate", "multi-index", "--n", ROWS, "--d", 6, "--noise", 0.3, "--out", "table.npy", cwd=at)
    succeed("fit", "table.npy", "--target", "y", "--width", 64, "--lambda", "1e-3", "--out", "one.sextant", cwd=at)
    return at


OTHER_PROCESSOR = ["-x", "OPENBLAS_CORETYPE=Prescott", "-x", "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable"]
FIT = ["fit", "table.npy", "--target", "y", "--method", "algorithm-1", "--width", "64"]


@mpi
@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_a_fit_is_that_of_one_process(folder, ranks):
    together(ranks, *FIT, "--lambda", "1e-3", "--out", "many.sextant", cwd=folder)
    expected = predictions("one.sextant", "table.npy", cwd=folder)
    found = predictions("many.sextant", "table.npy", cwd=folder)
    assert np.max(np.abs(found - expected)) <= 1e-9 * np.max(np.abs(expected))


@mpi
def test_the_path_of_lambda_and_polished_links(folder):
    for method in (["algorithm-1", "--width", "64"], ["polish", "--rank", "2", "--polish-degree", "4"]):
        options = ["--target", "y", "--method", *method]
        succeed("fit", "table.npy", *options, "--out", "alone.sextant", cwd=folder)
        together(3, "fit", "table.npy", *options, "--out", "shared.sextant", cwd=folder)
        alone, shared = (json_of("evaluate", f"{m}.sextant", "table.npy", cwd=folder) for m in ("alone", "shared"))
        rmse = alone["targets"][0]["rmse"]
        assert abs(shared["targets"][0]["rmse"] - rmse) <= 1e-6 * rmse


@mpi
def test_a_search(folder):
    options = ["--target", "y", "--method", "auto", "--budget", "1", "--width", "32", "--json"]
    alone = json.loads(succeed("fit", "table.npy", *options, "--out", "alone.sextant", cwd=folder).out)
    shared = json.loads(together(2, "fit", "table.npy", *options, "--out", "shared.sextant", cwd=folder))
    assert [c["name"] for c in shared["candidates"]] == [c["name"] for c in alone["candidates"]]
    rmse = alone["targets"][0]["validation_rmse"]
    assert abs(shared["targets"][0]["validation_rmse"] - rmse) <= 1e-6 * rmse


# Enough for leaf machines, which ranks share.
LEAVES = ["fit", "table.npy", "--target", "y", "--method", "auto", "--budget", "5", "--width", "32", "--json"]


def leaf_errors(fit):
    return [c["validation_rmse"][0] for c in fit["candidates"] if c["name"].startswith("leaf machines")]


@mpi
def test_leaf_machines(folder):
    """Also where one rank computes as another processor would."""
    expected = leaf_errors(json.loads(succeed(*LEAVES, "--out", "alone.sextant", cwd=folder).out))
    assert len(expected) == 1 and expected[0] < 0.5
    shared = leaf_errors(json.loads(together(2, *LEAVES, "--out", "shared.sextant", cwd=folder)))
    assert shared == pytest.approx(expected, rel=1e-9)
    mixed = [*MPIRUN, "-n", 1, PROGRAM, *LEAVES, "--out", "mixed.sextant", ":", "-n", 1, *OTHER_PROCESSOR, PROGRAM, *LEAVES]
    status, out, err = finish(start(mixed, folder))
    assert status == 0, err
    assert leaf_errors(json.loads(out)) == pytest.approx(expected, rel=1e-6)


@mpi
def test_transfer_evaluate_predict_directions_and_compare(folder):
    transfer = ["transfer", "one.sextant", "table.npy", "--target", "y", "--keep", "first-layer", "--lambda", "1e-3"]
    succeed(*transfer, "--out", "alone.sextant", cwd=folder)
    together(3, *transfer, "--out", "shared.sextant", cwd=folder)
    expected = predictions("alone.sextant", "table.npy", cwd=folder)
    assert np.max(np.abs(predictions("shared.sextant", "table.npy", cwd=folder) - expected)) <= 1e-9 * np.max(np.abs(expected))

    alone = json_of("evaluate", "one.sextant", "table.npy", "--interval", 0.9, cwd=folder)
    shared = json.loads(together(3, "evaluate", "one.sextant", "table.npy", "--interval", 0.9, "--json", cwd=folder))
    assert shared["n"] == alone["n"] == ROWS
    for name, value in alone["targets"][0].items():
        if name != "name":
            assert abs(shared["targets"][0][name] - value) <= 1e-11 * abs(value)

    assert together(3, "predict", "one.sextant", "table.npy", cwd=folder) == succeed("predict", "one.sextant", "table.npy", cwd=folder).out
    assert together(2, "directions", "one.sextant", cwd=folder) == succeed("directions", "one.sextant", cwd=folder).out

    compare = ["compare", "table.npy", "--target", "y", "--methods", "algorithm-1,sir", "--width", 32, "--lambda", "1e-3", "--rank", 2, "--json"]
    alone = {m["method"]: m["rmse"] for m in json.loads(succeed(*compare, cwd=folder).out)["methods"]}
    shared = {m["method"]: m["rmse"] for m in json.loads(together(2, *compare, cwd=folder))["methods"]}
    assert list(shared) == list(alone)
    for method, rmse in alone.items():
        assert abs(shared[method] - rmse) <= 1e-8 * rmse


@mpi
def test_few_rows_are_the_first_ranks_alone(wing):
    """To the last bit what one process makes of them."""
    fit = ["fit", "wing.csv", "--target", "y", "--method", "algorithm-1", "--width", 64]
    together(3, *fit, "--out", "shared.sextant", cwd=wing)
    succeed(*fit, "--out", "alone.sextant", cwd=wing)
    assert (wing / "shared.sextant").read_bytes() == (wing / "alone.sextant").read_bytes()


@mpi
def test_processors_of_different_kinds_agree(folder):
    """One rank computes with the kernels of another processor and without fused multiply-adds. All ranks must end each
    pass with parameters of the same bits, or the run ends."""
    for method in ("algorithm-1", "phd", "refine"):
        fit = ["fit", "table.npy", "--target", "y", "--method", method, "--width", "32", "--out", "mixed.sextant"]
        status, out, err = finish(start([*MPIRUN, "-n", 1, PROGRAM, *fit, ":", "-n", 1, *OTHER_PROCESSOR, PROGRAM, *fit], folder))
        assert status == 0, err
        assert out.count("head ") <= 1 and out.count("model  ") == 1


@mpi
@pytest.mark.parametrize("ranks", [2, 4])
def test_an_error_of_all_is_one_sentence(folder, ranks):
    for arguments, expected, says in (
        (["fit", "nowhere.npy", "--target", "y"], 1, r"rank 0 on \S+: nowhere\.npy: cannot be read"),
        ([*FIT[:-1], "7"], 2, r"width: 7 given"),
        (["fit", "table.npy", "--tarjet", "y"], 2, r"there is no option '--tarjet'"),
    ):
        status, out, err = finish(start([*MPIRUN, "-n", ranks, PROGRAM, *arguments], folder))
        assert_one_error(status, err, expected, says)
        assert out == ""


def on_two_folders(folder, other, command=FIT):
    """The second and last rank works in `other`."""
    line = [*MPIRUN, "-n", 1, "--wdir", folder, PROGRAM, *command, "--out", "x.sextant"]
    return finish(start([*line, ":", "-n", 2, "--wdir", other, PROGRAM, *command, "--out", "x.sextant"], folder))


@mpi
def test_a_file_that_one_rank_cannot_read(folder, tmp_path):
    status, _, err = on_two_folders(folder, tmp_path)
    assert_one_error(status, err, 1, r"rank 1 on \S+: table\.npy: cannot be read: No such file")
    assert not (folder / "x.sextant").exists()


@mpi
def test_a_cell_that_only_one_rank_meets(folder, tmp_path):
    """A missing cell in the last row of one rank's copy: its encoding, or its share of a pass, finds it."""
    rows = np.load(folder / "table.npy")
    rows[-1, 2] = np.nan
    np.save(tmp_path / "table.npy", rows)
    shutil.copy(folder / "table.names.json", tmp_path)
    status, _, err = on_two_folders(folder, tmp_path, [*FIT, "--missing", "error"])
    assert_one_error(status, err, 1, r"rank 1 on \S+: .*(x3|missing)")


@mpi
def test_a_table_that_differs_on_one_rank(folder, tmp_path):
    rows = np.load(folder / "table.npy")
    np.save(tmp_path / "table.npy", rows[:-1])
    shutil.copy(folder / "table.names.json", tmp_path)
    status, _, err = on_two_folders(folder, tmp_path)
    assert_one_error(status, err, 1, r"rank \d on \S+: ranks: .*same program, files and options")


def ranks_that_catch(mpirun, number):
    """How many of the processes that mpirun started are the program with a handler for the signal."""
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            found += int(parent) == mpirun and (folder / "exe").resolve() == PROGRAM and catches(folder.name, number)
        except OSError:
            pass  # ended meanwhile
    return found


@mpi
def test_a_signal_ends_all(folder):
    process = start([*MPIRUN, "-n", 3, PROGRAM, "fit", "table.npy", "--target", "y", "--budget", "high", "--out", "never.sextant"], folder)
    wait_until(lambda: process.poll() is not None or ranks_that_catch(process.pid, signal.SIGINT) == 3)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert status != 0
    assert [line.split(": ", 2)[2] for line in err.splitlines() if line.startswith("error: ")] == ["stopped: no file was written"], err
    assert not (folder / "never.sextant").exists()


@mpi
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make networks")
def test_two_hosts(folder, tmp_path):
    """Two network namespaces stand for two machines: a daemon is started on the other by a stand-in for ssh, and all goes
    over a virtual cable."""
    here, there = f"sx{os.getpid()}a", f"sx{os.getpid()}b"
    agent = tmp_path / "agent"
    agent.write_text(f'#!/bin/sh\nshift\nexec ip netns exec {there} unshare --uts sh -c "hostname there; cd /; $*"\n')
    agent.chmod(0o755)

    def cable():
        steps = [f"netns add {here}", f"netns add {there}", f"link add sxv0 netns {here} type veth peer name sxv0 netns {there}"]
        for name, address in ((here, "10.213.7.1"), (there, "10.213.7.2")):
            steps += [f"-n {name} addr add {address}/24 dev sxv0", f"-n {name} link set lo up", f"-n {name} link set sxv0 up"]
        for step in steps:
            done = subprocess.run(["ip", *step.split()], capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"this machine permits no network of its own: ip {step}: {done.stderr.strip()}")

    network = ["--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "10.213.7.0/24", "--mca", "oob_tcp_if_include", "10.213.7.0/24"]
    hosts = ["--host", "10.213.7.1:2,10.213.7.2:2", "--mca", "plm_rsh_agent", agent, *network]

    def run(*command):
        inside = ["ip", "netns", "exec", here, "unshare", "--uts", "sh", "-c", 'hostname here; exec "$@"', "sh"]
        return finish(start([*inside, *MPIRUN, *hosts, *command], folder))

    try:
        if shutil.which("ip") is None:
            pytest.skip("there is no ip to make networks with")
        cable()
        status, out, err = run("-n", 4, PROGRAM, *FIT, "--lambda", "1e-3", "--out", "hosts.sextant")
        assert status == 0, err
        assert out.count("model  ") == 1
        expected = predictions("one.sextant", "table.npy", cwd=folder)
        assert np.max(np.abs(predictions("hosts.sextant", "table.npy", cwd=folder) - expected)) <= 1e-9 * np.max(np.abs(expected))

        # The other machine lacks the file.
        status, _, err = run("-n", 2, PROGRAM, *FIT, ":", "-n", 2, "--wdir", tmp_path, PROGRAM, *FIT)
        assert_one_error(status, err, 1, r"rank [23] on there: table\.npy: cannot be read")
    finally:
        for name in (here, there):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


# ---- without MPI, or with one that does not fit ----

LAUNCHERS = [("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"), ("PMI_RANK", "PMI_SIZE"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS")]


def as_rank(rank, size, names, *arguments, cwd):
    own = environment(**{names[0]: str(rank), names[1]: str(size)})
    return subprocess.run([str(PROGRAM), *map(str, arguments)], cwd=cwd, env=own, capture_output=True, text=True, timeout=TIMEOUT)


@pytest.mark.skipif(BUILT_WITH_MPI, reason="the program is built with MPI")
@pytest.mark.parametrize("names", LAUNCHERS)
def test_without_mpi_several_processes_are_refused(fitted, names):
    for command in (["fit", "wing.csv", "--target", "y"], ["predict", "wing.sextant", "wing.csv"]):
        before = sorted(p.name for p in fitted.iterdir())
        done = [as_rank(rank, 3, names, *command, cwd=fitted) for rank in range(3)]
        assert [d.returncode for d in done] == [1, 1, 1]
        errors = [line for d in done for line in d.stderr.splitlines()]
        assert len(errors) == 1 and "-D SEXTANT_MPI=ON" in errors[0] and names[0] in errors[0], errors
        assert sorted(p.name for p in fitted.iterdir()) == before
    assert as_rank(0, 1, names, "info", "wing.sextant", cwd=fitted).returncode == 0


@mpi
def test_ranks_that_mpi_does_not_see_are_refused(fitted):
    """srun with another MPI than the program's: each process would find itself alone."""
    done = [as_rank(rank, 2, LAUNCHERS[2], "fit", "wing.csv", "--target", "y", cwd=fitted) for rank in range(2)]
    assert all(d.returncode == 1 for d in done)
    errors = [line for d in done for line in d.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and "MPI sees 1 of them" in errors[0], errors


def test_a_batch_script_is_one_process(fitted):
    """Slurm sets the job's tasks in the script's environment, too; only a step of srun is several processes."""
    own = environment(SLURM_PROCID="0", SLURM_NTASKS="8", SLURM_JOB_ID="1")
    done = subprocess.run([str(PROGRAM), "info", "wing.sextant"], cwd=fitted, env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
