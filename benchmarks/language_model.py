"""A language model beside PyTorch, held-out loss by time: `python -m benchmarks.language_model`.

The same small transformer learns the language reference that every Python has, in handgrad and in
PyTorch: from the same weights, over the same batches in the same order, by Adam, one after the
other, held to one core and one thread. Seconds are the processor's. Each line is an epoch.
"""

import os
import time
from collections.abc import Iterator
from pydoc_data.topics import topics
from typing import Any

import numpy as np
import torch
from torch import nn

import handgrad as hg
from benchmarks.held import Held
from benchmarks.peers import own_deep, pytorch_deep

LENGTH, BATCH, RATE, EPOCHS = 64, 32, 0.003, 6
Rows = tuple[Any, Any]


def rows_of_text() -> tuple[int, Rows, Rows]:
    """The number of letters, the windows to learn from, in a drawn order, and those held out."""
    text = " ".join(topics.values())
    letters, codes = np.unique([*text], return_inverse=True)
    end = len(codes) * 4 // 5

    def windows(codes: Any) -> Rows:
        longer = np.lib.stride_tricks.sliding_window_view(codes, LENGTH + 1)[::LENGTH]
        longer = np.random.default_rng(0).permutation(longer)
        return longer[:, :-1].copy(), longer[:, 1:].copy()

    return len(letters), windows(codes[:end]), windows(codes[end:])


def by_handgrad(net: hg.Net, rows: Rows, held_out: Rows) -> Iterator[tuple[float, float]]:
    """The processor's seconds so far, compiling included, and the held-out loss; an epoch each."""
    loss, spent, start = hg.SoftmaxCrossEntropyLoss(), 0.0, time.process_time()
    training = hg.train(
        net,
        rows,
        loss=loss,
        optimizer=hg.Adam(RATE),
        epochs=EPOCHS,
        batch_size=BATCH,
        metrics=[],
        shuffle=False,
        engine="compiled",
    )
    for _ in training:
        spent += time.process_time() - start
        yield spent, hg.evaluate(net, held_out, loss=loss, metrics=[]).loss
        start = time.process_time()


def by_torch(net: Any, rows: Rows, held_out: Rows) -> Iterator[tuple[float, float]]:
    """The same of PyTorch, eager."""
    adam, of = torch.optim.Adam(net.parameters(), RATE), nn.functional.cross_entropy
    x, y = map(torch.from_numpy, rows)
    x_held, y_held = map(torch.from_numpy, held_out)
    spent = 0.0
    for _ in range(EPOCHS):
        start = time.process_time()
        for i in range(0, len(x), BATCH):
            adam.zero_grad()
            of(net(x[i : i + BATCH]).flatten(0, 1), y[i : i + BATCH].flatten()).backward()
            adam.step()
        spent += time.process_time() - start
        with torch.no_grad():
            parts = range(0, len(x_held), 128)
            sums = [
                of(net(x_held[i : i + 128]).flatten(0, 1), y_held[i : i + 128].flatten()).item()
                * len(x_held[i : i + 128])
                for i in parts
            ]
        yield spent, sum(sums) / len(x_held)


def main() -> None:
    """Both, one after the other."""
    torch.set_num_threads(1)
    n_letters, rows, held_out = rows_of_text()
    net = own_deep.transformer(n_letters, LENGTH, np.random.default_rng(0))
    other = pytorch_deep.with_weights_of(net, pytorch_deep.transformer(n_letters, LENGTH))
    print(f"{len(rows[0])} windows of {LENGTH} to learn from, {len(held_out[0])} held out,")
    print(f"{net.parameters.size:,} weights, load {os.getloadavg()[0]:.1f}")
    for name, run in {
        "handgrad": by_handgrad(net, rows, held_out),
        "PyTorch": by_torch(other, rows, held_out),
    }.items():
        for epoch, (seconds, loss) in enumerate(run, 1):
            print(f"{name} epoch {epoch}: {seconds:.1f} s, held out {loss:.3f}", flush=True)


if __name__ == "__main__":
    with Held(1).pinned():
        main()
