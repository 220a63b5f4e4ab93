"""Plots of the loss over a plane of the parameters, and of optimizers' paths."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from matplotlib.axes import Axes

from handgrad.engines.config import check_kinds
from handgrad.plots.inputs import net_and_rows
from handgrad.plots.labels import label
from handgrad.plots.planes import Box, box_around, over_plane
from handgrad.plots.style import GREY, axes_for, line_of, panels_for
from handgrad.textbook.errors import DataError, DivergenceError, SettingError, ShapeError, positive
from handgrad.textbook.layers import Array
from handgrad.textbook.layers.initializers import RandomSource, random_generator
from handgrad.textbook.losses import Loss
from handgrad.textbook.net import Net
from handgrad.textbook.optimizers import Optimizer
from handgrad.training.evaluate import evaluate
from handgrad.training.results import Predictor
from handgrad.training.train import train

POINTS, N_LEVELS = 41, 24
WAY: dict[str, Any] = {"markersize": 3, "linewidth": 1.6}


def plot_loss_plane(
    net: Net | Predictor,
    x: object,
    y: object,
    *,
    loss: Loss | None = None,
    path: Sequence[Array] | Array | None = None,
    rng: RandomSource | int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Plot the logarithm of the loss over a plane of the parameters; the net is not changed.

    With a `path`, the plane is spanned by its first two principal components and goes through its
    end. Without one, it is centred at the net's parameters, along two random directions whose
    matrix rows have the norms of the net's own.

    source      Li, Xu, Taylor, Studer, Goldstein, "Visualizing the loss landscape of neural
                nets", 2018

    Parameters
    ----------
    net : Net or fitted estimator
        Centre of the plane, without a path.
    x : array (n, …)
        Rows on which the loss is computed.
    y : array (n, …)
        Their targets.
    loss : Loss, optional
        Required for a net; an estimator has its own.
    path : array (n_steps, n_parameters), optional
        Parameters of an optimizer's steps, such as `net.parameters.copy()` after each epoch.
    rng : int or Generator, default 0
        Draws the random directions.
    ax : Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(rng=0)
    >>> net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
    >>> path = []
    >>> for report in hg.train(net, (x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.5),
    ...     epochs=20, rng=0):
    ...     path.append(net.parameters.copy())
    >>> axes = plot_loss_plane(net, x, y, loss=hg.CrossEntropyLoss(), path=path)
    >>> axes.get_xlabel()[:25], len(axes.lines[0].get_xdata())
    ('first principal component', 20)
    """
    inner, rows, targets, own = net_and_rows(net, x, y)
    check_kinds(loss=(loss or own, Loss))
    loss_at = _loss_at(inner, rows, targets, cast(Loss, loss or own))
    axes = axes_for(ax, (6, 4.8), grid=False)
    if path is None:
        _shade_loss(axes, loss_at, inner.parameters, _random_directions(inner, rng), (-1, 1, -1, 1))
        axes.plot(0, 0, "o", color="white", markeredgecolor=GREY)
        axes.set(
            xlabel=label("along a random direction"),
            ylabel=label("along a second random direction"),
        )
    else:
        way = _path_of(path, inner)
        directions, places, shares = _principal_directions([way])
        _shade_loss(axes, loss_at, way[-1], directions, box_around(places[0]))
        axes.plot(*places[0].T, "o-", color="white", markeredgecolor=GREY, **WAY)
        _name_components(axes, shares)
    return axes


def plot_optimizer_race(
    net: Net,
    x: object,
    y: object,
    *,
    loss: Loss,
    optimizers: Mapping[str, Optimizer] | Sequence[Optimizer],
    epochs: int = 50,
    batch_size: int = 32,
    rng: int = 0,
    axes: Sequence[Axes] | Array | None = None,
) -> Array:
    """Train copies of `net` with several optimizers, and plot their losses and paths.

    All start with the weights of `net` and use the rows in the same order. The left axes show the
    loss of all rows after each epoch, the right axes the paths in the plane in which they differ
    most, shaded by the loss. The net is not changed.

    Parameters
    ----------
    net : Net
        Its weights are the start.
    x : array (n, …)
        Training rows.
    y : array (n, …)
        Their targets.
    loss : Loss
        Minimized.
    optimizers : dict of str to Optimizer, or sequence of Optimizer
        By name, or named as they are written.
    epochs : int, default 50
        Epochs of each training.
    batch_size : int, default 32
        Rows of each step.
    rng : int, default 0
        Seed of each training.
    axes : sequence of two Axes, optional
        Axes to draw on; by default those of a new figure.

    Returns
    -------
    array of two Axes

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(rng=0)
    >>> net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
    >>> panels = plot_optimizer_race(net, x, y, loss=hg.CrossEntropyLoss(), epochs=5,
    ...     optimizers={"SGD": hg.SGD(0.1), "Adam": hg.Adam(0.01)})
    >>> [text.get_text() for text in panels[0].get_legend().get_texts()]
    ['SGD', 'Adam']
    """
    check_kinds(net=(net, Net), loss=(loss, Loss))
    positive("epochs", epochs, whole=True)
    named = _named(optimizers)
    _, rows, targets, _ = net_and_rows(net, x, y)
    loss_at = _loss_at(net, rows, targets, loss)
    ways = {
        name: _way(net, (rows, targets), loss, optimizer, epochs, batch_size, rng)
        for name, optimizer in named.items()
    }
    left, right = panels_for(axes, 2, (11, 4.4))
    directions, places, shares = _principal_directions([*ways.values()])
    right.grid(visible=False)
    center = np.concatenate([*ways.values()]).mean(axis=0, dtype=np.float64)
    _shade_loss(right, loss_at, center, directions, box_around(np.concatenate(places)))
    for i, (name, way) in enumerate(ways.items()):
        shown = label("{} (diverged)", name) if len(way) <= epochs else name
        losses = [loss_at(parameters) for parameters in way]
        left.plot(np.arange(len(way)), losses, label=shown, **line_of(i))
        right.plot(*places[i].T, marker="o", **line_of(i), **WAY)
    left.set(xlabel=label("epoch"), ylabel=label("loss"), title=label("Loss of all rows"))
    left.set_yscale("log")
    left.legend(frameon=False)
    right.set_title(label("Paths through the parameters"))
    _name_components(right, shares)
    return np.array([left, right])


