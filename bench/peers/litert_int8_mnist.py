#!/usr/bin/env python3
"""LiteRT (TFLite with XNNPACK) on the MNIST network in 8 bits, one thread, batch 1 (protocol: serve.py).

    litert_int8_mnist.py FOLDER     where make_tflite.py wrote its files
"""
import sys
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter
from litert_mnist import NAME
from net import DIGIT, picture_u8
from serve import check, serve


def main() -> None:
    net = Interpreter(str(Path(sys.argv[1]) / "mnist_int8.tflite"), num_threads=1)
    net.allocate_tensors()
    source, result = net.get_input_details()[0], net.get_output_details()[0]
    net.set_tensor(source["index"], picture_u8())
    net.invoke()
    scale, zero = result["quantization"]
    check(NAME, "u8 NHWC", (net.get_tensor(result["index"]).astype(float) - zero) * scale, DIGIT)
    serve(f"{NAME}, int8", {"u8 NHWC": net._interpreter.Invoke})  # without the wrapper


if __name__ == "__main__":
    main()
