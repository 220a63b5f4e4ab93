"""The gradient check finds the classic mistakes, says which, and raises no false alarm."""

import re
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.check.gradient_check import objectives
from handgrad.textbook.layers import Array


def shifted(found: Any) -> Any:
    """A Linear whose dW is what `found` makes of the right one, given dz and x."""

    class Wrong(hg.Linear):
        def backward(self, dz: Any) -> Any:
            dx = super().backward(dz)
            self.dW = found(self.dW, len(dz))
            return dx

    return Wrong


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (lambda dW, n: -dW, "×−1 everywhere: wrong sign"),
        (lambda dW, n: 2 * dW, "×2 everywhere: one factor 2 too many"),
        (lambda dW, n: dW / 2, "×½ everywhere: a factor 2 is missing"),
        (lambda dW, n: -2 * dW, "×−2 everywhere"),
        (lambda dW, n: n * dW, "×batch size (5) everywhere: a sum instead of a mean"),
        (lambda dW, n: dW / n, "÷batch size (5) everywhere: a mean instead of a sum"),
        (lambda dW, n: -n * dW, "×−batch size (−5) everywhere"),
        (lambda dW, n: 0 * dW, "always 0: is it computed at all?"),
        (lambda dW, n: 1.7 * dW, "×1.7 everywhere: a constant factor"),
        (lambda dW, n: dW.T, "the gradient by hand is the transpose"),
    ],
)
def test_a_classic_mistake_is_named(mistake: Any, says: str) -> None:
    report = hg.check_gradients(shifted(mistake)(3, 3, rng=0))
    assert not report
    assert says in str(report)
    wrong = [c for c in report.comparisons if not c.ok]
    assert {c.name for c in wrong} == {"dW"}
    assert {c.setting for c in wrong} == {"alone", "between two other layers"}


@pytest.mark.parametrize("factor", [5.0, 1 / 5, -5.0])
def test_a_factor_that_only_looks_like_the_batch_size_is_a_constant(factor: float) -> None:
    report = str(hg.check_gradients(shifted(lambda dW, n: factor * dW)(3, 4, rng=0)))
    assert f"×{factor:.6g} everywhere: a constant factor" in report
    assert "batch size" not in report


class GraphSum(hg.Layer):
    """y = A x for each graph, given as (x, A); the matrix A of edges has no gradient."""

    def __init__(self, right: bool) -> None:
        super().__init__()
        self.right = right

    def forward(self, inputs: Any) -> Any:
        x, self.A = inputs
        return self.A @ x

    def backward(self, dy: Any) -> Any:
        return self.A.transpose(0, 2, 1) @ dy if self.right else self.A @ dy, None


@pytest.mark.parametrize("right", [True, False])
def test_an_input_that_has_no_gradient_is_not_wrong(right: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 3, 2)), rng.standard_normal((4, 3, 3))
    report = hg.check_gradients(GraphSum(right), x=x)
    assert bool(report) == right
    assert "  none  dx[1]: backward returns None for it" in str(report)
    assert "WRONG dx[1]" not in str(report)


def test_the_report_names_the_entries_that_differ() -> None:
    def spoil(dW: Any, n: int) -> Any:
        dW = dW.copy()
        dW[1, 2] += 1
        return dW

    report = hg.check_gradients(shifted(spoil)(3, 4, rng=0))
    assert "WRONG dW: 1 of 12 entries" in str(report)
    assert "[1, 2]: by hand" in str(report)


class SoftmaxReturningZeros(hg.Softmax):
    """Passes any check whose upstream gradient is all ones: the true answer is then 0."""

    def backward(self, dp: Any) -> Any:
        return 0 * dp


class SoftmaxWithoutTheSum(hg.Softmax):
    def backward(self, dp: Any) -> Any:
        return self.p * dp


@pytest.mark.parametrize("page", [SoftmaxReturningZeros, SoftmaxWithoutTheSum])
def test_a_wrong_softmax_is_found(page: Any) -> None:
    assert not hg.check_gradients(page())


