#!/usr/bin/env python3
"""Two threads beside one: a ResNet-18 of drawn weights, and the MNIST network, which is too small for two and must not
be slower for being compiled for them.  Rounds are interleaved, and the least time of each counts: of a machine that is
busy the figures say little."""
import argparse
import os
import re
import subprocess
import sys
import tempfile

from figures import Figure, print_table

HERE = os.path.dirname(os.path.abspath(__file__))


def least_us(program, threads):
    command = [program, "--bench", f"--threads={threads}"]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(re.search(r"min ([0-9.]+) us", said.stdout).group(1))


def build(lepc, model, threads, out):
    subprocess.run([lepc, model, "--cpu=native", f"--run-threads={threads}", "-q", "-o", out], check=True)
    return out


def gains(lepc, model, rounds, folder):
    """Least times in us of one thread and of two."""
    name = os.path.splitext(os.path.basename(model))[0]
    one = build(lepc, model, 1, os.path.join(folder, name + "-1"))
    two = build(lepc, model, 2, os.path.join(folder, name + "-2"))
    times = [(least_us(one, 1), least_us(two, 2)) for _ in range(rounds)]
    return [min(column) for column in zip(*times)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lepc", default="build/bin/lepc")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    bars = {"models/resnet18.lep": 1.6, "../examples/mnist/mnist.lep": 0.95}  # 1, less what measuring wavers
    busy = os.getloadavg()[0]
    print(f"load {busy:.1f}" + (": the cores are not free, so bars mean little" if busy > 0.5 else ""))
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for model, bar in bars.items():
            one, two = gains(options.lepc, os.path.join(HERE, model), options.rounds, folder)
            name = os.path.basename(model)
            figures.append(Figure(f"{name}, one thread", one, "us"))
            figures.append(Figure(f"{name}, two", two, "us"))
            figures.append(Figure(f"{name}, one / two", one / two, "x", bar, least=True))
    print_table(figures)
    return 0 if all(figure.good for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
