#!/usr/bin/python3
"""What a fit of Algorithm 1 takes on 1 to 1024 machines: a model of its passes, checked against runs here.

    cmake --preset bench -D SEXTANT_MPI=ON && cmake --build build/bench --target algorithm_1
    bench/cost_model.py build/bench/bench/algorithm_1

First measures the constants of the model on one thread at one size (multiply-adds per second of each stage, seconds of
the eigen-decomposition, seconds per number added up by two ranks), then runs other sizes on one and two ranks and prints
what the model says of them beside what they took. Then predicts --rows, --inputs and --width on 1 to 1024 nodes as
described by --cores, --core-share, --network, --latency and --disk: by formula, and by simulating the ranks with uneven
speed (--spread) and the segments of every reduction on their tree. docs/scale.md explains the model.
"""

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import tempfile

import numpy as np

HELD_OUT = 5000
LAMBDAS = 37
SEGMENT = 1 << 20  # bytes of a reduction that travel together
MPIRUN = ["mpirun", "-q", "--allow-run-as-root", "--bind-to", "core", "-n"]
STAGES = ("linear", "gradient", "features", "validation")  # passes; "head" is done once


def multiply_adds(d, m):
    """Per row, of each pass; the last is over held-out rows. Mirrored units are computed once."""
    return {"linear": d * d / 2 + d, "gradient": d * m, "features": d * m / 2 + m * m / 2,
            "validation": d * m / 2 + LAMBDAS * m}


def words(d, m):
    """Numbers that each pass's ranks add up."""
    return {"linear": (d + 1) ** 2, "gradient": d * m / 2, "features": m * m + m, "validation": 3 * LAMBDAS}


def write_table(rows, d, path):
    random = np.random.default_rng(0)
    with open(path, "wb") as file:
        for start in range(0, rows, 10000):
            X = random.standard_normal((min(10000, rows - start), d))
            np.column_stack([X, X[:, 0] * X[:, 1] + X[:, 2]]).tofile(file)


class Measured:
    """Runs of the program, medians of several, by stage."""

    def __init__(self, program, folder, repeats):
        self.program, self.folder, self.repeats = program, folder, repeats

    def __call__(self, n, d, m, ranks=1):
        path = os.path.join(self.folder, f"{n}x{d}")
        if not os.path.exists(path):
            write_table(n + HELD_OUT, d, path)
        command = [self.program, path, *map(str, (n, HELD_OUT, d, m, 1, "float64"))]
        if ranks > 1:
            command = [*MPIRUN, str(ranks), *command]
        environment = dict(os.environ, OMP_WAIT_POLICY="passive", OPENBLAS_NUM_THREADS="1")
        runs = [json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)
                for _ in range(self.repeats)]
        return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def calibrate(measured, n, d, m):
    """Multiply-adds a second of each pass on one core; of m³ in the head; seconds per number added up by two ranks."""
    one, two = measured(n, d, m), measured(n, d, m, 2)
    work = multiply_adds(d, m)
    rate = {stage: work[stage] * (HELD_OUT if stage == "validation" else n) / one[stage] for stage in STAGES}
    return {"rate": rate, "head": m**3 / one["head"], "per_word": two["reduction"] / (m * m)}


def predicted(constants, n, d, m, ranks):
    """Seconds of each stage on so many ranks of one thread on this machine."""
    work, sums = multiply_adds(d, m), words(d, m)
    seconds = {}
    for stage in STAGES:
        rows = HELD_OUT if stage == "validation" else n
        seconds[stage] = work[stage] * rows / ranks / constants["rate"][stage]
        if ranks > 1:
            seconds[stage] += sums[stage] * constants["per_word"]
    seconds["head"] = m**3 / constants["head"]
    return seconds


