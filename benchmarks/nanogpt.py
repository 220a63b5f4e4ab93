"""nanoGPT's small configuration by time, beside PyTorch: `python -m benchmarks.nanogpt FILE`.

The configuration for a laptop of its README, on the text of its `shakespeare_char` or another: 4
blocks of width 128 with 4 heads over 64 letters, windows of 12, AdamW with a warm-up of 100 steps,
then a cosine from 0.001 to 0.0001 that ends with the time, gradients clipped to a norm of 1. The
last tenth of the text is held out. handgrad, PyTorch and torch.compile begin with the same weights
and read the same windows, each for 1, 3 and 10 minutes, on two cores; biases stay, and all weights
decay. Minutes are the wall's, compiling included, and without the evaluation. `--minutes 1` for a
shorter run. It prints the text's SHA-256, and held-out bits per character as a table.
"""

import argparse
import copy
import hashlib
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import handgrad as hg
from benchmarks.held import Held
from benchmarks.peers import own_deep, pytorch_deep

LENGTH, BATCH, BLOCKS, WIDTH = 64, 12, 4, 128
RATE, LEAST_RATE, WARM_UP, BETAS, DECAY, CLIP = 1e-3, 1e-4, 100, (0.9, 0.99), 0.1, 1.0
EVALUATED, CORES = 600, 2  # windows; cores
Learn = Callable[[Any, Any, float], None]
Evaluate = Callable[[Any, Any], float]
Begin = Callable[[], tuple[Learn, Evaluate]]


def windows(codes: Any, n: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Random windows of the text and their targets, the next characters."""
    starts = rng.integers(0, len(codes) - LENGTH, n)[:, None]
    places = starts + np.arange(LENGTH + 1)
    return codes[places[:, :-1]], codes[places[:, 1:]]


def rate_at(step: int, share: float) -> float:
    """The learning rate of a step, when this share of the time is over."""
    if step < WARM_UP:
        return RATE * (step + 1) / (WARM_UP + 1)
    return LEAST_RATE + (RATE - LEAST_RATE) * (1 + math.cos(math.pi * share)) / 2


def by_handgrad(net: hg.Net) -> tuple[Learn, Evaluate]:
    """A step, and the loss of some windows."""
    loss = hg.SoftmaxCrossEntropyLoss()
    step = hg.compile(net, loss, hg.AdamW(RATE, betas=BETAS, weight_decay=DECAY, clip_norm=CLIP))

    def learn(x: Any, y: Any, rate: float) -> None:
        step.gradients(x, y)
        step.apply(rate)

    return learn, lambda x, y: hg.evaluate(net, (x, y), loss=loss, metrics=[]).loss


def by_torch(net: Any, run: Any) -> tuple[Learn, Evaluate]:
    """The same, where `run` is the net itself, or compiled."""
    adam = torch.optim.AdamW(net.parameters(), RATE, betas=BETAS, weight_decay=DECAY)

    def loss_of(x: Any, y: Any) -> Any:
        p = run(torch.from_numpy(x))
        return nn.functional.cross_entropy(p.flatten(0, 1), torch.from_numpy(y).flatten())

    def learn(x: Any, y: Any, rate: float) -> None:
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        loss_of(x, y).backward()
        nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        adam.step()

    def evaluate(x: Any, y: Any) -> float:
        with torch.no_grad():
            parts = range(0, len(x), BATCH)
            return float(np.mean([loss_of(x[i : i + BATCH], y[i : i + BATCH]) for i in parts]))

    return learn, evaluate


def trained(begin: Begin, codes: Any, held_out: Any, seconds: float) -> tuple[int, float]:
    """The steps of so many seconds, and the held-out bits per character after them."""
    rng, start, step = np.random.default_rng(0), time.perf_counter(), 0
    learn, evaluate = begin()
    while (spent := time.perf_counter() - start) < seconds:
        learn(*windows(codes, BATCH, rng), rate_at(step, spent / seconds))
        step += 1
    loss = evaluate(*windows(held_out, EVALUATED, np.random.default_rng(1)))
    return step, loss / math.log(2)


def main() -> None:
    """handgrad, PyTorch and its compiled net, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nanogpt", description=__doc__)
    parser.add_argument("file", type=Path, help="a text")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 3, 10])
    options = parser.parse_args()
    content = options.file.read_bytes()
    letters, codes = np.unique([*content.decode("utf-8")], return_inverse=True)
    end, n = len(codes) * 9 // 10, len(letters)
    net = own_deep.transformer(n, LENGTH, np.random.default_rng(0), BLOCKS, WIDTH)

    def theirs(*, compiled: bool) -> tuple[Learn, Evaluate]:
        like = pytorch_deep.transformer(n, LENGTH, BLOCKS, WIDTH)
        like = pytorch_deep.with_weights_of(net, like)
        return by_torch(like, torch.compile(like) if compiled else like)

    begins: dict[str, Begin] = {
        "handgrad": lambda: by_handgrad(copy.deepcopy(net)),
        "PyTorch, eager": lambda: theirs(compiled=False),
        "PyTorch, compiled": lambda: theirs(compiled=True),
    }
    torch.set_num_threads(CORES)
    print(f"{options.file.name}, SHA-256 {hashlib.sha256(content).hexdigest()}:")
    print(f"{len(codes):,} letters, {n} different, {net.parameters.size:,} weights,")
    print(f"{CORES} cores, load {os.getloadavg()[0]:.1f}; bits per character, held out\n")
    print("| minutes |", *(f"{minutes:g} |" for minutes in options.minutes))
    print("| --- |", *("---: |" for _ in options.minutes))
    with Held(CORES).pinned():
        for name, begin in begins.items():
            print(f"| {name} |", end="", flush=True)
            for minutes in options.minutes:
                steps, bits = trained(begin, codes[:end], codes[end:], 60 * minutes)
                print(f" {bits:.3f}, {steps:,} steps |", end="", flush=True)
            torch.compiler.reset()
            print()


if __name__ == "__main__":
    main()
