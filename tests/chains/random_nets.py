"""`python -m tests.chains.random_nets --seed 7 --minutes 10`: random nets, in every engine.

`--net 12` tries that one alone. Each follows from the seed and its number.
"""

import argparse
import itertools
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import handgrad as hg
from handgrad.textbook.net.minibatches import target_positions
from tests.bits.nets import LAST, targets
from tests.chains.answers import PRINTED, SIZES, Task, differences
from tests.chains.layers import (
    KINDS,
    TEXTS,
    Shape,
    net_of,
    rows_of,
    shape_behind,
    shape_of_codes,
    value_of,
)
from tests.chains.side_by_side import tried
from tests.contracts.table import LOSSES, OPTIMIZERS, PENALTIES

# Numbers of a row between two layers at most, of a sequence that a recurrence goes along, layers.
MOST_NUMBERS, MOST_STEPS, MOST_LAYERS = 120, 6, 7
RECURRENCES = ("RNN", "GRU", "LSTM")
# How often a layer of a kind is drawn: so that convolutions and reductions meet.
OFTEN = {
    "elementwise": 3,
    "product": 4,
    "normalisation": 2,
    "reduction over features": 1,
    "reduction over time": 2,
    "pooling": 1,
    "transpose": 1,
    "reshape": 1,
    "augmentation": 0.5,
    "container": 0.5,
}
CHANCES = np.array([*OFTEN.values()]) / sum(OFTEN.values())
STEPPING = [name for name in OPTIMIZERS if name != "LBFGS"]  # which is a solver over gradients
PADDED = ", padding=0)"
EVERY = 50  # of so many nets one is compiled to machine code too, for each engine


