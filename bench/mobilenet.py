#!/usr/bin/env python3
"""Blocks of MobileNet V1 and V2, f32, beside ONNX Runtime and LiteRT, in turns on one core.

    VENV/bin/python bench/mobilenet.py

Run by a Python with numpy, onnx, onnxruntime and ai-edge-litert (bench/requirements.txt).  Each row is one block of
the net's own sizes, with drawn weights, the same for all: best times, what either peer takes of ours (the bar is 1),
and how far apart the results are; and what we take with every layer by itself (--disable-pass=strips).

V1's pairs stand behind the 1x1 convolution that is before them in the net.  Alone they read the caller's picture, which
has no room for padding: they are shown, not judged.
"""
import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import ai_edge_litert
import numpy as np
import onnxruntime as ort
from ai_edge_litert.interpreter import Interpreter
from figures import Figure, print_table
from measure import output_of, pin_to_core
from onnx import TensorProto, helper, numpy_helper
from peers.tflite_file import Network, tflite

HERE = Path(__file__).resolve().parent


@dataclass
class Layer:
    """A convolution; 0 outputs: a channel each by itself, 3x3."""

    name: str
    out: int
    stride: int = 1
    relu6: bool = True


def inverted(size: int, inputs: int, wide: int, out: int, stride: int = 1):
    """MobileNetV2's block: expanded, each channel by itself, projected, and the input added where it fits."""
    layers = [Layer("e", wide), Layer("d", 0, stride), Layer("p", out, relu6=False)]
    return size, inputs, layers, stride == 1 and inputs == out


def separable(size: int, before: int, inputs: int, out: int, stride: int = 1):
    """MobileNetV1's: each channel by itself, and a 1x1 convolution, perhaps behind one that reads `before` channels."""
    layers = [Layer("d", 0, stride), Layer("p", out)]
    return size, before or inputs, [Layer("b", inputs), *layers] if before else layers, False


BLOCKS = {
    "V2 112x112 16-96-24 /2": inverted(112, 16, 96, 24, 2),
    "V2 56x56 24-144-24": inverted(56, 24, 144, 24),
    "V2 28x28 32-192-32": inverted(28, 32, 192, 32),
    "V2 14x14 96-576-96": inverted(14, 96, 576, 96),
    "V2 7x7 160-960-160": inverted(7, 160, 960, 160),
    "V1 112x112 32-64-128 /2": separable(112, 32, 64, 128, 2),
    "V1 56x56 64-128-128": separable(56, 64, 128, 128),
    "V1 56x56 128-128-256 /2": separable(56, 128, 128, 256, 2),
    "V1 28x28 128-256-256": separable(28, 128, 256, 256),
    "V1 14x14 512-512-512": separable(14, 512, 512, 512),
    "V1 7x7 512-1024-1024": separable(7, 512, 1024, 1024),
}
PAIRS = {
    "pair 112x112 32-64": separable(112, 0, 32, 64),
    "pair 112x112 64-128 /2": separable(112, 0, 64, 128, 2),
    "pair 56x56 128-128": separable(56, 0, 128, 128),
    "pair 28x28 256-256": separable(28, 0, 256, 256),
    "pair 14x14 512-512": separable(14, 0, 512, 512),
}


def draw_weights(inputs: int, layers: list[Layer]) -> dict[str, np.ndarray]:
    """HWIO, scaled so that values keep their size."""
    draw, tensors = np.random.default_rng(1), {}
    for layer in layers:
        out = layer.out or inputs
        shape = (1, 1, inputs, out) if layer.out else (3, 3, 1, out)
        size = np.float32(np.sqrt(3 / np.prod(shape[:3])))
        tensors[f"{layer.name}/kernel"] = draw.uniform(-1, 1, shape).astype(np.float32) * size
        tensors[f"{layer.name}/bias"] = draw.uniform(-1, 1, out).astype(np.float32)
        inputs = out
    return tensors


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    header, data = {}, b""
    for name, tensor in tensors.items():
        raw = tensor.tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


class Ours:
    """The program of a block, built with the given flags."""

    def __init__(self, lepc: str, folder: Path, block, source: np.ndarray, flags: list[str]):
        size, channels, layers, residual = block
        lines, value = [f"input x: f32[1, {size}, {size}, {channels}]", 'weights "w.safetensors" layout: keras'], "x"
        for layer in layers:
            groups = "" if layer.out else f", groups: {channels}"
            channels = layer.out or channels
            kernel = f"out: {channels}, kernel: {1 if layer.out else 3}{groups}, stride: {layer.stride}, pad: same"
            clamp = " |> clamp(low: 0, high: 6)" if layer.relu6 else ""
            lines.append(f"{layer.name} = conv2d({value}, {kernel}){clamp}")
            value = layer.name
        lines.append(f"output y = {value} + x" if residual else f"output y = {value}")
        (folder / "block.lep").write_text("lep 1\n\nmodel bottleneck {\n  " + "\n  ".join(lines) + "\n}\n")
        np.save(folder / "x.npy", source)
        self.result = folder / "y.npy"
        program = str(folder / "block")
        output_of([lepc, "build", str(folder / "block.lep"), "--cpu=native", "-q", "-o", program, *flags])
        self.command = [program, "--input", f"x={folder / 'x.npy'}", "--json"]
        output_of([*self.command, "--output", f"y={self.result}"])

    def once(self) -> np.ndarray:
        return np.load(self.result)

    def best(self, count: int) -> float:
        lines = output_of([*self.command, f"--bench={count}"]).splitlines()
        return next(json.loads(line)["bench"]["min_us"] for line in lines if '"bench"' in line)


