#!/usr/bin/env python3
"""Draws shapes whose boxes are known: circles, squares and triangles of some shade on another one, and some noise.

    python3 draw.py          (needs numpy)

writes the folder `pictures` beside this file, none of which was trained on, and drawn.txt, a line for each shape: file,
kind, and its box as y and x of two corners, in pixels.
"""
from pathlib import Path

import numpy as np

SIDE, FINE, MOST = 64, 3, 4  # pixels, samples a pixel along each axis, shapes in a picture
KINDS = ("circle", "square", "triangle")  # counted from 1, as 0 is nothing

grid = (np.arange(SIDE * FINE) + 0.5) / FINE
Y, X = grid[:, None], grid[None, :]


def iou(a, b) -> float:
    """What two boxes have in common over what they cover."""
    height = min(a[2], b[2]) - max(a[0], b[0])
    width = min(a[3], b[3]) - max(a[1], b[1])
    if height <= 0 or width <= 0:
        return 0.0
    return height * width / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - height * width)


def inside(kind: int, box) -> np.ndarray:
    """Which samples the shape covers; it touches all sides of its box."""
    y0, x0, y1, x1 = box
    y, x = (Y - y0) / (y1 - y0), (X - x0) / (x1 - x0)
    within = (y >= 0) & (y <= 1) & (x >= 0) & (x <= 1)
    if kind == 1:
        return (y - 0.5) ** 2 + (x - 0.5) ** 2 <= 0.25
    return within if kind == 2 else within & (abs(x - 0.5) <= y / 2)


def draw_box(rng, boxes):
    """One that the picture holds and that is apart from the others, or None where that is not soon found."""
    for _ in range(20):
        side = rng.uniform(11, 29)
        y, x = rng.uniform(1, SIDE - 1 - side, 2)
        if all(iou((y - 2, x - 2, y + side + 2, x + side + 2), other) == 0 for other in boxes):
            return y, x, y + side, x + side
    return None


def draw(rng):
    """u8[SIDE, SIDE], and kind and box of each shape."""
    ground = rng.uniform(80, 175)
    picture, boxes, kinds = np.full((SIDE, SIDE), ground), [], []
    for _ in range(rng.integers(1, MOST + 1)):
        box = draw_box(rng, boxes)
        if box is None:
            continue
        kind = int(rng.integers(1, len(KINDS) + 1))
        shade = rng.uniform(0, ground - 45) if rng.random() < 0.5 else rng.uniform(ground + 45, 255)
        covered = inside(kind, box).reshape(SIDE, FINE, SIDE, FINE).mean((1, 3))
        picture += covered * (shade - ground)
        boxes.append(box)
        kinds.append(kind)
    picture += rng.normal(0, 6, picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8), boxes, kinds


def write_pictures(folder: Path, count: int) -> None:
    (folder / "pictures").mkdir(exist_ok=True)
    lines = []
    for number in range(count):
        picture, boxes, kinds = draw(np.random.default_rng(number))
        name = f"{number:02}.pgm"
        (folder / "pictures" / name).write_bytes(b"P5\n%d %d\n255\n" % (SIDE, SIDE) + picture.tobytes())
        for box, kind in zip(boxes, kinds):
            lines.append(f"{name} {KINDS[kind - 1]} " + " ".join(f"{side:.1f}" for side in box))
    (folder / "drawn.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write_pictures(Path(__file__).resolve().parent, 10)
