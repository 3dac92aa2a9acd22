#!/usr/bin/env python3
"""Recurrent and attention operators beside ONNX Runtime, in turns on one core.

    VENV/bin/python bench/sequence.py

Run by a Python with numpy, onnx and onnxruntime (bench/requirements.txt).  Each row is one operator
on the same inputs: best time of either, their ratio, and how far apart the results are.
LEPC names the compiler, default build/bin/lepc.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parent))
from measure import pin_to_core  # noqa: E402

random = np.random.default_rng(1)


def draw(*shape):
    return random.standard_normal(shape).astype(np.float32) * np.float32(0.3)


def lstm(steps, inputs, units):
    """Weights are inputs of ours, too: files of neither engine are needed."""
    x, w, r = draw(1, steps, inputs), draw(inputs, 4 * units), draw(units, 4 * units)
    text = (f"input x: f32[1, {steps}, {inputs}]\n"
            "  weights \"w.safetensors\" layout: keras\n"
            f"  s = lstm(x, units: {units}, bias: no)\n  output y = s.y")
    order = [0, 3, 1, 2]  # ours i, f, g, o as ONNX's i, o, f, c
    theirs = [np.concatenate([np.split(m, 4, axis=1)[i] for i in order], axis=1).T[None] for m in (w, r)]
    nodes = [helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
             helper.make_node("LSTM", ["t", "W", "R"], ["y"], hidden_size=units)]
    constants = {"W": theirs[0], "R": theirs[1]}
    return text, {"x": x}, nodes, constants, {"s/kernel": w, "s/recurrent_kernel": r}


def recurrent(operator, gates, steps, batch, inputs, units, directions=1, **attributes):
    """A layer whose gates lie in ONNX's order, of one direction or both."""
    x = draw(batch, steps, inputs)
    ways = [""] if directions == 1 else ["forward/", "backward/"]
    pairs = [(draw(inputs, gates * units), draw(units, gates * units) / 4) for _ in ways]
    attrs = "".join([f", {k}: {'yes' if v else 'no'}" for k, v in attributes.items()])
    if directions == 2:
        attrs += ", direction: bidirectional"
    if operator == "gru":
        attrs += ", recurrent_bias: no"
    text = (f"input x: f32[{batch}, {steps}, {inputs}]\n"
            "  weights \"w.safetensors\" layout: keras\n"
            f"  s = {operator}(x, units: {units}, bias: no{attrs})\n"
            f"  y4 = reshape(s.y, shape: [{batch}, {steps}, {directions}, {units}])\n"
            "  output y = transpose(y4, permute: [1, 2, 0, 3])")
    constants = {name: np.stack([pair[i].T for pair in pairs]) for i, name in enumerate("WR")}
    weights = {f"s/{way}{name}kernel": pair[i] for way, pair in zip(ways, pairs)
               for i, name in enumerate(["", "recurrent_"])}
    given = {name: int(value) for name, value in attributes.items()}
    nodes = [helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0, 2]),
             helper.make_node(operator.upper(), ["t", "W", "R"], ["y"], hidden_size=units,
                              direction="bidirectional" if directions == 2 else "forward", **given)]
    return text, {"x": x}, nodes, constants, weights


def attention(length, heads, depth):
    width = heads * depth
    data = {name: draw(1, length, width) for name in "qkv"}
    text = "\n  ".join([*(f"input {n}: f32[1, {length}, {width}]" for n in "qkv"),
                        f"output y = attention(q, k, v, heads: {heads})"])
    nodes, shape = [], np.array([1, length, heads, depth])
    for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes += [helper.make_node("Reshape", [name, "shape"], [name + "r"]),
                  helper.make_node("Transpose", [name + "r"], [name + "t"], perm=order)]
    nodes += [helper.make_node("MatMul", ["qt", "kt"], ["s"]), helper.make_node("Mul", ["s", "scale"], ["m"]),
              helper.make_node("Softmax", ["m"], ["p"], axis=-1), helper.make_node("MatMul", ["p", "vt"], ["o"]),
              helper.make_node("Transpose", ["o"], ["ot"], perm=[0, 2, 1, 3]),
              helper.make_node("Reshape", ["ot", "whole"], ["y"])]
    constants = {"shape": shape, "whole": np.array([1, length, width]),
                 "scale": np.float32(depth ** -0.5)}
    return text, data, nodes, constants, {}


def softmax(rows, columns):
    text = f"input x: f32[{rows}, {columns}]\n  output y = softmax(x)"
    return text, {"x": draw(rows, columns)}, [helper.make_node("Softmax", ["x"], ["y"], axis=-1)], {}, {}


def layer_norm(rows, columns):
    scale, offset = draw(columns), draw(columns)
    text = (f"input x: f32[{rows}, {columns}]\n  weights \"w.safetensors\" layout: keras\n"
            "  output y = layer_norm(x)")
    nodes = [helper.make_node("LayerNormalization", ["x", "g", "b"], ["y"], axis=-1, epsilon=1e-5)]
    return (text, {"x": draw(rows, columns)}, nodes, {"g": scale, "b": offset},
            {"y/gamma": scale, "y/beta": offset})


