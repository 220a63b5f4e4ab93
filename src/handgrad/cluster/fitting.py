"""`fit` on a cluster: the same training, shared by workers, with the same bits for any number."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, Unpack, cast

import numpy as np

from handgrad.cluster.run import Cluster
from handgrad.cluster.worker import EstimatorJob, NetJob
from handgrad.engines.config import FitConfig, FitSettings
from handgrad.engines.sharding import Sharding
from handgrad.engines.streams import refuse_beside_a_stream
from handgrad.graph.threads import cores_at_most
from handgrad.textbook.aliases import misused
from handgrad.textbook.errors import SettingError, described
from handgrad.textbook.net import Net
from handgrad.training import History
from handgrad.training import fit as fit_here
from handgrad.training import progress as shown
from handgrad.training.fit import fit_configured, watched, with_rows_held_out


class SupportsFit(Protocol):
    """Protocol of an estimator with scikit-learn's `fit`."""

    @property
    def fit(self) -> Callable[..., object]:
        """Fit to the rows X and their targets y."""


E = TypeVar("E", bound=SupportsFit)


def fit(
    model: Net,
    data: object,
    *,
    workers: int | tuple[int, int] = 0,
    shards: int = 4,
    sync_every: int = 1,
    storage: str | Path | None = None,
    name: str | None = None,
    address: str | None = None,
    cores: int = 1,
    progress: bool = False,
    live_plot: bool | str | Path = False,
    diagnose: bool = False,
    **settings: Unpack[FitSettings],
) -> History:
    """Train as `hg.fit` does, with each batch split into shards that Ray workers share.

    The gradient of a batch is the exact weighted mean of its shards': the bits of the result depend
    on `shards` and `sync_every`, not on the number of workers or of restarts. One shard has the
    bits of `hg.fit`. Each shard has its own random streams; batch norm normalizes within a shard,
    and its running state is the mean over the shards. Streamed rows are split into one contiguous
    part per shard.

    If a worker dies, the training resumes from the last checkpoint. Ctrl-C ends the workers with a
    checkpoint; a second one ends them at once. Layers, losses and metrics of a script, a notebook
    or a module beside it are sent to the workers; packages must be installed there.

    Parameters
    ----------
    model : Net
        Trained in place.
    data : pair of arrays, or StreamedRows
        Inputs x and targets y, as in `hg.fit`.
    workers : int, or pair of int, default 0
        Workers on Ray, or the fewest and the most, (2, 8); 0 trains in this process without Ray.
    shards : int, default 4
        Slices of each batch; at most so many workers start.
    sync_every : int, default 1
        Steps of each shard between two averages of parameters, state and optimizer.
    storage : path or URI, optional
        Folder for checkpoints that all nodes can access.
    name : str, optional
        Name in the storage; the same call again resumes the training of that name.
    address : str, optional
        "HOST:6379"; by default the environment variable RAY_ADDRESS, else this machine.
    cores : int, default 1
        Cores of each worker, or of this process.
    progress : bool, default False
        Show a progress bar.
    live_plot : bool or path, default False
        As in `hg.fit`.
    diagnose : bool, default False
        As in `hg.fit`.
    **settings
        Other arguments of `hg.fit`, such as `loss`, `optimizer`, `epochs` and `validation`.

    Returns
    -------
    History

    Raises
    ------
    SettingError
        Before Ray starts: settings that do not fit.
    HandgradError
        An error of a worker, with its location; the net has the weights of the last complete epoch.

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.make_moons(200, rng=0)
    >>> net = hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())
    >>> job = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.Adam(0.01), "epochs": 20, "rng": 0}
    >>> len(hg.cluster.fit(net, (x, y), shards=4, **job))
    20
    """
    if not isinstance(model, Net):
        raise SettingError(
            f"{described(model)} as the net",
            "a net; an estimator is fitted by another function",
            "hg.cluster.fit_estimator(TabularClassifier(), (X, y), workers=2)",
        )
    sharding = Sharding(shards, sync_every)
    cluster = Cluster(workers, cores, storage, name, address).for_shards(shards)
    if settings.get("checkpoint") is not None or settings.get("resume"):
        raise SettingError(
            "checkpoint= and resume= with shards",
            "storage=, the folder for the checkpoints of all workers, and name=",
            f"storage={str(settings.get('checkpoint') or 'runs')!r}, name='a'",
        )
    config = replace(_config(model, data, settings), sharding=sharding)
    if workers == 0:
        if storage is not None:
            config = replace(config, checkpoint=cluster.folder, resume=True)
        with cores_at_most(cores):
            return fit_configured(config, progress=progress, live_plot=live_plot, diagnose=diagnose)
    config = with_rows_held_out(config)
    if config.evaluate_training is None:
        config = replace(config, evaluate_training=live_plot is not False)
    refuse_beside_a_stream(data, diagnose=diagnose, live_plot=live_plot)
    seen = diagnose or live_plot is not False
    run = cluster.run(NetJob(config, with_weights=seen))
    reports = run.reports(model)
    monitor = config.monitor or ("train_loss" if config.validation is None else "validation_loss")
    reports = watched(reports, config, monitor, live_plot=live_plot, diagnose=diagnose)
    if progress:
        reports = shown(reports, epochs=config.epochs)
    for _ in reports:
        pass
    _, history, drawn_from = run.result()
    catch_up(cast("np.random.Generator", config.rng), drawn_from)
    return history


