"""What layers say of shapes: what goes in, what comes out, and what is refused."""

import re
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.layers.layer import Shape
from handgrad.textbook.net.minibatches import example_input
from tests.bad_input.refused import refused
from tests.files.nets import Scale
from tests.graph.pages import Attention, Flatten


class OnlyRows(Scale):
    """A page for two axes."""

    ndim = 2


@pytest.mark.parametrize(
    ("layer", "shape_in", "shape_out"),
    [
        (hg.Linear(4, 3), (4,), (3,)),
        (hg.Linear(4, 3), (..., 4), (..., 3)),
        (hg.Linear(4, 3), (5, 4), (5, 3)),
        (hg.Tanh(), (..., 4), (..., 4)),
        (hg.Dropout(0.5), (2, 4), (2, 4)),
        (Scale(4), (..., 4), (..., 4)),
        (Scale(4), (..., 5), None),
        (Flatten(), (2, 4), (8,)),
        (Flatten(), (..., 4), None),
        (Attention(), (6,), (6,)),
        (OnlyRows(4), (..., 4), (4,)),
        (hg.Net(hg.Linear(4, 3), hg.Tanh()), (2, 4), (2, 3)),
        (hg.Residual(hg.Linear(4, 4), hg.Tanh()), (..., 4), (..., 4)),
        (hg.Parallel(hg.Linear(4, 3), hg.Tanh(), join="concatenate"), (..., 4), (..., 7)),
        (hg.Parallel(hg.Linear(4, 4), hg.Tanh()), (2, 4), (2, 4)),
    ],
    ids=lambda value: str(value).partition("(")[0] if isinstance(value, hg.Layer) else None,
)
def test_what_comes_out_follows_from_what_goes_in(
    layer: hg.Layer, shape_in: Shape, shape_out: Shape | None
) -> None:
    assert layer.shape_out(shape_in) == shape_out


def test_trying_a_page_leaves_no_trace() -> None:
    scale = Scale(4)
    before = dict(vars(scale))
    scale.shape_out((4,))
    assert vars(scale) == before


@pytest.mark.parametrize(
    ("net", "n_in", "n_out"),
    [
        (lambda: hg.Net(hg.Tanh(), hg.Linear(4, 3), Scale(3)), 4, 3),
        (lambda: hg.Net(Scale(4), hg.Linear(4, 3)), 4, 3),
        (lambda: hg.Net(Flatten(), hg.Linear(4, 3)), None, 3),
        (lambda: hg.Net(hg.Linear(4, 3), Flatten(), hg.Linear(6, 2)), 4, 2),
        (lambda: hg.Net(Scale(4)), None, None),
        (lambda: hg.Net(hg.layers.Transpose(2, 1), hg.layers.Reshape(6)), None, 6),
    ],
)
def test_what_a_net_takes_and_gives_follows_from_its_layers(
    net: Any, n_in: int | None, n_out: int | None
) -> None:
    made = net()
    assert (made.n_in, made.n_out) == (n_in, n_out)


@pytest.mark.parametrize(
    ("layers", "row"),
    [
        (lambda: (hg.Tanh(), hg.layers.Reshape(1, 5, 4)), (5, 4)),
        (lambda: (hg.Dropout(0.3), hg.Softmax(), hg.layers.Reshape(2, 20)), (2, 5, 4)),
        (lambda: (Flatten(), hg.Softmax(), hg.layers.Reshape(2, 10)), (5, 4)),
        (lambda: (hg.GRU(2, 4, return_sequences=True), Flatten(), hg.layers.Reshape(2, 6)), (3, 2)),
        (lambda: (hg.Linear(2, 4), Flatten(), hg.LayerNorm(12), hg.layers.Reshape(2, 6)), (3, 2)),
    ],
)
def test_a_reshape_takes_rows_of_its_size_in_any_shape_behind_layers_that_do(
    layers: Any, row: tuple[int, ...]
) -> None:
    x = np.random.default_rng(0).standard_normal((3, *row))
    net = hg.Net(*layers())
    p = net.predict(x, engine="eager")
    assert p.shape[1:] == net.layers[-1].shape_out(row)
    np.testing.assert_allclose(net.predict(x, engine="compiled"), p, atol=1e-6)
    with pytest.raises(hg.errors.ShapeError):
        net.predict(x[:, :2] if row[0] > 2 else x[:, :, :2], engine="eager")


def test_a_reshape_of_one_step_leaves_a_recurrent_layer_its_axis_of_steps() -> None:
    net = hg.Net(hg.LSTM(1, 4, return_sequences=True, rng=0), hg.layers.Reshape(1, 1, 4))
    assert net.predict(np.ones((2, 1, 1)), engine="eager").shape == (2, 1, 1, 4)


