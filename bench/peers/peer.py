"""A peer's process, seen from bench/mnist.py (protocol: serve.py)."""
import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("ort", "litert", "openvino", "ncnn")
INT8_NAMES = ("ort_int8", "litert_int8")


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
