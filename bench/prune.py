#!/usr/bin/env python3
"""What pruning buys: MNIST with 80 % of its large layers' weights dropped in blocks of 1 x 16, beside the same network
in full, on one core, in turns.

    python3 bench/prune.py

Prints each layer's time as direct dense code and as sparse code, the files' sizes, the whole latency, and the accuracy
on MNIST's 10 000 test images if $LEPC_DATA/data/mnist has them.  Ends with status 1 if a bar is missed.  LEPC names the
compiler, default build/bin/lepc.
"""
import argparse
import os
import sys
import tempfile
from pathlib import Path

from figures import Figure, print_table, write_json
from measure import output_of, pin_to_core
from mnist import MODEL, ROOT, Ours
from mnist_data import accuracies

TURNS = 7
PRUNED = ("c2", "c3", "h")


def layer_figures(dense: Ours, pruned: Ours) -> list[Figure]:
    figures = []
    for full, sparse in zip(dense.profile(), pruned.profile()):
        name = full["layer"]
        if name not in PRUNED:
            continue
        figures.append(Figure(f"{name}, dense and direct", full["us_min"], "us"))
        figures.append(Figure(f"{name}, sparse", sparse["us_min"], "us"))
        figures.append(Figure(f"{name}, direct / sparse", full["us_min"] / sparse["us_min"], "x", 2, least=True))
    return figures


def main() -> None:
    args = argparse.ArgumentParser(description="dense and pruned MNIST side by side")
    args.add_argument("--core", type=int, help="pin to this core, default the last")
    args.add_argument("--json", help="keep the figures in this file")
    opt = args.parse_args()
    lepc = os.environ.get("LEPC", str(ROOT / "build/bin/lepc"))
    pin_to_core(opt.core)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # -Os: the same network without Winograd, whose transforms no sparse code could share
        direct = Ours(lepc, folder, flags=("-Os",), name="direct")
        dense, pruned = Ours(lepc, folder), Ours(lepc, folder, MODEL.with_name("mnist_pruned.lep"))
        for network in (direct, dense, pruned):
            output_of([*network.build, str(network.binary)])
        for _ in range(TURNS):
            for network in (direct, dense, pruned):
                network.take_profile()
                network.run(2000)
        sizes = [network.binary.stat().st_size / 1e3 for network in (direct, pruned)]
        figures = layer_figures(direct, pruned)
        figures += [
            Figure("latency, dense and direct", direct.best(), "us"),
            Figure("latency, dense", dense.best(), "us"),
            Figure("latency, pruned", pruned.best(), "us", dense.best()),
            Figure("binary, dense and direct", sizes[0], "KB"),
            Figure("binary, pruned", sizes[1], "KB", sizes[0]),
        ]
        figures += accuracies({"dense": dense, "pruned": pruned}, folder)
    print_table(figures)
    if opt.json:
        write_json(opt.json, figures)
    if not all(figure.good for figure in figures):
        sys.exit(1)


if __name__ == "__main__":
    main()
