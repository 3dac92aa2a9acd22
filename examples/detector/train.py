#!/usr/bin/env python3
"""Trains the network of detector.lep on shapes that draw.py makes up, and writes detector.safetensors.

    python3 -m venv venv && venv/bin/pip install -r ../mnist/requirements.txt
    venv/bin/python train.py

Anchors that cover a shape well, and of each shape the best one, learn its kind and where it is; those that cover none
learn that, as far as they are among the most mistaken, three for each that has a shape (Liu et al. 2016).  The seed is
fixed and TensorFlow's kernels are told to be deterministic.
"""
import math
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from draw import SIDE, draw, iou
from tensors import write_safetensors

PICTURES, BATCH, STEPS = 6000, 32, 4000
CELLS, CELL, SIZES = 8, 8, (14, 24)  # as in detector.lep
LAYERS = (("c1", 1, 16, 2), ("c2", 16, 24, 2), ("c3", 24, 40, 2), ("c4", 40, 40, 1), ("head", 40, 16, 1))
ANCHORS = [((y + 0.5) * CELL, (x + 0.5) * CELL, size) for y in range(CELLS) for x in range(CELLS) for size in SIZES]
SURE, UNSURE = 0.5, 0.35  # of a shape and of nothing; between them an anchor learns neither


def wanted(boxes, kinds):
    """Of each anchor the kind, -1: it does not matter, and the four numbers of its box."""
    kind, numbers = np.zeros(len(ANCHORS), np.int32), np.zeros((len(ANCHORS), 4), np.float32)
    cover = np.array([[iou((y - s / 2, x - s / 2, y + s / 2, x + s / 2), box) for box in boxes] for y, x, s in ANCHORS])
    nearest, best = cover.argmax(1), cover.max(1)
    kind[best >= UNSURE] = -1
    sure = [(a, nearest[a]) for a in np.flatnonzero(best >= SURE)]
    for a, b in sure + [(cover[:, b].argmax(), b) for b in range(len(boxes))]:
        (y, x, size), (y0, x0, y1, x1) = ANCHORS[a], boxes[b]
        kind[a] = kinds[b]
        numbers[a] = [((y0 + y1) / 2 - y) / size, ((x0 + x1) / 2 - x) / size,
                      math.log((y1 - y0) / size), math.log((x1 - x0) / size)]
    return kind, numbers


def examples(count: int):
    rows = []
    for number in range(count):
        picture, boxes, kinds = draw(np.random.default_rng(number + 10000))
        rows.append((picture, *wanted(boxes, kinds)))
    pictures, kinds, numbers = (np.stack(column) for column in zip(*rows))
    return pictures[..., None], kinds, numbers


def parameters() -> dict:
    rng, out = np.random.default_rng(1), {}
    for name, inputs, outputs, _ in LAYERS:
        kernel = rng.normal(0, math.sqrt(2 / (9 * inputs)), (3, 3, inputs, outputs))
        out[f"{name}/kernel"] = tf.Variable(kernel.astype(np.float32) * (0.1 if name == "head" else 1))
        out[f"{name}/bias"] = tf.Variable(np.zeros(outputs, np.float32))
    return out


def network(p: dict, pictures):
    """Statement for statement that of detector.lep, up to what each anchor says."""
    x = tf.cast(pictures, tf.float32) / 127.5 - 1
    for name, _, _, stride in LAYERS:
        x = tf.nn.conv2d(x, p[f"{name}/kernel"], stride, "SAME") + p[f"{name}/bias"]
        x = x if name == "head" else tf.nn.relu(x)
    return tf.reshape(x, (-1, len(ANCHORS), 8))


def loss_of(said, kinds, numbers):
    is_shape = tf.cast(kinds > 0, tf.float32)
    count = tf.reduce_sum(is_shape)
    wrong = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(kinds, 0), said[..., 4:])
    nothing = tf.sort(tf.reshape(tf.where(kinds == 0, wrong, 0.0), [-1]), direction="DESCENDING")
    off = tf.abs(said[..., :4] - numbers)
    off = tf.reduce_sum(tf.where(off < 0.2, off * off / 0.4, off - 0.1), -1)
    taken = nothing[: tf.cast(3 * count, tf.int32)]
    return (tf.reduce_sum(wrong * is_shape) + tf.reduce_sum(taken) + 2 * tf.reduce_sum(off * is_shape)) / count


def train(steps: int) -> dict:
    keras.utils.set_random_seed(1)
    tf.config.experimental.enable_op_determinism()
    pictures, kinds, numbers = examples(PICTURES)
    p = parameters()
    weights = list(p.values())
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps))
    optimizer.build(weights)

    @tf.function
    def step(picture, kind, number):
        with tf.GradientTape() as tape:
            loss = loss_of(network(p, picture), kind, number)
        optimizer.apply(tape.gradient(loss, weights))
        return loss

    rng = np.random.default_rng(1)
    for n in range(steps):
        rows = rng.integers(0, PICTURES, BATCH)
        loss = step(tf.constant(pictures[rows]), tf.constant(kinds[rows]), tf.constant(numbers[rows]))
        if n % 250 == 249:
            print(f"step {n + 1:4d}  loss {float(loss):.3f}", flush=True)
    return {name: weight.numpy() for name, weight in p.items()}


if __name__ == "__main__":
    write_safetensors(HERE / "detector.safetensors", train(int(sys.argv[1]) if len(sys.argv) > 1 else STEPS))
