"""`plot_loss_plane`, `plot_optimizer_race`: the loss where parameters are, and the ways there."""

from typing import Any

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.plots.pictures import legend

X, Y = hg.data.make_moons(60, rng=0)
LOSS = hg.CrossEntropyLoss()


def net() -> hg.Net:
    return hg.Net(hg.Linear(2, 4, rng=0), hg.Tanh(), hg.Linear(4, 2, rng=1), hg.Softmax())


def trained(epochs: int = 12) -> tuple[hg.Net, list[Any]]:
    learner = net()
    path = [learner.parameters.copy()]
    for _ in hg.train(learner, (X, Y), loss=LOSS, optimizer=hg.SGD(0.5), epochs=epochs, rng=0):
        path.append(learner.parameters.copy())
    return learner, path


def test_the_path_lies_on_its_first_two_components() -> None:
    learner, path = trained()
    before = learner.parameters.copy()
    axes = hg.plots.plot_loss_plane(learner, X, Y, loss=LOSS, path=path)
    np.testing.assert_array_equal(learner.parameters, before)
    across, up = (np.asarray(part, float) for part in axes.lines[0].get_data())
    assert (across[-1], up[-1]) == (0, 0)
    away = np.array(path, float) - path[-1]
    length = np.linalg.svd(away, compute_uv=False)
    assert np.hypot(across, up).max() <= np.linalg.norm(away, axis=1).max() + 1e-9
    assert (across**2).sum() == pytest.approx(length[0] ** 2)
    assert (up**2).sum() == pytest.approx(length[1] ** 2)
    share = length[0] ** 2 / (length**2).sum()
    assert axes.get_xlabel() == f"first principal component, {share:.0%} of the variance"


def test_the_shading_is_the_logarithm_of_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    learner, path = trained()
    seen: dict[str, Any] = {}
    from matplotlib.axes import Axes

    drawn = Axes.contourf

    def noted(self: Axes, *arguments: Any, **options: Any) -> Any:
        seen["across"], seen["up"], seen["heights"] = arguments[:3]
        return drawn(self, *arguments, **options)

    monkeypatch.setattr(Axes, "contourf", noted)
    hg.plots.plot_loss_plane(learner, X, Y, loss=LOSS, path=path)
    away = np.array(path, float) - path[-1]
    directions = np.linalg.svd(away, full_matrices=False)[2][:2]
    there = path[-1] + np.array([seen["across"][5], seen["up"][30]]) @ directions
    learner.parameters[:] = there
    expected = np.log10(hg.evaluate(learner, (X, Y), loss=LOSS).loss)
    assert seen["heights"][30, 5] == pytest.approx(expected, abs=1e-5)


def test_without_a_path_the_net_is_in_the_middle_and_a_seed_gives_the_same_plane() -> None:
    learner, _ = trained()
    axes = [hg.plots.plot_loss_plane(learner, X, Y, loss=LOSS, rng=seed) for seed in (1, 1, 2)]
    limits = [found.collections[0].get_clim() for found in axes]
    assert limits[0] == limits[1] != limits[2]
    assert axes[0].lines[0].get_data() == ([0], [0])


def test_an_estimator_knows_its_loss() -> None:
    model: Any = hg.MLPClassifier((4,), tol=1e9, random_state=0).fit(X, Y)
    assert hg.plots.plot_loss_plane(model, X, Y).get_xlabel() == "along a random direction"


def test_paths_and_losses_that_do_not_fit_are_refused() -> None:
    learner, path = trained(4)
    with refused(hg.errors.ShapeError, "three or more steps", "path.append(net.parameters.copy())"):
        hg.plots.plot_loss_plane(learner, X, Y, loss=LOSS, path=path[:2])
    with refused(hg.errors.ShapeError, f"(n_steps, {learner.parameters.size})"):
        hg.plots.plot_loss_plane(learner, X, Y, loss=LOSS, path=[p[:3] for p in path])
    with refused(hg.errors.DataError, "NaN or infinity"):
        hg.plots.plot_loss_plane(learner, X, Y, loss=LOSS, path=[*path[:3], path[0] * np.nan])
    with refused(hg.errors.SettingError, "loss"):
        hg.plots.plot_loss_plane(learner, X, Y)
    with refused(hg.errors.DataError, "for 2 classes"):
        hg.plots.plot_loss_plane(learner, X, Y + 7, loss=LOSS)


def test_the_race_is_that_of_trainings_from_the_same_weights() -> None:
    start, optimizers = net(), {"SGD": hg.SGD(0.1), "Adam": hg.Adam(0.01)}
    before = start.parameters.copy()
    left, right = hg.plots.plot_optimizer_race(
        start, X, Y, loss=LOSS, optimizers=optimizers, epochs=6, rng=3
    )
    np.testing.assert_array_equal(start.parameters, before)
    assert legend(left) == ["SGD", "Adam"]
    for line, optimizer in zip(left.lines, (hg.SGD(0.1), hg.Adam(0.01)), strict=True):
        learner = net()
        losses = [hg.evaluate(learner, (X, Y), loss=LOSS).loss]
        for _ in hg.train(learner, (X, Y), loss=LOSS, optimizer=optimizer, epochs=6, rng=3):
            losses.append(hg.evaluate(learner, (X, Y), loss=LOSS).loss)
        np.testing.assert_allclose(line.get_ydata(), losses, rtol=1e-5)
    first, second = (np.array(line.get_data()) for line in right.lines)
    np.testing.assert_allclose(first[:, 0], second[:, 0])
    assert first.shape == (2, 7)


def test_one_that_diverges_ends_where_it_does() -> None:
    left, _ = hg.plots.plot_optimizer_race(
        hg.Net(hg.Linear(2, 1, rng=0)),
        1e3 * X,
        Y[:, None].astype(float),
        loss=hg.MSELoss(),
        optimizers=[hg.SGD(1e30), hg.Adam(0.01)],
        epochs=5,
    )
    assert legend(left)[0].endswith("(diverged)")
    assert not legend(left)[1].endswith("(diverged)")


def test_a_race_needs_optimizers() -> None:
    with refused(hg.errors.SettingError, "no optimizers"):
        hg.plots.plot_optimizer_race(net(), X, Y, loss=LOSS, optimizers=[])
    with refused(hg.errors.SettingError, "optimizers['SGD']"):
        hg.plots.plot_optimizer_race(net(), X, Y, loss=LOSS, optimizers={"SGD": 0.1})  # type: ignore[dict-item]
