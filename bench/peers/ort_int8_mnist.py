#!/usr/bin/env python3
"""ONNX Runtime on the MNIST network in 8 bits, one thread, batch 1 (protocol: serve.py).

Quantised by its own tool, with a scale a channel, from the pictures that the example ships.
"""
import tempfile
from pathlib import Path

import numpy as np
from net import DIGIT, all_pictures, picture_f32
from onnx_net import identity, mnist
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from ort_mnist import NAME, bound
from serve import check, serve


class Pictures(CalibrationDataReader):
    def __init__(self):
        self.rows = iter(all_pictures())

    def get_next(self) -> dict | None:
        picture = next(self.rows, None)
        return None if picture is None else {"x": picture.reshape(1, 1, 28, 28)}


def quantised() -> bytes:
    with tempfile.TemporaryDirectory() as name:
        full, small = Path(name, "full.onnx"), Path(name, "small.onnx")
        full.write_bytes(mnist("f32 NCHW"))
        quantize_static(str(full), str(small), Pictures(), quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
        return small.read_bytes()


def main() -> None:
    run, output = bound(quantised(), picture_f32())
    check(NAME, "f32 NCHW", output, DIGIT)
    empty, _ = bound(identity(), np.zeros((1, 10), np.float32))
    serve(f"{NAME}, int8", {"f32 NCHW": run}, empty)


if __name__ == "__main__":
    main()
