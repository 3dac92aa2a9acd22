#!/usr/bin/env python3
"""Runs a compiled binary on every shipped digit and draws what it said.

    python3 gallery.py ./mnist -o gallery.png        (needs Pillow: apt install python3-pil)

Each digit is shown with its label and probability, framed green if right and red if wrong.
Ends with status 1 if fewer than 23 of the 25 are right.
"""
import argparse
import json
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageDraw

HERE = Path(__file__).resolve().parent
COLUMNS, ZOOM, GAP, TEXT = 5, 4, 10, 22
SIDE = 28 * ZOOM
RIGHT, WRONG, PAPER, INK = (46, 160, 67), (207, 34, 46), (255, 255, 255), (31, 35, 40)
NEEDED = 23

# The label's glyphs: 3 by 5 dots each, so that no font is needed.
GLYPHS = {
    "0": "####.##.##.####", "1": ".#.##..#..#.###", "2": "###..#####..###", "3": "###..####..####",
    "4": "#.##.####..#..#", "5": "####..###..####", "6": "####..####.####", "7": "###..#..#.#..#.",
    "8": "####.#####.####", "9": "####.####..####", "%": "#.#..#.#.#..#.#", ".": ".............#.",
    "?": "###..#.##....#.", " ": "." * 15,
}


def ask(binary: Path, pictures: list[Path]) -> dict[str, tuple[str, float]]:
    """Label and probability of every picture, by its path."""
    done = subprocess.run([binary, "--json", *map(str, pictures)], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"gallery.py: {binary} ended with status {done.returncode}")
    said = {}
    for row in done.stdout.splitlines():
        answer = json.loads(row)
        best = answer["outputs"]["digit"]["top"][0]
        said[Path(answer["input"]).name] = (best["label"], best["value"])
    return said


def write_text(draw: ImageDraw.ImageDraw, x: int, y: int, text: str, dot: int, colour) -> int:
    """Draws the text with square dots; returns the x after it."""
    for letter in text:
        for i, on in enumerate(GLYPHS.get(letter, GLYPHS["?"])):
            if on == "#":
                left, top = x + i % 3 * dot, y + i // 3 * dot
                draw.rectangle((left, top, left + dot - 1, top + dot - 1), fill=colour)
        x += 4 * dot
    return x


def draw_cell(sheet: Image.Image, x: int, y: int, picture: Path, label: str, share: float, good: bool) -> None:
    colour = RIGHT if good else WRONG
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((x - 4, y - 4, x + SIDE + 3, y + SIDE + TEXT + 3), fill=colour)
    draw.rectangle((x, y + SIDE + 1, x + SIDE - 1, y + SIDE + TEXT - 1), fill=PAPER)
    with Image.open(picture) as digit:
        sheet.paste(digit.convert("RGB").resize((SIDE, SIDE), Image.NEAREST), (x, y))
    write_text(draw, x + 6, y + SIDE + 4, label, 3, colour)
    percent = f"{int(1000 * share) / 10}%"  # rounded down: 100% is said of 1 only
    write_text(draw, x + SIDE - 8 * len(percent) - 3, y + SIDE + 6, percent, 2, INK)


def draw_sheet(pictures: list[Path], said: dict[str, tuple[str, float]]) -> tuple[Image.Image, int]:
    """The gallery and how many digits were right."""
    rows = -(-len(pictures) // COLUMNS)
    size = (COLUMNS * (SIDE + 2 * GAP), rows * (SIDE + TEXT + 2 * GAP))
    sheet, right = Image.new("RGB", size, PAPER), 0
    for i, picture in enumerate(pictures):
        label, share = said.get(picture.name, ("?", 0.0))
        good = label == picture.name[0]
        right += good
        x = GAP + i % COLUMNS * (SIDE + 2 * GAP)
        y = GAP + i // COLUMNS * (SIDE + TEXT + 2 * GAP)
        draw_cell(sheet, x, y, picture, label, share, good)
    return sheet, right


def main() -> int:
    args = argparse.ArgumentParser(description="draws what a compiled mnist says of the shipped digits")
    args.add_argument("binary", type=Path)
    args.add_argument("-o", "--out", type=Path, default=Path("gallery.png"))
    opt = args.parse_args()
    pictures = sorted((HERE / "digits").glob("*.png"))
    sheet, right = draw_sheet(pictures, ask(opt.binary.resolve(), pictures))
    sheet.save(opt.out)
    print(f"{right} of {len(pictures)} digits right, picture in {opt.out}")
    return 0 if right >= NEEDED else 1


if __name__ == "__main__":
    sys.exit(main())
