"""Parts of a net are nets of the same arrays; what passes the layers can be had."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused

RNG = np.random.default_rng(0)
X = RNG.standard_normal((12, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


def made() -> hg.Net:
    inner = hg.Residual(hg.Linear(3, 3, rng=1), hg.Tanh())
    return hg.Net(
        hg.Linear(2, 3, rng=0), inner, hg.BatchNorm(3), hg.Linear(3, 2, rng=2), hg.Softmax()
    )


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 3), (1, 4), (2, None), (-2, None), (0, 5)])
def test_a_part_predicts_as_the_layers_do(start: int, stop: int | None) -> None:
    net, x = made(), X
    net.forward(x)  # the running means are no longer those of the beginning
    layers = [copy.deepcopy(layer) for layer in net.layers]
    for layer in layers[:start]:
        with layer.mode(training=False):
            x = layer.forward(x)
    expected = x
    for layer in layers[slice(start, stop)]:
        with layer.mode(training=False):
            expected = layer.forward(expected)
    if start < 0:  # x as it comes to the layers from there
        expected, x = net.predict(X), net[:start].predict(X)
    np.testing.assert_array_equal(net[start:stop].predict(x, engine="eager"), expected)
    np.testing.assert_allclose(net[start:stop].predict(x, engine="compiled"), expected, rtol=1e-5)


def test_a_part_has_the_arrays_of_its_net() -> None:
    net = made()
    for k in range(1, 6):
        for part in (net[:k], net[min(k, 4) - 1 :]):
            assert np.shares_memory(part.parameters, net.parameters)
            for path, array in part.named_parameters().items():
                assert np.shares_memory(array, part.parameters), path
    net.parameters[...] = 2
    assert (net[1:3].parameters == 2).all()
    net[3:].parameters[...] = 3
    assert net.layers[3].W.min() == 3
    assert net.layers[0].W.max() == 2


def test_to_train_a_part_is_to_train_that_of_the_net() -> None:
    net, twin = made(), made()
    hidden = net[:3].predict(X)
    before = net[:3].parameters.copy()
    hg.fit(
        net[3:], (hidden, Y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.5), epochs=20, rng=0
    )
    np.testing.assert_array_equal(net[:3].parameters, before)
    assert (net[3:].parameters != twin[3:].parameters).any()
    part = net[1:3]
    part.backward(np.ones_like(part.forward(hidden)))
    assert part.gradients.any()
    assert np.shares_memory(part.gradients, net.gradients)


def test_a_part_leaves_no_trace_in_the_net_and_its_copies_are_apart() -> None:
    net = made()
    net.forward(X)
    held = net.layers[0].x
    part = net[:2]
    part.predict(X[:3])
    assert net.layers[0].x is held
    for twin in (copy.deepcopy(part), pickle.loads(pickle.dumps(part))):
        np.testing.assert_array_equal(twin.predict(X), part.predict(X))
        assert not np.shares_memory(twin.parameters, net.parameters)
    assert (part.n_in, part.n_out, repr(net[3:])) == (2, 3, "Net(Linear(3, 2), Softmax())")
    assert net[3:].output_kind == hg.losses.kinds.ClassProbabilities()
    assert part.output_kind is None


def test_single_layers_are_the_layers_themselves() -> None:
    net = made()
    assert net[0] is net.layers[0]
    assert net[-1] is net.layers[-1]
    assert [*net] == net.layers
    assert net[1] is net.layers[1]
    branches = hg.Parallel(hg.Tanh(), hg.ReLU())
    assert branches[1] is branches.layers[1]


WRONG: dict[str, Any] = {
    "5": 5, "-6": -6, "'0'": "0", "1.0": 1.0, "None": None, "2:2": slice(2, 2),
    "::2": slice(None, None, 2), "4:1:-1": slice(4, 1, -1), ":'a'": slice("a"),
}  # fmt: skip


@pytest.mark.parametrize("shown", WRONG)
def test_a_wrong_index_is_refused(shown: str) -> None:
    with refused(
        hg.errors.SettingError, f"[{shown}] of 5 layers", "from -5 to 4, or a range", "net[:1]"
    ):
        made()[WRONG[shown]]


def test_branches_side_by_side_have_no_range() -> None:
    with refused(hg.errors.SettingError, "[:1] of 2 layers", "from -2 to 1\n", "net[0], net[-1]"):
        hg.Parallel(hg.Tanh(), hg.ReLU())[:1]


def test_outputs_are_those_of_each_layer_when_it_predicts() -> None:
    net = made()
    net.forward(X)
    found = net.outputs(X)
    assert [*found] == ["0", "1.0", "1.1", "1", "2", "3", "4"]
    np.testing.assert_array_equal(found["4"], net.predict(X, engine="eager"))
    for k in range(1, 5):
        np.testing.assert_array_equal(found[str(k - 1)], net[:k].predict(X, engine="eager"))
    np.testing.assert_array_equal(found["1"], found["0"] + found["1.1"])


def test_what_is_watched_is_what_backward_and_forward_were_given() -> None:
    net, loss = made(), hg.CrossEntropyLoss()
    with net.watch() as calls:
        p = net.forward(X)
        loss.forward(p, Y)
        dx = net.backward(loss.backward())
    forward = [call for call in calls if call.method == "forward"]
    backward = [call for call in calls if call.method == "backward"]
    assert [call.path for call in forward] == ["0", "1.0", "1.1", "1", "2", "3", "4", ""]
    assert [call.path for call in backward] == ["4", "3", "2", "1.1", "1.0", "1", "0", ""]
    assert forward[-1].went is p
    assert backward[-1].went is dx
    assert forward[0].where == "layer 1 of 5, Linear(2, 3)"
    assert forward[1].where == "layer 2 of 5, Residual: layer 1 of 2, Linear(3, 3)"
    assert all(call.layer is dict(net.walk())[call.path] for call in calls)
    assert forward[-2].came is forward[-3].went
    n = len(calls)
    net.forward(X)
    assert len(calls) == n
    assert not any({"forward", "backward"} & {*vars(layer)} for _, layer in net.walk())


def test_a_training_is_watched_batch_by_batch_and_comes_to_the_same() -> None:
    def fit(net: hg.Net, engine: Any) -> None:
        hg.fit(
            net, (X, Y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=3, batch_size=4,
            rng=0, engine=engine,
        )  # fmt: skip

    net, twin = made(), made()
    with net.watch() as calls:
        fit(net, "auto")
    fit(twin, "eager")
    np.testing.assert_array_equal(net.parameters, twin.parameters)
    assert sum(call.path == "0" and call.method == "backward" for call in calls) == 9
    with net.watch(), refused(hg.errors.SettingError, "engine='compiled'", "net.watch()"):
        fit(net, "compiled")
    fit(net, "compiled")


def test_copies_and_predictions_of_a_watched_net_are_not_watched() -> None:
    net = made()
    net.predict(X, engine="compiled")
    with net.watch() as calls:
        for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net)), net[:2]):
            twin.forward(X)
        np.testing.assert_allclose(net.predict(X), net.outputs(X)["4"], rtol=1e-5)
        net.predict(X, engine="compiled")
        assert calls == []
        with net.watch() as inner:
            net.forward(X)
        assert len(calls) == len(inner) == 8
    net.predict(X, engine="compiled")


def test_an_error_within_ends_the_watching() -> None:
    net = made()
    with pytest.raises(KeyError), net.watch():
        raise KeyError
    assert "forward" not in vars(net)
