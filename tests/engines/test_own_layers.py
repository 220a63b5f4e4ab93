"""Pages of one's own: an eager step before changes nothing, a refusal says what to write."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.graph import threads
from tests.bad_input.refused import refused

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(64, 6)), RNG.random((64, 3))
COMPILED: dict[str, Any] = {"optimizer": hg.SGD(0.1), "epochs": 1, "rng": 0, "engine": "compiled"}


class DiceLoss(hg.Loss):
    """l = 1 − (2 Σ py + 1) / (Σ p² + Σ y² + 1), whose sums are single numbers."""

    def forward(self, p: Any, y: Any) -> Any:
        self.p, self.y = p, y
        self.above, self.below = 2 * (p * y).sum() + 1, (p * p).sum() + (y * y).sum() + 1
        return 1 - self.above / self.below

    def backward(self, loss: object = None) -> Any:
        return -2 * (self.y * self.below - self.above * self.p) / (self.below * self.below)


class Scaled(hg.Layer):
    """y = x / s, where s is the length of all of x: a single number kept for backward."""

    def forward(self, x: Any) -> Any:
        self.x, self.length = x, np.sqrt((x * x).sum())
        return x / self.length

    def backward(self, dy: Any) -> Any:
        dlength = -(dy * self.x).sum() / (self.length * self.length)
        return dy / self.length + dlength * self.x / self.length


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("before", ["nothing", "by hand", "eager", "compiled"])
def test_a_number_kept_after_an_eager_step_compiles(before: str, dtype: type[Any]) -> None:
    def trained(before: str) -> hg.Net:
        net = hg.Net(hg.Linear(6, 3, rng=0), Scaled(), hg.Sigmoid(), dtype=dtype)
        start, loss = net.parameters.copy(), DiceLoss()
        if before == "by hand":
            value = loss.forward(net.forward(X), Y.astype(dtype))
            net.backward(loss.backward(value))
        elif before != "nothing":
            hg.fit(net, (X, Y), loss=loss, **{**COMPILED, "engine": before})
        net.parameters[...] = start
        hg.fit(net, (X, Y), loss=loss, **COMPILED)
        return net

    np.testing.assert_array_equal(trained(before).parameters, trained("nothing").parameters)


class Matrices(hg.optimizers.Optimizer):
    """An optimizer that reshapes the flat parameters into those of one net."""

    def rule(self, w: Any, dw: Any, *, learning_rate: float, step: int) -> Any:
        matrix = dw[:48].reshape(8, 6)
        unit = matrix / np.sqrt((matrix * matrix).sum())
        return w - learning_rate * np.concatenate([unit.reshape(-1), dw[48:]])


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_rule_by_shapes_is_refused_where_it_gets_a_part_of_the_parameters(engine: Any) -> None:
    net = hg.Net(hg.Linear(6, 8, rng=0), hg.Linear(8, 3, rng=0))
    settings: dict[str, Any] = {"loss": hg.MSELoss(), "epochs": 1, "optimizer": Matrices(0.1)}
    net.layers[0].freeze()
    before = net.parameters.copy()
    with refused(hg.errors.SettingError, "rule", "elementwise = False"):
        hg.fit(net, (X, Y), engine=engine, **settings)
    np.testing.assert_array_equal(net.parameters, before)
    if engine == "eager":
        net.layers[0].unfreeze()
        hg.fit(net, (X, Y), engine=engine, **settings)


class Draws(hg.Layer):
    """y = x + ε, with uniform ε; in prediction too."""

    def forward(self, x: Any) -> Any:
        return x + self.rng.random(x.shape, dtype=x.dtype)

    def backward(self, dy: Any) -> Any:
        return dy


NORMAL: dict[str, Callable[[Any, Any], Any]] = {
    "standard_normal": lambda rng, x: rng.standard_normal(x.shape, dtype=x.dtype),
    "of the net's dtype": lambda rng, x: rng.standard_normal(x.shape),
    "one for each column": lambda rng, x: rng.standard_normal(6),
    "one": lambda rng, x: rng.standard_normal(),
    "normal": lambda rng, x: rng.normal(0.5, 2.0, x.shape),
    "normal, converted": lambda rng, x: rng.normal(size=x.shape).astype(x.dtype),
    "around the data": lambda rng, x: rng.normal(x, 0.1),
}


class DrawsNormal(hg.Layer):
    """y = x + ε in training, with normal numbers ε."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Any) -> Any:
        return x + NORMAL[self.how](self.rng, x) if self.training else x

    def backward(self, dy: Any) -> Any:
        return 2 * dy if self.how == "around the data" else dy


