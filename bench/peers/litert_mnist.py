#!/usr/bin/env python3
"""LiteRT (TFLite with XNNPACK) on the MNIST network, one thread, batch 1 (protocol: serve.py).

    litert_mnist.py FOLDER          where make_tflite.py wrote its files
"""
import sys
from pathlib import Path

import ai_edge_litert
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from net import DIGIT, picture_f32, picture_u8
from serve import Run, check, serve

NAME = f"LiteRT {ai_edge_litert.__version__}"


def bound(model: Path, source: np.ndarray) -> tuple[Run, np.ndarray]:
    net = Interpreter(str(model), num_threads=1)
    net.allocate_tensors()
    net.set_tensor(net.get_input_details()[0]["index"], source)
    net.invoke()
    run = net._interpreter.Invoke  # without the wrapper
    return run, net.get_tensor(net.get_output_details()[0]["index"])


def main() -> None:
    folder, variants = Path(sys.argv[1]), {}
    sources = {"u8 NHWC": ("mnist_u8.tflite", picture_u8()),
               "f32 NHWC": ("mnist_f32.tflite", picture_f32().reshape(1, 28, 28, 1))}
    for kind, (name, source) in sources.items():
        variants[kind], output = bound(folder / name, source)
        check(NAME, kind, output, DIGIT)
    serve(NAME, variants)


if __name__ == "__main__":
    main()
