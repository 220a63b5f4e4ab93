"""Layers that part and meet again: sizes, errors that name the layer, nets within nets."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused


def block(size: int, seed: int) -> hg.Residual:
    return hg.Residual(hg.Linear(size, 3, rng=seed), hg.Tanh(), hg.Linear(3, size, rng=seed + 1))


def net(dtype: Any = np.float32) -> hg.Net:
    sides = hg.Parallel(hg.Linear(4, 2, rng=5), hg.Tanh(), join="concatenate")
    return hg.Net(
        block(4, 0), sides, block(6, 2), hg.Linear(6, 3, rng=4), hg.Softmax(), dtype=dtype
    )


def test_paths_sizes_and_buffers_are_those_of_a_net_within_a_net() -> None:
    whole = net()
    paths = ["0.0.W", "0.0.b", "0.2.W", "0.2.b", "1.0.W", "1.0.b"]
    assert list(whole.named_parameters())[:6] == paths
    assert (whole.n_in, whole.n_out, whole.output_kind) == (
        4,
        3,
        hg.losses.kinds.ClassProbabilities(),
    )
    parallel = whole.layers[1]
    assert (parallel.n_in, parallel.n_out) == (4, 6)
    assert np.shares_memory(parallel.parameters, whole.parameters)
    parallel.parameters[...] = 7
    assert (whole.layers[1].layers[0].W == 7).all()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_copies_have_buffers_and_settings_of_their_own(duplicate: Any) -> None:
    whole = net()
    twin, x = duplicate(whole), np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(twin.predict(x), whole.predict(x))
    assert twin.layers[1].join == "concatenate"
    twin.parameters[...] = 0
    assert whole.layers[0].layers[0].W.any()


def test_a_net_with_branches_is_right_records_and_trains_alike_on_both_engines() -> None:
    report = hg.check_gradients(net(), hg.CrossEntropyLoss())
    assert report.ok, str(report)
    text = str(hg.trace(net(), hg.CrossEntropyLoss()))
    assert "concatenate" in text
    assert "forward · 1 · Parallel(Linear(4, 2), Tanh(), join='concatenate')" in text
    x, y = hg.data.load("iris")
    found = []
    engines: tuple[Any, ...] = ("eager", "compiled")
    for engine in engines:
        whole = net(np.float64)
        history = hg.fit(
            whole, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.02), epochs=10,
            validation=0.2, rng=0, engine=engine,
        )  # fmt: skip
        found.append((whole.parameters.copy(), whole.predict(x), history["validation_loss"]))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


def test_a_sum_of_branches_compiles_too() -> None:
    x = np.random.default_rng(0).standard_normal((9, 4))
    found = []
    engines: tuple[Any, ...] = ("eager", "compiled")
    for engine in engines:
        parallel = hg.Parallel(hg.Linear(4, 2, rng=0), hg.Net(hg.Linear(4, 2, rng=1), hg.Tanh()))
        whole = hg.Net(parallel, dtype=np.float64)
        settings: dict[str, Any] = {"loss": hg.MSELoss(), "optimizer": hg.SGD(0.1), "rng": 0}
        list(hg.train(whole, (x, x[:, :2]), epochs=3, batch_size=4, engine=engine, **settings))
        found.append(whole.parameters.copy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-11)


def test_an_error_within_a_branch_names_every_layer_on_the_way() -> None:
    class Broken(hg.Layer):
        def forward(self, x: Any) -> Any:
            raise ValueError("no")

    whole = hg.Net(hg.Linear(4, 4, rng=0), hg.Parallel(hg.Tanh(), hg.Residual(Broken())))
    with pytest.raises(hg.errors.ShapeError) as error:
        whole.forward(np.ones((2, 4)))
    where = str(error.value)
    assert "layer 2 of 2, Parallel(Tanh(), Residual(Broken()))" in where
    assert "layer 2 of 2, Residual(Broken())" in where
    assert "layer 1 of 1, Broken()" in where


def test_an_input_that_does_not_fit_is_refused_at_the_border() -> None:
    for layer in (block(4, 0), hg.Parallel(hg.Linear(4, 2), hg.Linear(4, 2))):
        with pytest.raises(hg.errors.ShapeError, match="3 features"):
            layer.forward(np.ones((2, 3)))


MISFITS: dict[str, Any] = {
    "4 features came out": lambda: hg.Residual(hg.Linear(3, 4), hg.Tanh()),
    "2 and 3 features": lambda: hg.Parallel(hg.Linear(2, 4), hg.Linear(3, 4)),
    "4 and 5 features": lambda: hg.Parallel(hg.Linear(2, 4), hg.Linear(2, 5)),
    "4 and 2 features": lambda: hg.Parallel(hg.Linear(2, 4), hg.Tanh()),
    "was given 6 features": lambda: hg.Net(
        hg.Parallel(hg.Linear(2, 3), hg.Linear(2, 3), join="concatenate"), hg.Linear(3, 1)
    ),
    "was given 5 features": lambda: hg.Net(hg.Linear(2, 5), block(4, 0)),
    "join='add'": lambda: hg.Parallel(hg.Tanh(), join="add"),  # type: ignore[arg-type]
    "no branches": lambda: hg.Parallel(),
    "already part of a net": lambda: hg.Residual(*[hg.Tanh()] * 2),
    r"\[Tanh\(\)\], of type list": lambda: hg.Parallel([hg.Tanh()]),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("says", MISFITS)
def test_what_does_not_fit_is_refused_when_it_is_put_together(says: str) -> None:
    with pytest.raises(hg.HandgradError, match=rf"(?s){says}.*expected: .*try: "):
        MISFITS[says]()


class Column(hg.Layer):
    """The first feature; it does not say how many it gives."""

    def forward(self, x: Any) -> Any:
        return x[:, :1]


@pytest.mark.parametrize("make", [hg.Residual, lambda c: hg.Parallel(hg.Tanh(), c)])
def test_what_would_be_broadcast_is_refused(make: Any) -> None:
    with pytest.raises(
        hg.errors.ShapeError, match=r"(?s)\(2, 4\) and \(2, 1\).*expected: one shape"
    ):
        make(Column()).forward(np.ones((2, 4)))


def test_a_summary_gives_every_branch_the_same_input() -> None:
    lines = hg.Parallel(hg.Linear(4, 2), hg.Linear(4, 3), join="concatenate").summary().split("\n")
    assert ["(n, 2)" in lines[1], "(n, 3)" in lines[2]] == [True, True]
    assert lines[2].split()[-4] == "15"
    assert "Residual(Linear(4, 3), Tanh(), Linear(3, 4))" in net().summary()


def test_what_comes_out_is_not_taken_for_probabilities() -> None:
    assert hg.Net(hg.Residual(hg.Linear(3, 3), hg.Softmax())).output_kind is None
    assert hg.Parallel(hg.Softmax(), hg.Softmax()).output_kind is None


def test_layers_within_branches_freeze_draw_and_keep_their_state() -> None:
    inner = hg.Residual(hg.Linear(4, 4, rng=0), hg.BatchNorm(4), hg.Dropout(0.5))
    whole = hg.Net(inner, hg.Linear(4, 2, rng=1), dtype=np.float64)
    inner.freeze()
    before = inner.parameters.copy()
    x = np.random.default_rng(0).standard_normal((8, 4))
    settings: dict[str, Any] = {"loss": hg.MSELoss(), "optimizer": hg.SGD(0.1), "epochs": 2}
    list(hg.train(whole, (x, x[:, :2]), batch_size=4, rng=0, engine="compiled", **settings))
    np.testing.assert_array_equal(inner.parameters, before)
    assert whole.named_states()["0.1.running_mean"].any()
    with pytest.raises(hg.errors.ShapeError, match=r"BatchNorm\(4\): a batch of 1 row"):
        whole.forward(x[:1])
    first, second = whole.predict(x[:1]), whole.predict(x[:1], engine="compiled")
    np.testing.assert_allclose(first, second, rtol=1e-12)


class Product(hg.Layer):
    """y = a T[c] for numbers a and codes c."""

    param_names = ("T",)

    def __init__(self) -> None:
        super().__init__()
        self.T = np.linspace(-1, 1, 4)

    def forward(self, inputs: Any) -> Any:
        self.a, self.c = inputs
        return self.a * self.T[self.c]

    def backward(self, dy: Any) -> Any:
        dT = np.zeros_like(self.T)
        np.add.at(dT, self.c, dy * self.a)
        self.dT = dT
        return dy * self.T[self.c], None


@pytest.mark.parametrize("join", ["sum", "concatenate"])
def test_branches_may_share_several_inputs(join: Any) -> None:
    x = np.random.default_rng(0).standard_normal((5, 3)), np.arange(15).reshape(5, 3) % 4
    parallel = hg.Parallel(Product(), Product(), join=join)
    report = hg.check_gradients(parallel, x=x)
    assert report.ok, str(report)
    da, dc = parallel.backward(np.ones_like(parallel.forward(x)))
    assert (da.shape, dc) == ((5, 3), None)


def test_what_comes_out_is_added_to_one_array_alone() -> None:
    x = np.ones((5, 3)), np.zeros((5, 3), int)
    with refused(hg.errors.ShapeError, "a tuple of 2 arrays", "one array"):
        hg.Net(hg.Residual(Product())).forward(x)
