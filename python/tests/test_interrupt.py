"""Long work tells its progress, leaves the interpreter's lock, and stops when asked to. Oracle: work of minutes that
ends in seconds (bench/python_overhead.py measures how soon)."""

import multiprocessing
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import sextant

LONG = dict(method="auto", budget=600)  # minutes, if nobody stopped it


def test_ctrl_c_is_a_keyboard_interrupt():
    script = """
import sextant
X, y, _ = sextant.generate("source", n=20000, d=40, noise=1, seed=1)
print("ready", flush=True)
try:
    sextant.fit(X, y, method="auto", budget=600)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            time.sleep(1.5)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=600)
        finally:
            process.kill()
    assert (out, process.returncode) == ("stopped\n", 0)


def test_progress_is_told_and_may_cancel():
    X, y, _ = sextant.generate("source", n=5000, d=10, seed=1)
    told = []

    def stop_soon(stage, fraction):
        told.append((stage, fraction))
        return len(told) < 5

    with pytest.raises(KeyboardInterrupt, match="cancelled"):
        sextant.SextantRegressor(progress=stop_soon, **LONG).fit(X, y)
    assert len(told) == 5 and all(isinstance(stage, str) and 0 <= fraction <= 1 for stage, fraction in told)


def test_what_a_progress_function_raises_comes_through():
    X, y, _ = sextant.generate("source", n=5000, d=10, seed=1)

    def broken(stage, fraction):
        raise LookupError(f"in {stage}")

    with pytest.raises(LookupError, match="in "):
        sextant.fit(X, y, progress=broken, **LONG)
    with pytest.raises(TypeError, match="progress: 3 given"):
        sextant.fit(X, y, progress=3)


def test_a_false_of_numpy_cancels_too():
    X, y, _ = sextant.generate("source", n=5000, d=10, seed=1)
    with pytest.raises(KeyboardInterrupt, match="cancelled"):
        sextant.fit(X, y, progress=lambda stage, fraction: np.bool_(False), **LONG)


@pytest.mark.parametrize(
    "use",
    [
        lambda model, X: model.predict_interval(X, threads=1),
        lambda model, X: model.predictors[0][1].features(X),
    ],
    ids=["intervals", "features"],
)
def test_signals_are_heeded_between_pieces_of_rows(use):
    """A handler runs again and again during the call, not once after it."""
    X, y, _ = sextant.generate("source", n=2500, d=20, noise=1, seed=1)
    model = sextant.fit(X, y, method="kernel-gaussian", lambda_=1.0)
    many = np.tile(X, (64, 1))
    heard = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: heard.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    try:
        use(model, many)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(heard) >= 3


def test_a_bar_is_drawn_where_tqdm_is(capsys):
    X, y, _ = sextant.generate("source", n=20000, d=20, seed=1)
    sextant.fit(X, y, method="algorithm-1", width=512, progress=True)
    assert "%" in capsys.readouterr().err


def test_other_threads_run_meanwhile():
    """A fit holds the lock for none of its work: this thread counts on while another fits."""
    X, y, _ = sextant.generate("source", n=20000, d=20, seed=1)
    counted = []

    def fit():
        before = counter[0]
        sextant.fit(X, y, method="algorithm-1", width=512)
        counted.append(counter[0] - before)

    counter = [0]
    other = threading.Thread(target=fit)
    other.start()
    while other.is_alive():
        counter[0] += 1
        time.sleep(0.001)
    assert counted[0] > 20


def test_two_threads_fit_at_once_and_get_the_same_bits():
    X, y, _ = sextant.generate("source", n=3000, d=10, seed=1)
    alone = sextant.fit(X, y, method="algorithm-1", width=128).predict(X)
    results = [None] * 4

    def fit(at):
        results[at] = sextant.fit(X, y, method="algorithm-1", width=128).predict(X)

    threads = [threading.Thread(target=fit, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((result == alone).all() for result in results)


def test_forked_processes_fit_too():
    """Where GNU's OpenMP would wait for threads that only the parent has."""
    X, y, _ = sextant.generate("source", n=3000, d=10, seed=1)
    expected = sextant.fit(X, y, method="algorithm-1", width=128).predict(X)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        arguments = dict(method="algorithm-1", width=128)
        fitted = pool.apply_async(sextant.fit, (X, y), arguments).get(timeout=600)
    assert (fitted.predict(X) == expected).all()
