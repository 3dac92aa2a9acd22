#!/usr/bin/env python3
"""Draws the pictures in digits/: 25 handwritten-looking digits, made here from strokes.

    python3 draw_digits.py [FOLDER]          (needs Pillow: apt install python3-pil)

Nothing comes from MNIST or from a font.  A digit is a few strokes, each a smooth curve (or a
polyline) through points that were set by hand, drawn with a round brush.  A slant, a width of
the brush and a small wobble, seeded by the picture's name, make the hand.  As in MNIST the
digit fits a box of 20 by 20 pixels and its centre of mass lies in the middle of the 28 by 28.
"""
import math
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw

SIZE, BOX, FINE = 28, 20.0, 8  # pixels a side, of the digit's box, subpixels a pixel
Point = tuple[float, float]
Stroke = list[Point]


def smooth(*points: Point) -> Stroke:
    """A Catmull-Rom spline through the points."""
    ends = [points[0], *points, points[-1]]
    curve: Stroke = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:]):
        for step in range(24):
            t = step / 24
            curve.append(tuple(spline(a[i], b[i], c[i], d[i], t) for i in (0, 1)))
    return curve + [points[-1]]


def spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def line(*points: Point) -> Stroke:
    return list(points)


def arc(cx: float, cy: float, rx: float, ry: float, start: float, stop: float) -> Stroke:
    """Part of an ellipse; degrees, 0 to the right, growing clockwise on the screen."""
    angles = (math.radians(start + (stop - start) * i / 48) for i in range(49))
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


# name: (slant, brush in pixels, strokes); x to the right, y down, about one unit high
DIGITS: dict[str, tuple[float, float, list[Stroke]]] = {
    "0_a": (0.10, 2.6, [arc(0.36, 0.5, 0.34, 0.5, -70, 292)]),
    "0_b": (0.28, 2.2, [arc(0.28, 0.5, 0.27, 0.5, -100, 275)]),
    "1_a": (0.18, 2.6, [line((0.2, 0.0), (0.2, 1.0))]),
    "1_b": (0.05, 2.4, [line((0.0, 0.26), (0.24, 0.0), (0.24, 1.0))]),
    "1_c": (0.42, 2.2, [smooth((0.2, 0.0), (0.19, 0.5), (0.2, 1.0))]),
    "2_a": (0.06, 2.4, [
        smooth((0.02, 0.26), (0.14, 0.05), (0.38, 0.0), (0.58, 0.14), (0.56, 0.38), (0.34, 0.68), (0.02, 0.98)),
        line((0.02, 0.98), (0.68, 0.96))]),
    "2_b": (0.16, 2.2, [
        smooth((0.04, 0.2), (0.24, 0.0), (0.5, 0.08), (0.54, 0.34), (0.36, 0.66), (0.16, 0.92), (0.02, 0.94),
               (0.04, 0.8), (0.2, 0.78), (0.44, 0.94), (0.7, 0.9))]),
    "2_c": (0.0, 2.8, [
        smooth((0.06, 0.18), (0.28, 0.0), (0.52, 0.16), (0.44, 0.46), (0.22, 0.76), (0.04, 0.98)),
        smooth((0.04, 0.98), (0.34, 0.96), (0.64, 1.0))]),
    "3_a": (0.05, 2.4, [
        smooth((0.04, 0.12), (0.26, 0.0), (0.5, 0.1), (0.48, 0.34), (0.2, 0.46)),
        smooth((0.2, 0.46), (0.5, 0.54), (0.58, 0.78), (0.36, 0.98), (0.02, 0.9))]),
    "3_b": (0.14, 2.6, [
        smooth((0.08, 0.06), (0.34, 0.0), (0.54, 0.12), (0.46, 0.36), (0.22, 0.46), (0.5, 0.56), (0.54, 0.82),
               (0.3, 1.0), (0.0, 0.94))]),
    "4_a": (0.06, 2.4, [
        smooth((0.06, 0.02), (0.02, 0.32), (0.06, 0.5), (0.3, 0.52), (0.56, 0.46)),
        smooth((0.56, 0.0), (0.54, 0.5), (0.53, 1.0))]),
    "4_b": (0.04, 2.2, [
        line((0.46, 0.0), (0.02, 0.6), (0.7, 0.6)),
        line((0.48, 0.02), (0.48, 1.0))]),
    "4_c": (0.2, 2.6, [
        line((0.08, 0.04), (0.04, 0.5), (0.62, 0.5)),
        line((0.5, 0.1), (0.48, 1.0))]),
    "5_a": (0.06, 2.4, [
        line((0.6, 0.02), (0.14, 0.02), (0.1, 0.42)),
        smooth((0.1, 0.42), (0.38, 0.36), (0.6, 0.56), (0.56, 0.84), (0.3, 1.0), (0.02, 0.92))]),
    "5_b": (0.22, 2.6, [
        line((0.58, 0.0), (0.14, 0.04)),
        smooth((0.14, 0.04), (0.12, 0.4), (0.36, 0.44), (0.48, 0.66), (0.38, 0.92), (0.14, 1.0), (0.0, 0.9))]),
    "6_a": (0.08, 2.4, [
        smooth((0.44, 0.0), (0.18, 0.22), (0.04, 0.56), (0.1, 0.88), (0.32, 1.0), (0.52, 0.86), (0.5, 0.64),
               (0.3, 0.54), (0.06, 0.7))]),
    "6_b": (0.02, 2.6, [
        smooth((0.5, 0.06), (0.26, 0.04), (0.06, 0.36), (0.06, 0.76), (0.28, 1.0), (0.54, 0.86), (0.54, 0.62),
               (0.3, 0.5), (0.08, 0.66))]),
    "7_a": (0.06, 2.4, [smooth((0.0, 0.04), (0.3, 0.03), (0.6, 0.0)), smooth((0.6, 0.0), (0.42, 0.46), (0.26, 1.0))]),
    "7_b": (0.02, 2.4, [
        line((0.0, 0.06), (0.62, 0.04)),
        smooth((0.62, 0.04), (0.42, 0.42), (0.28, 1.0)),
        line((0.18, 0.52), (0.6, 0.48))]),
    "7_c": (0.16, 2.8, [line((0.0, 0.16), (0.02, 0.04), (0.56, 0.02), (0.3, 1.0))]),
    "8_a": (0.08, 2.4, [
        smooth((0.5, 0.12), (0.3, 0.0), (0.1, 0.16), (0.2, 0.4), (0.46, 0.62), (0.52, 0.86), (0.28, 1.0),
               (0.06, 0.86), (0.16, 0.6), (0.42, 0.36), (0.5, 0.12))]),
    "8_b": (0.14, 2.2, [arc(0.3, 0.24, 0.22, 0.24, 80, 440), arc(0.29, 0.74, 0.28, 0.26, -85, 275)]),
    "9_a": (0.06, 2.4, [
        smooth((0.52, 0.14), (0.3, 0.0), (0.06, 0.16), (0.08, 0.42), (0.32, 0.5), (0.52, 0.3), (0.54, 0.12)),
        smooth((0.54, 0.12), (0.52, 0.56), (0.48, 1.0))]),
    "9_b": (0.1, 2.6, [
        smooth((0.5, 0.16), (0.28, 0.0), (0.04, 0.2), (0.14, 0.46), (0.38, 0.42), (0.52, 0.16), (0.52, 0.6),
               (0.36, 0.94), (0.08, 0.96))]),
    "9_c": (0.24, 2.2, [
        arc(0.28, 0.25, 0.25, 0.25, 0, 360),
        line((0.53, 0.22), (0.48, 1.0))]),
}


