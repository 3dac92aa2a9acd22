#!/usr/bin/env python3
"""Writes the small weight files that the fuzz targets start from: safetensors/ and npy/ beside this script."""
import json
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def write(folder, name, data):
    with open(os.path.join(HERE, folder, name), "wb") as file:
        file.write(data)


def safetensors(tensors, data, metadata=None, padding=0):
    header = {"__metadata__": metadata} if metadata else {}
    for key, (dtype, shape, begin, end) in tensors.items():
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode() + b" " * padding
    return struct.pack("<Q", len(text)) + text + data


def npy(descr, shape, data, version=1, order=False):
    text = repr({"descr": descr, "fortran_order": order, "shape": shape}).encode() + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


write("safetensors", "empty", safetensors({}, b""))
write("safetensors", "scalar", safetensors({"a": ("F32", [], 0, 4)}, b"\0\0\x80\x3f"))
write("safetensors", "two", safetensors({"b": ("U8", [3], 4, 7), "a": ("F16", [1, 2], 0, 4)}, bytes(7),
                                        {"format": "pt"}, 5))
write("safetensors", "kinds", safetensors(
    {"d": ("F64", [1], 0, 8), "b": ("BF16", [1], 8, 10), "s": ("I64", [1], 10, 18), "t": ("BOOL", [2], 18, 20)},
    bytes(range(20))))
write("safetensors", "overlap", safetensors({"a": ("I8", [4], 0, 4), "b": ("I8", [4], 2, 6)}, bytes(6)))
write("safetensors", "none", safetensors({"a": ("F32", [0, 3], 0, 0)}, b""))
write("npy", "scalar", npy("<f4", (), b"\0\0\x80\x3f"))
write("npy", "matrix", npy("<i2", (2, 3), bytes(12)))
write("npy", "version2", npy("|u1", (5,), bytes(5), 2))
write("npy", "version3", npy("<f8", (1, 1, 1), bytes(8), 3))
write("npy", "fortran", npy("<f4", (2, 2), bytes(16), order=True))
write("npy", "bool", npy("|b1", (2,), b"\0\1"))
write("npy", "big", npy(">f4", (1,), bytes(4)))
