"""Sequences of different lengths: padding is seen by no layer, and counts in no loss."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.streams import RowSource
from tests.bad_input.refused import refused

N, T, K = 10, 4, 3
RNG = np.random.default_rng(0)
LENGTHS = np.array([4, 1, 3, 2, 4, 2, 3, 1, 2, 3])
THERE = np.arange(T) < LENGTHS[:, None]
X = np.where(THERE, RNG.integers(1, 6, (N, T)), 0)
Y = RNG.integers(0, K, (N, T))

engines = pytest.mark.parametrize("engine", ["eager", "compiled", "portable"])


def places(rng: int = 0, **settings: Any) -> hg.Net:
    """A net that answers at each place."""
    return hg.Net(
        hg.Embedding(6, 4, padding=0, rng=rng),
        hg.layers.PositionEmbedding(T, 4, rng=rng),
        hg.Residual(hg.LayerNorm(4), hg.MultiheadAttention(4, 2, rng=rng, **settings)),
        hg.Linear(4, K, rng=rng),
        dtype=np.float64,
    )


def whole(pooling: hg.Layer) -> hg.Net:
    """A net that answers once for a sequence."""
    return hg.Net(
        hg.Net(hg.Embedding(6, 4, padding=0, rng=0), hg.Dropout(0.0)),
        hg.Parallel(hg.MultiheadAttention(4, 1, rng=0), hg.Tanh()),
        pooling,
        hg.Linear(4, K, rng=1),
        dtype=np.float64,
    )


def read(recurrent: hg.Layer) -> hg.Net:
    """A net that reads step by step."""
    embedding, last = hg.Embedding(6, 4, padding=0, rng=0), hg.Linear(4, K, rng=1)
    return hg.Net(embedding, recurrent, last, dtype=np.float64)


def through(*windows: hg.Layer) -> list[hg.Layer]:
    """Convolutions of a sequence (n, t, features)."""
    return [hg.layers.Transpose(2, 1), *windows, hg.layers.Transpose(2, 1)]


def convolved(pooling: hg.Layer) -> hg.Net:
    """A net of convolutions, by stride 1 and 2, and one that makes the sequence longer."""
    windows = through(
        hg.layers.Conv1d(4, 5, 3, padding=1, rng=2),
        hg.Tanh(),
        hg.layers.Conv1d(5, 4, 4, padding=3, rng=3),
        hg.layers.Conv1d(4, 4, 3, stride=2, padding=1, rng=4),
    )
    return hg.Net(
        hg.Embedding(6, 4, padding=0, rng=0),
        hg.LayerNorm(4),
        *windows,
        pooling,
        hg.Linear(4, K, rng=1),
        dtype=np.float64,
    )


def each_place_convolved() -> hg.Net:
    windows = through(hg.layers.Conv1d(4, 4, 3, padding=1, rng=2), hg.ReLU())
    embedding = hg.Embedding(6, 4, padding=0, rng=0)
    return hg.Net(embedding, *windows, hg.Linear(4, K, rng=1), dtype=np.float64)


ANSWERS: dict[str, Callable[[], hg.Net]] = {
    "mean": lambda: whole(hg.layers.MeanOverTime()),
    "largest": lambda: whole(hg.layers.MaxOverTime()),
    "RNN": lambda: read(hg.layers.RNN(4, 4, rng=2)),
    "GRU": lambda: read(hg.GRU(4, 4, rng=2)),
    "LSTM": lambda: read(hg.LSTM(4, 4, rng=2)),
    "both directions": lambda: read(hg.Bidirectional(hg.GRU(4, 2, rng=2), hg.LSTM(4, 2, rng=3))),
    "both directions, twice": lambda: read(
        hg.Net(
            hg.Bidirectional(
                hg.GRU(4, 2, return_sequences=True, rng=2),
                hg.layers.RNN(4, 3, return_sequences=True, rng=3),
            ),
            hg.Bidirectional(hg.LSTM(5, 2, rng=4), hg.GRU(5, 2, rng=5)),
        )
    ),
    "convolutions, largest": lambda: convolved(hg.layers.MaxOverTime()),
    "convolutions, mean": lambda: convolved(hg.layers.MeanOverTime()),
    "convolutions, read": lambda: convolved(hg.GRU(4, 4, rng=5)),
}


def trained(
    net: hg.Net, x: Any, y: Any, engine: Any = "eager", **given: Any
) -> hg.training.History:
    return hg.fit(
        net,
        (x, y),
        loss=hg.SoftmaxCrossEntropyLoss(),
        optimizer=hg.SGD(0.5),
        rng=0,
        engine=engine,
        **({"epochs": 2, "batch_size": 4} | given),
    )


@pytest.mark.parametrize(
    ("net", "y"),
    [
        (places(), Y),
        (places(causal=True), Y),
        (whole(hg.layers.MeanOverTime()), Y[:, 0]),
        (whole(hg.layers.MaxOverTime()), Y[:, 0]),
        (read(hg.layers.RNN(4, 4, rng=2)), Y[:, 0]),
        (read(hg.LSTM(4, 4, rng=2)), Y[:, 0]),
        (read(hg.GRU(4, 4, return_sequences=True, rng=2)), Y),
        (convolved(hg.layers.MeanOverTime()), Y[:, 0]),
        (convolved(hg.GRU(4, 4, rng=5)), Y[:, 0]),
        (each_place_convolved(), Y),
    ],
    ids=[
        *("places", "causal", "mean", "largest", "RNN", "LSTM", "GRU"),
        *("convolutions, mean", "convolutions, read", "convolution, places"),
    ],
)
def test_gradients_are_right_where_there_is_padding(net: hg.Net, y: Any) -> None:
    x = X.copy()
    x[3] = 0  # a sequence of padding alone
    report = hg.check_gradients(net, loss=hg.SoftmaxCrossEntropyLoss(), x=x, y=y)
    assert report.ok, str(report)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_sequence_is_answered_alike_however_far_it_is_filled_up(name: str) -> None:
    net = ANSWERS[name]()
    p = net.predict(X)
    longer = np.concatenate([X, np.zeros((N, 3), int)], axis=1)
    np.testing.assert_allclose(net.predict(longer), p, rtol=1e-12)
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(net.predict(X[row, :length][None])[0], p[row], rtol=1e-12)


@engines
def test_places_of_padding_count_in_no_loss_and_in_no_metric(engine: Any) -> None:
    net, twin = places(), places()
    history = trained(net, X, Y, engine)
    of_twin = trained(twin, X, np.where(THERE, Y, 1), engine, sample_weight=THERE)
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-12)
    assert history[-1].train_loss == pytest.approx(of_twin[-1].train_loss, rel=1e-12)
    assert history[-1].train_metrics == of_twin[-1].train_metrics
    found = hg.evaluate(net, (X, Y), loss=hg.SoftmaxCrossEntropyLoss(), metrics=["accuracy"])
    right = net.predict(X).argmax(axis=-1) == Y
    assert found.metrics["accuracy"] == pytest.approx(right[THERE].mean())


def test_rows_of_nothing_but_padding_are_refused_where_each_place_has_a_target() -> None:
    nothing = np.zeros_like(X), Y
    with refused(hg.errors.DataError, "validation data: only padding", net=(net := places())):
        trained(net, X, Y, validation=nothing)
    with refused(hg.errors.DataError, "evaluation data: only padding", "without padding="):
        hg.evaluate(net, nothing, loss=hg.SoftmaxCrossEntropyLoss())


def test_weights_count_beside_padding() -> None:
    w = np.random.default_rng(1).uniform(0.5, 2, N)
    net, twin = places(), places()
    trained(net, X, Y, sample_weight=w, class_weight="balanced")
    trained(twin, X, Y, sample_weight=w[:, None] * THERE, class_weight="balanced")
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-12)


@pytest.mark.parametrize("answer", ["", "largest", "LSTM", "convolutions, read"])
def test_engines_agree_where_there_is_padding(answer: str) -> None:
    nets = [ANSWERS[answer]() if answer else places() for _ in range(2)]
    for net, engine in zip(nets, ("eager", "compiled"), strict=True):
        trained(net, X, Y[:, 0] if answer else Y, engine)
    # The bias of keys has the gradient 0, but for rounding.
    np.testing.assert_allclose(nets[1].parameters, nets[0].parameters, rtol=1e-10, atol=1e-14)
    p = nets[0].predict(X, engine="eager")
    np.testing.assert_allclose(nets[0].predict(X, engine="compiled"), p, rtol=1e-10)


def test_the_row_of_padding_stays_zero_through_training_and_files(tmp_path: Path) -> None:
    net = places()
    trained(net, X, Y)
    assert not net.named_parameters()["0.E"][0].any()
    twin = hg.load(hg.save(net, tmp_path / "a.safetensors"))
    np.testing.assert_array_equal(twin.predict(X), net.predict(X))
    assert "padding=0" in repr(copy.deepcopy(twin)[0])


def test_a_mask_goes_through_nets_within_nets_and_ends_with_the_places() -> None:
    net = places()
    np.testing.assert_array_equal(net.mask_out(X, None), THERE)
    np.testing.assert_array_equal(hg.Net(net, hg.Softmax()).mask_out(X, None), THERE)
    assert all(make().mask_out(X, None) is None for make in ANSWERS.values())
    assert hg.Net(hg.Embedding(6, 4), hg.Linear(4, 3)).mask_out(X, None) is None


def test_what_passes_through_layers_with_a_mask_can_be_watched() -> None:
    net = whole(hg.layers.MeanOverTime())
    net.training = False
    net.seed(0)
    p = net.forward(X)
    with net.watch() as calls:
        np.testing.assert_array_equal(net.forward(X), p)
    assert [call.path for call in calls if call.went.shape == (N, T, 4)][-1] == "1"


@pytest.mark.parametrize("t", [1, 4, 9])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("kernel_size", "padding"), [(1, 0), (2, 0), (3, 1), (4, 1), (2, 2)])
def test_the_windows_that_are_there_are_those_of_the_sequence_alone(
    t: int, stride: int, kernel_size: int, padding: int
) -> None:
    convolution = hg.layers.Conv1d(1, 2, kernel_size, stride, padding, rng=0, dtype=np.float64)
    convolution.b[...] = [1, 2]
    longer = t + 3
    x = RNG.standard_normal((1, 1, longer))
    mask = np.arange(longer)[None, None] < t
    there = convolution.mask_out(x, mask)
    assert there is not None
    z = convolution.forward(x, mask)
    assert there.shape == (1, 1, z.shape[-1])
    alone = max(0, (t + 2 * padding - kernel_size) // stride + 1)
    np.testing.assert_array_equal(there[0, 0], np.arange(z.shape[-1]) < alone)
    if alone:
        expected = convolution.forward(x[..., :t])
        np.testing.assert_allclose(z[..., :alone], expected, rtol=1e-12)


def test_places_behind_convolutions_count_in_the_loss_as_the_mask_says() -> None:
    net, twin = each_place_convolved(), each_place_convolved()
    np.testing.assert_array_equal(net.mask_out(X, None), THERE)
    trained(net, X, Y)
    trained(twin, X, Y, sample_weight=THERE)
    np.testing.assert_allclose(net.parameters, twin.parameters, rtol=1e-12)


REFUSED: dict[str, tuple[list[hg.Layer], tuple[str, ...]]] = {
    "read where features are": (
        [hg.layers.Transpose(2, 1), hg.GRU(T, 4, rng=0)],
        ("layer 3 of 3", "GRU(4, 4)", "of shape (n, k, t)", "Transpose(2, 1)"),
    ),
    "a sum over places": (
        [hg.layers.Transpose(2, 1), hg.Linear(T, 2, rng=0)],
        ("layer 3 of 3", "Linear(4, 2)", "(n, t, k), with t positions"),
    ),
    "the mean over features": (
        [hg.layers.Transpose(2, 1), hg.layers.MeanOverTime()],
        ("layer 3 of 3", "MeanOverTime()", "Transpose(2, 1)"),
    ),
    "features convolved": (
        [hg.layers.Conv1d(T, 2, 3, rng=0)],
        ("layer 2 of 2", "Conv1d(4, 2, 3)", "of shape (n, t, k)", "Transpose(2, 1)"),
    ),
    "another shape": (
        [hg.layers.Reshape(2, 8)],
        ("Reshape(2, 8)", "a sequence with padding", "without padding="),
    ),
    "no places at all": (
        [hg.Flatten(), hg.layers.Reshape(1, 4, 4), hg.MaxPool2d(2)],
        (),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_where_places_are_others_a_sequence_with_padding_is_refused(name: str) -> None:
    layers, words = REFUSED[name]
    net = hg.Net(hg.Embedding(6, 4, padding=0, rng=0), *layers, dtype=np.float64)
    if not words:
        assert net.mask_out(X, None) is None
        assert net.predict(X).shape == (N, 1, 2, 2)
        return
    with refused(hg.errors.ShapeError, *words):
        net.predict(X)
    without = hg.Net(hg.Embedding(6, 4, rng=0), *copy.deepcopy(layers), dtype=np.float64)
    assert len(without.predict(X)) == N


@pytest.mark.parametrize("padding", [-1, 6, 0.5, "0"])
def test_a_code_of_padding_that_is_none_is_refused(padding: Any) -> None:
    with refused(hg.errors.SettingError, f"padding={padding!r}", "0 to 5", "padding=0"):
        hg.Embedding(6, 4, padding=padding)


class Stream(RowSource):
    """The same rows as they come from a file too large for memory."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y, self.n_rows, self.memory = x, y, len(x), 10**6

    def chunks(self, rng: np.random.Generator | None = None) -> Iterator[tuple[Any, Any]]:
        yield self.x, self.y


def test_a_stream_with_targets_at_places_of_padding_is_refused() -> None:
    settings: Any = {"loss": hg.SoftmaxCrossEntropyLoss(), "optimizer": hg.SGD(0.1), "epochs": 1}
    with refused(hg.errors.SettingError, "streamed sequences with padding", "rows in memory"):
        [*hg.train(places(), Stream(X, Y), batch_size=4, **settings)]
    answers = Stream(X, Y[:, 0])
    assert [*hg.train(whole(hg.layers.MeanOverTime()), answers, batch_size=4, **settings)]
