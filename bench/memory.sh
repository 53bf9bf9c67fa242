#!/usr/bin/env bash
# Peak resident memory of every way to learn from a table and of what models are used for, on NPY tables of 50 columns:
# it must not grow with the number of rows.
#   bench/memory.sh build/release/bin/sextant [ROWS …]        (default 250 000 and 1 000 000 rows: 100 and 400 MB)
set -euo pipefail
sextant=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- 250000 1000000
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
exec /usr/bin/python3 - "$sextant" "$@" <<'PYTHON'
import os, subprocess, sys, time

program, *sizes = sys.argv[1:]
fit = "fit table.npy --target y --out {}.sextant --method "
# Small enough that the budget reaches every stage.
search = " --width 32 --refine-rounds 1 --redraws 1 --rank 1 --polish-degree 2 --polish-steps 2 --budget 120"
commands = {
    "algorithm-1": fit + "algorithm-1 --width 500",
    "random-features": fit + "random-features --width 500",
    "ntk": fit + "ntk --width 16",
    "sir": fit + "sir --width 500",
    "refine": fit + "refine" + search,
    "polish": fit + "polish" + search,
    "auto": fit + "auto" + search,
    "auto, folds": fit + "auto" + search + " --folds 3",
    "calibration": fit + "algorithm-1 --width 500 --calibration-share 0.2",
    "rank transform": fit + "algorithm-1 --width 500 --target-transform rank",
    "predict": "predict algorithm-1.sextant table.npy --out predictions.npy",
    "evaluate": "evaluate algorithm-1.sextant table.npy --interval 0.9",
    "transfer": "transfer algorithm-1.sextant table.npy --target y --out t.sextant --keep first-layer",
    "rank test": "directions algorithm-1.sextant --data table.npy --rank-test",
}


def peak(arguments):
    """Megabytes and seconds of one run."""
    start = time.time()
    child = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = child.stderr.read().decode()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        return f"{error.strip()[:60]:>24}"
    return f"{usage.ru_maxrss / 1024:9.0f} MiB {time.time() - start:8.1f} s"


results = {name: [] for name in commands}
for rows in sizes:
    subprocess.run([program, "generate", "source", "--n", rows, "--d", "49", "--p", "4", "--noise", "1", "--out", "table.npy"],
                   check=True, stdout=subprocess.DEVNULL)
    for name, line in commands.items():
        results[name].append(peak([word.format(name.split(",")[0]) for word in line.split()]))
        print(f"{int(rows):>9} rows  {name:16}{results[name][-1]}", file=sys.stderr, flush=True)
print(f"{'':16}" + "".join(f"{int(rows):>20,} rows" for rows in sizes))
for name, found in results.items():
    print(f"{name:16}" + " ".join(found))
PYTHON