def _named(optimizers: Mapping[str, Optimizer] | Sequence[Optimizer]) -> dict[str, Optimizer]:
    named = (
        dict(optimizers)
        if isinstance(optimizers, Mapping)
        else {repr(optimizer): optimizer for optimizer in optimizers}
    )
    if not named:
        raise SettingError("no optimizers", "one or more", "[hg.SGD(0.1), hg.Adam(0.01)]")
    for name, optimizer in named.items():
        check_kinds(**{f"optimizers[{name!r}]": (optimizer, Optimizer)})
    return named


def _way(
    net: Net,
    data: tuple[Array, Array | None],
    loss: Loss,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    rng: int,
) -> Array:
    """Parameters before a training and after each epoch, while they are finite."""
    twin = copy.deepcopy(net)
    way = [twin.parameters.copy()]
    reports = train(
        twin, data, loss=loss, optimizer=copy.deepcopy(optimizer), epochs=epochs,
        batch_size=batch_size, rng=rng,
    )  # fmt: skip
    try:
        for _ in reports:
            way.append(twin.parameters.copy())
    except DivergenceError:
        pass
    finite = [parameters for parameters in way if np.isfinite(parameters).all()]
    return np.array(finite, np.float64)


def _loss_at(net: Net, x: Array, y: Array | None, loss: Loss) -> Callable[[Array], float]:
    """Loss of all rows as a function of the parameters, (n_parameters,); NaN if not finite."""
    evaluate(net, (x, y), loss=loss, metrics=[])  # checks the rows
    twin = copy.deepcopy(net)

    def loss_at(parameters: Array) -> float:
        twin.parameters[:] = parameters
        with np.errstate(all="ignore"):
            value = float(loss.forward(np.asarray(twin.predict(x, engine="eager")), np.asarray(y)))
        return value if np.isfinite(value) else np.nan

    return loss_at


def _random_directions(net: Net, rng: RandomSource | int) -> Array:
    """Two random directions, (2, n_parameters); matrix rows have the norms of the net's own."""
    generator, named = random_generator(rng), net.named_parameters()

    def like(array: Array) -> Array:
        drawn = generator.standard_normal(array.shape)
        axes = tuple(range(1, array.ndim)) if array.ndim > 1 else None
        length, own = (
            np.sqrt((a.astype(np.float64) ** 2).sum(axis=axes, keepdims=True))
            for a in (drawn, array)
        )
        return np.asarray(drawn / length * own)

    return np.array([np.concatenate([like(a).ravel() for a in named.values()]) for _ in range(2)])


def _principal_directions(ways: Sequence[Array]) -> tuple[Array, list[Array], Array]:
    """First two principal components, (2, n_parameters), the paths' coordinates, and variances.

    The centre is the end of a single path, or the mean of several.
    """
    together = np.concatenate(ways).astype(np.float64)
    center = together[-1] if len(ways) == 1 else together.mean(axis=0)
    _, lengths, directions = np.linalg.svd(together - center, full_matrices=False)
    shares = lengths**2 / ((lengths**2).sum() or 1.0)
    return directions[:2], [(way - center) @ directions[:2].T for way in ways], shares[:2]


def _path_of(path: Sequence[Array] | Array, net: Net) -> Array:
    way = np.array([np.ravel(parameters) for parameters in path], np.float64)
    if (
        way.ndim != 2
        or len(way) < 3
        or way.shape[1] != net.parameters.size
        or net.parameters.size < 2
    ):
        raise ShapeError(
            f"a path of shape {way.shape}",
            f"the net's parameters at three or more steps, (n_steps, {net.parameters.size})",
            "path.append(net.parameters.copy()), after each epoch",
        )
    if not np.isfinite(way).all():
        raise DataError("a path with NaN or infinity", "finite parameters", "the steps before it")
    return way


def _shade_loss(
    axes: Axes, loss_at: Callable[[Array], float], center: Array, directions: Array, box: Box
) -> None:
    """Shade the plane through `center` along two `directions` by the logarithm of the loss."""

    def losses(points: Array) -> Array:
        return np.array([loss_at(center + point @ directions) for point in points])

    across, up, values = over_plane(losses, box, POINTS)
    heights = np.log10(np.maximum(values[..., 0], 1e-12))
    shading = axes.contourf(across, up, np.ma.masked_invalid(heights), N_LEVELS, cmap="cividis")
    bar = axes.figure.colorbar(shading, ax=axes, shrink=0.9)
    bar.set_label(label("log₁₀ of the loss"))
    axes.set(xlim=box[:2], ylim=box[2:])


def _name_components(axes: Axes, shares: Array) -> None:
    first, second = (f"{share:.0%}" for share in shares)
    axes.set_xlabel(label("first principal component, {} of the variance", first))
    axes.set_ylabel(label("second principal component, {} of the variance", second))
