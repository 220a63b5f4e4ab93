"""All nets of a front and two or three layers behind it, whose shapes fit."""

import itertools
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache

import numpy as np

import handgrad as hg
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

# The layers that others are placed behind, and rows for them; none: a net of the others alone.
FRONTS: dict[str, tuple[str, Shape]] = {
    "features": ("", (6,)),
    "sequences": ("", (5, 4)),
    "pictures": ("", (2, 5, 4)),
    "codes": ("", ()),
    "Conv1d": ("hg.layers.Conv1d(2, 4, 2, rng=0)", (2, 6)),
    "Conv2d": ("hg.Conv2d(2, 2, 2, rng=0)", (2, 6, 5)),
    "RNN": ("hg.layers.RNN(2, 4, return_sequences=True, rng=0)", (3, 2)),
    "GRU": ("hg.GRU(2, 4, return_sequences=True, rng=0)", (3, 2)),
    "LSTM": ("hg.LSTM(2, 4, return_sequences=True, rng=0)", (3, 2)),
    "MultiheadAttention": ("hg.MultiheadAttention(4, 2, rng=0)", (3, 4)),
}
# The kinds whose triples are tried: one layer of each, chosen by the triple.
OF_TRIPLES = [kind for kind in KINDS if kind not in ("augmentation", "container", "codes")]
WIDTHS = (3, 4)  # of the first layer behind a front, and of the others


@dataclass(frozen=True)
class Chain:
    """A front and layers behind it, by name; their texts and the shape of a row."""

    front: str
    names: tuple[str, ...]
    texts: tuple[str, ...]
    row: Shape

    @property
    def name(self) -> str:
        return " ".join((self.front, *self.names))

    @property
    def net(self) -> str:
        """The text of the net; that of every other one ends with a layer more, of weights."""
        head: tuple[str, ...] = ()
        if self.number % 2:
            k = behind(self.front, self.texts)
            head = (f"hg.layers.FeatureScale({k[-1]})",) if k else ()
        return net_of(", ".join(filter(None, (FRONTS[self.front][0], *self.texts, *head))))

    @property
    def number(self) -> int:
        """The same on every machine; by it shares and engines are chosen."""
        return zlib.crc32(self.name.encode())

    @property
    def engines(self) -> tuple[str, ...]:
        """The printed programs; one of 32 is compiled to machine code too, for each engine."""
        more = {1: ("compiled",), 2: ("portable",)}.get(self.number // 64 % 32, ())
        return (*PRINTED, *more)


def behind(front: str, texts: tuple[str, ...]) -> Shape | None:
    """The shape of a row behind a front and layers after it; None if one refuses."""
    layer, shape = FRONTS[front]
    known: Shape | None = shape_behind(layer, shape) if layer else shape
    if front == "codes":
        first, *rest = texts
        shape = shape_of_codes(first)
        p = value_of(net_of(first)).predict(np.zeros((2, *shape), int), engine="eager")
        known, texts = tuple(p.shape[1:]), tuple(rest)
    for text in texts:
        known = None if known is None else shape_behind(text, known)
    return known


def chained(front: str, names: tuple[str, ...]) -> Chain | None:
    """The layers of these names behind a front, each made for what comes to it; None: refused."""
    texts: tuple[str, ...] = ()
    row = FRONTS[front][1]
    for i, name in enumerate(names):
        is_code = name in KINDS["codes"]
        if is_code != (front == "codes" and i == 0):
            return None
        shape = None if is_code else _known(front, texts)
        text = TEXTS[name](shape or (), WIDTHS[min(i, 1)])
        row = shape_of_codes(text) if is_code else row
        texts = (*texts, text)
        if _known(front, texts) is None:
            return None
    return Chain(front, names, texts, row)


_known = cache(behind)


def pairs() -> Iterator[tuple[str, tuple[str, ...], Chain | None]]:
    """Every two layers behind every front: front, names, and the chain or None."""
    for front in FRONTS:
        for names in itertools.product(TEXTS, repeat=2):
            yield front, names, chained(front, names)


def triples() -> Iterator[tuple[str, tuple[str, ...], Chain | None]]:
    """Every three kinds behind every front, a layer of each kind of those that fit."""
    for front in FRONTS:
        if front == "codes":
            continue
        for kinds in itertools.product(OF_TRIPLES, repeat=3):
            fitting = [
                chain
                for names in itertools.product(*(KINDS[kind] for kind in kinds))
                if (chain := chained(front, names)) is not None
            ]
            number = zlib.crc32(" ".join((front, *kinds)).encode())
            yield front, kinds, fitting[number % len(fitting)] if fitting else None


def task_of(chain: Chain) -> Task:
    """What is asked of a chain: rows and targets that follow from its name."""
    net, rng = value_of(chain.net), np.random.default_rng(chain.number)
    sizes = tuple(max(n, net.min_batch_size) for n in SIZES)
    x = rows_of(net, chain.row, max(sizes), rng)
    p = net.predict(x[:2], engine="eager")
    return Task(net, x, rng.standard_normal((len(x), *p.shape[1:])), sizes=sizes)


@cache
def _fitting() -> list[Chain]:
    return [chain for found in (pairs(), triples()) for *_, chain in found if chain]


def chosen(share: str, pattern: str = "*") -> list[Chain]:
    """The chains of a share; one is in the same share on every machine."""
    k, n = map(int, share.split("/"))
    return [c for c in _fitting() if c.number % n == k - 1 and fnmatch(c.name, pattern)]


def told(chain: Chain) -> Sequence[str]:
    """Where an engine answers otherwise than the eager one, and the command that shows it again."""
    try:
        lines = differences(task_of(chain), chain.engines)
    except hg.HandgradError as error:  # each layer takes what comes to it, the net does not
        lines = [f"eager: {error}"]
    again = f'python -m tests.chains --only "{chain.name}"'
    return [again, f"  {chain.net}", *(f"  {line}" for line in lines)] if lines else []
