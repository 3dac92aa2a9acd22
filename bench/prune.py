#!/usr/bin/env python3
"""What pruning buys: MNIST with 80 % of its large layers' weights dropped in blocks of 1 x 16, beside the same network
in full, on one core, in turns.

    python3 bench/prune.py

Prints each layer's time as dense and as sparse code, the files' sizes, the whole latency, and the accuracy on MNIST's
10 000 test images if $LEPC_DATA/data/mnist has them.  Ends with status 1 if a bar is missed.  LEPC names the compiler,
default build/bin/lepc.
"""
import argparse
import gzip
import os
import re
import sys
import tempfile
from pathlib import Path

from figures import Figure, print_table, write_json
from measure import fail, output_of, pin_to_core
from mnist import MODEL, ROOT, Ours

TURNS = 7
PRUNED = ("c2", "c3", "h")
IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def accuracy(network: Ours, data: Path, folder: Path) -> float:
    """Per cent of the test images."""
    for name in (IMAGES, LABELS):
        (folder / name).write_bytes(gzip.decompress((data / f"{name}.gz").read_bytes()))
    said = output_of([str(network.binary), "--input", f"image={folder / IMAGES}", f"--labels={folder / LABELS}",
                      "--output", f"digit={folder / 'out.npy'}"])
    found = re.search(r"Test accuracy: ([0-9.]+)", said)
    return float(found[1]) if found else fail("the binary printed no accuracy")


def layer_figures(dense: Ours, pruned: Ours) -> list[Figure]:
    figures = []
    for full, sparse in zip(dense.profile(), pruned.profile()):
        name = full["layer"]
        if name not in PRUNED:
            continue
        figures.append(Figure(f"{name}, dense", full["us_min"], "us"))
        figures.append(Figure(f"{name}, sparse", sparse["us_min"], "us"))
        figures.append(Figure(f"{name}, dense / sparse", full["us_min"] / sparse["us_min"], "x", 2, least=True))
    return figures


def main() -> None:
    args = argparse.ArgumentParser(description="dense and pruned MNIST side by side")
    args.add_argument("--core", type=int, help="pin to this core, default the last")
    args.add_argument("--json", help="keep the figures in this file")
    opt = args.parse_args()
    lepc = os.environ.get("LEPC", str(ROOT / "build/bin/lepc"))
    data = Path(os.environ.get("LEPC_DATA", ROOT.parent / "shared")) / "data/mnist"
    pin_to_core(opt.core)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        both = [Ours(lepc, folder), Ours(lepc, folder, MODEL.with_name("mnist_pruned.lep"))]
        for network in both:
            output_of([*network.build, str(network.binary)])
        for _ in range(TURNS):
            for network in both:
                network.take_profile()
                network.run(2000)
        dense, pruned = both
        sizes = [network.binary.stat().st_size / 1e3 for network in both]
        figures = layer_figures(dense, pruned)
        figures += [
            Figure("latency, dense", dense.best(), "us"),
            Figure("latency, pruned", pruned.best(), "us", dense.best()),
            Figure("binary, dense", sizes[0], "KB"),
            Figure("binary, pruned", sizes[1], "KB", sizes[0]),
        ]
        if (data / f"{IMAGES}.gz").is_file():
            figures += [
                Figure("accuracy, dense", accuracy(dense, data, folder), "%", 99.0, least=True),
                Figure("accuracy, pruned", accuracy(pruned, data, folder), "%", 99.0, least=True),
            ]
        else:
            print(f"no MNIST in {data}: accuracies are left out")
    print_table(figures)
    if opt.json:
        write_json(opt.json, figures)
    if not all(figure.good for figure in figures):
        sys.exit(1)


if __name__ == "__main__":
    main()