class ForgetsItsBias(hg.Linear):
    def backward(self, dz: Any) -> Any:
        self.dW = dz.T @ self.x
        return dz @ self.W


class SumsWithKeepdims(hg.Linear):
    def backward(self, dz: Any) -> Any:
        dx = super().backward(dz)
        self.db = dz.sum(axis=0, keepdims=True)
        return dx


class HandsOnTheWrongShape(hg.Linear):
    def backward(self, dz: Any) -> Any:
        super().backward(dz)
        return dz


class ChangesItsInput(hg.Layer):
    def forward(self, x: Any) -> Any:
        x *= 2
        return x

    def backward(self, dy: Any) -> Any:
        return 2 * dy


class ChangesItsArgument(hg.Layer):
    def forward(self, x: Any) -> Any:
        return 2 * x

    def backward(self, dy: Any) -> Any:
        dy *= 2
        return dy


class KeepsTheOldGradient(hg.Layer):
    param_names = ("s",)

    def __init__(self) -> None:
        super().__init__()
        self.s = np.ones(4)

    def forward(self, x: Any) -> Any:
        self.x = x
        return self.s * x

    def backward(self, dy: Any) -> Any:
        return self.s * dy


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (ForgetsItsBias(3, 2, rng=0), "no gradient 'db' yet"),
        (SumsWithKeepdims(3, 2, rng=0), "backward left db with shape (1, 2)"),
        (HandsOnTheWrongShape(3, 2, rng=0), "dx is shape (5, 2), and should have (5, 3)"),
        (ChangesItsInput(), "changed its input x in place"),
        (ChangesItsArgument(), "changed its argument in place"),
        (KeepsTheOldGradient(), "no gradient 'ds' yet"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_faults_beside_the_numbers_are_reported(page: Any, says: str) -> None:
    report = hg.check_gradients(page)
    assert not report
    assert says in str(report)


def test_a_kink_exactly_at_the_entry_takes_any_slope_between() -> None:
    x = np.array([[0.0, 1.0, -1.0, 0.0]] * 5)
    report = hg.check_gradients(hg.ReLU(), x=x)
    assert report, str(report)
    assert "10 at a kink" in str(report)


def test_a_slope_outside_both_sides_of_a_kink_is_wrong() -> None:
    class Steep(hg.ReLU):
        def backward(self, dy: Any) -> Any:
            return np.where(self.y > 0, 1, 1.5) * dy

    assert not hg.check_gradients(Steep(), x=np.zeros((5, 4)))


@pytest.mark.parametrize("distance", [1e-6, 3e-8, 1e-7])
def test_a_kink_close_to_the_entry_is_stepped_around(distance: float) -> None:
    x = np.full((5, 4), distance)
    x[:, ::2] *= -1
    report = hg.check_gradients(hg.ReLU(), x=x)
    assert report, str(report)


def test_a_wrong_slope_near_a_kink_is_still_found() -> None:
    class Doubled(hg.ReLU):
        def backward(self, dy: Any) -> Any:
            return 2 * super().backward(dy)

    assert not hg.check_gradients(Doubled(), x=np.full((5, 4), 1e-6))


class InFloat32(hg.Layer):
    """Computes in float32 whatever comes, as a page with a hard-coded type does."""

    def forward(self, x: Any) -> Any:
        self.x = x.astype(np.float32)
        return np.exp(self.x) * np.float32(3)

    def backward(self, dy: Any) -> Any:
        return np.exp(self.x) * np.float32(3) * dy.astype(np.float32)


def test_float32_raises_no_false_alarm() -> None:
    report = hg.check_gradients(InFloat32())
    assert report, str(report)


def test_float32_hides_no_mistake() -> None:
    class Wrong(InFloat32):
        def backward(self, dy: Any) -> Any:
            return np.float32(1.1) * super().backward(dy)

    assert not hg.check_gradients(Wrong())


def test_a_net_of_float32_is_checked_in_float64_and_left_alone() -> None:
    net = hg.Net(hg.Linear(3, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())
    before = net.state()
    report = hg.check_gradients(net, hg.CrossEntropyLoss())
    assert report, str(report)
    assert [c.name for c in report.comparisons] == [
        "dx",
        "dW of 0, Linear(3, 4)",
        "db of 0, Linear(3, 4)",
        "dW of 2, Linear(4, 2)",
        "db of 2, Linear(4, 2)",
    ]
    for path, array in net.state().items():
        np.testing.assert_array_equal(array, before[path])


def test_the_mistake_in_a_net_is_found_in_its_layer() -> None:
    wrong = shifted(lambda dW, n: -dW)(4, 2, rng=1)
    report = hg.check_gradients(hg.Net(hg.Linear(3, 4, rng=0), hg.Tanh(), wrong), hg.MSELoss())
    assert [c.name for c in report.comparisons if not c.ok] == ["dW of 2, Wrong(4, 2)"]


def test_a_wrong_loss_is_found_and_its_factor_named() -> None:
    class SummedBackward(hg.MSELoss):
        def backward(self, loss: Any = None) -> Any:
            return 2 * self.e

    report = hg.check_gradients(SummedBackward())
    assert not report
    assert "×15 everywhere" in str(report)


def test_a_layer_that_does_not_say_what_it_takes_needs_an_example() -> None:
    class Picky(hg.Layer):
        def forward(self, x: Any) -> Any:
            return x.reshape(len(x), 7, 11)

    with pytest.raises(hg.errors.SettingError, match=r"(?s)unknown input shape.*try: x="):
        hg.check_gradients(Picky())


def test_rows_in_the_place_of_the_loss_are_refused() -> None:
    with pytest.raises(hg.errors.SettingError, match=r"(?s)as loss array.*a loss, or None.*x=x"):
        hg.check_gradients(hg.Tanh(), np.ones((2, 3)))  # type: ignore[arg-type]


@pytest.mark.parametrize("page", [hg.Tanh, "tanh", None])
def test_what_is_not_a_page_is_refused(page: Any) -> None:
    with pytest.raises(hg.errors.SettingError, match="a layer, a net or a loss"):
        hg.check_gradients(page)


class NormWithoutGammaInDx(hg.LayerNorm):
    """Right as long as gamma is 1, as it is at first."""

    def backward(self, dz: Any) -> Any:
        gamma = self.gamma.copy()
        super().backward(dz)
        dgamma, dbeta = self.dgamma, self.dbeta
        self.gamma = np.ones_like(gamma)
        dx = super().backward(dz)
        self.gamma, self.dgamma, self.dbeta = gamma, dgamma, dbeta
        return dx


class Slope(hg.Layer):
    """y = a x    dx = a dy    da = Σₙ x dy"""

    param_names: tuple[str, ...] = ("a",)
    start = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.a = np.full(4, self.start)

    def forward(self, x: Any) -> Any:
        self.x = x
        return self.a * x

    def backward(self, dy: Any) -> Any:
        self.da = (self.x * dy).sum(axis=0)
        return self.a * dy


class SlopeForgottenInDx(Slope):
    def backward(self, dy: Any) -> Any:
        return super().backward(dy) / self.a


class ProductForgotten(Slope):
    """y = a x + a² x, with a = 0 at first"""

    start = 0.0

    def forward(self, x: Any) -> Any:
        self.x = x
        return self.a * x + self.a**2 * x

    def backward(self, dy: Any) -> Any:
        self.da = (self.x * dy).sum(axis=0)
        return (self.a + self.a**2) * dy


class VarianceForgotten(hg.Layer):
    """y = (x − mean) / √var in prediction, and dx as if var were 1, as it is at first"""

    state_names = ("mean", "var")

    def __init__(self) -> None:
        super().__init__()
        self.mean, self.var = np.zeros(4), np.ones(4)

    def forward(self, x: Any) -> Any:
        return (x - self.mean) / np.sqrt(self.var)

    def backward(self, dy: Any) -> Any:
        return dy


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        (lambda: NormWithoutGammaInDx(4), "dx"),
        (SlopeForgottenInDx, "dx"),
        (ProductForgotten, "da"),
        (VarianceForgotten, "dx"),
    ],
    ids=["gamma", "slope", "product", "variance"],
)
@pytest.mark.parametrize("within", [False, True], ids=["layer", "net"])
def test_a_mistake_that_0_or_1_would_hide_is_found(page: Any, wrong: str, within: bool) -> None:
    checked = hg.Net(hg.Linear(4, 4, rng=0), page()) if within else page()
    before = checked.state()
    report = hg.check_gradients(checked)
    assert not report
    assert not report.problems
    found = {c.name.split(" of ")[0] for c in report.comparisons if not c.ok}
    assert wrong in found
    assert {c.setting for c in report.comparisons if not c.ok and c.name[:2] == wrong} == (
        {"alone"} if within else {"alone", "between two other layers"}
    )
    for path, array in checked.state().items():
        np.testing.assert_array_equal(array, before[path])


