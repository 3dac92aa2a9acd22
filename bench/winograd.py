#!/usr/bin/env python3
"""3x3 convolutions by Winograd's transforms beside our own direct code and ONNX Runtime's, in turns on one core; then a
whole ResNet-18, whose weights are cold when a layer comes to them.  Run it with a Python that has onnxruntime and onnx
(bench/requirements.txt)."""
import argparse
import json
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort
from figures import Figure, print_table
from measure import output_of, pin_to_core
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
NET = HERE / "models/resnet18.lep"
TURNS = 7
LAYERS = {  # name: height and width of the result, channels read and written, ONNX Runtime's time over ours at least
    "56x56, 64->64": (56, 64, 64, 2.5),
    "28x28, 128->128": (28, 128, 128, None),
    "14x14, 256->256": (14, 256, 256, None),
    "13x13, 32->64": (13, 32, 64, None),
    "7x7, 512->512": (7, 512, 512, None),
}


class Ours:
    """A model compiled for this machine; strict code is direct, what else the schedule chooses is its own affair."""

    def __init__(self, lepc: str, model: Path, picture: Path, mode: str, runs: int):
        binary = model.with_suffix(f".{mode}")
        flags = ["--cpu=native", f"--fp={mode}"]
        output_of([lepc, "build", str(model), *flags, "-q", "-o", str(binary)])
        text = output_of([lepc, "dump", str(model), *flags, "--after=schedule"])
        self.variants = re.findall(r"variant: (winograd\d)", text)
        self.command = [str(binary), "--input", f"{picture.stem}={picture}", f"--bench={runs}", "--json"]
        self.best = float("inf")

    def run(self) -> None:
        said = [line for line in output_of(self.command).splitlines() if '"bench"' in line]
        self.best = min(self.best, json.loads(said[0])["bench"]["min_us"])


class OnnxRuntime:
    """The same layer of other weights, its input and output bound beforehand."""

    def __init__(self, size: int, channels: int, out: int):
        draw = np.random.default_rng(2)
        weights = draw.standard_normal((out, channels, 3, 3), np.float32)
        bias = draw.standard_normal(out, np.float32)
        graph = helper.make_graph(
            [helper.make_node("Conv", ["x", "w", "b"], ["y"])],
            "layer",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, channels, size + 2, size + 2])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, out, size, size])],
            [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        source = draw.standard_normal((1, channels, size + 2, size + 2), np.float32)
        result = np.zeros((1, out, size, size), np.float32)
        self.binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(source))
        self.binding.bind_ortvalue_output("y", ort.OrtValue.ortvalue_from_numpy(result))
        self.best = float("inf")

    def run(self, count: int = 200) -> None:
        for _ in range(count):
            start = time.perf_counter()
            self.session._sess.run_with_iobinding(self.binding._iobinding, None)
            self.best = min(self.best, (time.perf_counter() - start) * 1e6)


def picture_of(folder: Path, name: str, elements: int) -> Path:
    path = folder / f"{name}.raw"
    path.write_bytes(np.random.default_rng(1).standard_normal(elements, np.float32).tobytes())
    return path


def layer_figures(lepc: str, folder: Path, name: str) -> list[Figure]:
    size, channels, out, bar = LAYERS[name]
    model = folder / f"layer_{size}_{channels}.lep"
    read = f"x: f32[1, {size + 2}, {size + 2}, {channels}]"
    model.write_text(f"lep 1\nmodel layer {{\n  weights seed: 3\n  input {read}\n"
                     f"  output y = conv2d(x, out: {out}, kernel: 3)\n}}\n")
    picture = picture_of(folder, "x", (size + 2) ** 2 * channels)
    direct, fast = (Ours(lepc, model, picture, mode, 400) for mode in ("strict", "fast"))
    peer = OnnxRuntime(size, channels, out)
    for _ in range(TURNS):
        direct.run()
        fast.run()
        peer.run()
    return [
        Figure(f"{name}, direct", direct.best, "us"),
        Figure(f"  {', '.join(fast.variants) or 'direct again'}", fast.best, "us"),
        Figure(f"  ONNX Runtime {ort.__version__}", peer.best, "us"),
        Figure("  direct / ours", direct.best / fast.best, "x", 1, least=True),
        Figure("  ONNX Runtime / ours", peer.best / fast.best, "x", bar, least=True),
    ]


def net_figures(lepc: str, folder: Path) -> list[Figure]:
    model = folder / NET.name
    model.write_text(NET.read_text())
    picture = picture_of(folder, "image", 224 * 224 * 3)
    direct, fast = (Ours(lepc, model, picture, mode, 10) for mode in ("strict", "fast"))
    for _ in range(TURNS):
        direct.run()
        fast.run()
    return [
        Figure("ResNet-18, direct", direct.best / 1e3, "ms"),
        Figure(f"  Winograd in {len(fast.variants)} layers", fast.best / 1e3, "ms"),
        Figure("  direct / ours", direct.best / fast.best, "x", 1, least=True),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lepc", default=str(HERE.parent / "build/bin/lepc"))
    parser.add_argument("--core", type=int)
    args = parser.parse_args()
    pin_to_core(args.core)
    figures = []
    with tempfile.TemporaryDirectory() as temporary:
        for name in LAYERS:
            figures += layer_figures(args.lepc, Path(temporary), name)
        figures += net_figures(args.lepc, Path(temporary))
    print_table(figures)
    raise SystemExit(not all(figure.good for figure in figures))


if __name__ == "__main__":
    main()
