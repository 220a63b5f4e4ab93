"""The random streams of the layers in memory: six 64-bit words for each PCG64 state."""

from collections.abc import Iterable, Sequence
from typing import SupportsInt

import numpy as np

from handgrad.graph.graph import Graph
from handgrad.graph.operations import Op
from handgrad.textbook.errors import CannotLowerError
from handgrad.textbook.layers import Array
from handgrad.textbook.net import Net

# The state of NumPy's PCG64: state and increment, low half first; whether half of a word is left
# from the last draw of 32 bits, and that half.
WORDS = 6
HALF = 2**64
# PCG64 is s = a s + c, of 128 bits (O'Neill, 2014): this is a.
MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645


def streams_of(graph: Graph, dtype: np.dtype[np.generic]) -> list[str]:
    """The paths of the layers that draw random numbers; their arrays must have this dtype."""
    paths: list[str] = []
    for node in graph.nodes:
        if node.operation is Op.RANDOM:
            if node.dtype != dtype or node.shape == ():
                raise CannotLowerError(
                    f"a random draw that is no array of {dtype}, at {node.origin}; "
                    "self.rng.random(x.shape, dtype=x.dtype) is one"
                )
            paths.append(node.arguments[0])
    return list(dict.fromkeys(paths))


def words_of(rng: np.random.Generator) -> list[int]:
    """The state of a stream as six words."""
    state = rng.bit_generator.state
    if state["bit_generator"] != "PCG64":
        raise CannotLowerError(f"random draws by {state['bit_generator']}, not by PCG64")
    numbers = (state["state"]["state"], state["state"]["inc"])
    halves = [half for number in numbers for half in (number % HALF, number // HALF)]
    return [*halves, state["has_uint32"], state["uinteger"]]


def set_stream(rng: np.random.Generator, words: Iterable[SupportsInt]) -> None:
    """Set the state of a stream from six words."""
    low, high, inc_low, inc_high, has_half, half = map(int, words)
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": low + HALF * high, "inc": inc_low + HALF * inc_high},
        "has_uint32": has_half,
        "uinteger": half,
    }


class Streams:
    """The streams of a net's layers, and the memory in which machine code advances them."""

    def __init__(self, net: Net, paths: Sequence[str]) -> None:
        layers = dict(net.walk())
        self.layers = [layers[path] for path in paths]
        self.words = np.zeros(WORDS * len(paths), np.uint64)
        self.read()

    def read(self) -> None:
        """Copy the states of the layers' streams to memory."""
        for i, layer in enumerate(self.layers):
            self.words[WORDS * i : WORDS * (i + 1)] = words_of(layer.rng)

    def hand_back(self, words: Array) -> None:
        """Set the states of the layers' streams from these words."""
        for i, layer in enumerate(self.layers):
            set_stream(layer.rng, words[WORDS * i : WORDS * (i + 1)])
