"""What a portable model knows: the sizes of what its programs are called with, and its streams."""

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.portable.model import portable_model
from handgrad.textbook.errors import SettingError


def test_it_knows_the_sizes_of_all_that_its_programs_are_called_with() -> None:
    net = hg.Net(hg.Linear(3, 4), hg.BatchNorm(4), hg.Linear(4, 2), hg.Softmax())
    adam, loss = hg.Adam(0.01), hg.CrossEntropyLoss()
    model = portable_model(net, loss=loss, optimizer=adam, batch_size=10)
    assert model.training is not None
    sizes = model.sizes(model.training, 25)
    weights = 3 * 4 + 4 + 2 * 4 + 4 * 2 + 2
    assert {name: sizes[name] for name in ("x", "y", "predictions", "order", "learning_rates")} == {
        "x": 75,
        "y": 25,
        "predictions": 50,
        "order": 25,
        "learning_rates": 3,
    }
    for name in ("parameters", "gradients", "memory_m", "memory_v", "parameters_after"):
        assert sizes[name] == weights
    assert sizes["state"] == sizes["state_after"] == 8
    assert {*sizes} == {p.name for p in model.training.parameters} - {"n_rows", "workers"}
    assert model.sizes(model.prediction, 7)["predictions"] == 14
    assert (model.rows, model.output_shape) == ({"x": (3,), "y": ()}, (2,))
    assert model.dtype == np.dtype("float32")
    assert model.learning_rate == 0.01


def test_its_numbers_are_copies() -> None:
    net = hg.Net(hg.Linear(3, 1))
    model = portable_model(net)
    before = net.parameters.copy()
    net.parameters[...] = 0
    assert np.array_equal(model.parameters, before)
    assert model.training is None


def test_its_streams_are_those_of_a_training_by_the_same_seed() -> None:
    net = hg.Net(hg.Linear(3, 4), hg.Dropout(0.5), hg.Linear(4, 1))
    model = portable_model(net, loss=hg.MSELoss(), optimizer=hg.SGD(0.1), rng=7)
    generator = np.random.default_rng(7)
    net.seed(generator)
    state = generator.bit_generator.state["state"]
    words = [int(word) for word in model.shuffling[:4]]
    assert words[0] + (words[1] << 64) == state["state"]
    assert words[2] + (words[3] << 64) == state["inc"]
    of_dropout = net.layers[1].rng.bit_generator.state["state"]["state"]
    assert model.streams.shape == (1, 6)
    assert int(model.streams[0, 0]) + (int(model.streams[0, 1]) << 64) == of_dropout


def test_an_optimizer_of_all_rows_has_no_program() -> None:
    net = hg.Net(hg.Linear(3, 1))
    with pytest.raises(SettingError, match="a step for a batch"):
        portable_model(net, loss=hg.MSELoss(), optimizer=hg.optimizers.LBFGS())
