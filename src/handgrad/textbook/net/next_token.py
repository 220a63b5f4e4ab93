"""Language models one token at a time, with a memory of fixed size: what exported files compute."""

import copy
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np

from handgrad.textbook.layers import Array, Layer
from handgrad.textbook.layers.layer import Shape
from handgrad.textbook.net.continuation import Continuation
from handgrad.textbook.net.net import Net

BEFORE = 3  # numbers before the memory: a code, its position, the temperature


class NextToken(Net):
    """Probabilities of the next token, from one token and a memory of the earlier ones.

    forward     x = [c, i, τ, s, M]: the code c at position i, a temperature τ, the states s of
                recurrent layers before it, and M (context, n_cached), whose first i rows are the
                keys and values of each attention at the earlier positions
                y = [p, s', m]: p = softmax(z/τ) with z the logits of all tokens but the first,
                which stands for unknown ones; the states after it; its own keys and values
    shapes      x (n, 3 + n_states + context n_cached)
                y (n, n_tokens − 1 + n_states + n_cached)

    The caller writes s' over s, and m into row i of M. So a token costs one position, and all
    shapes are known beforehand.

    >>> import handgrad as hg
    >>> attention = hg.MultiheadAttention(4, 2, causal=True, rng=0)
    >>> net = hg.Net(hg.Embedding(9, 4, rng=0), attention, hg.Linear(4, 9, rng=0))
    >>> step, x = NextToken(net, context=2), np.zeros((1, 3 + 2 * 8), np.float32)
    >>> x[0, :3] = 5, 0, 1                                         # the code 5 is read first
    >>> x[0, 3 : 3 + 8] = step.predict(x)[0, 8:]
    >>> x[0, :3] = 1, 1, 1                                         # then the code 1
    >>> z = net.predict([[5, 1]])[0, 1, 1:]
    >>> np.allclose(step.predict(x)[0, :8], np.exp(z) / np.exp(z).sum(), atol=1e-6)
    True
    """

    def __init__(self, net: Net, context: int) -> None:
        self.context = context
        super().__init__(copy.deepcopy(net))
        reader = Continuation(net)
        with np.errstate(all="ignore"):
            self.n_tokens = reader.read(np.zeros((1, 1), int)).shape[2]
        self.n_states = sum(layer.n_states * layer.n_out for layer in reader.recurrent)
        self.n_cached = sum(2 * layer.W.shape[1] for layer in reader.attentions)
        self.n_in = BEFORE + self.n_states + context * self.n_cached
        self.integer_input = False

    def row(self, n: int = 1) -> Array:
        """Rows x (n, n_in) of the first token, at the first position."""
        x = np.zeros((n, self.n_in or 0), self.dtype)
        x[:, 2] = 1
        return x

    def _fitting_shapes(self, layers: Sequence[Layer]) -> tuple[Shape | None, Shape | None]:
        return None, None

    def forward(self, x: Array, mask: Array | None = None, /) -> Array:
        return np.concatenate(self.parts(x, self.reader_at(x)), axis=1)

    def reader_at(self, x: Array) -> "OnePosition":
        """Reader of the net at the positions of the rows x."""
        return OnePosition(cast("Net", self.layers[0]), x[:, 1:2].astype(np.int64))

    def parts(self, x: Array, reader: "OnePosition") -> list[Array]:
        """The parts p, s' and m of y, read by `reader`."""
        memory = x[:, BEFORE:]
        cache = memory[:, self.n_states :].reshape(len(x), self.context, self.n_cached)
        reader.recall(memory[:, : self.n_states], cache)
        z = reader.net.forward(x[:, :1].astype(np.int64))[:, 0, 1:]
        e = np.exp((z - z.max(axis=1, keepdims=True)) / x[:, 2:3])
        return [e / e.sum(axis=1, keepdims=True), *reader.kept()]


class OnePosition(Continuation):
    """Reads a single position (n, 1) of sequences, whose number is data."""

    def __init__(self, net: Net, position: Array) -> None:
        self.position = position
        super().__init__(net)

    def recall(self, states: Array, cache: Array) -> None:
        """Take over states (n, n_states) and cache (n, t, n_cached) of earlier positions."""
        begin = 0
        for layer in self.recurrent:
            ends = [begin + (k + 1) * layer.n_out for k in range(layer.n_states)]
            self.states[id(layer)] = tuple(states[:, end - layer.n_out : end] for end in ends)
            begin = ends[-1]
        begin, (n, t, _) = 0, cache.shape
        earlier = np.arange(t) < self.position
        for attention in self.attentions:
            d, h = attention.W.shape[1], attention.n_heads
            attention.causal = False
            attention.valid = np.concatenate([earlier, self.position >= 0], axis=1)
            for name in ("k", "v"):
                part = cache[:, :, begin : begin + d].reshape(n, t, h, d // h)
                attention.cache[name] = part.swapaxes(1, 2)
                begin += d

    def kept(self) -> Iterator[Array]:
        """States, keys and values for later positions, each (n, …)."""
        for layer in self.recurrent:
            yield from self.states[id(layer)]
        for attention in self.attentions:
            for name in ("k", "v"):
                new = attention.cache[name][:, :, -1]
                yield new.reshape(len(new), attention.W.shape[1])

    def _at_positions(self, layer: Layer, x: Array) -> Array:
        zeros = np.zeros_like(x, shape=(1, layer.length, x.shape[2]))
        at: Array = type(layer).forward(layer, zeros)[0][self.position]
        return x + at
