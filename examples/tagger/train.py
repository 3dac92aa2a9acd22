#!/usr/bin/env python3
"""Trains the network of tagger.lep and writes tagger.safetensors and words.txt.

    python3 -m venv venv && venv/bin/pip install -r ../mnist/requirements.txt
    venv/bin/python train.py

The commands are made up here, from the patterns below; held_out.txt has others, written by hand.  The network is
written here as in tagger.lep.  The seed is fixed and TensorFlow's kernels are told to be deterministic.
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

LENGTH, WIDTH, HEADS, LAYERS, ROWS, STEPS = 16, 32, 4, 2, 8000, 1200
TAGS = ("-", "action", "device", "room", "source", "value")
ROOMS = "kitchen bedroom hall office bathroom garage garden".split()
DEVICES = "light lamp heating radio music fan window blinds television".split()
VALUES = "ten twenty thirty forty fifty sixty seventy eighty ninety half full low high".split()
# words, or A: an action, D: a device, R: a room, S: the room that something is taken from, V: a value
PATTERNS = """
A the D in the R | A the D | please A the R D | A the R D to V | set the D in the R to V
make the D in the R V percent | move the D from the S to the R | bring the D to the R from the S
take the D out of the S and A it in the R | in the R A the D | A the D in the R and the R
could you A the D of the R please | it is dark in the R A the D | set V percent for the R D
from the S move the D to the R | leave the S and A the D in the R | A everything in the R
""".replace("\n", "|").split("|")
ACTIONS = "start stop open close dim switch mute pause lock".split()
KINDS = {"A": ("action", ACTIONS), "D": ("device", DEVICES), "R": ("room", ROOMS), "S": ("source", ROOMS),
         "V": ("value", VALUES)}


def command(rng):
    """Words and tags."""
    words, tags = [], []
    for word in rng.choice([p for p in PATTERNS if p.strip()]).split():
        tag, choices = KINDS.get(word, ("-", [word]))
        words.append(str(rng.choice(choices)))
        tags.append(TAGS.index("action" if word in ("set", "make", "move", "bring", "take") else tag))
    return words, tags


def parameters(rng, words: int) -> dict:
    out = {"vectors/embeddings": rng.normal(0, 0.1, (words, WIDTH)),
           "places/embeddings": rng.normal(0, 0.1, (LENGTH, WIDTH))}
    sizes = {"q": (WIDTH, WIDTH), "k": (WIDTH, WIDTH), "v": (WIDTH, WIDTH), "a": (WIDTH, WIDTH),
             "h": (WIDTH, 2 * WIDTH), "o": (2 * WIDTH, WIDTH)}
    layers = {f"layers.{i}.{name}": size for i in range(LAYERS) for name, size in sizes.items()}
    for name, size in {**layers, "y": (WIDTH, len(TAGS))}.items():
        out[f"{name}/kernel"], out[f"{name}/bias"] = rng.normal(0, size[0] ** -0.5, size), np.zeros(size[1])
    for name in [f"layers.{i}.{n}" for i in range(LAYERS) for n in ("n", "m")]:
        out[f"{name}/gamma"], out[f"{name}/beta"] = np.ones(WIDTH), np.zeros(WIDTH)
    return {name: tf.Variable(value.astype(np.float32)) for name, value in out.items()}


def network(p: dict, words):
    def dense(name, x):
        return x @ p[f"{name}/kernel"] + p[f"{name}/bias"]

    def norm(name, x):
        mean, variance = tf.nn.moments(x, -1, keepdims=True)
        return (x - mean) * tf.math.rsqrt(variance + 1e-5) * p[f"{name}/gamma"] + p[f"{name}/beta"]

    def heads(x):
        return tf.transpose(tf.reshape(x, (tf.shape(x)[0], LENGTH, HEADS, WIDTH // HEADS)), (0, 2, 1, 3))

    mask = tf.where(words == 0, -1e9, 0.0)[:, None, None, :]
    x = tf.gather(p["vectors/embeddings"], words) + p["places/embeddings"]
    for i in (f"layers.{n}" for n in range(LAYERS)):
        q, k, v = (heads(dense(f"{i}.{name}", x)) for name in "qkv")
        weights = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * (WIDTH // HEADS) ** -0.5 + mask)
        mixed = tf.reshape(tf.transpose(tf.matmul(weights, v), (0, 2, 1, 3)), tf.shape(x))
        x = norm(f"{i}.n", x + dense(f"{i}.a", mixed))
        x = norm(f"{i}.m", x + dense(f"{i}.o", tf.nn.relu(dense(f"{i}.h", x))))
    return dense("y", x)


def main() -> None:
    keras.utils.set_random_seed(1)
    tf.config.experimental.enable_op_determinism()
    rng = np.random.default_rng(1)
    fixed = {word for p in PATTERNS for word in p.split() if word not in KINDS}
    vocabulary = ["", "?"] + sorted(fixed | {word for _, own in KINDS.values() for word in own})
    number = {word: i for i, word in enumerate(vocabulary)}
    x, y = np.zeros((ROWS, LENGTH), np.int32), np.zeros((ROWS, LENGTH), np.int32)
    for row in range(ROWS):
        words, tags = command(rng)
        ids = [1 if rng.random() < 0.03 else number[word] for word in words]
        x[row, : len(ids)], y[row, : len(ids)] = ids, tags
    p = parameters(rng, len(vocabulary))
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, STEPS))
    optimizer.build(list(p.values()))

    @tf.function
    def step(words, tags):
        with tf.GradientTape() as tape:
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(tags, network(p, words))
            known = tf.cast(words != 0, tf.float32)
            loss = tf.reduce_sum(loss * known) / tf.reduce_sum(known)
        optimizer.apply(tape.gradient(loss, list(p.values())))
        return loss

    for n in range(STEPS):
        rows = rng.integers(0, ROWS, 64)
        loss = step(tf.constant(x[rows]), tf.constant(y[rows]))
        if n % 200 == 199:
            print(f"step {n + 1:4d}  loss {float(loss):.3f}", flush=True)
    write_safetensors(HERE / "tagger.safetensors", {name: v.numpy() for name, v in p.items()})
    (HERE / "words.txt").write_text("\n".join(vocabulary) + "\n")
    (HERE / "tags.txt").write_text("\n".join(TAGS) + "\n")


if __name__ == "__main__":
    main()