@pytest.mark.slow
@pytest.mark.parametrize("how", NORMAL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_numbers_are_the_same_in_every_engine(how: str, dtype: Any) -> None:
    found = []
    for engine in ("eager", "compiled", "portable"):
        net = hg.Net(hg.Linear(6, 6, rng=1), DrawsNormal(how), hg.Linear(6, 3, rng=0), dtype=dtype)
        settings = {**COMPILED, "engine": engine, "epochs": 3, "rng": 5}
        hg.fit(net, (X, Y), loss=hg.MSELoss(), **settings)
        found.append(net.parameters)
    eager, compiled, portable = found
    tolerance = 1e-10 if dtype is np.float64 else 2e-5
    np.testing.assert_allclose(compiled, eager, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(portable, eager, rtol=tolerance, atol=tolerance)


def test_a_generator_of_ones_own_draws_the_same_normal_numbers() -> None:
    layer = hg.Linear(2, 2)
    layer.rng = np.random.default_rng(3)
    uniform, own = np.random.default_rng(3), layer.rng.standard_normal((5, 2), dtype=np.float32)
    u, v = uniform.random((2, 5, 2), dtype=np.float32)
    np.testing.assert_array_equal(own, np.sqrt(-2 * np.log(1 - u)) * np.cos(2 * np.pi * v))
    np.testing.assert_array_equal(layer.rng.random(3), uniform.random(3))


def test_copies_and_children_of_a_stream_are_streams() -> None:
    net = hg.Net(hg.Linear(2, 2), dtype=np.float32)
    net.seed(0)
    stream = net.layers[0].rng
    for twin in (copy.deepcopy(stream), pickle.loads(pickle.dumps(stream))):
        again = copy.deepcopy(stream)
        np.testing.assert_array_equal(twin.normal(size=4), again.normal(size=4))
    (child,) = stream.spawn(1)
    assert type(child) is type(stream)
    assert child.standard_normal(3).dtype == np.float32


def test_their_distribution_is_normal() -> None:
    layer = hg.Linear(2, 2)
    layer.rng = np.random.default_rng(0)
    drawn = np.sort(layer.rng.normal(3.0, 2.0, 100_000))
    standard = (drawn - 3) / 2
    expected = [0.0013499, 0.0227501, 0.1586553, 0.5, 0.8413447, 0.9772499, 0.9986501]
    below = np.searchsorted(standard, np.arange(-3, 4)) / len(drawn)
    np.testing.assert_allclose(below, expected, atol=0.005)


@pytest.mark.parametrize("method", ["uniform", "integers"])
def test_other_draws_are_refused_with_the_way_that_compiles(method: str) -> None:
    class DrawsOtherwise(hg.Layer):
        def forward(self, x: Any) -> Any:
            return x + getattr(self.rng, method)(0, 9, x.shape).astype(x.dtype)

        def backward(self, dy: Any) -> Any:
            return dy

    net = hg.Net(DrawsOtherwise(), hg.Linear(6, 3, rng=0))
    with refused(hg.errors.SettingError, f"rng.{method}", "self.rng.random", "standard_normal"):
        hg.fit(net, (X, Y), loss=hg.MSELoss(), **COMPILED)


@pytest.mark.parametrize("engine", ["eager", "compiled"])
def test_a_layer_that_draws_in_prediction_trains_without_a_seed_before(engine: Any) -> None:
    net = hg.Net(Draws(), hg.Linear(6, 3, rng=0))
    hg.fit(net, (X, Y), loss=hg.MSELoss(), **{**COMPILED, "engine": engine})
    with refused(hg.errors.NotYetComputedError, "has no generator", "net.seed(0)"):
        hg.Net(Draws()).predict(X)


def test_what_a_refused_training_tried_leaves_no_stream() -> None:
    net = hg.Net(Draws(), hg.Linear(6, 3, rng=0))
    with refused(hg.errors.ShapeError, "targets of shape"):
        hg.fit(net, (X, Y[:, :2]), loss=hg.MSELoss(), **COMPILED)
    assert "rng" not in vars(net.layers[0])


class Contrastive(hg.Loss):
    """l = −mean of p[i, i], by way of a mask of the batch's identity."""

    target_kind = hg.losses.kinds.TargetKind()

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way

    def forward(self, p: Any, y: Any) -> Any:
        self.p, self.y = p, y
        return -(p @ p.T * self.same(p, y)).sum() / len(p)

    def backward(self, loss: object = None) -> Any:
        return -2 * self.same(self.p, self.y) @ self.p / len(self.p)

    def same(self, p: Any, y: Any) -> Any:
        n = len(p)
        if self.way == "eye":
            return np.eye(n, dtype=np.float32)
        if self.way == "arange":
            return (np.arange(n)[:, None] == np.arange(n)).astype(p.dtype)
        if self.way == "sum":
            return (p @ p.T) * 0 + np.arange(n, dtype=np.float32)
        return (y == y[:, 0]).astype(p.dtype)


@pytest.mark.parametrize("way", ["eye", "arange", "sum", "rows"])
@pytest.mark.parametrize("engine", ["compiled", "portable"])
def test_the_identity_of_a_batch_compiles(way: str, engine: str) -> None:
    nets = [hg.Net(hg.Linear(6, 3, rng=0), dtype=np.float64) for _ in range(2)]
    for net, name in zip(nets, ("eager", engine), strict=True):
        rows = np.arange(64)[:, None]
        hg.fit(net, (X, rows), loss=Contrastive(way), **{**COMPILED, "engine": name})
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-10)


class TimesTable(hg.Layer):
    """The running sums of each row: a product with a constant table."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.table = np.triu(np.ones((k, k)))

    def forward(self, x: Any) -> Any:
        return x @ self.table

    def backward(self, dy: Any) -> Any:
        return np.einsum("nj,ij->ni", dy, self.table)


@pytest.mark.parametrize("engine", ["compiled", "portable"])
def test_a_product_with_a_constant_table_compiles(engine: str) -> None:
    nets = [hg.Net(hg.Linear(6, 3, rng=0), TimesTable(3), dtype=np.float64) for _ in range(2)]
    for net, name in zip(nets, ("eager", engine), strict=True):
        hg.fit(net, (X, Y[:, :3]), loss=hg.MSELoss(), **{**COMPILED, "engine": name})
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-10)


class OneScale(hg.Layer):
    """y = s x with one number s, whose gradient is a sum over all of x."""

    param_names = ("s",)

    def __init__(self, way: str) -> None:
        super().__init__()
        self.s, self.way = np.full(1, 2.0), way

    def forward(self, x: Any) -> Any:
        self.x = x
        return x * self.s

    def backward(self, dy: Any) -> Any:
        total = (dy * self.x).sum()
        if self.way == "by a matrix":
            self.ds = (total.reshape(1, 1) @ np.ones((1, 1))).reshape(1)
        else:
            self.ds = {"reshaped": total.reshape(1), "indexed": total[None]}[self.way]
        return dy * self.s


@pytest.mark.parametrize("engine", ["compiled", "portable"])
@pytest.mark.parametrize("way", ["reshaped", "indexed", "by a matrix"])
def test_a_sum_of_all_becomes_an_array_of_one_number(way: str, engine: str) -> None:
    nets = [hg.Net(hg.Linear(6, 3, rng=0), OneScale(way), dtype=np.float64) for _ in range(2)]
    for net, name in zip(nets, ("eager", engine), strict=True):
        hg.fit(net, (X, Y[:, :3]), loss=hg.MSELoss(), **{**COMPILED, "engine": name})
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-10)


class SumsUp(hg.Layer):
    """y = x s + x² t, whose gradients are added up in arrays that a generator expression makes."""

    param_names = ("s", "t")

    def __init__(self) -> None:
        super().__init__()
        self.s, self.t = np.ones(3), np.zeros(3)

    def forward(self, x: Any) -> Any:
        self.powers = [x**k for k in (1, 2)]
        return self.powers[0] * self.s + self.powers[1] * self.t

    def backward(self, dy: Any) -> Any:
        self.ds, self.dt = (np.zeros_like(w) for w in (self.s, self.t))
        self.ds += (dy * self.powers[0]).sum(axis=0)
        self.dt += (dy * self.powers[1]).sum(axis=0)
        return dy * (self.s + 2 * self.powers[0] * self.t)


def test_arrays_of_a_generator_expression_are_the_methods_own() -> None:
    nets = [hg.Net(hg.Linear(6, 3, rng=0), SumsUp(), dtype=np.float64) for _ in range(2)]
    for net, name in zip(nets, ("eager", "compiled"), strict=True):
        hg.fit(net, (X, Y), loss=hg.MSELoss(), **{**COMPILED, "engine": name})
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-10)


class PairLoss(hg.Loss):
    """A loss whose targets have another shape than the predictions, and does not say so."""

    def forward(self, p: Any, y: Any) -> Any:
        self.p = p
        return (p * p).sum() / len(p)

    def backward(self, loss: object = None) -> Any:
        return 2 * self.p / len(self.p)


def test_a_loss_of_ones_own_is_told_how_to_take_other_targets() -> None:
    net = hg.Net(hg.Linear(6, 3, rng=0))
    with refused(
        hg.errors.ShapeError, "targets of shape", "target_kind = hg.losses.kinds.TargetKind()"
    ):
        hg.fit(net, (X, Y[:, :1]), loss=PairLoss(), **COMPILED)
    with pytest.raises(hg.errors.ShapeError) as error:
        hg.fit(net, (X, Y[:, :1]), loss=hg.MSELoss(), **COMPILED)
    assert "target_kind" not in str(error.value)


class Doubled(PairLoss):
    """A loss that uses what its backward is handed."""

    def backward(self, loss: Any = 1.0) -> Any:
        return 2 * loss * self.p / len(self.p)


def test_all_engines_hand_a_loss_the_same() -> None:
    nets = [hg.Net(hg.Linear(6, 3, rng=0), dtype=np.float64) for _ in range(2)]
    for net, engine in zip(nets, ("eager", "compiled"), strict=True):
        hg.fit(net, (X, Y), loss=Doubled(), **{**COMPILED, "engine": engine})
    np.testing.assert_allclose(nets[0].parameters, nets[1].parameters, rtol=1e-10)
    assert not hg.check_gradients(nets[0], loss=Doubled())


def test_a_loss_whose_backward_takes_nothing_is_refused_with_the_line_to_write() -> None:
    with refused(
        hg.errors.SettingError, "backward takes no argument", "def backward(self, loss=None)"
    ):

        class Bare(hg.Loss):
            def backward(self) -> Any:  # type: ignore[override]
                return None


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """The limits on BLAS's threads that anything asks for."""
    asked: list[int | None] = []
    add = threads._BlasLimits.add

    def noted(self: Any, entry: Any) -> None:
        asked.append(entry[1])
        add(self, entry)

    monkeypatch.setattr(threads._BlasLimits, "add", noted)
    return asked


def test_recording_multiplies_in_one_thread(limits: list[int | None]) -> None:
    hg.trace(hg.Net(hg.Linear(6, 3, rng=0)), hg.MSELoss())
    assert limits == [None]


def test_a_pass_by_hand_multiplies_in_one_thread_where_a_batch_is_small(
    limits: list[int | None],
) -> None:
    inner = hg.Net(hg.Linear(64, 64, rng=0), hg.Tanh())
    net = hg.Net(hg.Linear(6, 64, rng=0), hg.Residual(hg.Linear(64, 64, rng=0)), inner)
    p = net.forward(X)
    assert limits == [None]
    net.backward(p)
    assert limits == [None, None]
    hg.Net(hg.Linear(6, 3, rng=0)).forward(X)  # too small: BLAS takes one thread by itself
    assert limits == [None, None]
    with threads.blas_threads(None):
        net.forward(X)
    assert limits == [None, None, None]