def _config(model: Net, data: object, settings: FitSettings) -> FitConfig:
    """Configuration of the training."""
    try:
        return FitConfig(net=model, data=data, **settings)
    except TypeError:
        if misuse := misused(fit_here, (model, data), settings):
            raise misuse from None
        raise


def catch_up(own: np.random.Generator, workers: np.random.Generator) -> None:
    """Set the caller's Generator to the final state of the workers' Generator."""
    own.bit_generator.state = workers.bit_generator.state
    spawned = [cast("Any", g.bit_generator).seed_seq.n_children_spawned for g in (workers, own)]
    own.spawn(spawned[0] - spawned[1])


def fit_estimator(
    model: E,
    data: tuple[object, object],
    *,
    workers: int | tuple[int, int] = 0,
    shards: int = 4,
    sync_every: int = 1,
    storage: str | Path | None = None,
    name: str | None = None,
    address: str | None = None,
    cores: int = 1,
    **settings: object,
) -> E:
    """Fit an estimator as its `fit` does, with its trainings in shards that Ray workers share.

    Every worker fits the same estimator. There are no checkpoints: if a worker dies, the fit starts
    again.

    Parameters
    ----------
    model : estimator
        `TabularClassifier()`, for example, or a scikit-learn pipeline that ends in one.
    data : tuple of (X, y)
        Rows and targets, as its `fit` takes them.
    workers, shards, sync_every, storage, name, address, cores : optional
        As in `hg.cluster.fit`.
    **settings
        Other arguments of its `fit`, such as `sample_weight`.

    Returns
    -------
    estimator
        The fitted estimator; with `workers=0` it is `model` itself.

    Raises
    ------
    SettingError
        Before a worker starts: arguments that its `fit` does not take.
    """
    sharding = Sharding(shards, sync_every)
    cluster = Cluster(workers, cores, storage, name, address).for_shards(shards)
    pair = data if isinstance(data, tuple | list) and len(data) == 2 else None
    if pair is None or not _takes(model, pair, settings):
        raise SettingError(
            f"{described(model)} with {', '.join(settings) or described(data)}",
            "an estimator with a pair (X, y), whose settings are its own",
            "hg.cluster.fit_estimator(TabularClassifier(epochs=50), (X, y), workers=2)",
        )
    job = EstimatorJob(model, tuple(pair), sharding, settings)
    if cluster.workers == 0:
        with cores_at_most(cluster.cores):
            return job.here()
    run = cluster.run(job)
    for _ in run.reports(None):
        pass
    return run.result()


def _takes(model: SupportsFit, pair: Sequence[object], settings: Mapping[str, object]) -> bool:
    """Check whether `fit` accepts these arguments."""
    try:
        inspect.signature(model.fit).bind(*pair, **settings)
    except (AttributeError, TypeError):
        return False
    return True
