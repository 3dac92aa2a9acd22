#!/usr/bin/env python3
"""Prunes the trained network of mnist.lep and trains on with the zeros held, and writes mnist_pruned.safetensors.

    venv/bin/python prune.py            (after train.py's two lines of preparation)

In c2, c3 and h the blocks of 1 input x 16 outputs with the smallest norms become zero, 80 % of them, which is what
`prune: c2 sparsity: 80% block: 1x16` would do; five epochs bring back what that cost.  The zeros are in the weights
then: mnist_pruned.lep asks for nothing, the schedule finds them.
"""
import argparse
import json
import os
import struct
from pathlib import Path

import train

HERE = Path(__file__).resolve().parent
LAYERS, SPARSITY, BLOCK = ("c2", "c3", "h"), 0.8, 16


def read_safetensors(path: Path) -> dict:
    """The f32 arrays by name."""
    import numpy as np

    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + i for i in entry["data_offsets"])
        tensors[name] = np.frombuffer(raw[begin:end], "<f4").reshape(entry["shape"]).copy()
    return tensors


def mask_of(kernel):
    """1 where a weight stays: the blocks with the largest norms, of equals the last."""
    import numpy as np

    blocks = kernel.reshape(-1, BLOCK)
    order = np.argsort((blocks.astype(np.float64) ** 2).sum(axis=1), kind="stable")
    mask = np.ones_like(blocks)
    mask[order[: round(SPARSITY * len(order))]] = 0
    return mask.reshape(kernel.shape)


def hold_zeros(net, masks):
    """After each step what was dropped is zero again."""
    import keras

    def apply(*_, **__):
        for name, mask in masks.items():
            kernel = net.get_layer(name).kernel
            kernel.assign(kernel * mask)

    apply()
    return keras.callbacks.LambdaCallback(on_train_batch_end=apply)


def tune(folder: Path, tensors: dict, seed: int, epochs: int):
    """The pruned network, trained on, and its accuracy on the test set before and after."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    data = {key: train.read_idx(folder / name) for key, name in train.FILES.items()}
    x, test_x = (data[k][..., None] for k in ("train_x", "test_x"))
    y, test_y = (keras.utils.to_categorical(data[k], 10) for k in ("train_y", "test_y"))
    net = train.build_network()
    for layer in net.layers:
        if layer.weights:
            layer.set_weights([tensors[f"{layer.name}/{w.name}"] for w in layer.weights])
    zeros = hold_zeros(net, {name: mask_of(tensors[f"{name}/kernel"]) for name in LAYERS})
    train.compile_network(net, steps=epochs * -(-len(x) // train.BATCH))
    before = net.evaluate(test_x, test_y, batch_size=500, verbose=0)[1]
    net.fit(x, y, batch_size=train.BATCH, epochs=epochs, verbose=0, callbacks=[zeros])
    return net, before, net.evaluate(test_x, test_y, batch_size=500, verbose=0)[1]


def main() -> None:
    args = argparse.ArgumentParser(description="prunes mnist.lep's network and trains on")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--epochs", type=int, default=5)
    args.add_argument("--out", type=Path, default=HERE / "mnist_pruned.safetensors")
    opt = args.parse_args()
    folder = train.data_folder()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    net, before, after = tune(folder, read_safetensors(HERE / "mnist.safetensors"), opt.seed, opt.epochs)
    print(f"test accuracy {100 * before:.2f} % when pruned, {100 * after:.2f} % trained on")
    train.write_safetensors(opt.out, train.weights_of(net))
    print(f"wrote {opt.out.name}")


if __name__ == "__main__":
    main()
