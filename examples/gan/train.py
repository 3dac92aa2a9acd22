#!/usr/bin/env python3
"""Trains the generator of gan.lep against a discriminator and writes gan.safetensors.

    python3 -m venv venv && venv/bin/pip install -r ../mnist/requirements.txt pillow==11.0.0
    venv/bin/python train.py

Both are told which digit it is about (Mirza and Osindero 2014); the loss is the hinge, and the discriminator's layers
are held to a spectral norm of 1 (Miyato et al. 2018).  What it learns from is drawn here, by the strokes of
../mnist/draw_digits.py in many hands.  The seed is fixed and TensorFlow's kernels are told to be deterministic.
"""
import math
import os
import random
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "mnist")]
import draw_digits as hand
from tensors import write_safetensors

NOISE, KIND, BATCH, STEPS, HANDS = 16, 16, 64, 4000, 120


def drawn(name: str, n: int) -> np.ndarray:
    """One of the shipped digits by another hand: more or less slanted, wide, bent."""
    slant, brush, strokes = hand.DIGITS[name]
    rng = random.Random(f"{name} {n}")
    slant, brush = slant + rng.uniform(-0.15, 0.2), brush * rng.uniform(0.85, 1.3)
    wide = rng.uniform(0.85, 1.2)
    points = [[(wide * x, y) for x, y in stroke] for stroke in strokes]
    strokes = hand.fit(hand.in_hand(f"{name} {n}", slant, points), brush)
    image = np.asarray(hand.paint(strokes, brush).reduce(hand.FINE), np.float32)
    dy, dx = (14 - (image.sum(1 - axis) @ (np.arange(28) + 0.5)) / image.sum() for axis in (0, 1))
    moved = [[(x + dx, y + dy) for x, y in stroke] for stroke in strokes]  # centred by mass, as in MNIST
    return np.asarray(hand.paint(moved, brush).reduce(hand.FINE), np.float32) / 255


def pictures():
    """[N, 28, 28, 1] between 0 and 1, and the digits."""
    names = [name for name in hand.DIGITS for _ in range(HANDS)]
    images = np.stack([drawn(name, n) for n, name in enumerate(names)])
    return images[..., None], np.array([int(name[0]) for name in names], np.int32)


def normal(rng, *shape, spread):
    return tf.Variable(rng.normal(0, spread, shape).astype(np.float32))


def generator_parameters(rng) -> dict:
    out = {"kind/embeddings": normal(rng, 10, KIND, spread=1.0)}
    for name, shape, inputs, bias in (("h", (NOISE + KIND, 7 * 7 * 24), NOISE + KIND, 7 * 7 * 24),
                                      ("up1", (4, 4, 24, 24), 4 * 24, 24), ("up2", (4, 4, 16, 24), 4 * 24, 16),
                                      ("y", (3, 3, 16, 1), 144, 1)):
        out[f"{name}/kernel"] = normal(rng, *shape, spread=math.sqrt(2 / inputs))
        if name == "y":
            out[f"{name}/bias"] = tf.Variable(np.zeros(bias, "f4"))
            continue
        out[f"{name}_norm/gamma"] = tf.Variable(np.ones(bias, "f4"))
        out[f"{name}_norm/beta"] = tf.Variable(np.zeros(bias, "f4"))
    return out


def generate(p: dict, noise, kind, seen=None):
    """Statement for statement that of gan.lep, but that means and variances are those of the batch; they go to seen."""

    def norm(name, x):
        mean, variance = tf.nn.moments(x, list(range(len(x.shape) - 1)))
        if seen is not None:
            seen[f"{name}/moving_mean"], seen[f"{name}/moving_variance"] = mean, variance
        return (x - mean) * tf.math.rsqrt(variance + 1e-3) * p[f"{name}/gamma"] + p[f"{name}/beta"]

    n = tf.shape(noise)[0]
    x = tf.concat([noise, tf.gather(p["kind/embeddings"], kind)], -1)
    h = tf.reshape(tf.nn.relu(norm("h_norm", x @ p["h/kernel"])), (n, 7, 7, 24))
    for name, size, channels in (("up1", 14, 24), ("up2", 28, 16)):
        h = tf.nn.conv2d_transpose(h, p[f"{name}/kernel"], (n, size, size, channels), 2, "SAME")
        h = tf.nn.relu(norm(f"{name}_norm", h))
    return tf.sigmoid(tf.nn.conv2d(h, p["y/kernel"], 1, "SAME") + p["y/bias"])


