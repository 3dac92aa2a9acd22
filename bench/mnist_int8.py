#!/usr/bin/env python3
"""What 8 bits buy: the MNIST example quantised beside itself in f32 and beside other engines' 8 bits, on one core, in
turns.

    python3 bench/mnist_int8.py --peers ort_int8,litert_int8 --tflite FOLDER --peer-python venv/bin/python

All take the ranges of their activations from the 25 pictures that the example ships.  Ends with status 1 if a bar is
missed.  LEPC names the compiler, default build/bin/lepc.
"""
import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))

from figures import Figure, print_table, write_json  # noqa: E402
from measure import output_of, pin_to_core, section_size  # noqa: E402
from mnist import CONSTANTS, MODEL, ROOT, Ours, take_turns  # noqa: E402
from mnist_data import accuracies  # noqa: E402
from peer import INT8_NAMES, Peer, add_arguments, parse_arguments  # noqa: E402

FLAGS = ("--quantize=all:int8", f"--calibrate={MODEL.parent / 'digits'}")
DROP = 0.2  # points of accuracy that 8 bits may cost


def size_figures(full: Ours, small: Ours) -> list[Figure]:
    sizes = [section_size(network.object, CONSTANTS) for network in (full, small)]
    return [
        Figure("constants, f32", sizes[0] / 1e3, "KB"),
        Figure("constants, int8", sizes[1] / 1e3, "KB"),
        Figure("constants, f32 / int8", sizes[0] / sizes[1], "x", 3.5, least=True),
    ]


def speed_figures(full: Ours, small: Ours, peers: list[Peer]) -> list[Figure]:
    best = small.best()
    figures = [
        Figure("ours f32, best", full.best(), "us"),
        Figure("ours int8, best", best, "us"),
        Figure("f32 / int8", full.best() / best, "x", 1, least=True),
    ]
    for peer in peers:
        variant, least = peer.best()
        figures.append(Figure(f"{peer.name} ({variant}), best", least, "us"))
        figures.append(Figure(f"{peer.name} / ours", least / best, "x", 1, least=True))
    return figures


def measure_all(opt: argparse.Namespace, folder: Path) -> list[Figure]:
    lepc = os.environ.get("LEPC", str(ROOT / "build/bin/lepc"))
    # -Os: without Winograd's transformed weights, which would flatter a comparison of sizes
    direct = Ours(lepc, folder, flags=("-Os",), name="direct")
    full, small = Ours(lepc, folder, name="f32"), Ours(lepc, folder, flags=FLAGS, name="int8")
    for network in (direct, full, small):
        output_of([*network.build, str(network.binary)])
        output_of([*network.build, str(network.object)])
    peers = [Peer(opt.peer_python, name, opt.tflite) for name in opt.peers]
    for _ in range(opt.rounds):
        full.run(opt.runs)
        take_turns(small, peers, 1, opt.runs)
    for peer in peers:
        peer.end()
    accurate = accuracies({"f32": full, "int8": small}, folder)
    if accurate:
        accurate.append(Figure("points lost", accurate[0].value - accurate[1].value, "pt", DROP))
    return size_figures(direct, small) + speed_figures(full, small, peers) + accurate


def arguments() -> argparse.Namespace:
    args = argparse.ArgumentParser(description="the MNIST example in 8 bits against its bars")
    add_arguments(args, INT8_NAMES, 9)
    return parse_arguments(args, INT8_NAMES)


def main() -> int:
    opt = arguments()
    print(f"core {pin_to_core(opt.core)}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure_all(opt, Path(folder))
    print_table(figures)
    if opt.json:
        write_json(opt.json, figures)
    return 0 if all(figure.good for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
