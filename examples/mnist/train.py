#!/usr/bin/env python3
"""Trains the network of mnist.lep with Keras and writes mnist.safetensors.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python train.py

The data are the four gzipped IDX files of MNIST in $LEPC_DATA/data/mnist
(LEPC_DATA defaults to the folder `shared` beside the repository).
"""
import argparse
import gzip
import json
import math
import os
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BATCH, HELD_BACK, PEAK_RATE = 128, 0.1, 2e-3  # HELD_BACK: the share of images kept for validation
FILES = {
    "train_x": "train-images-idx3-ubyte.gz",
    "train_y": "train-labels-idx1-ubyte.gz",
    "test_x": "t10k-images-idx3-ubyte.gz",
    "test_y": "t10k-labels-idx1-ubyte.gz",
}


def data_folder() -> Path:
    """The folder of the IDX files; ends the program if one of them is missing."""
    root = Path(os.environ.get("LEPC_DATA", HERE.parents[2] / "shared"))
    folder = root / "data" / "mnist"
    missing = [name for name in FILES.values() if not (folder / name).is_file()]
    if missing:
        sys.exit(
            f"train.py: no {', '.join(missing)} in {folder}\n"
            "  Set LEPC_DATA to a folder that has MNIST's four .gz files in data/mnist."
        )
    return folder


def read_idx(path: Path):
    """An IDX file of unsigned bytes as an array."""
    import numpy as np

    raw = gzip.decompress(path.read_bytes())
    _, kind, rank = struct.unpack(">HBB", raw[:4])
    if kind != 8:
        sys.exit(f"train.py: {path} does not hold unsigned bytes")
    shape = struct.unpack(f">{rank}I", raw[4 : 4 + 4 * rank])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape)


def build_network():
    """The same network as mnist.lep, layer for layer and name for name."""
    import keras
    from keras import layers

    image = keras.Input((28, 28, 1), dtype="uint8", name="image")
    t = keras.ops.cast(image, "float32") / 255.0
    t = layers.Conv2D(32, 3, activation="relu", name="c1")(t)
    t = layers.MaxPooling2D(2)(t)
    t = layers.Conv2D(64, 3, activation="relu", name="c2")(t)
    t = layers.MaxPooling2D(2)(t)
    t = layers.Conv2D(64, 3, activation="relu", name="c3")(t)
    t = layers.Flatten()(t)
    t = layers.Dense(64, activation="relu", name="h")(t)
    t = layers.Dense(10, activation="softmax", name="y")(t)
    return keras.Model(image, t, name="mnist")


def print_epoch(epoch: int, logs: dict) -> None:
    print(
        f"epoch {epoch + 1:2d}  loss {logs['loss']:.4f}  accuracy {100 * logs['accuracy']:.2f} %"
        f"  validation loss {logs['val_loss']:.4f}  accuracy {100 * logs['val_accuracy']:.2f} %",
        flush=True,
    )


def compile_network(net, steps: int) -> None:
    """Adam whose rate falls to nothing along a cosine: it ends calmer than a constant rate."""
    import keras

    rate = keras.optimizers.schedules.CosineDecay(PEAK_RATE, steps)
    net.compile(keras.optimizers.Adam(rate), "categorical_crossentropy", metrics=["accuracy"])


def train(folder: Path, seed: int, epochs: int):
    """A trained network and its accuracy on the test set."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    data = {key: read_idx(folder / name) for key, name in FILES.items()}
    x, test_x = (data[k][..., None] for k in ("train_x", "test_x"))
    y, test_y = (keras.utils.to_categorical(data[k], 10) for k in ("train_y", "test_y"))
    net = build_network()
    compile_network(net, steps=epochs * math.ceil(len(x) * (1 - HELD_BACK) / BATCH))
    print(f"{net.count_params()} parameters, seed {seed}", flush=True)
    log = keras.callbacks.LambdaCallback(on_epoch_end=print_epoch)
    net.fit(x, y, batch_size=BATCH, epochs=epochs, validation_split=HELD_BACK, verbose=0, callbacks=[log])
    return net, net.evaluate(test_x, test_y, batch_size=500, verbose=0)[1]


def write_safetensors(path: Path, tensors: dict) -> None:
    """Eight bytes of header length, a JSON header, then the f32 arrays in the order of the dict."""
    header, offset = {}, 0
    for name, array in tensors.items():
        size = 4 * array.size
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            f.write(array.astype("<f4").tobytes())


def weights_of(net) -> dict:
    """`c1/kernel`, `c1/bias`, ... in Keras' own order of axes."""
    return {f"{layer.name}/{w.name}": w.numpy() for layer in net.layers for w in layer.weights}


def main() -> None:
    args = argparse.ArgumentParser(description="trains mnist.lep's network with Keras")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--epochs", type=int, default=10)
    args.add_argument("--out", type=Path, default=HERE / "mnist.safetensors")
    opt = args.parse_args()
    folder = data_folder()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    net, accuracy = train(folder, opt.seed, opt.epochs)
    print(f"test accuracy {100 * accuracy:.2f} %")
    write_safetensors(opt.out, weights_of(net))
    print(f"wrote {opt.out.name}")


if __name__ == "__main__":
    main()
