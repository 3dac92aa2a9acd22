"""How a peer talks to bench/mnist.py.

A peer is a program that loads its engine, prints one line of JSON

    {"name": "engine 1.2.3", "call_us": 1.3}

and then, for every line N on its input, runs each of its variants N times and answers

    {"f32 NCHW": {"min_us": 27.6, "median_us": 28.0}, ...}

`call_us` is what an empty call costs from Python, where the peer can tell.
"""
import gc
import json
import sys
import time
from typing import Callable

import numpy as np

Run = Callable[[], object]


def time_runs(run: Run, count: int) -> dict[str, float]:
    clock, times = time.perf_counter_ns, []
    for _ in range(count):
        start = clock()
        run()
        times.append(clock() - start)
    times.sort()
    return {"min_us": times[0] / 1e3, "median_us": times[len(times) // 2] / 1e3}


def check(engine: str, variant: str, output: np.ndarray, digit: int) -> None:
    """A peer that computes something else would not be a peer."""
    found = int(np.argmax(output))
    if found != digit or not 0.99 < float(np.max(output)) <= 1.0001:
        sys.exit(f"{engine}, {variant}: says {found}, expected {digit}")


def serve(name: str, variants: dict[str, Run], empty: Run | None = None) -> None:
    gc.disable()
    call = time_runs(empty, 2000)["min_us"] if empty else None
    print(json.dumps({"name": name, "call_us": call}), flush=True)
    for line in sys.stdin:
        print(json.dumps({key: time_runs(run, int(line)) for key, run in variants.items()}), flush=True)
