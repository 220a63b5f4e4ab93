"""Reading a sequence in pieces: what later positions need of the earlier ones is cached."""

from functools import partial

import numpy as np

from handgrad.textbook.errors import SettingError
from handgrad.textbook.layers import (
    GELU,
    Array,
    Embedding,
    Layer,
    LayerNorm,
    Linear,
    MultiheadAttention,
    PositionEmbedding,
    RMSNorm,
    SwiGLU,
)
from handgrad.textbook.layers.layer import Changes, predicting_twin
from handgrad.textbook.layers.positions import SinusoidalEncoding
from handgrad.textbook.layers.recurrence import RecurrentLayer
from handgrad.textbook.net.branches import Residual
from handgrad.textbook.net.net import Net

# Each position by itself.
ALONE = (Net, Residual, Embedding, Linear, LayerNorm, RMSNorm, GELU, SwiGLU)
POSITIONS = (PositionEmbedding, SinusoidalEncoding)


class CachedAttention(MultiheadAttention):
    """Causal attention whose keys and values follow those of earlier pieces.

    `valid` (n, t) is False at cached positions that hold nothing; None if there are none.
    """

    cache: dict[str, Array]
    valid: Array | None = None

    def forward(self, x: Array, mask: Array | None = None) -> Array:
        return super().forward(x, mask if self.valid is None else self.valid)

    def _after_earlier(self, name: str, new: Array) -> None:
        old = self.cache.get(name, new[:, :, :0])
        self.cache[name] = np.concatenate([old, new], axis=2)

    k = property(lambda self: self.cache["k"], lambda self, k: self._after_earlier("k", k))
    v = property(lambda self: self.cache["v"], lambda self, v: self._after_earlier("v", v))


class Continuation:
    """Predictions of a net for a sequence that is given in pieces, each position computed once.

    Causal attention caches the keys and values of the positions that were read, a recurrent layer
    its state. The layers are the net's own, on a twin: what `forward` of attention sets as keys is
    appended, and each step of a recurrence starts from the state after the last one. The
    predictions agree with those for the whole sequence up to rounding, since products of other
    sizes add up in another order.

    >>> import handgrad as hg
    >>> attention = hg.MultiheadAttention(4, 2, causal=True, rng=0)
    >>> net = hg.Net(hg.Embedding(9, 4, rng=0), attention)
    >>> reader, whole = Continuation(net), net.predict([[5, 1, 7]])
    >>> pieces = reader.read(np.array([[5, 1]])), reader.read(np.array([[7]]))
    >>> np.allclose(np.concatenate(pieces, axis=1), whole, atol=1e-6), reader.length
    (True, 3)
    """

    def __init__(self, net: Net) -> None:
        self.net = predicting_twin(net)
        self.attentions: list[CachedAttention] = []
        self.recurrent: list[RecurrentLayer] = []
        self.states: dict[int, tuple[Array, ...]] = {}
        for _, part in self.net.walk():
            part.__dict__["_changes"] = Changes()  # the net's own compiled code stays valid
            self._prepare(part)
        self.restart()

    def _prepare(self, part: Layer) -> None:
        """Let a layer go on from what it has read; refuse one that cannot."""
        if isinstance(part, RecurrentLayer) and part.return_sequences:
            part.__dict__["step"] = partial(self._step, part)
            self.recurrent.append(part)
        elif type(part) in POSITIONS:
            part.__dict__["forward"] = partial(self._at_positions, part)
        elif type(part) is MultiheadAttention and part.causal and not part.turns:
            part.__class__ = CachedAttention
            self.attentions.append(part)  # type: ignore[arg-type]  # mypy knows the old class
        elif type(part) not in ALONE:
            raise SettingError(
                f"{part!r}, which may need the later positions of a sequence",
                "causal attention that is not rotary, recurrent layers that return sequences, "
                "position encodings, and layers that read each position alone",
                "the whole sequence, by net.predict",
            )

    def restart(self) -> None:
        """Forget what was read."""
        self.length = 0
        self.states.clear()
        for attention in self.attentions:
            attention.cache, attention.causal = {}, True

    def read(self, x: Array) -> Array:
        """Predictions for the next positions of the sequences x (n, t): (n, t, n_out)."""
        if self.length and x.shape[1] > 1:  # the mask of attention is for a first piece
            return np.concatenate([self.read(part[:, None]) for part in x.T], axis=1)
        with np.errstate(invalid="ignore"):  # as the eager predictor
            y: Array = self.net.forward(x)
        self.length += x.shape[1]
        for attention in self.attentions:
            attention.causal = False  # all that is cached comes before a single position
        return y

    def _at_positions(self, layer: Layer, x: Array) -> Array:
        before = np.zeros_like(x, shape=(len(x), self.length, x.shape[2]))
        y: Array = type(layer).forward(layer, np.concatenate([before, x], axis=1))
        return y[:, self.length :]

    def _step(
        self, layer: RecurrentLayer, a: Array, *first: Array
    ) -> tuple[tuple[Array, ...], ...]:
        """A step from the state that was reached, in place of the first one of a piece."""
        after, kept = type(layer).step(layer, a, *self.states.get(id(layer), first))
        self.states[id(layer)] = after
        return after, kept