def written_norm(rows, columns):
    """A layer norm of its parts, as exporters expand it: what fusion makes of them."""
    text = (f"input x: f32[{rows}, {columns}]\n"
            "  d = x - reduce_mean(x, axes: [-1], keep: yes)\n"
            "  v = reduce_mean(d * d, axes: [-1], keep: yes)\n  output y = d / sqrt(v + 0.00001)")
    nodes = [helper.make_node("ReduceMean", ["x"], ["m"], axes=[-1], keepdims=1),
             helper.make_node("Sub", ["x", "m"], ["d"]), helper.make_node("Mul", ["d", "d"], ["q"]),
             helper.make_node("ReduceMean", ["q"], ["v"], axes=[-1], keepdims=1),
             helper.make_node("Add", ["v", "e"], ["a"]), helper.make_node("Sqrt", ["a"], ["s"]),
             helper.make_node("Div", ["d", "s"], ["y"])]
    return text, {"x": draw(rows, columns)}, nodes, {"e": np.float32(1e-5)}, {}


def written_softmax(rows, columns):
    text = (f"input x: f32[{rows}, {columns}]\n  e = exp(x - reduce_max(x, axes: [-1], keep: yes))\n"
            "  output y = e / reduce_sum(e, axes: [-1], keep: yes)")
    return text, {"x": draw(rows, columns)}, [helper.make_node("Softmax", ["x"], ["y"], axis=-1)], {}, {}


CASES = {
    "lstm T=100 I=64 H=128": lstm(100, 64, 128),
    "gru T=64 I=128 H=128": recurrent("gru", 3, 64, 1, 128, 128, linear_before_reset=True),
    "gru, reset first, T=64 H=128": recurrent("gru", 3, 64, 1, 128, 128, linear_before_reset=False),
    "gru both ways T=64 N=8 H=64": recurrent("gru", 3, 64, 8, 64, 64, 2, linear_before_reset=True),
    "rnn T=64 I=128 H=128": recurrent("rnn", 1, 64, 1, 128, 128),
    "attention T=128 heads=8 d=64": attention(128, 8, 64),
    "attention T=512 heads=8 d=64": attention(512, 8, 64),
    "softmax 1024x1024": softmax(1024, 1024),
    "layer_norm 1024x768": layer_norm(1024, 768),
    "softmax by hand 1024x1024": written_softmax(1024, 1024),
    "layer norm by hand 1024x768": written_norm(1024, 768),
    "layer norm by hand 128x768": written_norm(128, 768),
}


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        raw = np.ascontiguousarray(tensor).tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


class Ours:
    def __init__(self, lepc, folder, text, data, weights):
        (folder / "m.lep").write_text(f"lep 1\n\nmodel m {{\n  {text}\n}}\n")
        if weights:
            write_safetensors(folder / "w.safetensors", weights)
        self.run = [str(folder / "m"), "--json"]
        self.result = folder / "y.npy"
        for name, values in data.items():
            np.save(folder / f"{name}.npy", values)
            self.run += ["--input", f"{name}={folder / name}.npy"]
        subprocess.run([lepc, "build", folder / "m.lep", "--cpu=native", "-o", folder / "m", "-q"], check=True)
        subprocess.run([*self.run, "--output", f"y={self.result}"], check=True, capture_output=True)

    def best(self, count):
        text = subprocess.run([*self.run, f"--bench={count}"], check=True, capture_output=True, text=True).stdout
        lines = [json.loads(line) for line in text.splitlines() if '"bench"' in line]
        return lines[0]["bench"]["min_us"]


class Theirs:
    def __init__(self, data, nodes, constants):
        inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, v.shape) for n, v in data.items()]
        output = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
        known = [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()]
        graph = helper.make_graph(nodes, "m", inputs, output, known)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                                    providers=["CPUExecutionProvider"])
        self.data = data

    def once(self):
        return self.session.run(None, self.data)[0]

    def best(self, count):
        times = []
        for _ in range(count):
            start = time.perf_counter()
            self.once()
            times.append(time.perf_counter() - start)
        return min(times) * 1e6


def measure(name, lepc, count, rounds):
    text, data, nodes, constants, weights = CASES[name]
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Ours(lepc, Path(folder), text, data, weights), Theirs(data, nodes, constants)
        apart = np.abs(np.load(ours.result).ravel() - theirs.once().ravel()).max()
        pairs = [(ours.best(count), theirs.best(count)) for _ in range(rounds)]
    mine, other = (min(pair[i] for pair in pairs) for i in range(2))
    print(f"{name:32} {mine:10.1f} {other:10.1f} {other / mine:8.2f} {apart:10.2g}", flush=True)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--only", default="", help="cases whose name has this in it")
    args.add_argument("--count", type=int, default=50, help="runs a turn")
    args.add_argument("--rounds", type=int, default=3, help="turns")
    args.add_argument("--core", type=int, help="to run on")
    opt = args.parse_args()
    pin_to_core(opt.core)
    print(f"{'operator':32} {'ours us':>10} {'ort us':>10} {'ratio':>8} {'apart':>10}")
    for name in CASES:
        if opt.only in name:
            measure(name, os.environ.get("LEPC", "build/bin/lepc"), opt.count, opt.rounds)


if __name__ == "__main__":
    main()
