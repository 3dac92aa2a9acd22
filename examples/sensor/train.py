#!/usr/bin/env python3
"""Trains the network of sensor.lep and writes sensor.safetensors, and a minute that it has not seen.

    python3 -m venv venv && venv/bin/pip install -r ../mnist/requirements.txt
    venv/bin/python train.py

The signal of an accelerometer at the belt, 25 samples a second, is made up here: gravity, a gait's harmonics, noise.
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

RATE, UNITS, LENGTH, ROWS, EPOCHS = 25, 24, 200, 1500, 12
# steps a second, and how hard each is, in g; of activities.txt
GAITS = ((0.0, 0.0, 0.0, 0.0), (1.5, 2.1, 0.15, 0.35), (2.4, 3.2, 0.6, 1.1))


def walk(rng, activities: np.ndarray) -> np.ndarray:
    """x, y, z in g of one person doing these, sample by sample."""
    out = np.zeros((len(activities), 3))
    tilt = rng.normal(0, 0.15, 2)
    pace, force = ([rng.uniform(*gait[i : i + 2]) for gait in GAITS] for i in (0, 2))
    lean = rng.uniform(0.2, 0.6, 2)
    phase = 0.0
    for t, activity in enumerate(activities):
        phase += 2 * np.pi * pace[activity] / RATE
        beat = force[activity] * (np.sin(phase) + 0.4 * np.sin(2 * phase + 1))
        out[t] = tilt[0] + lean[0] * force[activity] * np.sin(phase / 2), tilt[1] + lean[1] * beat, 1 + beat
    return (out + rng.normal(0, 0.05, out.shape)).astype(np.float32)


def day(rng, length: int) -> np.ndarray:
    """Activities that change every few seconds."""
    parts = []
    while sum(map(len, parts)) < length:
        parts.append(np.full(rng.integers(2 * RATE, 8 * RATE), rng.integers(len(GAITS))))
    return np.concatenate(parts)[:length]


def main() -> None:
    keras.utils.set_random_seed(1)
    tf.config.experimental.enable_op_determinism()
    rng = np.random.default_rng(1)
    y = np.stack([day(rng, LENGTH) for _ in range(ROWS)])
    x = np.stack([walk(rng, row) for row in y])
    net = keras.Sequential([keras.Input((None, 3)), keras.layers.LSTM(UNITS, return_sequences=True, name="r"),
                            keras.layers.Dense(len(GAITS), name="y")])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-2, EPOCHS * ROWS // 50)), loss)
    for epoch in range(EPOCHS):
        said = net.fit(x, y, batch_size=50, verbose=0).history["loss"][0]
        print(f"epoch {epoch + 1:2d}  loss {said:.3f}", flush=True)
    activities = day(rng, 60 * RATE)
    minute = walk(rng, activities)
    right = np.mean(net.predict(minute[None], verbose=0)[0].argmax(-1) == activities)
    print(f"of a minute's samples {right:.1%} are right")
    write_safetensors(HERE / "sensor.safetensors",
                      {f"{layer.name}/{w.name}": w.numpy() for layer in net.layers for w in layer.weights})
    np.save(HERE / "minute.npy", minute)
    np.save(HERE / "activities.npy", activities.astype(np.uint8))


if __name__ == "__main__":
    main()
