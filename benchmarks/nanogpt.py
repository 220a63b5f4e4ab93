"""nanoGPT's recipe for a laptop, beside PyTorch: `python -m benchmarks.nanogpt FILE`.

The recipe of its README: 4 blocks of width 128 with 4 heads over 64 letters, 2000 steps of 12
windows, AdamW with a warm-up of 100 steps and a cosine from 0.001 to 0.0001, gradients clipped to a
norm of 1. The last tenth of the text is held out. Both libraries begin with the same weights and
read the same windows; biases stay, and all weights decay. Seconds are the wall's, on all cores,
compiling included, and without the evaluations. `--steps 500` for a shorter run.
"""

import argparse
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import handgrad as hg
from benchmarks.peers import own_deep, pytorch_deep

LENGTH, BATCH, BLOCKS, WIDTH = 64, 12, 4, 128
RATE, LEAST_RATE, WARM_UP, BETAS, DECAY, CLIP = 1e-3, 1e-4, 100, (0.9, 0.99), 0.1, 1.0
EVERY, EVALUATED = 250, 600  # steps; windows
Learn = Callable[[Any, Any, float], None]
Evaluate = Callable[[Any, Any], float]


def windows(codes: Any, n: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Random windows of the text and their targets, the next characters."""
    starts = rng.integers(0, len(codes) - LENGTH, n)[:, None]
    places = starts + np.arange(LENGTH + 1)
    return codes[places[:, :-1]], codes[places[:, 1:]]


def rate_at(step: int, steps: int) -> float:
    """The learning rate of a step."""
    if step < WARM_UP:
        return RATE * (step + 1) / (WARM_UP + 1)
    share = (step - WARM_UP) / max(1, steps - WARM_UP)
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


def trained(
    learn: Learn, evaluate: Evaluate, codes: Any, held_out: Any, steps: int
) -> Iterator[tuple[int, float, float]]:
    """The steps and seconds so far, and the held-out loss, now and then."""
    rng, spent, start = np.random.default_rng(0), 0.0, time.perf_counter()
    for step in range(steps):
        learn(*windows(codes, BATCH, rng), rate_at(step, steps))
        if (step + 1) % EVERY == 0:
            spent += time.perf_counter() - start
            yield step + 1, spent, evaluate(*windows(held_out, EVALUATED, np.random.default_rng(1)))
            start = time.perf_counter()


def main() -> None:
    """handgrad, PyTorch and its compiled net, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nanogpt", description=__doc__)
    parser.add_argument("file", type=Path, help="a text")
    parser.add_argument("--steps", type=int, default=2000)
    options = parser.parse_args()
    letters, codes = np.unique([*options.file.read_text("utf-8")], return_inverse=True)
    end, n = len(codes) * 9 // 10, len(letters)
    net = own_deep.transformer(n, LENGTH, np.random.default_rng(0), BLOCKS, WIDTH)

    def theirs() -> Any:
        like = pytorch_deep.transformer(n, LENGTH, BLOCKS, WIDTH)
        return pytorch_deep.with_weights_of(net, like)

    eager, compiled = theirs(), theirs()
    print(f"{len(codes):,} letters, {n} different, {net.parameters.size:,} weights,")
    print(f"load {os.getloadavg()[0]:.1f}")
    for name, (learn, evaluate) in {
        "handgrad": by_handgrad(net),
        "PyTorch": by_torch(eager, eager),
        "torch.compile": by_torch(compiled, torch.compile(compiled)),
    }.items():
        for step, seconds, loss in trained(
            learn, evaluate, codes[:end], codes[end:], options.steps
        ):
            print(f"{name} step {step}: {seconds:.1f} s, held out {loss:.3f}", flush=True)


if __name__ == "__main__":
    main()
