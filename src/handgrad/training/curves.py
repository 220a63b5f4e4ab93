"""Capacity curves and learning curves: training and validation scores of nets of many seeds."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Unpack

import numpy as np

from handgrad.engines.config import FitConfig, FitSettings, check_kinds, keywords_of
from handgrad.textbook.aliases import refusing_unknown
from handgrad.textbook.errors import (
    DivergenceError,
    HandgradError,
    SettingError,
    described,
    positive,
)
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.initializers import spawning_generator
from handgrad.textbook.losses import Loss
from handgrad.textbook.metrics.registry import metrics_of
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import take
from handgrad.training.evaluate import evaluate
from handgrad.training.fit_many import check_names, fit_many
from handgrad.training.results import CapacityCurve, LearningCurve
from handgrad.training.train import Training
from handgrad.training.validate_data import checked_data

OF_ONE_RUN = ("net", "sample_weight", "checkpoint", "resume")
WATCHING = {"early_stopping", "reduce_on_plateau", "monitor"}


@refusing_unknown
@keywords_of(FitConfig, *OF_ONE_RUN)
def capacity_curve(
    make_net: Callable[[Any, np.random.Generator], Net],
    capacities: Iterable[float],
    data: object,
    *,
    seeds: int = 20,
    threads: int | None = None,
    progress: bool = False,
    **settings: Unpack[FitSettings],
) -> CapacityCurve:
    """Train nets of growing capacity with several seeds each, to show where they over-fit.

    All runs train on `data` and are evaluated once at their end, on `data` and on the validation
    rows. Diverged runs are missing in the curve, and a warning counts them.

    Parameters
    ----------
    make_net : function
        `make_net(capacity, rng)` returns an untrained net, with initial weights from `rng`.
    capacities : iterable of numbers
        Units, layers, or any number that grows.
    data : pair of arrays
        Training rows x and targets y.
    **settings
        Other arguments of `hg.fit`, such as `loss`, `optimizer`, `epochs` and `validation`.
    seeds : int, default 20
        Runs for each capacity; the same seeds at every capacity.
    threads : int, optional
        As in `fit_many`, which also trains on joblib's workers.
    progress : bool, default False
        Show a progress bar.
    **settings
        Other arguments of `fit`, such as `loss`, `optimizer`, `epochs` and `validation`.

    Returns
    -------
    CapacityCurve

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(200, noise=0.3, rng=0)
    >>> def make_net(units, rng):
    ...     net = hg.Net(hg.Linear(2, units, rng=rng), hg.Tanh())
    ...     return net.add(hg.Linear(units, 2, rng=rng)).add(hg.Softmax())
    >>> curve = capacity_curve(make_net, [1, 8], (x[:50], y[:50]), validation=(x[50:], y[50:]),
    ...     loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.3), epochs=200, seeds=5, rng=0)
    >>> curve.validation["accuracy"].shape, curve.best
    ((2, 5), 8)
    """
    numbers = _ascending("capacities", capacities)
    points = [
        _Point(f"capacity {capacity:g}", partial(_made, make_net, capacity), lambda _: data)
        for capacity in numbers
    ]
    chosen = _seeds(seeds, settings.get("rng"))
    figures = _figures(points, chosen, threads, progress, settings)
    return CapacityCurve(**figures, capacities=np.array(numbers))


@refusing_unknown
@keywords_of(FitConfig, *OF_ONE_RUN)
def learning_curve(
    make_net: Callable[[np.random.Generator], Net],
    rows: Iterable[int],
    data: object,
    *,
    seeds: int = 20,
    threads: int | None = None,
    progress: bool = False,
    **settings: Unpack[FitSettings],
) -> LearningCurve:
    """Train nets on growing numbers of rows with several seeds each, to show what more data gains.

    Each seed shuffles the rows of `data` and trains on the first n of them, stratified for classes.
    The validation rows are the same for all.

    Parameters
    ----------
    make_net : function
        `make_net(rng)` returns an untrained net, with initial weights from `rng`.
    rows : iterable of int
        Numbers of training rows, in ascending order.
    data : pair of arrays
        Training rows x and targets y.
    **settings
        Other arguments of `hg.fit`, such as `loss`, `optimizer`, `epochs` and `validation`.
    seeds : int, default 20
        Runs for each number of rows.
    threads : int, optional
        As in `fit_many`, which also trains on joblib's workers.
    progress : bool, default False
        Show a progress bar.
    **settings
        Other arguments of `fit`, such as `loss`, `optimizer`, `epochs` and `validation`.

    Returns
    -------
    LearningCurve

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(400, noise=0.3, rng=0)
    >>> def make_net(rng):
    ...     net = hg.Net(hg.Linear(2, 20, rng=rng), hg.Tanh())
    ...     return net.add(hg.Linear(20, 2, rng=rng)).add(hg.Softmax())
    >>> rows, held_out = (x[:200], y[:200]), (x[200:], y[200:])
    >>> curve = learning_curve(make_net, [10, 200], rows, validation=held_out,
    ...     loss=hg.CrossEntropyLoss(), optimizer=hg.Adam(0.03), epochs=100, seeds=5, rng=0)
    >>> few, many = curve.quartiles("validation")[1]
    >>> bool(few > many)
    True
    """
    sizes = [*_ascending("rows", rows)]
    for size in sizes:
        positive("rows", size, whole=True)
    loss, net = _checked_loss(settings), _made(make_net, np.random.default_rng(0))
    x, y = checked_data(net, loss, data, "training data", learn=True)
    if sizes[-1] > len(y):
        raise SettingError(
            f"{sizes[-1]} training rows, but data has {len(y)}",
            f"numbers of rows up to {len(y)}",
            f"rows={[*sizes[:-1], len(y)]}",
        )
    chosen = _seeds(seeds, settings.get("rng"))
    orders = {seed: _order(y, loss.target_kind.n_classes(1) is not None, seed) for seed in chosen}

    def part(size: int, seed: int) -> tuple[object, Array]:
        return take(x, orders[seed][:size]), y[orders[seed][:size]]

    points = [
        _Point(f"{size} rows", partial(_made, make_net), partial(part, size)) for size in sizes
    ]
    figures = _figures(points, chosen, threads, progress, settings)
    return LearningCurve(**figures, rows=np.array(sizes))


@dataclass(frozen=True)
class _Point:
    """A point of the curve: its name in messages, its nets, and the rows of each seed."""

    name: str
    make_net: Callable[[np.random.Generator], Net]
    data_of: Callable[[int], object]


def _figures(
    points: list[_Point],
    seeds: list[int],
    threads: int | None,
    progress: bool,
    settings: FitSettings,
) -> dict[str, dict[str, Array]]:
    """Train nets at all points; returns loss and metrics on training and validation rows."""
    loss, chosen = _checked_loss(settings), settings.get("metrics")
    metrics = metrics_of(loss.default_metrics if chosen is None else chosen)
    settings["metrics"] = (*metrics.values(),)
    runs = [*_runs(points, seeds, settings)]
    shared: dict[str, Any] = {n: v for n, v in settings.items() if n not in ("rng", "engine")}
    if all(settings.get(name) is None for name in WATCHING):
        shared |= {"validation": None, "metrics": ()}
    histories = fit_many(runs, threads=threads, progress=progress, **shared)
    diverged = [history.stopped_because.startswith("diverged") for history in histories]
    if any(diverged):
        _warn_of_diverged(diverged, histories[diverged.index(True)].stopped_because)

    def scores(net: Net, data: object, missing: bool) -> list[float]:
        if missing:
            return [np.nan] * (1 + len(metrics))
        evaluation = evaluate(net, data, loss=loss, metrics=metrics.values())
        return [evaluation.loss, *evaluation.metrics.values()]

    nets, sides = [run["net"] for run in runs], {}
    learned, held_out = [run["data"] for run in runs], [settings.get("validation")] * len(runs)
    for side, rows in (("train", learned), ("validation", held_out)):
        table = np.array([*map(scores, nets, rows, diverged)])
        table = table.reshape(len(points), len(seeds), -1)
        sides[side] = {name: table[:, :, i] for i, name in enumerate(("loss", *metrics))}
    return sides


def _checked_loss(settings: FitSettings) -> Loss:
    """Loss of all runs; refuses settings that cannot be the same for all of them."""
    known = [name for name in FitSettings.__annotations__ if name not in OF_ONE_RUN]
    check_names(settings, known, "arguments of fit that can be the same for all runs")
    check_kinds(loss=(settings.get("loss"), Loss))
    return settings["loss"]


def _runs(
    points: list[_Point], seeds: list[int], settings: FitSettings
) -> Iterator[dict[str, Any]]:
    """Create a run for each point and seed; the first of a point chooses the engine."""
    for point in points:
        engine = ""
        for seed in seeds:
            initial_weights, training = np.random.default_rng(seed).spawn(2)
            net, data = point.make_net(initial_weights), point.data_of(seed)
            try:
                engine = engine or _engine(net, data, len(seeds), settings)
            except HandgradError as error:
                error.put_within(point.name)
                raise
            yield {"net": net, "data": data, "rng": training, "engine": engine}


def _engine(net: Net, data: object, seeds: int, settings: FitSettings) -> str:
    """Engine that trains `seeds` such nets; checks all rows on the way."""
    loss, held = settings["loss"], settings.get("validation")
    config = FitConfig(net=deepcopy(net), data=data, **settings)
    metrics = config.chosen_metrics
    checked_data(net, loss, held, "validation data", learn=False, metrics=metrics)
    epochs = config.epochs * seeds
    trial = replace(config, loss=deepcopy(loss), epochs=epochs, validation=None, rng=0)
    return Training(trial).engine.name


def _warn_of_diverged(diverged: Sequence[bool], reason: str) -> None:
    """Warn of the number of diverged runs; refuse a curve without any finite run."""
    if all(diverged):
        raise DivergenceError(
            f"all {len(diverged)} runs {reason}",
            "runs that end with finite numbers",
            "a smaller learning rate; inputs on one scale, hg.Standardize.of(x) as first layer",
        )
    message = f"{sum(diverged)} of {len(diverged)} runs are missing in the curve"
    warnings.warn(f"{message}; the first of them {reason}", stacklevel=5)


def _made(make_net: Callable[..., Net], *arguments: object) -> Net:
    """Call `make_net` and check that it returns a net."""
    *capacity, rng = arguments
    came = f"make_net = {described(make_net)}"
    if callable(make_net):
        net = make_net(*capacity, rng)
        if isinstance(net, Net):
            return net
        came = f"make_net({', '.join([*map(repr, capacity), 'rng'])}) returned {described(net)}"
    raise SettingError(
        came,
        f"a function make_net({'capacity, ' if capacity else ''}rng) that returns a Net",
        "return hg.Net(…), at the end of make_net",
    )


def _ascending(name: str, numbers: object) -> list[Any]:
    """Check numbers in ascending order, at least one."""
    values = [*numbers] if isinstance(numbers, Iterable) and not isinstance(numbers, str) else []
    plain = [v.item() if isinstance(v, np.generic) else v for v in values]
    fits = all(isinstance(v, int | float) and not isinstance(v, bool) for v in plain)
    if not plain or not fits or not np.isfinite(plain).all() or (np.diff(plain) <= 0).any():
        raise SettingError(
            f"{name} = {numbers!r}",
            "finite numbers in ascending order",
            f"{name}=[2, 8, 32]",
        )
    return plain


def _seeds(seeds: int, rng: int | np.random.Generator | None) -> list[int]:
    """Draw `seeds` different seeds."""
    positive("seeds", seeds, whole=True)
    generator = spawning_generator(rng)
    return [int(child.integers(2**62)) for child in generator.spawn(int(seeds))]


def _order(y: Array, classes: bool, seed: int) -> Array:
    """Random order of the rows; for classes every beginning is about stratified."""
    generator = np.random.default_rng(seed).spawn(3)[2]
    order = generator.permutation(len(y))
    if not classes or y[0].size > 1:
        return order
    place = np.empty(len(y))
    for value in np.unique(y):
        of_class = order[np.ravel(y)[order] == value]
        place[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
    return order[np.argsort(place[order], kind="stable")]
