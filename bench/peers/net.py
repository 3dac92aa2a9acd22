"""The MNIST example's weights and one of its pictures, for the peers to build their model from."""
import json
import struct
from pathlib import Path

import numpy as np

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "mnist"
DIGIT = 7  # what the picture shows


def keras_weights() -> dict[str, np.ndarray]:
    """`c1/kernel`, ... as in the file: convolutions HWIO, dense in by out."""
    raw = (EXAMPLE / "mnist.safetensors").read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    data = raw[8 + size :]
    tensors = {}
    for name, row in json.loads(raw[8 : 8 + size]).items():
        if name != "__metadata__":
            start, stop = row["data_offsets"]
            tensors[name] = np.frombuffer(data[start:stop], "<f4").reshape(row["shape"])
    return tensors


def nchw_weights() -> dict[str, np.ndarray]:
    """The same for engines with channels first: convolutions OIHW, dense out by in, flattened CHW."""
    tensors = keras_weights()
    for name in ("c1", "c2", "c3"):
        tensors[f"{name}/kernel"] = np.ascontiguousarray(tensors[f"{name}/kernel"].transpose(3, 2, 0, 1))
    h = tensors["h/kernel"].reshape(3, 3, 64, 64).transpose(2, 0, 1, 3).reshape(576, 64)
    tensors["h/kernel"] = np.ascontiguousarray(h.T)
    tensors["y/kernel"] = np.ascontiguousarray(tensors["y/kernel"].T)
    return tensors


def read_picture(path: Path) -> np.ndarray:
    """[1, 28, 28, 1]"""
    from PIL import Image

    with Image.open(path) as image:
        return np.array(image, np.uint8).reshape(1, 28, 28, 1)


def picture_u8() -> np.ndarray:
    """The one that is measured, as our own binary gets it."""
    return read_picture(EXAMPLE / "digits" / f"{DIGIT}_a.png")


def all_pictures() -> list[np.ndarray]:
    """What the example ships, each [1, 28, 28, 1], scaled already: what ranges of activations are taken from."""
    return [read_picture(path).astype(np.float32) / 255 for path in sorted((EXAMPLE / "digits").glob("*.png"))]


def picture_f32() -> np.ndarray:
    """[1, 1, 28, 28], scaled already; with one channel also [1, 28, 28, 1]."""
    return (picture_u8().astype(np.float32) / 255).reshape(1, 1, 28, 28)
