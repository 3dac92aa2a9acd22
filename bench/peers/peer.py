"""A peer's process, seen from bench/mnist.py (protocol: serve.py)."""
import argparse
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("ort", "litert", "openvino", "ncnn")
INT8_NAMES = ("ort_int8", "litert_int8")


def add_arguments(parser: argparse.ArgumentParser, names: tuple[str, ...], rounds: int) -> None:
    """What every script that measures beside peers takes."""
    parser.add_argument("--peers", default="", help=f"of {','.join(names)}, with commas between")
    parser.add_argument("--peer-python", default=sys.executable, help="a Python that has the peers' packages")
    parser.add_argument("--tflite", default=".", help="the folder where make_tflite.py wrote its files")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--runs", type=int, default=3000, help="runs of each a round")
    parser.add_argument("--core", type=int, help="the core to run on, default the last")
    parser.add_argument("--json", help="write the figures to this file too")


def parse_arguments(parser: argparse.ArgumentParser, names: tuple[str, ...]) -> argparse.Namespace:
    opt = parser.parse_args()
    opt.peers = [name for name in opt.peers.split(",") if name]
    if unknown := set(opt.peers) - set(names):
        parser.error(f"no peer named {', '.join(unknown)}")
    return opt


class Peer:
    def __init__(self, python: str, name: str, tflite: str):
        self.kind, self.variants = name, {}  # variant: times of each round
        command = [python, str(HERE / f"{name}_mnist.py")] + ([tflite] if name.startswith("litert") else [])
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        hello = self.process.stdout.readline()
        if not hello:
            why = self.process.stderr.read().strip().splitlines()
            sys.exit(f"the peer {name} does not start: {why[-1] if why else 'it ended at once'}")
        said = json.loads(hello)
        self.name, self.call_us = said["name"], said["call_us"]

    def run(self, count: int) -> None:
        """One round: every variant so many times."""
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        for key, times in json.loads(self.process.stdout.readline()).items():
            self.variants.setdefault(key, []).append(times)

    def best(self) -> tuple[str, float]:
        """The fastest variant, and its time in us: the least of all rounds."""
        least = {key: min(times["min_us"] for times in rounds) for key, rounds in self.variants.items()}
        key = min(least, key=least.__getitem__)
        return key, least[key]

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait()
