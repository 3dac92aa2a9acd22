#!/usr/bin/env python3
"""Two threads beside one: a ResNet-18 of drawn weights, and the MNIST network, which is too small for two and must not
be slower for being compiled for them.  Rounds are interleaved, and the least time of each counts: of a machine that is
busy the figures say little."""
import argparse
import os
import re
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def least_us(program, threads):
    command = [program, "--bench", f"--threads={threads}"]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(re.search(r"min ([0-9.]+) us", said.stdout).group(1))


def build(lepc, model, threads, out):
    subprocess.run([lepc, model, "--cpu=native", f"--run-threads={threads}", "-q", "-o", out], check=True)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lepc", default="build/bin/lepc")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    models = {
        "resnet18": os.path.join(HERE, "models/resnet18.lep"),
        "mnist": os.path.join(HERE, "../examples/mnist/mnist.lep"),
    }
    head = f"least of {options.rounds}"
    print(f"{head:12} {'1 us':>10} {'2 us':>10} {'gain':>6}   load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models.items():
            one = build(options.lepc, model, 1, os.path.join(folder, name + "-1"))
            two = build(options.lepc, model, 2, os.path.join(folder, name + "-2"))
            times = [(least_us(one, 1), least_us(two, 2)) for _ in range(options.rounds)]
            best = [min(column) for column in zip(*times)]
            print(f"{name:12} {best[0]:10.1f} {best[1]:10.1f} {best[0] / best[1]:6.2f}")


main()
