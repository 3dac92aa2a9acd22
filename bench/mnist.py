#!/usr/bin/env python3
"""Everything that is promised of the MNIST example, measured here and now, each beside its bar.

    python3 bench/mnist.py                        our own figures
    python3 bench/mnist.py --peers ort            and the latency beside ONNX Runtime's, in turns
    python3 bench/mnist.py --peers ort,litert,openvino,ncnn --tflite FOLDER --peer-python venv/bin/python

The peers need the packages of bench/requirements.txt.  All runs on one core, pinned.  Ends with
status 1 if a bar is missed.  LEPC names the compiler, default build/bin/lepc.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

from figures import Figure, print_table, write_json  # noqa: E402
from measure import (cost_of, fail, output_of, pin_to_core, section_size,  # noqa: E402
                     start_to_result, stripped_size)
from peer import NAMES, Peer, add_arguments, parse_arguments  # noqa: E402
from roofline import best_of, core_figures, layer_figures, measure_core  # noqa: E402

ROOT = HERE.parent
MODEL = ROOT / "examples/mnist/mnist.lep"
PICTURE = ROOT / "examples/mnist/digits/7_a.png"
TURNS = 3  # latencies, the core and the layers are measured in turns
LEAST_RATIO = {"ort": 1.5}  # a peer's time over ours; of others 1
CONSTANTS = ".lep.weights"  # the section that holds the packed weights


class Ours:
    """The compiled example."""

    def __init__(self, lepc: str, folder: Path, model: Path = MODEL, flags: tuple[str, ...] = (), name: str = ""):
        self.build = [lepc, "build", str(model), "--cpu=native", *flags, "-o"]
        self.binary = folder / (name or model.stem)
        self.object = self.binary.with_suffix(".o")
        self.bench: list[dict] = []
        self.profiles: list[list[dict]] = []

    def compile_figures(self) -> list[Figure]:
        costs = [cost_of([*self.build, str(self.binary)]) for _ in range(3)]
        output_of([*self.build, str(self.object)])
        return [
            Figure("compile to a binary, wall", min(cost[0] for cost in costs), "s", 1),
            Figure("compile to a binary, peak memory", max(cost[1] for cost in costs), "MB", 300),
        ]

    def size_figures(self, folder: Path) -> list[Figure]:
        constants = section_size(self.object, CONSTANTS)
        if not constants:
            fail(f"no section {CONSTANTS} in the object")
        code = self.object.stat().st_size - constants
        rest = stripped_size(self.binary, folder) - constants
        return [
            Figure("packed constants", constants / 1e3, "KB"),
            Figure("object less constants", code / 1e3, "KB", 40),
            Figure("stripped binary less constants", rest / 1e3, "KB", 150),
        ]

    def start_figures(self) -> list[Figure]:
        command = [str(self.binary), str(PICTURE)]
        return [Figure("process start to result, best of 50", start_to_result(command, 50), "ms", 3)]

    def run(self, count: int) -> None:
        text = output_of([str(self.binary), f"--bench={count}", "--json", str(PICTURE)])
        self.bench.append(json_with(text, "bench")["bench"])

    def best(self) -> float:
        return min(times["min_us"] for times in self.bench)

    def take_profile(self) -> None:
        text = output_of([str(self.binary), "--profile", "--json", str(PICTURE)])
        self.profiles.append(json_with(text, "profile")["profile"])

    def profile(self) -> list[dict]:
        """Each layer's best of all profiles."""
        return [min(layers, key=lambda layer: layer["us_min"]) for layers in zip(*self.profiles)]


def json_with(text: str, key: str) -> dict:
    """The line of JSON that has the key."""
    for line in text.splitlines():
        if line.startswith("{") and key in (said := json.loads(line)):
            return said
    return fail(f"no line of JSON with {key!r} in {text!r}")


def graph_figures(count: int) -> list[Figure]:
    """Random graphs, strict, on x86-64-v3 and v4 at -O0 and -O3, beside the interpreter."""
    done = subprocess.run(["bash", str(ROOT / "tests/differential/run.sh"), str(count)], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True)
    ran = re.findall(r"^(\d+) graphs, .* (\d+) wrong$", done.stdout, re.M)
    if sum(int(graphs) for graphs, _ in ran) != count:
        fail(f"tests/differential/run.sh did not run {count} graphs")
    return [Figure(f"of {count} random graphs, not bit-equal", sum(int(wrong) for _, wrong in ran), "", 0)]


def take_turns(ours: Ours, peers: list[Peer], rounds: int, count: int) -> None:
    """Round by round, each runs for a moment: a change of the machine's mood meets all of them."""
    for _ in range(rounds):
        ours.run(count)
        for peer in peers:
            peer.run(count)


def latency_figures(ours: Ours, peers: list[Peer]) -> list[Figure]:
    best = ours.best()
    median = statistics.median(times["median_us"] for times in ours.bench)
    figures = [Figure("ours, batch 1, best", best, "us"), Figure("ours, batch 1, median", median, "us")]
    for peer in peers:
        variant, least = peer.best()
        figures.append(Figure(f"{peer.name} ({variant}), best", least, "us"))
        figures.append(Figure(f"{peer.name} / ours", least / best, "x", LEAST_RATIO.get(peer.kind, 1), least=True))
        if peer.call_us is not None:
            figures.append(Figure(f"{peer.name} / ours, less its empty call", (least - peer.call_us) / best, "x"))
    return figures


def arguments() -> argparse.Namespace:
    args = argparse.ArgumentParser(description="measures the MNIST example against its bars")
    add_arguments(args, NAMES, 12)
    args.add_argument("--no-roofline", action="store_true", help="leave the profile of the layers out")
    args.add_argument("--graphs", type=int, default=0, help="also hold so many random graphs to the interpreter")
    return parse_arguments(args, NAMES)


def measure_all(opt: argparse.Namespace, folder: Path) -> list[Figure]:
    ours = Ours(os.environ.get("LEPC", str(ROOT / "build/bin/lepc")), folder)
    figures = ours.compile_figures() + ours.size_figures(folder) + ours.start_figures()
    peers = [Peer(opt.peer_python, name, opt.tflite) for name in opt.peers]
    cores = []
    for _ in range(TURNS):
        take_turns(ours, peers, -(-opt.rounds // TURNS), opt.runs)
        if not opt.no_roofline:
            cores.append(measure_core(folder))
            ours.take_profile()
    figures += latency_figures(ours, peers)
    for peer in peers:
        peer.end()
    if cores:
        core = best_of(cores)
        figures += core_figures(core) + layer_figures(core, ours.profile())
    return figures


def main() -> int:
    opt = arguments()
    graphs = graph_figures(opt.graphs) if opt.graphs else []
    print(f"core {pin_to_core(opt.core)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure_all(opt, Path(folder)) + graphs
    print_table(figures)
    if opt.json:
        write_json(opt.json, figures)
    missed = [figure.name for figure in figures if not figure.good]
    print(f"{len(missed)} bars missed" if missed else "all bars reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
