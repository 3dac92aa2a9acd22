#!/usr/bin/env python3
"""Makes the sounds, trains the network of keywords.lep with Keras and writes keywords.safetensors.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python train.py

Needs no data: each "word" is a kind of sound that is synthesised here, at a random pitch, loudness and time, with noise
around it.  The features are those of keywords.lep, formula by formula.  With --sounds=N it also writes N sounds of each
word into the folder sounds, which no training sees.
"""
import argparse
import json
import os
import struct
import sys
import wave
from pathlib import Path

HERE = Path(__file__).resolve().parent
RATE, SAMPLES, SIZE, HOP, BANDS, LOW = 8000, 8000, 256, 128, 32, 60.0
WORDS = (HERE / "words.txt").read_text().split()
LAYERS = [("b1", 2), ("b2", 1), ("b3", 1)]


# ---- sounds ----


def envelope(np, t, begin, end):
    """1 between begin and end, faded in and out over 20 ms."""
    return np.clip((t - begin) / 0.02, 0, 1) * np.clip((end - t) / 0.02, 0, 1)


def tone(np, rng, t, word, begin, end):
    """A pitch that stays, rises, falls, or goes up and down, with an overtone."""
    low, high = rng.uniform(300, 700), rng.uniform(1400, 2600)
    part = np.clip((t - begin) / (end - begin), 0, 1)
    if word == "beep":
        pitch = np.full_like(t, rng.uniform(400, 2400))
    elif word == "siren":
        pitch = (low + high) / 2 + (high - low) / 2 * np.sin(2 * np.pi * rng.uniform(2.5, 5) * t)
    else:
        pitch = low + (high - low) * (part if word == "rise" else 1 - part)
    angle = 2 * np.pi * np.cumsum(pitch) / RATE
    return (np.sin(angle) + 0.3 * np.sin(2 * angle)) * envelope(np, t, begin, end)


def clicks(np, rng, t, begin, end):
    """Short knocks at a steady pace."""
    out, pitch = np.zeros_like(t), rng.uniform(800, 2500)
    for at in np.arange(begin, end, 1 / rng.uniform(6, 14)):
        out += np.where(t >= at, np.exp(-(t - at) * 300) * np.sin(2 * np.pi * pitch * (t - at)), 0)
    return 2 * out


def make_sound(np, rng, word):
    """One second of it, as 16-bit samples."""
    t = np.arange(SAMPLES) / RATE
    begin = rng.uniform(0.0, 0.3)
    end = begin + rng.uniform(0.45, 0.65)
    if word == "silence":
        sound = np.zeros(SAMPLES)
    elif word == "clicks":
        sound = clicks(np, rng, t, begin, end)
    elif word == "hiss":
        sound = rng.normal(0, 0.6, SAMPLES) * envelope(np, t, begin, end)
    else:
        sound = tone(np, rng, t, word, begin, end)
    sound = sound * rng.uniform(0.05, 0.5) + rng.normal(0, 10 ** rng.uniform(-4, -2), SAMPLES)
    return np.round(np.clip(sound, -1, 1) * 32767).astype(np.int16)


def make_set(np, seed, each):
    """Sounds and the indices of their words."""
    rng = np.random.default_rng(seed)
    y = np.tile(np.arange(len(WORDS)), each)
    return np.stack([make_sound(np, rng, WORDS[i]) for i in y]), y


