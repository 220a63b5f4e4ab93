"""Language models one token at a time: the same probabilities as for the whole text."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.layers.positions import SinusoidalEncoding
from handgrad.textbook.net.generation import drawn, generated, step_by_step
from handgrad.textbook.net.next_token import NextToken

CONTEXT = 6


def of_attention(dtype: type[np.floating]) -> hg.Net:
    attention = hg.MultiheadAttention(8, 2, causal=True, rng=1)
    return hg.Net(
        hg.Embedding(7, 8, rng=0),
        hg.layers.PositionEmbedding(CONTEXT, 8, rng=5),
        hg.Residual(hg.LayerNorm(8), attention),
        hg.Residual(hg.layers.RMSNorm(8), hg.Linear(8, 12, rng=2), hg.GELU(), hg.Linear(12, 8)),
        hg.Linear(8, 7, rng=3),
        dtype=dtype,
    )


def of_states(dtype: type[np.floating]) -> hg.Net:
    lstm = hg.layers.LSTM(8, 5, return_sequences=True, rng=1)
    gru = hg.GRU(5, 4, return_sequences=True, rng=2)
    return hg.Net(hg.Embedding(7, 8, rng=0), lstm, gru, hg.Linear(4, 7, rng=3), dtype=dtype)


def of_both(dtype: type[np.floating]) -> hg.Net:
    attentions = [hg.MultiheadAttention(8, heads, causal=True, rng=heads) for heads in (1, 4)]
    gru = hg.GRU(8, 8, return_sequences=True, rng=2)
    return hg.Net(
        hg.Embedding(7, 8, rng=0),
        SinusoidalEncoding(CONTEXT, 8),
        attentions[0],
        gru,
        attentions[1],
        hg.Linear(8, 7, rng=3),
        dtype=dtype,
    )


def probabilities(z: np.ndarray, temperature: float) -> np.ndarray:
    e = np.exp((z[..., 1:] - z.max()) / temperature)
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("net_of", [of_attention, of_states, of_both])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_token_has_the_probabilities_that_the_whole_text_gives(
    net_of: Callable[[type[np.floating]], hg.Net], dtype: type[np.floating]
) -> None:
    net, codes = net_of(dtype), [3, 0, 6, 6, 1, 2]
    step = NextToken(net, CONTEXT)
    x = step.row()
    x[:, 3:] = 9  # what an earlier text has left
    read = step_by_step(step.predict, x, step.n_tokens, step.n_states)
    for temperature in (1.0, 0.25):
        p = np.array([read([code], i, temperature) for i, code in enumerate(codes)])
        expected = probabilities(net.predict([codes])[0], temperature)
        np.testing.assert_allclose(p, expected, rtol=2e-5 if dtype == np.float32 else 1e-12)
    assert p.dtype == dtype


@pytest.mark.parametrize("net_of", [of_attention, of_states, of_both])
def test_it_is_traced(net_of: Callable[[type[np.floating]], hg.Net]) -> None:
    step = NextToken(net_of(np.float64), CONTEXT)
    rows = step.row(5)
    rows[:, 0], rows[:, 1] = [0, 1, 2, 3, 6], [0, 1, 5, 2, 4]
    rows[:, 3:] = np.random.default_rng(0).standard_normal((5, rows.shape[1] - 3))
    compiled = step.predict(rows, engine="compiled")
    np.testing.assert_allclose(compiled, step.predict(rows, engine="eager"), rtol=1e-10)


def test_a_net_that_needs_what_comes_later_is_refused() -> None:
    attention = hg.MultiheadAttention(8, 2, rng=1)
    with pytest.raises(hg.errors.SettingError, match="later positions"):
        NextToken(hg.Net(hg.Embedding(7, 8, rng=0), attention), CONTEXT)


def test_when_the_context_is_full_its_second_half_is_read_anew() -> None:
    calls = list[tuple[list[int], int]]()

    def read(codes: Sequence[int], position: int, temperature: float) -> np.ndarray:
        calls.append(([*codes], position))
        return np.array([0.0, 1.0])  # the code 2

    text = generated(read, [1, 1, 1, 1, 1, 1, 1], 5, 0.0, np.random.default_rng(0))
    assert [next(text) for _ in range(5)] == [2] * 5
    assert calls == [
        ([1, 1, 1, 1, 1], 0),
        ([1, 2], 0),
        ([2], 2),
        ([2], 3),
        ([2], 4),
    ]


def test_a_draw_is_numpys_choice() -> None:
    p = np.random.default_rng(1).random(50).astype(np.float32)
    one, other = np.random.default_rng(2), np.random.default_rng(2)
    weights = p.astype(float) / p.sum(dtype=float)
    mine = [drawn(p, one.random()) for _ in range(300)]
    assert mine == [int(other.choice(50, p=weights)) for _ in range(300)]


def test_the_last_index_is_drawn_where_rounding_leaves_none() -> None:
    p = np.full(3, 5e-324)
    assert drawn(p, 1 - 2**-53) == 2
