#!/usr/bin/env python3
"""Fits logistic_regression.lep: whether a seed is of wheat or of rye, by its length and its width.

    python3 -m venv venv && venv/bin/pip install numpy==2.0.2
    venv/bin/python train.py

The seeds are made up here.  Newton's method, which for this loss is weighted least squares again and again, finds the
minimum in a few steps.  Writes logistic_regression.safetensors, and 200 seeds that were held back: seeds.npy and their
kinds, kinds.npy.
"""
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tensors import write_safetensors


def seeds(rng, count: int):
    """Length and width in mm; 0 is wheat, 1 is rye, which is longer and thinner."""
    kind = rng.integers(0, 2, count)
    length = np.where(kind, 7.5, 6.4) + rng.normal(0, 0.5, count)
    width = np.where(kind, 2.6, 3.2) + 0.2 * (length - 7) + rng.normal(0, 0.2, count)
    return np.stack([length, width], 1).astype(np.float32), kind


def fit(x: np.ndarray, kind: np.ndarray):
    """Coefficients and constant of the log odds, with a touch of ridge that keeps the matrix regular."""
    rows = np.column_stack([x, np.ones(len(x))]).astype(np.float64)
    w = np.zeros(3)
    for step in range(10):
        p = 1 / (1 + np.exp(-rows @ w))
        slope = rows.T @ (p - kind) + 1e-3 * w
        bend = rows.T @ (rows * (p * (1 - p))[:, None]) + 1e-3 * np.eye(3)
        w -= np.linalg.solve(bend, slope)
        print(f"step {step + 1}  slope {np.abs(slope).max():.2e}")
        if np.abs(slope).max() < 1e-9:
            break
    return w


def main() -> None:
    rng = np.random.default_rng(1)
    x, kind = seeds(rng, 1000)
    held, answers = seeds(rng, 200)
    w = fit(x, kind)
    right = np.mean((held @ w[:2] + w[2] > 0) == answers)
    print(f"log odds of rye: {w[0]:.2f} * length {w[1]:+.2f} * width {w[2]:+.2f}; {right:.1%} of 200 others are right")
    write_safetensors(HERE / "logistic_regression.safetensors", {"odds/kernel": w[:2, None], "odds/bias": w[2:]})
    np.save(HERE / "seeds.npy", held)
    np.save(HERE / "kinds.npy", answers.astype(np.uint8))


if __name__ == "__main__":
    main()