def test_the_report_says_at_which_numbers_it_looked() -> None:
    text = str(hg.check_gradients(hg.BatchNorm(3), training=False))
    looked = re.search(r"checked at (.*), drawn$", text)
    assert looked, text
    spans = dict(re.findall(r"(\w+) from (\S+) to", looked[1]))
    assert list(spans) == ["x", "gamma", "beta", "running_mean", "running_var"]
    assert float(spans["running_var"]) > 0
    text = str(hg.check_gradients(Slope(), x=np.arange(8.0).reshape(2, 4)))
    assert re.search(r"checked at x from 0 to 7, given; a from \d\.\d+ to \d\.\d+, drawn$", text)
    deep = hg.Net(*(hg.Linear(3, 3, rng=i) for i in range(9)))
    assert re.search(r"all parameters from -\S+ to \S+, drawn$", str(hg.check_gradients(deep)))
    assert str(hg.check_gradients(hg.MSELoss())).endswith("checked at x from 0.102 to 0.848, drawn")


def test_another_seed_draws_other_numbers() -> None:
    texts = {str(hg.check_gradients(Slope(), rng=rng)).split("checked at")[1] for rng in range(3)}
    assert len(texts) == 3


def test_parameters_that_no_other_numbers_fit_stay_as_they_are() -> None:
    class Fixed(Slope):
        def forward(self, x: Any) -> Any:
            return super().forward(x) if (self.a == 1).all() else x * np.nan

    class Refusing(Slope):
        def forward(self, x: Any) -> Any:
            if (self.a != 1).any():
                raise ValueError("a must be 1")
            return super().forward(x)

    for page in (Fixed, Refusing):
        report = hg.check_gradients(page(), entries=1)
        assert "a from 1 to 1, as they are" in str(report)


