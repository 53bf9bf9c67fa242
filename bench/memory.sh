#!/usr/bin/env bash
# Peak resident memory of `fit --width 500` on NPY tables of 50 columns: it must not grow with the number of rows.
#   bench/memory.sh build/release/bin/sextant [ROWS …]        (default 250 000 and 1 000 000 rows: 100 and 400 MB)
set -euo pipefail
sextant=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- 250000 1000000
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for rows in "$@"; do
  "$sextant" generate source --n "$rows" --d 49 --p 4 --noise 1 --out table.npy >/dev/null
  /usr/bin/python3 - "$sextant" "$rows" <<'PYTHON'
import os, resource, subprocess, sys, time
start = time.time()
subprocess.run([sys.argv[1], "fit", "table.npy", "--target", "y", "--width", "500"], check=True, stdout=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"{int(sys.argv[2]):>9} rows  {os.path.getsize('table.npy') / 1e6:6.0f} MB  peak {peak:6.1f} MiB  {time.time() - start:6.1f} s")
PYTHON
done