def judge_parameters(rng) -> dict:
    return {"c1": normal(rng, 4, 4, 1, 32, spread=0.2), "b1": tf.Variable(np.zeros(32, "f4")),
            "c2": normal(rng, 4, 4, 32, 64, spread=0.06), "b2": tf.Variable(np.zeros(64, "f4")),
            "y": normal(rng, 7 * 7 * 64, 1, spread=0.02), "kind": normal(rng, 10, 7 * 7 * 64, spread=0.02)}


def judge(p: dict, u: dict, image, kind):
    """How real the picture looks as one of that digit."""

    def held(name):
        """The weights over their greatest singular value, by one step of the power method."""
        w = tf.reshape(p[name], (-1, p[name].shape[-1]))
        v = tf.stop_gradient(tf.math.l2_normalize(tf.linalg.matvec(w, u[name])))
        u[name].assign(tf.stop_gradient(tf.math.l2_normalize(tf.linalg.matvec(w, v, transpose_a=True))))
        return p[name] / tf.tensordot(v, tf.linalg.matvec(w, u[name]), 1)

    h = tf.nn.leaky_relu(tf.nn.conv2d(image, held("c1"), 2, "SAME") + p["b1"], 0.1)
    h = tf.nn.leaky_relu(tf.nn.conv2d(h, held("c2"), 2, "SAME") + p["b2"], 0.1)
    h = tf.reshape(h, (-1, 7 * 7 * 64))
    return tf.squeeze(h @ held("y"), -1) + tf.reduce_sum(h * tf.gather(held("kind"), kind), -1)


def train(steps: int) -> dict:
    keras.utils.set_random_seed(1)
    tf.config.experimental.enable_op_determinism()
    rng = np.random.default_rng(1)
    images, digits = pictures()
    g, d = generator_parameters(rng), judge_parameters(rng)
    u = {name: normal(rng, d[name].shape[-1], spread=1.0) for name in ("c1", "c2", "y", "kind")}
    g_all, d_all = list(g.values()), list(d.values())
    rate = keras.optimizers.schedules.CosineDecay(5e-4, steps)
    g_opt, d_opt = (keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99) for _ in range(2))
    g_opt.build(g_all)
    d_opt.build(d_all)

    @tf.function
    def step(image, kind, noise, other):
        with tf.GradientTape() as tape:
            real, fake = judge(d, u, image, kind), judge(d, u, generate(g, noise, other), other)
            loss = tf.reduce_mean(tf.nn.relu(1 - real)) + tf.reduce_mean(tf.nn.relu(1 + fake))
        d_opt.apply(tape.gradient(loss, d_all))
        with tf.GradientTape() as tape:
            fooled = -tf.reduce_mean(judge(d, u, generate(g, noise, other), other))
        g_opt.apply(tape.gradient(fooled, g_all))
        return loss, fooled

    for n in range(steps):
        rows = rng.integers(0, len(images), BATCH)
        noise, other = rng.normal(size=(BATCH, NOISE)), rng.integers(0, 10, BATCH)
        losses = step(tf.constant(images[rows]), tf.constant(digits[rows]), tf.constant(noise, tf.float32),
                      tf.constant(other, tf.int32))
        if n % 500 == 499:
            judged, fooled = (float(loss) for loss in losses)
            print(f"step {n + 1:4d}  discriminator {judged:.3f}  generator {fooled:.3f}", flush=True)
    seen = {}
    generate(g, tf.constant(rng.normal(size=(2000, NOISE)), tf.float32), tf.constant(np.arange(2000) % 10), seen)
    return {**g, **seen}


def main() -> None:
    g = train(int(sys.argv[1]) if len(sys.argv) > 1 else STEPS)
    write_safetensors(HERE / "gan.safetensors", {name: v.numpy() for name, v in g.items()})


if __name__ == "__main__":
    main()