class Peer:
    """A call without arguments, its operands bound beforehand."""

    def best(self, count: int) -> float:
        best = float("inf")
        for _ in range(count):
            start = time.perf_counter()
            self.call()
            best = min(best, time.perf_counter() - start)
        return best * 1e6


class OnnxRuntime(Peer):
    def __init__(self, block, tensors: dict[str, np.ndarray], source: np.ndarray):
        size, channels, layers, residual = block
        nodes, value = [], "x"
        for layer in layers:
            group = 1 if layer.out else channels
            channels, odd = layer.out or channels, (0 if layer.out else 1)
            ends = [odd, odd] if layer.stride == 1 else [0, odd]  # of an even size
            result, names = layer.name, [value, f"{layer.name}/kernel", f"{layer.name}/bias"]
            pads = [ends[0], ends[0], ends[1], ends[1]]
            nodes.append(helper.make_node("Conv", names, [result], group=group, strides=[layer.stride] * 2, pads=pads))
            if layer.relu6:
                nodes.append(helper.make_node("Clip", [result, "low", "high"], [result + ".6"]))
                result += ".6"
            size, value = -(-size // layer.stride), result
        nodes.append(helper.make_node("Add", [value, "x"], ["y"]) if residual
                     else helper.make_node("Identity", [value], ["y"]))  # fmt: skip
        known = {k: v.transpose(3, 2, 0, 1) if v.ndim == 4 else v for k, v in tensors.items()}
        known |= {"low": np.float32(0), "high": np.float32(6)}
        shapes = {"x": (1, source.shape[3], *source.shape[1:3]), "y": (1, channels, size, size)}
        ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
        tables = [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in known.items()]
        graph = helper.make_graph(nodes, "block", ports[:1], ports[1:], tables)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        picture = np.ascontiguousarray(source.transpose(0, 3, 1, 2))
        self.y = ort.OrtValue.ortvalue_from_numpy(np.zeros(shapes["y"], np.float32))
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(picture))
        self.binding.bind_ortvalue_output("y", self.y)
        self.call = lambda: self.session._sess.run_with_iobinding(self.binding._iobinding, None)

    def once(self) -> np.ndarray:
        self.call()
        return self.y.numpy().transpose(0, 2, 3, 1)


class LiteRT(Peer):
    def __init__(self, block, tensors: dict[str, np.ndarray], source: np.ndarray):
        _, _, layers, residual = block
        net = Network()
        x = value = net.tensor(source.shape)
        for layer in layers:
            weight = tensors[f"{layer.name}/kernel"]
            weight = weight.transpose(3, 0, 1, 2) if layer.out else weight.transpose(2, 0, 1, 3)
            value = net.conv(value, weight, tensors[f"{layer.name}/bias"], layer.stride, layer.relu6, not layer.out)
        value = net.add(value, x) if residual else value
        self.net = Interpreter(model_content=tflite(net, x, value), num_threads=1)
        self.net.allocate_tensors()
        self.net.set_tensor(self.net.get_input_details()[0]["index"], source)
        self.call = self.net._interpreter.Invoke  # without the wrapper

    def once(self) -> np.ndarray:
        self.call()
        return self.net.get_tensor(self.net.get_output_details()[0]["index"])


def measure(name: str, options: argparse.Namespace) -> list[Figure]:
    block = (BLOCKS | PAIRS)[name]
    tensors = draw_weights(block[1], block[2])
    source = np.random.default_rng(2).uniform(-1, 1, (1, block[0], block[0], block[1])).astype(np.float32)
    with tempfile.TemporaryDirectory() as temporary:
        engines = {}
        for engine, flags in {"strips": [], "alone": ["--disable-pass=strips"]}.items():
            folder = Path(temporary) / engine
            folder.mkdir()
            write_safetensors(folder / "w.safetensors", tensors)
            engines[engine] = Ours(options.lepc, folder, block, source, flags)
        engines["ort"] = OnnxRuntime(block, tensors, source)
        engines["litert"] = LiteRT(block, tensors, source)
        results = {engine: e.once() for engine, e in engines.items()}
        best = {engine: float("inf") for engine in engines}
        for _ in range(options.rounds):
            for engine, e in engines.items():
                best[engine] = min(best[engine], e.best(options.count))
    apart = max(float(np.abs(results["strips"] - results[peer]).max()) for peer in ("ort", "litert"))
    figures = [Figure(name, best["strips"], "us"), Figure("  each layer alone", best["alone"], "us")]
    names = {"ort": f"ONNX Runtime {ort.__version__}", "litert": f"LiteRT {ai_edge_litert.__version__}"}
    bar = 1 if name in BLOCKS else None
    for peer, version in names.items():
        figures.append(Figure(f"  {version}", best[peer], "us"))
        figures.append(Figure("    times ours", best[peer] / best["strips"], "", bar, least=True))
    figures.append(Figure("  results apart", apart, "", 1e-4))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lepc", default=str(HERE.parent / "build/bin/lepc"))
    parser.add_argument("--only", default="", help="blocks whose name has this in it")
    parser.add_argument("--count", type=int, default=200, help="runs a turn")
    parser.add_argument("--rounds", type=int, default=5, help="turns")
    parser.add_argument("--core", type=int, help="to run on")
    options = parser.parse_args()
    pin_to_core(options.core)
    figures = [figure for name in BLOCKS | PAIRS if options.only in name for figure in measure(name, options)]
    print_table(figures)
    raise SystemExit(not all(figure.good for figure in figures))


if __name__ == "__main__":
    main()