class MeanOfThose(hg.Layer):
    """y = Σ m x / t over the places."""

    takes_mask, ndim = True, 3

    def forward(self, x: Any, mask: Any = None) -> Any:
        self.w = np.ones_like(x[:, :, :1]) if mask is None else mask[:, :, None].astype(x.dtype)
        return (self.w * x).mean(axis=1)

    def backward(self, dy: Any) -> Any:
        return self.w * dy[:, None] / self.w.shape[1]


def test_a_layer_that_takes_a_mask_is_checked_with_one() -> None:
    class Forgets(MeanOfThose):
        def backward(self, dy: Any) -> Any:
            return np.ones_like(self.w) * dy[:, None] / self.w.shape[1]

    x = np.random.default_rng(0).standard_normal((5, 3, 2))
    report = hg.check_gradients(MeanOfThose(), x=x)
    assert report.ok, str(report)
    assert "\n with a mask\n  ok    dx (30 entries)" in str(report)
    wrong = [c for c in hg.check_gradients(Forgets(), x=x).comparisons if not c.ok]
    assert [(c.setting, c.name) for c in wrong] == [("with a mask", "dx")]
    assert hg.check_gradients(hg.layers.Conv1d(2, 3, 3, rng=0)).ok


def test_targets_at_places_of_padding_count_nothing() -> None:
    codes, y = np.array([[1, 2, 0], [3, 0, 0]]), np.arange(12.0).reshape(2, 3, 2)
    net = hg.Net(hg.Embedding(4, 2, padding=0, rng=0), hg.GRU(2, 2, rng=1, return_sequences=True))
    checked = objectives(net, hg.MSELoss(), codes, y, False, 0)[0]["alone"]()
    off = (checked.forward() - y) ** 2
    assert checked.value() == pytest.approx(off[codes > 0].mean())
    assert hg.check_gradients(net, loss=hg.MSELoss(), x=codes, y=y).ok
    report = str(hg.check_gradients(net, loss=hg.MSELoss(), x=0 * codes, y=y))
    assert "WRONG alone: x: only padding in all 2 rows\n" in report


