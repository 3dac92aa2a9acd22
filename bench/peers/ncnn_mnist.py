#!/usr/bin/env python3
"""ncnn on the MNIST network, one thread, batch 1 (protocol: serve.py)."""
import struct
import tempfile
from pathlib import Path

import ncnn
import numpy as np
from net import DIGIT, nchw_weights, picture_f32
from serve import check, serve

NAME = f"ncnn {ncnn.__version__}"
KIND = "f32 NCHW"
PARAM = """7767517
9 9
Input input 0 1 x 0=28 1=28 2=1
Convolution c1 1 1 x c1 0=32 1=3 5=1 6=288 9=1
Pooling p1 1 1 c1 p1 0=0 1=2 2=2 5=1
Convolution c2 1 1 p1 c2 0=64 1=3 5=1 6=18432 9=1
Pooling p2 1 1 c2 p2 0=0 1=2 2=2 5=1
Convolution c3 1 1 p2 c3 0=64 1=3 5=1 6=36864 9=1
InnerProduct h 1 1 c3 h 0=64 1=1 2=36864 9=1
InnerProduct y 1 1 h y 0=10 1=1 2=640
Softmax digit 1 1 y digit 0=0 1=1
"""


def load() -> ncnn.Net:
    """The net from ncnn's two files, written to a temporary folder."""
    tensors, net = nchw_weights(), ncnn.Net()
    net.opt.num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        param, weights = Path(folder, "mnist.param"), Path(folder, "mnist.bin")
        param.write_text(PARAM)
        with open(weights, "wb") as f:
            for name in ("c1", "c2", "c3", "h", "y"):
                f.write(struct.pack("<I", 0) + tensors[f"{name}/kernel"].tobytes() + tensors[f"{name}/bias"].tobytes())
        if net.load_param(str(param)) or net.load_model(str(weights)):
            raise SystemExit(f"{NAME} does not read the net")
    return net


def main() -> None:
    net = load()
    picture = picture_f32()[0]  # ncnn.Mat only borrows it
    source = ncnn.Mat(picture)

    def run() -> ncnn.Mat:
        extractor = net.create_extractor()
        extractor.input("x", source)
        return extractor.extract("digit")[1]

    check(NAME, KIND, np.array(run()), DIGIT)
    serve(NAME, {KIND: run})


if __name__ == "__main__":
    main()
