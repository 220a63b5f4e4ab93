"""Settings of layers are checked, and modes end with their block."""

from collections.abc import Callable

import numpy as np
import pytest

import handgrad as hg
from handgrad.textbook.layers.embedding import EnsembleEmbedding
from handgrad.textbook.layers.random_stream import RandomStream
from tests.bad_input.refused import refused


@pytest.mark.parametrize(
    ("layer", "came"),
    [
        (lambda: hg.Linear(2.5, 3), "n_in = 2.5"),  # type: ignore[arg-type]
        (lambda: hg.Linear(0, 3), "n_in = 0"),
        (lambda: hg.GRU(3, 2.5), "n_out = 2.5"),  # type: ignore[arg-type]
        (lambda: hg.LSTM(3, 0), "n_out = 0"),
        (lambda: hg.layers.RandomHorizontalFlip(-0.1), "p=-0.1"),
        (lambda: hg.layers.RandomHorizontalFlip(1.1), "p=1.1"),
        (lambda: hg.layers.RandomHorizontalFlip(True), "p=True"),
        (lambda: EnsembleEmbedding(0, 3, 2), "n_values = 0"),
    ],
)
def test_an_invalid_size_or_probability_is_refused(layer: Callable[[], object], came: str) -> None:
    with refused(hg.errors.SettingError, came):
        layer()


def test_flips_never_and_always() -> None:
    x = np.arange(12.0).reshape(2, 1, 2, 3)
    for p, expected in ((0, x), (1, x[..., ::-1])):
        flip = hg.layers.RandomHorizontalFlip(p)
        flip.rng = np.random.default_rng(0)
        np.testing.assert_array_equal(flip.forward(x), expected)


@pytest.mark.parametrize("fails", [False, True])
def test_each_layer_has_its_own_mode_again_after_a_block(fails: bool) -> None:
    net = hg.Net(hg.Linear(2, 3), hg.Dropout(0.5), hg.Linear(3, 1))
    net.layers[1].training = False
    before = [layer.training for _, layer in net.walk()]
    assert len({*before}) == 2
    for training in (False, True):
        try:
            with net.mode(training=training):
                assert {layer.training for _, layer in net.walk()} == {training}
                if fails:
                    raise KeyError
        except KeyError:
            pass
        assert [layer.training for _, layer in net.walk()] == before


def test_a_generator_becomes_a_stream_of_the_dtype_of_the_layer() -> None:
    layer = hg.Linear(2, 3, dtype=np.float32)
    layer.rng = np.random.default_rng(0)
    assert isinstance(layer.rng, RandomStream)
    assert layer.rng.dtype == np.float32
