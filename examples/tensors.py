"""Files that the examples' scripts write: weights as safetensors, data as npy.  No more than numpy is needed."""
import json
import struct
from pathlib import Path

import numpy as np


def write_safetensors(path: Path, tensors: dict) -> None:
    """Eight bytes of header length, a JSON header, then the f32 arrays in the order of the dict."""
    arrays = {name: np.ascontiguousarray(array, "<f4") for name, array in tensors.items()}
    header, offset = {}, 0
    for name, array in arrays.items():
        end = offset + array.nbytes
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(array.tobytes())
    print(f"wrote {path.name}: {sum(a.size for a in arrays.values())} parameters, {path.stat().st_size} bytes")


def read_safetensors(path: Path) -> dict:
    """The f32 arrays of such a file by name."""
    raw = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    out = {}
    for name, entry in json.loads(raw[8 : 8 + length]).items():
        begin, end = entry["data_offsets"]
        out[name] = np.frombuffer(raw[8 + length + begin : 8 + length + end], "<f4").reshape(entry["shape"])
    return out