def check(measured, constants, sizes):
    print(f"\n{'n':>7} {'d':>5} {'m':>5} {'ranks':>5}" + "".join(f" {stage:>17}" for stage in (*STAGES, "head", "all")))
    errors = []
    for (n, d, m), ranks in itertools.product(sizes, (1, 2)):
        took, says = measured(n, d, m, ranks), predicted(constants, n, d, m, ranks)
        took["all"], says["all"] = sum(took[stage] for stage in says), sum(says.values())
        errors.append(abs(says["all"] / took["all"] - 1))
        cells = "".join(f" {says[stage]:8.3f}/{took[stage]:8.3f}" for stage in says if stage != "head" and stage != "all")
        cells += f" {says['head']:8.3f}/{took['head']:8.3f} {says['all']:8.3f}/{took['all']:8.3f}"
        print(f"{n:7} {d:5} {m:5} {ranks:5}{cells}")
    print(f"predicted/measured seconds; the sums differ by {100 * statistics.median(errors):.0f} % (median), "
          f"{100 * max(errors):.0f} % at most")


class Nodes:
    """Machines of many cores, a network between them, and storage that each reads by itself."""

    def __init__(self, options, constants):
        self.speed = options.cores * options.core_share  # in cores of this machine
        self.rate = {stage: rate * self.speed for stage, rate in constants["rate"].items()}
        self.head = constants["head"] * min(self.speed, options.head_cores)
        self.bytes_per_second = options.network * 1e9 / 8
        self.latency = options.latency * 1e-6
        self.disk = options.disk * 1e9
        self.spread = options.spread

    def pass_seconds(self, stage, rows, d, m):
        """Of one node's share: reading goes on beside computing."""
        return max(multiply_adds(d, m)[stage] * rows / self.rate[stage], 8 * (d + 1) * rows / self.disk)

    def reduction(self, numbers, ranks):
        """Sums to the first rank over a binary tree in segments, and the whole back."""
        if ranks == 1:
            return 0.0
        size = 8 * numbers
        segment = min(size, SEGMENT)
        depth = math.ceil(math.log2(ranks + 1)) - 1
        # A node takes in two children's segments, or gives them to two; the tree is filled once.
        return 2 * (depth * (self.latency + 2 * segment / self.bytes_per_second) + 2 * size / self.bytes_per_second)

    def simulated_reduction(self, arrive, numbers):
        """The same, segment by segment; arrive: when each rank has its sums. Returns when all have the result."""
        ranks = len(arrive)
        if ranks == 1:
            return float(arrive[0])
        size = 8 * numbers
        segments = max(1, math.ceil(size / SEGMENT))
        transfer = min(size, SEGMENT) / self.bytes_per_second
        levels = [np.arange((1 << level) - 1, min((2 << level) - 1, ranks)) for level in range(ranks.bit_length())]
        levels = [level for level in levels if len(level)]
        link = np.array(arrive, dtype=float)  # when a node's link is free for the next segment
        for _ in range(segments):
            ready = np.array(arrive, dtype=float)  # when a node's segment is complete
            for level in reversed(levels[1:]):
                for child in (level[level % 2 == 1], level[level % 2 == 0]):  # left children, then right
                    if len(child) == 0:
                        continue
                    parent = (child - 1) // 2
                    link[parent] = np.maximum(ready[child] + self.latency, link[parent]) + transfer
                    ready[parent] = np.maximum(ready[parent], link[parent])
        link[:] = ready[0]
        for _ in range(segments):
            ready = np.zeros(ranks)
            ready[0] = link[0]
            for level in levels[1:]:
                for child in (level[level % 2 == 1], level[level % 2 == 0]):
                    if len(child) == 0:
                        continue
                    parent = (child - 1) // 2
                    link[parent] = np.maximum(link[parent], ready[parent]) + transfer
                    ready[child] = link[parent] + self.latency
        return float(ready.max())

    def shares(self, n, ranks):
        """Rows of the rank that has most; blocks of 1024 are dealt whole."""
        return math.ceil(math.ceil(n / 1024) / ranks) * 1024

    def formula(self, n, d, m, ranks):
        """Seconds computing or reading, exchanging, and in the head."""
        train, held_out = self.shares(0.8 * n, ranks), self.shares(0.2 * n, ranks)
        passes = 8 * (d + 1) * self.shares(n, ranks) / self.disk  # opening reads all once
        exchange = 0.0
        for stage in STAGES:
            passes += self.pass_seconds(stage, held_out if stage == "validation" else train, d, m)
            exchange += self.reduction(words(d, m)[stage], ranks)
        exchange += self.reduction(LAMBDAS * m, ranks) / 2
        return passes, exchange, m**3 / self.head

    def simulated(self, n, d, m, ranks, random):
        train, held_out = self.shares(0.8 * n, ranks), self.shares(0.2 * n, ranks)
        uneven = lambda: np.exp(self.spread * random.standard_normal(ranks))
        now = float((8 * (d + 1) * self.shares(n, ranks) / self.disk * uneven()).max())
        for stage in STAGES:
            rows = held_out if stage == "validation" else train
            now = self.simulated_reduction(now + self.pass_seconds(stage, rows, d, m) * uneven(), words(d, m)[stage])
        return now + m**3 / self.head + self.reduction(LAMBDAS * m, ranks) / 2


