#!/usr/bin/env python3
"""Whole networks in f32 on one core, beside ONNX Runtime in turns: the official light models with drawn weights.

    VENV/bin/python bench/networks.py

Run by a Python with numpy, onnx and onnxruntime (bench/requirements.txt); the models come with onnx.  Of each: the best
times and their ratio (the bar is 1: no slower), how far apart the results are, groups and bytes that `lepc report
fusion` counts, and what compiling takes: seconds, and memory beside mapped files, which hold the weights.
"""
import argparse
import json
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from figures import Figure, print_table, write_json
from measure import output_of, pin_to_core, watch
from mobilenet_v2 import mobilenet_v2
from onnx import numpy_helper

HERE = Path(__file__).resolve().parent
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
SECONDS = {"resnet50": 15.0, "mobilenet_v2": 5.0}  # of compiling; the others are shown
JUDGED = ("resnet50", "squeezenet", "mobilenet_v2")
OWN_MEMORY = 500.0  # MB beside mapped files, which weights are


def draw(draws: np.random.Generator, shape: tuple[int, ...], positive: bool) -> np.ndarray:
    """Kernels keep the size of values; what is divided by stays away from 0."""
    if positive:
        return draws.uniform(0.5, 1.5, shape).astype(np.float32)
    if len(shape) < 2:
        return draws.uniform(-0.1, 0.1, shape).astype(np.float32)
    return (draws.uniform(-1, 1, shape) * np.sqrt(6 / np.prod(shape[1:]))).astype(np.float32)


def with_weights(source: Path) -> onnx.ModelProto:
    """The light models make their weights of one number each: drawn ones stand in their place."""
    model = onnx.load(str(source))
    graph = model.graph
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    fills = [node for node in graph.node if node.op_type == "ConstantOfShape" and node.input[0] in known]
    shapes = {node.output[0]: tuple(int(size) for size in known[node.input[0]]) for node in fills}
    nodes = [node for node in graph.node if node not in fills]
    used = {name for node in nodes for name in node.input}
    variances = {node.input[4] for node in nodes if node.op_type == "BatchNormalization"}
    shapes |= {name: a.shape for name, a in known.items() if name in used and a.dtype == np.float32 and a.size > 1}
    draws = np.random.default_rng(1)
    tensors = {name: draw(draws, shape, name in variances) for name, shape in sorted(shapes.items())}
    tensors |= {name: a for name, a in known.items() if name in used and name not in tensors}
    ports = [port for port in graph.input if port.name in used and port.name not in tensors]
    for field, values in ((graph.node, nodes), (graph.input, ports)):
        del field[:]
        field.extend(values)
    del graph.initializer[:]
    graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in tensors.items())
    return model


class Ours:
    def __init__(self, lepc: str, model: Path, port: str, source: np.ndarray):
        program, picture = model.with_suffix(""), model.with_suffix(".npy")
        np.save(picture, source)
        build = [lepc, "build", str(model), "--cpu=native", "-q", "-o", str(program)]
        self.seconds, peaks = watch(build)
        self.memory = peaks["RssAnon"] / 1e6
        self.command = [str(program), "--input", f"{port}={picture}", "--json"]
        self.report = output_of([lepc, "report", "fusion", str(model), "--cpu=native"]).splitlines()[-1]

    def once(self, result: str, folder: Path) -> np.ndarray:
        output_of([*self.command, "--output", f"{result}={folder / 'y.npy'}"])
        return np.load(folder / "y.npy")

    def best(self, count: int) -> float:
        lines = output_of([*self.command, f"--bench={count}"]).splitlines()
        return next(json.loads(line)["bench"]["min_us"] for line in lines if '"bench"' in line) / 1e3


class OnnxRuntime:
    def __init__(self, model: Path):
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self.port, self.result = self.session.get_inputs()[0], self.session.get_outputs()[0].name

    def once(self, source: np.ndarray) -> np.ndarray:
        return self.session.run(None, {self.port.name: source})[0]

    def best(self, source: np.ndarray, count: int) -> float:
        best = float("inf")
        for _ in range(count):
            start = time.perf_counter()
            self.once(source)
            best = min(best, time.perf_counter() - start)
        return best * 1e3


def measure(name: str, options: argparse.Namespace) -> list[Figure]:
    with tempfile.TemporaryDirectory() as temporary:
        model = Path(temporary) / f"{name}.onnx"
        onnx.save(mobilenet_v2() if name == "mobilenet_v2" else with_weights(LIGHT / f"light_{name}.onnx"), str(model))
        peer = OnnxRuntime(model)
        source = np.random.default_rng(2).uniform(-1, 1, peer.port.shape).astype(np.float32)
        ours = Ours(options.lepc, model, peer.port.name, source)
        want, got = peer.once(source), ours.once(peer.result, Path(temporary))
        times = {"ours": float("inf"), "peer": float("inf")}
        for _ in range(options.rounds):
            times["ours"] = min(times["ours"], ours.best(options.count))
            times["peer"] = min(times["peer"], peer.best(source, options.count))
    groups, moved, saved = map(int, re.search(r"in (\d+) groups; (\d+) bytes moved, (\d+) saved", ours.report).groups())
    bar = 1.0 if name in JUDGED else None
    return [
        Figure(name, times["ours"], "ms"),
        Figure(f"  ONNX Runtime {ort.__version__}, of ours", times["peer"] / times["ours"], "x", bar, least=True),
        Figure("  apart, of the greatest", float(np.abs(got - want).max() / np.abs(want).max()), "", 1e-3),
        Figure("  groups", groups, ""),
        Figure("  bytes moved", moved / 1e6, "MB"),
        Figure("  bytes saved by fusion", saved / 1e6, "MB"),
        Figure("  compiling", ours.seconds, "s", SECONDS.get(name)),
        Figure("  memory beside mapped files", ours.memory, "MB", OWN_MEMORY),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["squeezenet", "resnet50", "mobilenet_v2", "densenet121",
                                                     "shufflenet", "inception_v1", "inception_v2"])  # fmt: skip
    parser.add_argument("--lepc", default=str(HERE.parent / "build" / "bin" / "lepc"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--core", type=int)
    parser.add_argument("--json")
    options = parser.parse_args()
    pin_to_core(options.core)
    figures = [figure for name in options.names for figure in measure(name, options)]
    print_table(figures)
    if options.json:
        write_json(options.json, figures)
    return 0 if all(figure.good for figure in figures) else 1


if __name__ == "__main__":
    raise SystemExit(main())