def test_a_net_within_a_net_reshapes_rows_whose_axes_are_open() -> None:
    within = hg.Net(Flatten(), hg.layers.Reshape(2, 14))
    net = hg.Net(hg.LayerNorm(7), within)
    assert net.predict(np.ones((3, 4, 7)), engine="eager").shape == (3, 2, 14)
    with pytest.raises(hg.errors.ShapeError):
        net.predict(np.ones((3, 5, 7)), engine="eager")


def test_a_reshape_behind_an_embedding_takes_single_codes() -> None:
    net = hg.Net(hg.Embedding(5, 3, rng=0), hg.layers.Reshape(3, 1))
    assert net.shape_in == ()
    assert net.predict(np.arange(5), engine="eager").shape == (5, 3, 1)


def test_axes_that_one_layer_states_are_those_of_the_layers_before_it() -> None:
    attention = hg.Residual(hg.LayerNorm(4), hg.MultiheadAttention(4, 2))
    net = hg.Net(hg.Embedding(5, 4), hg.layers.PositionEmbedding(6, 4), attention, hg.Linear(4, 3))
    assert (net.shape_in, net.shape_out((6,)), net.n_in) == ((6,), (6, 3), None)
    shapes = re.findall(r"\(n, [\d, ]+\)", str(net.summary()))
    assert shapes == ["(n, 6, 4)"] * 3 + ["(n, 6, 3)"]
    assert net.predict(np.zeros((2, 5), int)).shape == (2, 5, 3)
    with refused(hg.errors.ShapeError, "sequences of 7 positions", "at most length=6", "length=7"):
        net.predict(np.zeros((2, 7), int))


def test_attention_without_an_axis_of_places_is_refused() -> None:
    net = hg.Net(hg.Linear(3, 4), hg.MultiheadAttention(4, 2))
    assert example_input(net, 5).shape == (5, 4, 3)
    with refused(
        hg.errors.ShapeError,
        "layer 2 of 2",
        "an input of shape (5, 4)",
        "3 axes, (rows, … × 4)",
        "x[None]",
    ):
        net.forward(np.ones((5, 3)))


def test_a_misfit_behind_a_page_that_says_nothing_is_seen_when_the_net_is_built() -> None:
    with refused(hg.errors.ShapeError, "was given 4 features", "layer 3 of 3, after Scale(4)"):
        hg.Net(hg.Linear(2, 4), Scale(4), hg.Linear(5, 3))


def test_the_summary_says_what_comes_out() -> None:
    net = hg.Net(hg.Tanh(), hg.Linear(4, 3), Scale(3), Flatten(), hg.Linear(6, 2))
    shapes = re.findall(r"\(n, \d\)|\?", net.summary().split("\nparameters: ")[0])
    assert shapes == ["(n, 4)", "(n, 3)", "(n, 3)", "?", "?"]


def test_a_page_for_two_axes_is_refused_others_by_name() -> None:
    net = hg.Net(hg.Linear(3, 4), OnlyRows(4))
    assert net.forward(np.ones((5, 3))).shape == (5, 4)
    with refused(
        hg.errors.ShapeError,
        "layer 2 of 2, OnlyRows(4): an input of shape (5, 2, 4)",
        "expected: 2 axes, (rows, features)",
        "try: x.reshape(len(x), -1)",
    ):
        net.forward(np.ones((5, 2, 3)))
    with refused(hg.errors.ShapeError, "OnlyRows(4): an input of shape"):
        hg.train(
            net,
            (np.ones((5, 2, 3)), np.ones((5, 2, 4))),
            loss=hg.MSELoss(),
            optimizer=hg.SGD(0.1),
            epochs=1,
        )


def test_an_example_is_what_a_layer_says_it_takes() -> None:
    assert example_input(hg.Linear(3, 2), 5).shape == (5, 3)
    assert example_input(hg.Tanh(), 5).shape == (5, 4)
    with refused(
        hg.errors.SettingError,
        "Scale(3), of unknown input shape, fails",
        "a layer with n_in",
        "x=..., a few rows",
    ):
        hg.check_gradients(Scale(3))
    assert hg.check_gradients(Scale(3), x=np.ones((5, 3)))


def test_misfits_of_sequences_and_of_tables_are_told_in_their_own_axes() -> None:
    net = hg.Net(hg.MultiheadAttention(2, 1, rng=0))
    with pytest.raises(hg.errors.ShapeError, match=r"(?s)3 features.*\(rows, …, 2\).*2 features"):
        net.forward(np.ones((4, 5, 3)))
    with pytest.raises(hg.errors.ShapeError, match=r"(?s)3 features.*\(rows, 2\).*2 columns"):
        hg.Net(hg.Linear(2, 1, rng=0)).forward(np.ones((4, 3)))