def test_no_layer_around_the_page_is_named() -> None:
    class Flattens(hg.Layer):
        def forward(self, x: Any) -> Any:
            self.shape = x.shape
            return x.reshape(-1, 1)

        def backward(self, dy: Any) -> Any:
            return dy.reshape(self.shape)[:, :1]

    text = str(hg.check_gradients(Flattens(), x=np.ones((5, 3))))
    assert "dx is shape (5, 1), and should have (5, 3)" in text
    assert "Neighbour" not in text


class StraightThrough(hg.Layer):
    """y = round(x), with the gradient of y = x: the difference is a constant."""

    def forward(self, x: Array) -> Array:
        self.moved = np.round(x) - x
        return x + self.moved

    def backward(self, dy: Array) -> Array:
        return dy


class SpectralNorm(hg.Layer):
    """y = x Wᵀ / σ, σ = uᵀ W v by a step of power iteration, through which no gradient flows."""

    param_names = ("W",)

    def __init__(self) -> None:
        super().__init__()
        self.W = np.random.default_rng(0).standard_normal((3, 4))

    def forward(self, x: Array) -> Array:
        v = np.ones(3) @ self.W
        self.v = v / np.sqrt((v * v).sum())
        u = self.W @ self.v
        self.u = u / np.sqrt((u * u).sum())
        self.x, self.sigma = x, self.u @ self.W @ self.v
        self.y = x @ self.W.T / self.sigma
        return self.y

    def backward(self, dy: Array) -> Array:
        of_sigma = (dy * self.y).sum() / self.sigma
        self.dW = dy.T @ self.x / self.sigma - of_sigma * np.outer(self.u, self.v)
        return dy @ self.W / self.sigma


@pytest.mark.parametrize(
    ("layer", "constants"), [(StraightThrough(), ["moved"]), (SpectralNorm(), ("u", "v"))]
)
def test_what_is_held_constant_has_no_gradient(layer: hg.Layer, constants: list[str]) -> None:
    x = np.random.default_rng(1).standard_normal((5, 4))
    report = hg.check_gradients(layer, x=x, constants=constants)
    assert report, report
    assert not hg.check_gradients(layer, x=x)
    net = hg.Net(hg.Linear(4, 4, rng=0), layer, dtype=np.float64)
    assert hg.check_gradients(net, hg.MSELoss(), x=x, constants=constants)


def test_a_constant_of_a_loss_is_held() -> None:
    class Scaled(hg.Loss):
        def forward(self, p: Array, y: Array) -> float:
            self.scale = np.abs(p - y).mean()
            self.off = p - y
            return float((self.off**2).mean() / self.scale)

        def backward(self, loss: object = None) -> Array:
            return 2 * self.off / self.off.size / self.scale

    assert hg.check_gradients(Scaled(), constants="scale")
    assert not hg.check_gradients(Scaled())


def test_a_constant_that_forward_does_not_set_is_an_error() -> None:
    report = hg.check_gradients(hg.Tanh(), constants=["u"])
    assert not report
    assert "constants: 'u', which forward does not set" in str(report)
