#!/usr/bin/env python3
"""Compares two .npy files of class probabilities, one row an image.

    python3 compare_outputs.py EXPECTED.npy FOUND.npy [--bits] [--within 1e-4] [--classes 10]

Right means the same class on every image and no probability off by more than the bound; with
--bits every number has the same bits.  Ends with status 1 if not.  Needs nothing but Python.
"""
import argparse
import ast
import struct
import sys
from array import array
from pathlib import Path


def read_npy(path: Path) -> array:
    """The numbers of a little-endian f32 .npy file, in C order."""
    raw = path.read_bytes()
    if raw[:6] != b"\x93NUMPY":
        sys.exit(f"{path}: not an .npy file")
    start, kind = (10, "<H") if raw[6] == 1 else (12, "<I")
    size = struct.unpack(kind, raw[8:start])[0]
    head = ast.literal_eval(raw[start : start + size].decode("latin1"))
    if head["descr"] != "<f4" or head["fortran_order"]:
        sys.exit(f"{path}: expected <f4 in C order, found {head}")
    numbers = array("f", raw[start + size :])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def classes_of(numbers: array, width: int) -> list[int]:
    rows = (numbers[i : i + width] for i in range(0, len(numbers), width))
    return [max(range(width), key=row.__getitem__) for row in rows]


def worst(a: array, b: array) -> float:
    """The largest difference; infinite where one is no number."""
    return max((abs(x - y) if x == x and y == y else float("inf") for x, y in zip(a, b)), default=0.0)


def differing_bits(a: array, b: array) -> int:
    return sum(x != y for x, y in zip(array("I", a.tobytes()), array("I", b.tobytes())))


def main() -> int:
    args = argparse.ArgumentParser(description="compares two .npy files of class probabilities")
    args.add_argument("expected", type=Path)
    args.add_argument("found", type=Path)
    args.add_argument("--bits", action="store_true", help="the same bits, not only close")
    args.add_argument("--within", type=float, default=1e-4, help="bound on a probability (1e-4)")
    args.add_argument("--classes", type=int, default=10)
    opt = args.parse_args()
    a, b = read_npy(opt.expected), read_npy(opt.found)
    if not a or len(a) != len(b) or len(a) % opt.classes:
        sys.exit(f"sizes do not fit: {len(a)} and {len(b)} numbers, {opt.classes} classes")
    other = sum(x != y for x, y in zip(classes_of(a, opt.classes), classes_of(b, opt.classes)))
    off, bits = worst(a, b), differing_bits(a, b)
    print(f"{len(a) // opt.classes} images: {other} with another class, "
          f"probabilities off by at most {off:.2g}, {bits} numbers with other bits")
    return 1 if other or not off <= opt.within or (opt.bits and bits) else 0


if __name__ == "__main__":
    sys.exit(main())
