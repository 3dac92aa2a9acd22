#!/usr/bin/env python3
"""Trains the network of text_classifier.lep and writes text_classifier.safetensors and words.txt.

    python3 -m venv venv && venv/bin/pip install -r ../mnist/requirements.txt
    venv/bin/python train.py

The sentences are made up here, from the patterns and words below; held_out.txt has others, written by hand.  The seed
is fixed and TensorFlow's kernels are told to be deterministic.
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

LENGTH, WIDTH, HIDDEN, ROWS, EPOCHS = 16, 16, 24, 6000, 12
TOPICS = {
    "weather": (
        "rain snow wind storm sun cloud clouds fog frost thunder heat degrees sky cold warm wet dry sunny "
        "cloudy windy forecast temperature umbrella ice hail"
    ),
    "food": (
        "soup bread cheese salt pepper dinner lunch breakfast cook bake oven pan butter rice fish apple cake "
        "recipe taste sweet sour fresh hungry kitchen tomato"
    ),
    "sport": (
        "goal match team ball player coach race win lost score league run swim bike tennis football medal "
        "referee season champion training stadium kick points final"
    ),
    "travel": (
        "train ticket airport flight hotel luggage passport road map station bus journey holiday border "
        "tourist suitcase ship harbour car bridge city museum beach island guide"
    ),
}
COMMON = ("the a we they it was is will and in on at of to for with after before this that very not my our today "
          "tomorrow yesterday all had has be more good bad long new old next every from there no one two").split()


def sentence(rng, topic: str) -> list[str]:
    """Common words with a few of the topic among them, and now and then one of another."""
    own = TOPICS[topic].split()
    out = list(rng.choice(COMMON, rng.integers(2, 9)))
    for _ in range(rng.integers(1, 5)):
        out.insert(rng.integers(len(out) + 1), rng.choice(own))
    if len(out) > 6 and rng.random() < 0.3:
        other = TOPICS[rng.choice([t for t in TOPICS if t != topic])].split()
        out.insert(rng.integers(len(out) + 1), rng.choice(other))
        out += list(rng.choice(own, 2))
    return out[:LENGTH]


def network(p: dict, words):
    """Statement for statement that of text_classifier.lep."""
    known = tf.cast(words != 0, tf.float32)[..., None]
    total = tf.reduce_sum(tf.gather(p["vectors/embeddings"], words) * known, 1)
    mean = total / tf.maximum(tf.reduce_sum(known, 1), 1.0)
    h = tf.nn.relu(mean @ p["h/kernel"] + p["h/bias"])
    return h @ p["y/kernel"] + p["y/bias"]


def main() -> None:
    keras.utils.set_random_seed(1)
    tf.config.experimental.enable_op_determinism()
    rng = np.random.default_rng(1)
    vocabulary = ["?"] + sorted(set(COMMON) | {word for own in TOPICS.values() for word in own.split()})
    number = {word: i for i, word in enumerate(vocabulary)}
    topics = rng.integers(0, len(TOPICS), ROWS)
    rows = np.zeros((ROWS, LENGTH), np.int32)
    for row, topic in zip(rows, topics):
        ids = [number[word] for word in sentence(rng, list(TOPICS)[topic])]
        row[: len(ids)] = ids
    shapes = {"vectors/embeddings": (len(vocabulary), WIDTH), "h/kernel": (WIDTH, HIDDEN), "h/bias": (HIDDEN,),
              "y/kernel": (HIDDEN, len(TOPICS)), "y/bias": (len(TOPICS),)}
    p = {name: tf.Variable(rng.normal(0, 0.3 * (len(shape) > 1), shape).astype(np.float32))
         for name, shape in shapes.items()}
    optimizer = keras.optimizers.Adam(3e-3)
    optimizer.build(list(p.values()))

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, network(p, x)))
        optimizer.apply(tape.gradient(loss, list(p.values())))
        return loss

    for epoch in range(EPOCHS):
        losses = [float(step(tf.constant(rows[i : i + 64]), tf.constant(topics[i : i + 64])))
                  for i in range(0, ROWS, 64)]
        print(f"epoch {epoch + 1:2d}  loss {np.mean(losses):.3f}", flush=True)
    write_safetensors(HERE / "text_classifier.safetensors", {name: v.numpy() for name, v in p.items()})
    (HERE / "words.txt").write_text("\n".join(vocabulary) + "\n")
    (HERE / "topics.txt").write_text("\n".join(TOPICS) + "\n")


if __name__ == "__main__":
    main()