def in_hand(name: str, slant: float, strokes: list[Stroke]) -> list[Stroke]:
    """The strokes slanted, and wobbled by a slow wave that depends on the name only."""
    rng = random.Random(f"lepc digit {name}")
    phase, freq = ([rng.uniform(lo, hi) for _ in range(4)] for lo, hi in ((0, 2 * math.pi), (3, 6)))
    bend = 0.012

    def move(x: float, y: float) -> Point:
        dx = bend * (math.sin(freq[0] * y + phase[0]) + math.sin(freq[1] * x + phase[1]))
        dy = bend * (math.sin(freq[2] * x + phase[2]) + math.sin(freq[3] * y + phase[3]))
        return x - slant * (y - 0.5) + dx, y + dy

    return [[move(x, y) for x, y in densely(stroke)] for stroke in strokes]


def densely(stroke: Stroke) -> Stroke:
    """The stroke with points so close together that brush marks overlap."""
    out = [stroke[0]]
    for (x0, y0), (x1, y1) in zip(stroke, stroke[1:]):
        n = max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) * 150))
        out += [(x0 + (x1 - x0) * i / n, y0 + (y1 - y0) * i / n) for i in range(1, n + 1)]
    return out


def fit(strokes: list[Stroke], brush: float) -> list[Stroke]:
    """Scales to pixels: the digit with its brush fills the box in its longer direction."""
    xs, ys = ([p[i] for stroke in strokes for p in stroke] for i in (0, 1))
    scale = (BOX - brush) / max(max(xs) - min(xs), max(ys) - min(ys))
    left, top = (SIZE - scale * (min(v) + max(v)) for v in (xs, ys))
    return [[(scale * x + left / 2, scale * y + top / 2) for x, y in stroke] for stroke in strokes]


def paint(strokes: list[Stroke], brush: float) -> Image.Image:
    """White strokes on black, FINE times finer than the picture."""
    fine = Image.new("L", (SIZE * FINE, SIZE * FINE), 0)
    draw = ImageDraw.Draw(fine)
    r = brush * FINE / 2
    for stroke in strokes:
        for x, y in stroke:
            draw.ellipse((x * FINE - r, y * FINE - r, x * FINE + r, y * FINE + r), fill=255)
    return fine


def centre_of_mass(picture: Image.Image) -> Point:
    width = picture.width
    pixels = picture.tobytes()
    rows = [sum(pixels[y * width : (y + 1) * width]) for y in range(picture.height)]
    cols = [sum(pixels[x::width]) for x in range(width)]
    x, y = (sum((i + 0.5) * v for i, v in enumerate(sums)) / sum(sums) for sums in (cols, rows))
    return x / FINE, y / FINE


def draw_digit(name: str) -> Image.Image:
    slant, brush, strokes = DIGITS[name]
    strokes = fit(in_hand(name, slant, strokes), brush)
    x, y = centre_of_mass(paint(strokes, brush))
    dx, dy = SIZE / 2 - x, SIZE / 2 - y
    moved = [[(px + dx, py + dy) for px, py in stroke] for stroke in strokes]
    return paint(moved, brush).reduce(FINE)


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "digits"
    folder.mkdir(exist_ok=True)
    for name in DIGITS:
        draw_digit(name).save(folder / f"{name}.png", optimize=True)
    print(f"{len(DIGITS)} pictures in {folder}")


if __name__ == "__main__":
    main()