class RandomNet:
    """The text of a random net, and the shape of a row that goes in and of one that comes out."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        kind = rng.choice(["features", "sequences", "pictures", "codes", "towers"])
        first: tuple[str, ...] = ()
        if kind == "codes":
            first = (self.of_codes(),)
            self.row = shape_of_codes(first[0])
            shape = self.made_of_codes(first[0])
        elif kind == "towers":
            first, self.row, shape = ("TwoTowers()",), (), (3,)
        else:
            axes = {"features": 1, "sequences": 2, "pictures": 3}[str(kind)]
            shape = self.row = self.of_axes(axes)
        layers, self.out = self.in_a_row(shape, int(rng.integers(1, MOST_LAYERS + 1)))
        self.layers = [*first, *layers]

    def size(self) -> int:
        """Mostly small; some go beyond a vector of any processor, or two of them."""
        return int(self.rng.integers(1, self.rng.choice([5, 5, 9, 41, 140])))

    def of_axes(self, axes: int) -> Shape:
        while True:
            shape = tuple(self.size() for _ in range(axes))
            if math.prod(shape) <= MOST_NUMBERS:
                return shape

    def of_codes(self) -> str:
        name = self.rng.choice([*KINDS["codes"], "padded"])
        k = self.size()
        return f"hg.Embedding(5, {k}{PADDED}" if name == "padded" else TEXTS[name]((), k)

    def made_of_codes(self, text: str) -> Shape:
        x = np.ones((2, *shape_of_codes(text)), int)
        return tuple(value_of(net_of(text)).predict(x, engine="eager").shape[1:])

    def in_a_row(self, shape: Shape, count: int, depth: int = 0) -> tuple[list[str], Shape]:
        """So many layers for rows of a shape, and what comes out of the last."""
        texts: list[str] = []
        while len(texts) < count:
            text = self.container(shape, depth) if self.rng.random() < 0.12 else self.layer(shape)
            found = shape_behind(text, shape) if text else None
            if found is not None and math.prod(found) <= MOST_NUMBERS:
                texts.append(text + ".freeze()" * (self.rng.random() < 0.08))
                shape = found
        return texts, shape

    def layer(self, shape: Shape) -> str:
        kind = str(self.rng.choice([*OFTEN], p=CHANCES))
        name = str(self.rng.choice(KINDS[kind]))
        long = name in RECURRENCES and shape[0] > MOST_STEPS
        return "" if long else TEXTS[name](shape, self.size())

    def container(self, shape: Shape, depth: int) -> str:
        """Layers in a container, which may hold containers."""
        if depth == 2:
            return ""
        (inner, made), kind = self.in_a_row(shape, 2, depth + 1), self.rng.integers(3)
        if kind == 0:
            return f"hg.Net({', '.join(inner)})"
        if kind == 1 and made[:-1] == shape[:-1]:
            back = [f"hg.Linear({made[-1]}, {shape[-1]})"] * (made != shape)
            return f"hg.Residual({', '.join([*inner, *back])})"
        other = f"hg.Linear({shape[-1]}, {made[-1]})"
        join = self.rng.choice(["sum", "concatenate"])
        return f'hg.Parallel(hg.Net({", ".join(inner)}), {other}, join="{join}")'


def random_task(seed: int, number: int) -> tuple[str, Task]:
    """The net of that number, and what it is trained with; its text."""
    rng = np.random.default_rng((seed, number))
    drawn = RandomNet(rng)
    losses = [
        name for name in LOSSES if drawn.out[-1] > 1 or not LOSSES[name]().target_kind.indices
    ]
    name = str(rng.choice(losses if len(drawn.out) < 3 else ["MSELoss", "HuberLoss", "MAELoss"]))
    last = [f"hg.layers.{LAST[name].__name__}()"] if name in LAST else []
    text, loss = net_of(", ".join([*drawn.layers, *last])), LOSSES[name]()
    padded = drawn.layers[0].endswith(PADDED)
    if padded and not _takes_padding(text):
        padded, text = False, text.replace(PADDED, ")", 1)
    net = value_of(text)
    sizes: Sequence[int] = SIZES
    batch_size = max(SIZES)
    if rng.random() < 0.4:
        batch_size = max(3, int(rng.integers(1, 41)))
        sizes = tuple(sorted(int(n) for n in rng.integers(1, 41, 3)))
    if net.min_batch_size > 1:
        sizes, batch_size = tuple(max(n, net.min_batch_size) for n in sizes), 40
    n = max(sizes)
    x = two_inputs(rng, n) if "TwoTowers" in text else rows_of(net, drawn.row, n, rng)
    if padded:
        x[:, 0] = 1 + rng.integers(0, 4, n)
    x = tuple(part.astype(net.dtype) for part in x) if isinstance(x, tuple) else net.cast(x)
    y = targets(loss, (n, *drawn.out), net.dtype)
    task = Task(net, x, y, loss, OPTIMIZERS[str(rng.choice(STEPPING))]())
    task.sizes, task.batch_size, task.w = sizes, batch_size, weights(rng, task)
    if rng.random() < 0.25:
        task.penalty = PENALTIES[str(rng.choice([*PENALTIES]))]()
    told = f"{loss!r}, {task.optimizer!r}, {task.penalty!r}, weights {np.shape(task.w)}"
    return f"{text}, {told}, steps of {sizes} rows in batches of {batch_size}", task


def _takes_padding(text: str) -> bool:
    """Whether every layer can say, or need not know, which places of a sequence are there."""
    try:
        value_of(text).predict(np.array([[1, 1, 1, 1, 0]]), engine="eager")
    except hg.errors.ShapeError:
        return False
    return True


def two_inputs(rng: np.random.Generator, n: int) -> Any:
    return rng.standard_normal((n, 6)), rng.standard_normal((n, 2))


def weights(rng: np.random.Generator, task: Task) -> Any:
    """None, or of each row, or of each place with a target, of which some are no places."""
    places = target_positions(task.loss, task.y)
    match rng.integers(4):
        case 0:
            return rng.uniform(0.1, 2, places[0]).astype(task.net.dtype)
        case 1 if len(places) == 2:
            w = rng.uniform(0.1, 2, places) * (rng.random(places) < 0.7)
            w[:, 0] += 0.1
            return w.astype(task.net.dtype)
    return None


def engines_of(number: int) -> tuple[str, ...]:
    """The printed programs, and some nets in machine code."""
    return (*PRINTED, *{0: ("compiled",), 1: ("portable",)}.get(number % EVERY, ()))


def told(given: tuple[int, int]) -> Sequence[str]:
    """Of a seed and a number: where an engine answers otherwise, and the command that shows it."""
    seed, number = given
    text = ""
    try:
        text, task = random_task(seed, number)
        lines = differences(task, engines_of(number))
    except hg.HandgradError as error:
        lines = [f"eager: {error}"]
    again = f"python -m tests.chains.random_nets --seed {seed} --net {number}"
    return [again, f"  {text}", *(f"  {line}" for line in lines)] if lines else []


def main() -> int:
    """Try nets for so many minutes; 1 if an engine answers otherwise than the eager one."""
    parser = argparse.ArgumentParser(prog="python -m tests.chains.random_nets", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--net", type=int, metavar="NUMBER")
    given = parser.parse_args()
    numbers = itertools.count() if given.net is None else iter([given.net])
    nets = ((given.seed, number) for number in numbers)
    count, odd = tried(told, nets, minutes=given.minutes)
    print(f"seed {given.seed}, {count} nets: {odd or 'none'} wrong")
    return 1 if odd else 0


if __name__ == "__main__":
    sys.exit(main())