def predict(options, constants):
    nodes = Nodes(options, constants)
    n, d, m = int(options.rows), options.inputs, options.width
    total = multiply_adds(d, m)
    print(f"\nn = {n:.3g}, d = {d}, m = {m}: {0.8 * n * sum(total[s] for s in STAGES[:3]):.3g} multiply-adds, "
          f"{8 * (d + 1) * n / 1e12:.3g} TB read five times; nodes of {options.cores} cores")
    print(f"{'nodes':>6} {'passes, s':>10} {'exchange, s':>12} {'head, s':>8} {'all, s':>9} {'simulated, s':>18} {'efficiency':>11}")
    first = None
    for ranks in (2**k for k in range(11)):
        passes, exchange, head = nodes.formula(n, d, m, ranks)
        runs = [nodes.simulated(n, d, m, ranks, np.random.default_rng((ranks, seed))) for seed in range(options.seeds)]
        mean = statistics.mean(runs)
        first = first or mean
        print(f"{ranks:6} {passes:10.1f} {exchange:12.2f} {head:8.1f} {passes + exchange + head:9.1f} "
              f"{mean:11.1f} ± {statistics.stdev(runs):4.1f} {first / mean / ranks:11.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="build/bench/bench/algorithm_1, built with MPI")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", type=float, default=1e9)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--cores", type=int, default=64, help="of a node")
    parser.add_argument("--core-share", type=float, default=0.9, help="what a node's core does of one of this machine's")
    parser.add_argument("--head-cores", type=float, default=8, help="that an eigen-decomposition gains from at most")
    parser.add_argument("--network", type=float, default=100, help="gigabits a second of a node's link")
    parser.add_argument("--latency", type=float, default=5, help="microseconds of a message")
    parser.add_argument("--disk", type=float, default=2, help="gigabytes a second that a node reads")
    parser.add_argument("--spread", type=float, default=0.05, help="standard deviation of the logarithm of a rank's speed")
    parser.add_argument("--seeds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = Measured(options.program, folder, options.repeats)
        constants = calibrate(measured, 20000, 700, 1000)
        print("one core, 10⁹ multiply-adds a second: "
              + ", ".join(f"{stage} {rate / 1e9:.1f}" for stage, rate in constants["rate"].items())
              + f"; head, m³: {constants['head'] / 1e9:.2f}; 2 ranks add up {1e-6 / constants['per_word']:.0f}·10⁶ numbers a second")
        check(measured, constants, [(30000, 100, 500), (60000, 100, 1000), (30000, 400, 1000), (20000, 1000, 1000), (30000, 200, 2000)])
    predict(options, constants)


if __name__ == "__main__":
    main()
