#!/usr/bin/env python3
"""Trains the network of gpt.lep on fables.txt and writes gpt.safetensors.

    python3 -m venv venv && venv/bin/pip install -r ../mnist/requirements.txt
    venv/bin/python train.py

The network is written here as in gpt.lep, statement for statement, and its tensors have the names of those there.
The seed is fixed and TensorFlow's kernels are told to be deterministic.
"""
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import numpy as np
import tensorflow as tf

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tensors import write_safetensors

ALPHABET = "\n \"',-.:?abcdefghijklmnopqrstuvwxyz"  # as in main.c
WIDTH, CONTEXT, LAYERS, HEADS = 64, 128, 2, 4
BATCH, STEPS, PEAK_RATE, DROPPED = 24, 900, 4e-3, 0.1


def new_parameters(rng) -> dict:
    """name -> variable, in the layout of Keras: dense kernels are [in, out]."""
    out = {}

    def add(name, shape, spread):
        out[name] = tf.Variable(rng.normal(0, spread, shape).astype(np.float32) if spread else np.zeros(shape, "f4"))

    def dense(name, inputs, outputs, spread):
        add(f"{name}/kernel", (inputs, outputs), spread)
        add(f"{name}/bias", (outputs,), 0)

    def norm(name):
        out[f"{name}/gamma"] = tf.Variable(np.ones(WIDTH, "f4"))
        add(f"{name}/beta", (WIDTH,), 0)

    add("letters/embeddings", (len(ALPHABET), WIDTH), 0.08)
    add("places/embeddings", (CONTEXT, WIDTH), 0.08)
    for layer in range(LAYERS):
        norm(f"layer{layer}.n")
        for name in "qkv":
            dense(f"layer{layer}.{name}", WIDTH, WIDTH, WIDTH**-0.5)
        dense(f"layer{layer}.a", WIDTH, WIDTH, 0.05)
        norm(f"layer{layer}.m")
        dense(f"layer{layer}.h", WIDTH, 4 * WIDTH, WIDTH**-0.5)
        dense(f"layer{layer}.o", 4 * WIDTH, WIDTH, 0.03)
    norm("last")
    dense("next", WIDTH, len(ALPHABET), WIDTH**-0.5)
    return out


def network(p: dict, letters, drop: float):
    """Scores of the next letter at each place, [N, T, letters]."""

    def dense(name, x):
        return x @ p[f"{name}/kernel"] + p[f"{name}/bias"]

    def norm(name, x):
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        return (x - mean) * tf.math.rsqrt(variance + 1e-5) * p[f"{name}/gamma"] + p[f"{name}/beta"]

    def heads(x):
        return tf.transpose(tf.reshape(x, (tf.shape(x)[0], -1, HEADS, WIDTH // HEADS)), (0, 2, 1, 3))

    length = letters.shape[1]
    mask = tf.linalg.band_part(tf.ones((length, length)), -1, 0) * 1e9 - 1e9
    x = tf.gather(p["letters/embeddings"], letters) + p["places/embeddings"][:length]
    for i in range(LAYERS):
        n = norm(f"layer{i}.n", x)
        q, k, v = (heads(dense(f"layer{i}.{name}", n)) for name in "qkv")
        scores = tf.matmul(q, k, transpose_b=True) * (WIDTH // HEADS) ** -0.5 + mask
        mixed = tf.transpose(tf.matmul(tf.nn.softmax(scores), v), (0, 2, 1, 3))
        x += tf.nn.dropout(dense(f"layer{i}.a", tf.reshape(mixed, tf.shape(x))), drop)
        hidden = tf.nn.gelu(dense(f"layer{i}.h", norm(f"layer{i}.m", x)))
        x += tf.nn.dropout(dense(f"layer{i}.o", hidden), drop)
    return dense("next", norm("last", x))


def train(text: np.ndarray, steps: int):
    keras.utils.set_random_seed(1)
    tf.config.experimental.enable_op_determinism()
    rng = np.random.default_rng(1)
    p = new_parameters(rng)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-4, steps, warmup_target=PEAK_RATE,
                                                                             warmup_steps=50), beta_2=0.99)
    variables = list(p.values())
    optimizer.build(variables)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            scores = network(p, x, DROPPED)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, scores))
        gradients, _ = tf.clip_by_global_norm(tape.gradient(loss, variables), 1.0)
        optimizer.apply(gradients)
        return loss

    for n in range(steps):
        at = rng.integers(0, len(text) - CONTEXT, BATCH)[:, None] + np.arange(CONTEXT + 1)
        rows = text[np.minimum(at, len(text) - 1)]
        loss = step(tf.constant(rows[:, :-1]), tf.constant(rows[:, 1:]))
        if n % 100 == 99:
            print(f"step {n + 1:4d}  loss {float(loss):.3f}", flush=True)
    return p


def main() -> None:
    text = (HERE / "fables.txt").read_text()
    letters = np.array([ALPHABET.index(c) for c in text], np.int32)
    p = train(letters, int(sys.argv[1]) if len(sys.argv) > 1 else STEPS)
    write_safetensors(HERE / "gpt.safetensors", {name: v.numpy() for name, v in p.items()})


if __name__ == "__main__":
    main()
