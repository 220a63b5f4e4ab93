"""A sequence read in pieces: the predictions are those of the whole one."""

from collections.abc import Callable

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.layers.positions import SinusoidalEncoding
from handgrad.textbook.net.continuation import Continuation
from tests.bad_input.refused import refused

D = 8


def block() -> hg.Residual:
    return hg.Residual(hg.LayerNorm(D), hg.MultiheadAttention(D, 2, causal=True, rng=1))


NETS: dict[str, Callable[[], list[hg.Layer]]] = {
    "learned positions": lambda: [hg.layers.PositionEmbedding(20, D, rng=2), block(), block()],
    "sinusoidal positions": lambda: [SinusoidalEncoding(20, D), block()],
    "gated": lambda: [hg.layers.RMSNorm(D), hg.Linear(D, 2 * D, rng=1), hg.layers.SwiGLU()],
    "RNN": lambda: [hg.layers.RNN(D, D, return_sequences=True, rng=1)],
    "GRU": lambda: [hg.GRU(D, D, return_sequences=True, rng=n) for n in (1, 2)],
    "LSTM": lambda: [hg.LSTM(D, D, return_sequences=True, rng=1)],
}


def made(*layers: hg.Layer) -> hg.Net:
    return hg.Net(hg.Embedding(9, D, rng=0), *layers, hg.Linear(D, 9, rng=3), dtype=np.float64)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("sizes", [(20,), (1,) * 20, (7, 1, 1, 11), (1, 19)])
def test_pieces_are_read_as_the_whole(name: str, sizes: tuple[int, ...]) -> None:
    net, x = made(*NETS[name]()), np.random.default_rng(0).integers(0, 9, (3, 20))
    whole, reader = net.predict(x, engine="eager"), Continuation(net)
    for _ in range(2):
        pieces = [reader.read(piece) for piece in np.split(x, np.cumsum(sizes)[:-1], axis=1)]
        assert reader.length == 20
        np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, rtol=1e-10, atol=1e-12)
        reader.restart()


@pytest.mark.parametrize("name", ["learned positions", "GRU"])
def test_the_net_itself_reads_whole_sequences_meanwhile(name: str) -> None:
    net, x = made(*NETS[name]()), np.random.default_rng(0).integers(0, 9, (2, 12))
    compiled, eager = (net.predict(x, engine=engine) for engine in ("compiled", "eager"))
    changes = net._changes.count
    reader, other = Continuation(net), Continuation(net)
    reader.read(x[:, :5])
    assert net._changes.count == changes  # its machine code is still valid
    np.testing.assert_array_equal(net.predict(x, engine="eager"), eager)
    np.testing.assert_array_equal(net.predict(x, engine="compiled"), compiled)
    np.testing.assert_allclose(other.read(x), eager, rtol=1e-10)
    np.testing.assert_allclose(reader.read(x[:, 5:]), eager[:, 5:], rtol=1e-10)


@pytest.mark.parametrize(
    "layer",
    [
        hg.MultiheadAttention(D, 2),
        hg.MultiheadAttention(D, 2, causal=True, rotary=True),
        hg.Bidirectional(*(hg.GRU(D, D, return_sequences=True) for _ in range(2))),
        hg.layers.Conv1d(D, D, 3, padding=1),
        hg.Tanh(),
    ],
)
def test_a_layer_that_may_need_later_positions_is_refused(layer: hg.Layer) -> None:
    with refused(hg.errors.SettingError, "later positions", "causal attention", "net.predict"):
        Continuation(hg.Net(layer))
    with refused(hg.errors.SettingError, "GRU(8, 8)"):
        Continuation(made(hg.GRU(D, D)))
