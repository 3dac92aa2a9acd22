#!/usr/bin/env python3
"""Teaches the network of q_network.lep to balance a pole on a cart, and writes q_network.safetensors.

    python3 -m venv venv && venv/bin/pip install numpy==2.0.2
    venv/bin/python train.py

Deep Q-learning (Mnih et al. 2015) with two networks (van Hasselt et al. 2016), written out in numpy: the value of an
action is what it earns now and, from the next state on, what the target network thinks of the action that the network
would take.  The cart is that of cart.h (Barto, Sutton and Anderson 1983).  The seed is fixed.
"""
import math
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from tensors import write_safetensors

UNITS, BATCH, MEMORY, DISCOUNT, RATE = 32, 64, 20000, 0.98, 1e-3
SCALE = np.array([0.5, 0.5, 5.0, 0.5])  # as in q_network.lep
STEPS, TARGET_EVERY, TEST_EVERY, GOAL = 60000, 250, 2000, 500


def push(state: np.ndarray, right: bool) -> np.ndarray:
    """The states 20 ms later, of carts side by side: position, speed, angle, turning."""
    x, v, a, w = state
    total, half, pole = 1.1, 0.5, 0.05  # masses in kg, half the pole's length in m, mass times that
    force = np.where(right, 10.0, -10.0)
    pull = (force + pole * w * w * np.sin(a)) / total
    turn = (9.8 * np.sin(a) - np.cos(a) * pull) / (half * (4 / 3 - 0.1 * np.cos(a) ** 2 / total))
    move = pull - pole * turn * np.cos(a) / total
    return np.array([x + 0.02 * v, v + 0.02 * move, a + 0.02 * w, w + 0.02 * turn])


def fell(state: np.ndarray):
    return (np.abs(state[0]) > 2.4) | (np.abs(state[2]) > math.pi / 15)


class Network:
    """Three dense layers, whose parameters are one list of arrays; Adam."""

    def __init__(self, rng):
        sizes = [(4, UNITS), (UNITS, UNITS), (UNITS, 2)]
        self.p = [a for i, o in sizes for a in (rng.normal(0, math.sqrt(2 / i), (i, o)), np.zeros(o))]
        self.m, self.v, self.steps = [0.0] * 6, [0.0] * 6, 0

    def forward(self, x: np.ndarray) -> list:
        w1, b1, w2, b2, w3, b3 = self.p
        h1 = np.maximum((x * SCALE) @ w1 + b1, 0)
        h2 = np.maximum(h1 @ w2 + b2, 0)
        return [x * SCALE, h1, h2, h2 @ w3 + b3]

    def learn(self, states, actions, wanted, rate) -> None:
        x, h1, h2, q = self.forward(states)
        d3 = np.zeros_like(q)
        rows = np.arange(len(actions))
        d3[rows, actions] = np.clip(q[rows, actions] - wanted, -1, 1) / len(actions)
        d2 = (d3 @ self.p[4].T) * (h2 > 0)
        d1 = (d2 @ self.p[2].T) * (h1 > 0)
        gradients = [x.T @ d1, d1.sum(0), h1.T @ d2, d2.sum(0), h2.T @ d3, d3.sum(0)]
        self.steps += 1
        for i, g in enumerate(gradients):
            self.m[i] = 0.9 * self.m[i] + 0.1 * g
            self.v[i] = 0.999 * self.v[i] + 0.001 * g * g
            step = self.m[i] / (1 - 0.9**self.steps) / (np.sqrt(self.v[i] / (1 - 0.999**self.steps)) + 1e-8)
            self.p[i] = self.p[i] - rate * step


def test(network: Network) -> np.ndarray:
    """How long each of 100 poles stands, which begin alike in every test; GOAL steps at most."""
    state = np.random.default_rng(99).uniform(-0.1, 0.1, (4, 100))
    lasted, alive = np.zeros(100, int), np.ones(100, bool)
    for _ in range(GOAL):
        state = push(state, network.forward(state.T)[3].argmax(1) == 1)
        alive &= ~fell(state)
        lasted += alive
    return lasted


def train() -> Network:
    rng = np.random.default_rng(3)
    network = Network(rng)
    target, best, best_score = list(network.p), list(network.p), -1.0
    seen = [np.zeros((MEMORY, 4)), np.zeros(MEMORY, int), np.zeros((MEMORY, 4)), np.zeros(MEMORY, bool)]
    state, age = rng.uniform(-0.1, 0.1, 4), 0
    for step in range(STEPS):
        curious = max(0.05, 1 - step / 8000)
        action = int(rng.integers(2) if rng.random() < curious else network.forward(state[None])[3].argmax())
        after = push(state, action == 1)
        for column, value in zip(seen, (state, action, after, fell(after))):
            column[step % MEMORY] = value
        age += 1
        over = bool(fell(after)) or age == GOAL
        state, age = (rng.uniform(-0.1, 0.1, 4), 0) if over else (after, age)
        if step < 1000:
            continue
        rows = rng.integers(0, min(step, MEMORY), BATCH)
        s, a, t, end = (column[rows] for column in seen)
        likes = network.forward(t)[3].argmax(1)
        kept, network.p = network.p, target
        worth = network.forward(t)[3][np.arange(BATCH), likes]
        network.p = kept
        network.learn(s, a, np.where(end, -1, DISCOUNT * worth), RATE * (1 - step / STEPS))
        if step % TARGET_EVERY == 0:
            target = list(network.p)
        if step % TEST_EVERY == 0:
            lasted = test(network)
            print(f"step {step:5d}  {lasted.mean():.0f} steps a pole, the first falls after {lasted.min()}", flush=True)
            if lasted.mean() >= best_score:
                best, best_score = list(network.p), lasted.mean()
    network.p = best
    print(f"of 100 poles {np.sum(test(network) == GOAL)} stand for {GOAL} steps")
    return network


def main() -> None:
    network = train()
    names = [f"{layer}/{kind}" for layer in ("h1", "h2", "q") for kind in ("kernel", "bias")]
    write_safetensors(HERE / "q_network.safetensors", dict(zip(names, network.p)))


if __name__ == "__main__":
    main()