def write_sounds(np, each):
    """sounds/WORD_a.wav, ..."""
    x, y = make_set(np, 99, each)
    for i, (sound, word) in enumerate(zip(x, y)):
        path = HERE / "sounds" / f"{WORDS[word]}_{'abcdefghij'[i // len(WORDS)]}.wav"
        path.parent.mkdir(exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(sound.astype("<i2").tobytes())


# ---- features, as in keywords.lep ----


def mel_table(np):
    """Triangles over the frequencies of a spectrum, each from the middle of the band before to that of the next."""
    mel = np.linspace(2595 * np.log10(1 + LOW / 700), 2595 * np.log10(1 + RATE / 2 / 700), BANDS + 2)
    edge = 700 * (10 ** (mel / 2595) - 1)
    hertz = np.linspace(0, RATE / 2, SIZE // 2 + 1)[:, None]
    rise = (hertz - edge[:-2]) / (edge[1:-1] - edge[:-2])
    fall = (edge[2:] - hertz) / (edge[2:] - edge[1:-1])
    return np.maximum(0, np.minimum(rise, fall))


def features(np, sounds):
    """log-mel pictures [count, frames, bands, 1]."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SIZE) / SIZE)
    at = np.arange(0, SAMPLES - SIZE + 1, HOP)[:, None] + np.arange(SIZE)
    table, out = mel_table(np), []
    for sound in sounds:
        spectrum = np.abs(np.fft.rfft(sound[at] / 32768.0 * window)) ** 2
        out.append(np.log(spectrum @ table + 1e-6) * 0.1)
    return np.stack(out)[..., None].astype(np.float32)


# ---- the network of keywords.lep, layer for layer and name for name ----


def build_network():
    """A Keras model on pictures of sounds."""
    import keras
    from keras import layers

    def norm(t, name):
        return layers.ReLU()(layers.BatchNormalization(momentum=0.9, name=name)(t))

    picture = keras.Input((61, BANDS, 1), name="picture")
    t = layers.Conv2D(24, (10, 4), strides=2, padding="same", use_bias=False, name="stem")(picture)
    t = norm(t, "sn")
    for name, stride in LAYERS:
        d = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False, name=f"{name}.d")
        t = norm(d(t), f"{name}.dn")
        t = layers.Conv2D(32, 1, use_bias=False, name=f"{name}.p")(t)
        t = norm(t, f"{name}.pn")
    t = layers.GlobalAveragePooling2D()(t)
    return keras.Model(picture, layers.Dense(len(WORDS), name="y")(t))


def train(np, seed, epochs, each):
    """A trained network and its accuracy on sounds that it has not seen."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    x, y = make_set(np, seed, each)
    tx, ty = make_set(np, seed + 1000, max(each // 5, 10))
    net = build_network()
    rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * (len(x) // 32 + 1))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    net.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    print(f"{net.count_params()} parameters, {len(x)} sounds, seed {seed}", flush=True)
    net.fit(features(np, x), y, batch_size=32, epochs=epochs, verbose=2)
    return net, net.evaluate(features(np, tx), ty, batch_size=100, verbose=0)[1]


def weights_of(net):
    """`b1.d/kernel`, ...; kernels of depthwise layers as [3, 3, 1, C]."""
    out = {}
    for layer in net.layers:
        for w in layer.weights:
            array = w.numpy()
            if layer.name.endswith(".d"):
                array = array.transpose(0, 1, 3, 2)
            out[f"{layer.name}/{w.name}"] = array
    return out


def write_safetensors(path, tensors):
    """Eight bytes of header length, a JSON header, then the f32 arrays in the order of the dict."""
    header, offset = {}, 0
    for name, array in tensors.items():
        size = 4 * array.size
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(array.astype("<f4").tobytes())


def main():
    """Trains, or writes sounds, or both."""
    args = argparse.ArgumentParser(description="trains keywords.lep's network with Keras")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--epochs", type=int, default=15)
    args.add_argument("--each", type=int, default=300, help="sounds of each word to learn from")
    args.add_argument("--sounds", type=int, default=0, metavar="N", help="only write N sounds of each word")
    args.add_argument("--out", type=Path, default=HERE / "keywords.safetensors")
    opt = args.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy as np

    if opt.sounds > 10:
        sys.exit("train.py: at most 10 sounds of each word")
    if opt.sounds:
        write_sounds(np, opt.sounds)
        return
    net, accuracy = train(np, opt.seed, opt.epochs, opt.each)
    print(f"test accuracy {100 * accuracy:.2f} %")
    write_safetensors(opt.out, weights_of(net))
    print(f"wrote {opt.out.name}")


if __name__ == "__main__":
    main()
