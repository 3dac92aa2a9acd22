#!/usr/bin/env python3
"""Writes the small files that the fuzz targets start from, in folders beside this script: weights and rows."""
import io
import json
import os
import struct
import zipfile
import zlib

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


def npz(arrays, method, comment=b""):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", method) as archive:
        archive.comment = comment
        for key, array in arrays.items():
            with archive.open(zipfile.ZipInfo(key), "w", force_zip64=True) as member:
                member.write(array)
    return memory.getvalue()


ARRAYS = {"a/kernel.npy": npy("<f4", (2, 3), bytes(24)), "b.npy": npy("|u1", (), b"\1"), "readme": b"text"}
write("npz", "empty", npz({}, zipfile.ZIP_STORED))
write("npz", "stored", npz(ARRAYS, zipfile.ZIP_STORED, b"a comment"))
write("npz", "deflated", npz(ARRAYS, zipfile.ZIP_DEFLATED))
write("npz", "other", npz(ARRAYS, zipfile.ZIP_BZIP2))


def idx(code, shape, data):
    return bytes([0, 0, code, len(shape)]) + b"".join(struct.pack(">I", size) for size in shape) + data


def png(width, height, colour, rows):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


write("rows", "images.idx", idx(0x08, (3, 2, 2), bytes(range(12))))
write("rows", "numbers.idx", idx(0x0D, (1, 3), bytes(12)))
write("rows", "labels.idx", idx(0x08, (3,), b"\0\1\2"))
write("rows", "labels.txt", b"no\nyes\r\n2\nperhaps\n")
write("rows", "numbers.npy", npy("<f4", (2, 3), bytes(24)))
write("rows", "grey.pgm", b"P5 # two by two\n2 2\n255\n\1\6\3\5")
write("rows", "colour.ppm", b"P6 2 2 255\n" + bytes(range(12)))
write("rows", "grey.png", png(2, 2, 0, b"\0\1\6\1\3\5"))
write("rows", "colour.png", png(2, 2, 2, b"\2" + bytes(6) + b"\4" + bytes(6)))
