"""Each threshold from both sides, with figures that are known."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.graph.pages import Flatten


def found(diagnosis: hg.check.Diagnosis, problem: str) -> list[hg.check.Finding]:
    return [finding for finding in diagnosis.findings if finding.problem == problem]


def one(diagnosis: hg.check.Diagnosis, problem: str) -> hg.check.Finding:
    (finding,) = found(diagnosis, problem)
    return finding


def curve(*losses: float, held: Any = None, rate: float = 0.1) -> list[hg.training.EpochReport]:
    """Reports with these training and validation losses."""
    held = [None] * len(losses) if held is None else held
    return [
        hg.training.EpochReport(epoch, loss, validation_loss=v, learning_rate=rate)
        for epoch, (loss, v) in enumerate(zip(losses, held, strict=True), 1)
    ]


X, Y = hg.data.make_moons(200, rng=0)


def net(activation: hg.Layer | None = None, units: int = 10) -> hg.Net:
    return hg.Net(
        hg.Linear(2, units, rng=0),
        activation or hg.ReLU(),
        hg.Linear(units, 2, rng=1),
        hg.Softmax(),
    )


# ------------------------------------------------------------------------------------ units


@pytest.mark.parametrize(("dead", "named"), [(3, False), (4, True), (10, True)])
def test_four_in_ten_dead_units_are_named(dead: int, named: bool) -> None:
    sick = net()
    sick.layers[0].b = [-50.0] * dead + [5.0] * (10 - dead)
    diagnosis = hg.diagnose(sick, None, (X, Y))
    assert bool(found(diagnosis, "dead units")) == named
    if named:
        finding = one(diagnosis, "dead units")
        assert finding.where == "layer 2 of 4, ReLU()"
        assert finding.evidence.startswith(f"{dead} of 10 units output 0 on all 200 rows")


def test_a_unit_that_wakes_for_one_row_is_not_dead() -> None:
    awake = net()
    awake.layers[0].W = np.tile([1.0, 0.0], (10, 1))
    awake.layers[0].b = np.full(10, -np.sort(X[:, 0])[-2:].mean())
    assert not found(hg.diagnose(awake, None, (X, Y)), "dead units")


@pytest.mark.parametrize(
    "layer",
    [hg.layers.LeakyReLU(), hg.Dropout(0.5), hg.Standardize(np.full(10, 5.0), np.full(10, 9.0))],
)
def test_layers_that_pass_something_back_are_not_dead(layer: hg.Layer) -> None:
    quiet = net(layer)
    quiet.layers[0].b = [-50.0] * 10
    assert not found(hg.diagnose(quiet, None, (X, Y)), "dead units")


class Contrast(hg.Layer):
    """Each number less the mean of the others in its row; a row of ones comes back as zeros."""

    def forward(self, x: Any) -> Any:
        others = max(1, x.shape[1] - 1)
        return x - (x.sum(axis=1, keepdims=True) - x) / others

    backward = forward  # it is its own transpose


@pytest.mark.parametrize("layer", [hg.Softmax(), Contrast()])
def test_a_layer_that_mixes_its_columns_is_no_row_of_units(layer: hg.Layer) -> None:
    inside = hg.Net(hg.Linear(2, 4, rng=0), layer, hg.Linear(4, 2, rng=1), hg.Softmax())
    assert not hg.diagnose(inside, None, (X, Y))


@pytest.mark.parametrize(("flat", "named"), [(4, False), (5, True)])
@pytest.mark.parametrize("activation", [hg.Tanh, hg.Sigmoid])
def test_half_the_units_at_an_end_are_named(activation: Any, flat: int, named: bool) -> None:
    sick = net(activation())
    sick.layers[0].b = [8.0] * flat + [0.0] * (10 - flat)
    diagnosis = hg.diagnose(sick, None, (X, Y))
    assert bool(found(diagnosis, "saturated units")) == named
    if named:
        assert f"{flat} of 10 units" in one(diagnosis, "saturated units").evidence


def test_members_at_an_end_are_advised_a_layer_that_takes_them() -> None:
    first, last = (
        hg.tables.EnsembleLinear(2, 10, 3, rng=0),
        hg.tables.EnsembleLinear(10, 2, 3, rng=1),
    )
    first.b = np.full((3, 10), 8.0)
    x, y = (np.repeat(part[:, None], 3, axis=1) for part in (X, Y))
    diagnosis = hg.diagnose(hg.Net(first, hg.Tanh(), last, hg.Softmax()), None, (x, y))
    finding = one(diagnosis, "saturated units")
    assert finding.evidence.startswith("30 of 30 units")
    assert finding.advice.startswith("BatchNorm(10) before it")  # of each member's features


@pytest.mark.parametrize(("steep", "named"), [(0.94, False), (0.96, True)])
def test_a_unit_is_at_an_end_if_it_is_for_95_of_100_rows(steep: float, named: bool) -> None:
    sick = hg.Net(hg.Linear(1, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())
    sick.layers[0].W, sick.layers[0].b = np.ones((4, 1)), np.zeros(4)
    rows = np.where(np.arange(200) < 200 * steep, 5.0, 0.1)[:, None]
    assert bool(found(hg.diagnose(sick, None, (rows, Y)), "saturated units")) == named


@pytest.mark.parametrize(("x", "named"), [(2.1, False), (2.4, True)])
def test_an_end_is_where_the_slope_is_below_a_twentieth(x: float, named: bool) -> None:
    """1 − tanh² is 0.058 at 2.1 and 0.032 at 2.4."""
    sick = hg.Net(hg.Linear(1, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())
    sick.layers[0].W, sick.layers[0].b = np.ones((4, 1)), np.zeros(4)
    rows = np.full((200, 1), x)
    assert bool(found(hg.diagnose(sick, None, (rows, Y)), "saturated units")) == named


def test_the_last_activation_may_be_as_sure_as_can_be() -> None:
    sure = hg.Net(hg.Linear(1, 1, rng=0), hg.Sigmoid())
    sure.layers[0].W, sure.layers[0].b = [[10.0]], [0.0]
    x = np.where(Y == 1, 1.0, -1.0)[:, None]
    assert not hg.diagnose(sure, None, (x, Y))


def test_units_are_found_in_layers_within_layers() -> None:
    inner = hg.Net(hg.Linear(2, 10, rng=0), hg.ReLU(), hg.Linear(10, 2, rng=1))
    sick = hg.Net(hg.Parallel(hg.Residual(inner), hg.Linear(2, 2, rng=2)), hg.Softmax())
    inner.layers[0].b = [-50.0] * 10
    where = one(hg.diagnose(sick, None, (X, Y)), "dead units").where
    assert (
        where
        == "layer 1 of 2, Parallel: layer 1 of 2, Residual: layer 1 of 1, Net: layer 2 of 3, ReLU()"
    )


def test_of_many_rows_some_are_looked_at_and_the_evidence_says_so() -> None:
    x, y = hg.data.make_moons(3000, rng=0)
    sick = net()
    sick.layers[0].b = [-50.0] * 10
    evidence = one(hg.diagnose(sick, None, (x, y)), "dead units").evidence
    assert "all 1024 sampled rows of 3000" in evidence


# ------------------------------------------------------------------------------------ gradients


def chain(*factors: float) -> hg.Net:
    """Linear layers of one unit, each with its weight: what comes back is the product."""
    layers = [hg.Linear(1, 1, rng=0, dtype=np.float64) for _ in factors]
    for layer, factor in zip(layers, factors, strict=True):
        layer.W, layer.b = np.array([[factor]]), np.zeros(1)
    return hg.Net(*layers)


NUMBERS = (np.linspace(-1, 1, 50)[:, None], np.linspace(-1, 1, 50))


@pytest.mark.parametrize(("factor", "named"), [(1.1e-3, False), (0.9e-3, True)])
def test_a_thousandth_of_the_gradient_has_vanished(factor: float, named: bool) -> None:
    diagnosis = hg.diagnose(chain(1.0, 1.0, factor), None, NUMBERS)
    assert bool(found(diagnosis, "vanishing gradients")) == named
    if named:
        finding = one(diagnosis, "vanishing gradients")
        assert finding.where.startswith("layer 1 of 3, Linear(1, 1")
        assert "0.0009 times" in finding.evidence
        assert "layer 3 of 3, Linear(1, 1" in finding.evidence


@pytest.mark.parametrize(("factor", "named"), [(0.9e3, False), (1.1e3, True)])
def test_a_thousand_times_the_gradient_has_exploded(factor: float, named: bool) -> None:
    diagnosis = hg.diagnose(chain(1.0, 1.0, factor), None, NUMBERS)
    assert bool(found(diagnosis, "exploding gradients")) == named


def test_units_that_pass_nothing_back_explain_a_gradient_that_vanished() -> None:
    sick = net()
    sick.layers[0].b = [-50.0] * 10
    assert [f.problem for f in hg.diagnose(sick, None, (X, Y)).findings] == ["dead units"]


def test_what_goes_forward_tells_where_no_gradient_is_finite() -> None:
    sick = chain(1.0, 1e200, 1e200)
    diagnosis = hg.diagnose(sick, None, NUMBERS, loss=hg.MSELoss())
    assert [f.problem for f in diagnosis.findings] == ["not finite"]
    sick = chain(1.0, 1e80, 1e80)
    diagnosis = hg.diagnose(sick, None, NUMBERS, loss=hg.MSELoss())
    assert [f.problem for f in diagnosis.findings] == ["not finite", "exploding gradients"]
    assert "the output per row is" in one(diagnosis, "exploding gradients").evidence


# ------------------------------------------------------------------------------------ inputs


@pytest.mark.parametrize(
    ("sizes", "named"),
    [
        ((29.0, 1.0, 1.0), False),
        ((31.0, 1.0, 1.0), True),
        ((0.011, 0.011, 0.011), False),
        ((0.009, 0.009, 0.009), True),
        ((1.0, 0.011, 0.011), False),
        ((1.0, 0.009, 0.009), True),
        ((1.0, 1.0, 0.0), False),
        ((1.0, 1.0, 0.001), True),
        ((1.0, 1.0, 1.0, 1.0, 0.001), False),
    ],
)
def test_inputs_of_30_of_a_hundredth_and_100_apart_are_named(
    sizes: tuple[float, ...], named: bool
) -> None:
    x = np.tile(sizes, (100, 1)) * np.where(np.arange(100) % 2, 1.0, -1.0)[:, None]
    y = np.arange(100) % 2
    wide = hg.Net(hg.Linear(len(sizes), 2, rng=0), hg.Softmax())
    diagnosis = hg.diagnose(wide, None, (x, y), loss=hg.CrossEntropyLoss())
    assert bool(found(diagnosis, "unscaled inputs")) == named
    scaled = hg.Net(hg.Standardize.of(x), hg.Linear(len(sizes), 2, rng=0), hg.Softmax())
    assert not hg.diagnose(scaled, None, (x, y))
    normed = hg.Net(hg.BatchNorm(len(sizes)), hg.Linear(len(sizes), 2, rng=0), hg.Softmax())
    if min(sizes) == 1.0:
        assert not hg.diagnose(normed, None, (x, y))


def test_the_features_are_named_with_their_sizes() -> None:
    x = np.ones((10, 3)) * [0.0, 2.0, 400.0]
    finding = one(hg.diagnose(chainless(3), None, (x, np.arange(10) % 2)), "unscaled inputs")
    assert finding.where == "layer 1 of 2, Linear(3, 2)"
    assert "feature 2, counted from 0, is about 400 in size, feature 1 about 2 " in finding.evidence


def test_codes_have_no_scale_and_the_numbers_beside_them_have() -> None:
    rng = np.random.default_rng(0)
    codes, y = rng.integers(0, 400, (100, 2)).astype(float), np.arange(100) % 2
    for size, named in ((1.0, False), (500.0, True)):
        x = np.hstack([size * rng.standard_normal((100, 1)), codes])
        alone = hg.Net(
            hg.tables.TabularEmbedding(400, 2, n_codes=2, n_numbers=1, rng=0),
            hg.Linear(5, 2),
            hg.Softmax(),
        )
        layers = (
            hg.tables.EnsembleEmbedding(400, 2, 2, n_codes=2, n_numbers=1, rng=0),
            Flatten(),
            hg.Linear(10, 2),
        )
        side_by_side = hg.Net(*layers, hg.Softmax())
        for net, rows in ((alone, x), (side_by_side, np.stack([x, x], axis=1))):
            findings = found(hg.diagnose(net, None, (rows, y)), "unscaled inputs")
            assert bool(findings) == named
            assert all("feature 0, counted from 0, is about" in f.evidence for f in findings)
    only = hg.Net(
        hg.tables.TabularEmbedding(400, 2, n_codes=2, rng=0), hg.Linear(4, 2), hg.Softmax()
    )
    assert not hg.diagnose(only, None, (codes, y))


def chainless(n: int) -> hg.Net:
    return hg.Net(hg.Linear(n, 2, rng=0), hg.Softmax())


# ------------------------------------------------------------------------------------ leakage


def leaked(n_shared: int, repeated: int = 0) -> list[hg.check.Finding]:
    """100 rows to train on, `repeated` of them twice, and 50 others, `n_shared` the same."""
    rng = np.random.default_rng(0)
    x, held = rng.standard_normal((100, 2)), rng.standard_normal((50, 2))
    x[50 : 50 + repeated // 2] = x[: repeated // 2]
    held[:n_shared] = x[99 : 99 - n_shared : -1] if n_shared else held[:0]
    diagnosis = hg.diagnose(
        chainless(2), None, (x, np.arange(100) % 2), validation=(held, np.arange(50) % 2)
    )
    return found(diagnosis, "leakage")


def test_two_shared_rows_are_leakage_where_no_row_comes_twice() -> None:
    assert not leaked(0)
    assert not leaked(1)
    (finding,) = leaked(2)
    assert finding.evidence.startswith("2 of 50 are also among the 100 training rows;")


def test_as_many_as_repeat_by_themselves_are_none() -> None:
    """One in ten comes twice: of 50 rows 5 ± 2.1 are shared by chance, and 12 are not."""
    assert not leaked(12, repeated=10)
    (finding,) = leaked(13, repeated=10)
    assert "10.0% are there twice or more" in finding.evidence


def test_rows_of_a_small_table_are_alike_by_nature() -> None:
    """24 different pairs of few values, and 6 more: two of those were there, or all."""
    x = np.stack(np.meshgrid(np.arange(6.0), np.arange(4.0)), axis=-1).reshape(-1, 2)
    for shared, named in ((2, False), (6, True)):
        held = np.vstack([x[:shared], x[shared:6] + 0.5])
        rows = (x / 3, np.arange(24) % 2), (held / 3, np.arange(6) % 2)
        diagnosis = hg.diagnose(chainless(2), None, rows[0], validation=rows[1])
        assert bool(found(diagnosis, "leakage")) == named


def test_zero_and_minus_zero_are_the_same_row() -> None:
    x, held = np.zeros((10, 1)), -np.zeros((4, 1))
    x[:, 0] = np.arange(10)
    held[:2, 0] = [1.0, 2.0]
    held[2:, 0] = [-0.0, 50.0]
    diagnosis = hg.diagnose(
        chainless(1), None, (x, np.arange(10) % 2), validation=(held, np.arange(4) % 2)
    )
    assert one(diagnosis, "leakage").evidence.startswith("3 of 4 are")


# ------------------------------------------------------------------------------------ curves


def curves(*losses: float, **settings: Any) -> hg.check.Diagnosis:
    """A diagnosis of a net that is healthy itself, of two even classes: a constant gives 0.693."""
    return hg.diagnose(net(hg.Tanh()), curve(*losses, **settings), (X, Y))


@pytest.mark.parametrize(("up", "named"), [(0.08, False), (0.12, True)])
def test_a_loss_that_goes_up_by_a_tenth_of_a_constants_again_and_again(
    up: float, named: bool
) -> None:
    losses = [0.5, 0.5, 0.4, *([0.3, 0.3 + up] * 4)]
    diagnosis = curves(*losses)
    assert bool(found(diagnosis, "learning rate too high")) == named
    if named:
        assert one(diagnosis, "learning rate too high").advice == "a learning rate of 0.01, a tenth"


def test_a_learning_rate_that_is_not_known_is_not_told_as_0() -> None:
    (high,) = found(curves(*[0.5, 0.3] * 5, rate=0.0), "learning rate too high")
    assert high.advice == "a tenth of the learning rate"
    (low,) = found(curves(*falling(0.7), rate=0.0), "learning rate too low")
    assert low.evidence.startswith("in 40 epochs the training loss fell from 0.8 to 0.7;")


def test_four_epochs_are_too_few_to_tell_a_shape() -> None:
    assert not curves(0.5, 0.9, 0.4, 0.6)
    assert found(curves(0.5, 0.5, 0.3, 0.6, 0.3), "learning rate too high")
    assert "fewer than 5 epochs" in curves(0.5, 0.4, 0.3, 0.2).left_out[0]


@pytest.mark.parametrize(("last", "named"), [(0.85, False), (0.9, True)])
def test_a_loss_that_rose_above_that_of_a_constant(last: float, named: bool) -> None:
    assert bool(found(curves(0.8, last), "learning rate too high")) == named


def test_a_loss_that_ends_high_but_fell_is_not_said_to_have_risen() -> None:
    assert not found(curves(9.0, 3.0), "learning rate too high")


@pytest.mark.parametrize(("last", "named"), [(-1.85, False), (-1.75, True)])
def test_a_loss_below_zero_rose_by_a_tenth_of_its_size(last: float, named: bool) -> None:
    counts = hg.Net(hg.Linear(2, 1, rng=0))
    given: dict[str, Any] = {"loss": hg.losses.PoissonNLLLoss()}
    x, y = X, np.full((200, 1), 5.0)  # the best constant answer's loss is 5 − 5 log 5 = −3.05
    diagnosis = hg.diagnose(counts, curve(-1.95, last), (x, y), **given)
    assert bool(found(diagnosis, "learning rate too high")) == named


@pytest.mark.parametrize(("up", "named"), [(0.45, False), (0.55, True)])
def test_a_loss_up_and_down_above_that_of_a_constant_that_calms_at_the_end(
    up: float, named: bool
) -> None:
    """0.052 is 7.5 % of log 2, the loss of a constant answer; the one rise is one step of nine."""
    losses = [2.0, 2.0 + up, 2.0, 1.5, 1.2, 0.6, 0.5, 0.4, 0.3, 0.2]
    diagnosis = curves(*losses, held=[1.0] * 4 + [3.0] * 6)
    assert bool(found(diagnosis, "learning rate too high")) == named
    assert bool(found(diagnosis, "over-fitting")) != named
    if named:
        evidence = one(diagnosis, "learning rate too high").evidence
        assert evidence.startswith("in 5 of 10 epochs the training loss was above that of")


@pytest.mark.parametrize(
    "losses",
    [
        [2.0, 2.6, 2.0, 1.5, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2],  # in 4 of 10 epochs
        [2.0, 2.6, 2.0, 1.5, 0.5, 0.4, 0.3],  # in the larger part, but in 4 only
    ],
)
def test_a_rate_that_calms_down_soon_is_not_too_high(losses: list[float]) -> None:
    assert not found(curves(*losses), "learning rate too high")


def falling(to: float, bend: float = 1.0) -> list[float]:
    """From 0.8 down in 39 steps, each `bend` times the one before."""
    steps = bend ** np.arange(39)
    return [0.8, *(0.8 - (0.8 - to) * np.cumsum(steps) / steps.sum())]


@pytest.mark.parametrize(("to", "named"), [(0.55, False), (0.57, True), (0.79, True)])
def test_a_loss_that_fell_by_less_than_three_tenths(to: float, named: bool) -> None:
    assert bool(found(curves(*falling(to)), "learning rate too low")) == named


@pytest.mark.parametrize(("bend", "named"), [(0.976, True), (0.97, False)])
def test_a_curve_that_bends_is_near_its_end(bend: float, named: bool) -> None:
    """The last third of the steps is 0.976²⁶ = 0.53, or 0.45, of the first."""
    assert bool(found(curves(*falling(0.6, bend)), "learning rate too low")) == named


def test_a_rate_is_not_too_low_where_no_step_helps() -> None:
    zeros = hg.Net(hg.Linear(2, 2, initializer="zeros"), hg.Softmax())
    x = np.repeat(X[:100], 2, axis=0)  # each row once in either class: nothing can be learned
    diagnosis = hg.diagnose(zeros, curve(*falling(0.79)), (x, np.arange(200) % 2))
    assert not found(diagnosis, "learning rate too low")


def test_a_rate_is_not_too_low_where_much_was_learned() -> None:
    assert not found(curves(*(np.array(falling(0.79)) - 0.5)), "learning rate too low")


def held(lowest: float, last: float) -> list[float]:
    return [0.7, 0.6, lowest, *[lowest] * 8, last, last, last]


FELL = [0.7, 0.6, 0.5, *np.linspace(0.5, 0.1, 12)[1:]]


@pytest.mark.parametrize(
    ("lowest", "last", "named"),
    [(0.4, 0.49, False), (0.4, 0.51, True), (0.1, 0.2, False), (0.1, 0.21, True)],
)
def test_a_validation_loss_that_rose_by_a_quarter_and_more_than_noise(
    lowest: float, last: float, named: bool
) -> None:
    diagnosis = curves(*FELL, held=held(lowest, last))
    assert bool(found(diagnosis, "over-fitting")) == named
    if named:
        assert f"lowest in epoch 3, {lowest}" in one(diagnosis, "over-fitting").evidence


@pytest.mark.parametrize(("trained", "named"), [(0.38, False), (0.37, True)])
def test_it_is_over_fitting_only_if_the_training_loss_fell_on(trained: float, named: bool) -> None:
    losses = [0.7, 0.6, 0.5, *np.linspace(0.5, trained, 12)[1:]]
    assert bool(found(curves(*losses, held=held(0.4, 0.6)), "over-fitting")) == named


def test_one_epoch_of_noise_is_no_over_fitting() -> None:
    noisy = held(0.4, 0.4)
    noisy[-1] = 0.9
    assert not found(curves(*FELL, held=noisy), "over-fitting")


def test_an_infinite_validation_loss_is_no_over_fitting() -> None:
    assert not found(curves(*FELL, held=held(0.4, np.inf)), "over-fitting")


def test_a_net_with_its_best_weights_again_is_not_over_fitted() -> None:
    reports = curve(*FELL, held=held(0.4, 0.9))
    best, data = net(hg.Tanh()), (X, Y)
    assert found(hg.diagnose(best, hg.training.History(reports), data), "over-fitting")
    why = "validation_loss had not improved for 12 epochs"
    assert not found(hg.diagnose(best, hg.training.History(reports, why), data), "over-fitting")
    now = hg.evaluate(best, (X, Y), loss=hg.CrossEntropyLoss()).loss
    for lowest, named in ((now * 0.7, True), (now * 0.9, False)):
        reports = curve(*FELL, held=held(lowest, 2.0))
        diagnosis = hg.diagnose(best, reports, data, validation=(X, Y))
        assert bool(found(diagnosis, "over-fitting")) == named


# ------------------------------------------------------------------------------------ classes


def answers(rare: int, found_of_them: int, n: int = 200) -> hg.check.Diagnosis:
    """Rows of which the last `rare` are of class 1, and a net that finds so many of them."""
    y = (np.arange(n) >= n - rare).astype(int)
    x = np.where(np.arange(n) >= n - found_of_them, 1.0, -1.0)[:, None]
    sure = hg.Net(hg.Linear(1, 2, rng=0), hg.Softmax())
    there, elsewhere = 1.0, np.log(rare / (n - rare))  # log odds of class 1: as many as there are
    sure.layers[0].W = np.array([[0.0], [(there - elsewhere) / 2]])
    sure.layers[0].b = np.array([0.0, (there + elsewhere) / 2])
    return hg.diagnose(sure, None, (x, y))


@pytest.mark.parametrize(("rare", "named"), [(4, False), (5, True), (19, True), (20, False)])
def test_a_class_is_rare_below_a_fifth_of_its_even_share(rare: int, named: bool) -> None:
    diagnosis = answers(rare, 0)
    assert bool(found(diagnosis, "class imbalance")) == named
    if named:
        finding = one(diagnosis, "class imbalance")
        assert finding.where == "class 1"
        assert finding.evidence.startswith(
            f"{rare} of all 200 rows are in it, and the net predicts it for 0"
        )


def test_places_of_a_rare_class_are_counted_among_all_places() -> None:
    y = np.repeat([0, 1], [380, 20]).reshape(200, 2)
    guessing = hg.Net(hg.Linear(1, 2, initializer="zeros"), hg.Softmax())
    guessing.layers[0].b = np.log([0.95, 0.05])
    rows = (np.ones((200, 2, 1)), y)
    diagnosis = hg.diagnose(guessing, None, rows, loss=hg.CrossEntropyLoss())
    finding = one(diagnosis, "class imbalance")
    assert finding.evidence.startswith("20 of the 400 targets of all 200 rows are in it")


@pytest.mark.parametrize(("right", "named"), [(1, True), (2, False)])
def test_a_rare_class_is_ignored_up_to_a_twentieth_of_its_rows(right: int, named: bool) -> None:
    assert bool(found(answers(38, right, n=400), "class imbalance")) == named


def test_a_net_that_has_not_learned_is_not_said_to_ignore_a_class() -> None:
    y = (np.arange(200) >= 190).astype(int)
    x = np.ones((200, 1))
    fresh = hg.Net(hg.Linear(1, 2, initializer="zeros"), hg.Softmax())
    fresh.layers[0].b = [0.01, 0.0]
    assert not hg.diagnose(fresh, None, (x, y))
