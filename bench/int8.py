#!/usr/bin/env python3
"""8-bit layers beside ONNX Runtime's and what the core can do, in turns on one core.  Run it with a Python that has
onnxruntime and onnx (bench/requirements.txt)."""
import argparse
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from figures import Figure, print_table
from measure import output_of, pin_to_core
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
TURNS = 5
LAYERS = {  # name: height and width read, channels, kernel
    "conv 3x3 64->64, 56x56": (58, 64, 3),
    "conv 1x1 256->64, 56x56": (56, 256, 1),
    "conv 3x3 32->64, 13x13": (13, 32, 3),
}
OUT = 64


def ours(lepc: str, folder: Path, size: int, channels: int, kernel: int) -> list[str]:
    text = f"""lep 1
model layer {{
  weights seed: 3
  input x: u8[1, {size}, {size}, {channels}]
  output y = requantize(conv2d(x, out: {OUT}, kernel: {kernel}), 0.0005, to: u8)
}}
"""
    base = folder / f"{size}_{channels}_{kernel}"
    base.with_suffix(".lep").write_text(text)
    output_of([lepc, "build", str(base.with_suffix(".lep")), "--cpu=native", "-o", str(base)])
    picture = np.random.default_rng(1).integers(0, 255, size * size * channels, np.uint8)
    base.with_suffix(".raw").write_bytes(picture.tobytes())
    return [str(base), "--input", f"x={base.with_suffix('.raw')}", "--bench=300", "--json"]


def theirs(size: int, channels: int, kernel: int):
    """A call of QLinearConv with a scale a channel, input and output bound beforehand."""
    draw = np.random.default_rng(2)
    constants = {
        "xs": np.float32(0.01), "xz": np.uint8(0), "ws": np.full(OUT, 0.01, np.float32), "wz": np.zeros(OUT, np.int8),
        "ys": np.float32(0.2), "yz": np.uint8(0), "b": draw.integers(-500, 500, OUT).astype(np.int32),
        "w": draw.integers(-127, 127, (OUT, channels, kernel, kernel)).astype(np.int8),
    }  # fmt: skip
    node = helper.make_node("QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], ["y"])
    wide = size - kernel + 1
    graph = helper.make_graph(
        [node],
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, channels, size, size])],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, [1, OUT, wide, wide])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    source = draw.integers(0, 255, (1, channels, size, size)).astype(np.uint8)
    binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(source))
    binding.bind_ortvalue_output("y", ort.OrtValue.ortvalue_from_numpy(np.zeros((1, OUT, wide, wide), np.uint8)))
    return lambda: session._sess.run_with_iobinding(binding._iobinding, None)


# QDQ networks of one layer, as quantize_static writes them: operator, shape of x and of the weights, their zero point
QDQ = {
    "conv 3x3 64->64, 56x56": ("Conv", [1, 64, 56, 56], [64, 64, 3, 3], 119),
    "product 128 x 512 x 512": ("MatMul", [128, 512], [512, 512], 119),
}


def qdq_model(folder: Path, name: str) -> Path:
    """u8 activations and u8 weights, both with zero points, between QuantizeLinear and DequantizeLinear."""
    op, rows, weights, zero = QDQ[name]
    draw = np.random.default_rng(3)
    constants = {
        "xs": np.float32(0.02), "xz": np.uint8(110), "ws": np.float32(0.01), "wz": np.uint8(zero),
        "ys": np.float32(0.5), "yz": np.uint8(100), "w": draw.integers(0, 255, weights).astype(np.uint8),
    }  # fmt: skip
    attributes = {"pads": [1, 1, 1, 1]} if op == "Conv" else {}
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "xs", "xz"], ["xr"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wr"]),
        helper.make_node(op, ["xr", "wr"], ["yr"], **attributes),
        helper.make_node("QuantizeLinear", ["yr", "ys", "yz"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, rows)],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, None)],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    path = folder / f"qdq_{op}.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())
    return path


def ours_of_model(lepc: str, path: Path, rows: list[int]) -> list[str]:
    base = path.with_suffix("")
    output_of([lepc, "build", str(path), "--cpu=native", "-o", str(base)])
    bytes_of_x = np.random.default_rng(1).integers(0, 255, int(np.prod(rows)), np.uint8).tobytes()
    base.with_suffix(".raw").write_bytes(bytes_of_x)
    return [str(base), "--input", f"x={base.with_suffix('.raw')}", "--bench=300", "--json"]


def theirs_of_model(path: Path, rows: list[int]):
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {"x": np.random.default_rng(1).integers(0, 255, rows).astype(np.uint8)}
    return lambda: session.run(None, feed)


def best_us(call, count: int = 200) -> float:
    best = float("inf")
    for _ in range(count):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lepc", default=str(HERE.parent / "build/bin/lepc"))
    parser.add_argument("--core", type=int)
    args = parser.parse_args()
    pin_to_core(args.core)
    figures = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        roof = str(folder / "roof")
        output_of([os.environ.get("CC", "cc"), "-O2", "-march=native", "-o", roof, str(HERE / "roof_int8.c")])
        rates = [float(output_of([roof]))]
        for name, (size, channels, kernel) in LAYERS.items():
            command, call = ours(args.lepc, folder, size, channels, kernel), theirs(size, channels, kernel)
            own = peer = float("inf")
            for _ in range(TURNS):
                own = min(own, json.loads(output_of(command))["bench"]["min_us"])
                peer = min(peer, best_us(call))
                rates.append(float(output_of([roof])))
            work = 2e-3 * (size - kernel + 1) ** 2 * OUT * channels * kernel**2
            figures.append(Figure(f"{name}, u8 x i8 and requantize", own, "us", peer))
            figures.append(Figure(f"  ONNX Runtime {ort.__version__}", peer, "us"))
            figures.append(Figure("  of the core's dot products", 100 * work / own / max(rates), "%", 80, least=True))
        for name, (_, rows, _, _) in QDQ.items():
            path = qdq_model(folder, name)
            command, call = ours_of_model(args.lepc, path, rows), theirs_of_model(path, rows)
            own = peer = float("inf")
            for _ in range(TURNS):
                own = min(own, json.loads(output_of(command))["bench"]["min_us"])
                peer = min(peer, best_us(call))
            figures.append(Figure(f"{name}, QDQ, u8 x u8", own, "us", peer))
            figures.append(Figure(f"  ONNX Runtime {ort.__version__}", peer, "us"))
    figures.insert(0, Figure("core: u8 x i8 dot products", max(rates), "GOP/s"))
    print_table(figures)
    raise SystemExit(not all(figure.good for figure in figures))


if __name__ == "__main__":
    main()
