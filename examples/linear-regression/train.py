#!/usr/bin/env python3
"""Fits linear_regression.lep: least squares on 200 days of a kiosk that are made up here.

    python3 -m venv venv && venv/bin/pip install numpy==2.0.2
    venv/bin/python train.py

Writes linear_regression.safetensors and days.npy, a few days to try it on.
"""
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tensors import write_safetensors

# Scoops a day: 20, 6 more a degree, 45 more on a weekend, 8 fewer an hour of rain; give or take 10.
TRUTH, BASE, SPREAD = np.array([6.0, 45.0, -8.0]), 20.0, 10.0


def days(rng, count: int):
    """Degrees, whether it is a weekend, hours of rain; and how many scoops were sold."""
    x = np.stack([rng.uniform(10, 35, count), rng.integers(0, 7, count) >= 5, rng.exponential(1.5, count)], 1)
    return x, x @ TRUTH + BASE + rng.normal(0, SPREAD, count)


def main() -> None:
    x, y = days(np.random.default_rng(1), 200)
    fit, residues, _, _ = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)
    print(f"coefficients {fit[:3].round(2)}, base {fit[3]:.2f}, deviation {np.sqrt(residues[0] / len(x)):.2f}")
    write_safetensors(HERE / "linear_regression.safetensors",
                      {"scoops/kernel": fit[:3, None], "scoops/bias": fit[3:]})
    np.save(HERE / "days.npy", np.array([[30, 0, 0], [30, 1, 0], [15, 1, 4]], "<f4"))


if __name__ == "__main__":
    main()
