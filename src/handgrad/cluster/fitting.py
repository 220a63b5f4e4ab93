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
from handgrad.training.fit import watched, with_rows_held_out


class Estimator(Protocol):
    """What has a `fit`, as scikit-learn's estimators do."""

    @property
    def fit(self) -> Callable[..., object]:
        """Learn from the rows X and their targets y."""


E = TypeVar("E", bound=Estimator)


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
    """Train as `hg.fit` does, with each batch cut into `shards` that `workers` share.

    `model` is trained in place, and its History is returned; `settings` are those of `hg.fit`.

    The gradient of a batch is the weighted mean of its shards', added up exactly: the bits
    of the result depend on `shards` and `sync_every`, not on how many workers there are, nor
    on how often one of them had to begin again. One shard has the bits of `hg.fit`. Random layers
    have a stream a shard; batch norm normalizes within a shard, and its running state is the mean
    of the shards'. With `sync_every=k` each shard takes k steps of its own before parameters,
    running state and what the optimizer remembers are averaged. Rows that are streamed are cut into
    a stretch for each shard: a worker reads those of its own.

    `workers=0` trains in this process, on `cores` of its cores: how many there are may show in
    the last digits. Any other number starts as many workers on Ray, each with `cores` cores: on
    this machine, or on the cluster at `address`, or at that of the environment variable
    RAY_ADDRESS. `workers=(2, 8)` goes on with as many as there are; there are never more than
    shards. `storage`, a folder that all
    nodes see, keeps checkpoints under `name`: a training that was stopped goes on from there when
    it is called again; where a worker dies, all go on from the last one by themselves. Ctrl-C ends
    the workers with a checkpoint, and then is as in `hg.fit`; a second one ends them at once.
    Layers, losses and metrics of a script, a notebook, or a module beside it go to the workers
    with their code; packages must be installed there.

    Raises a SettingError for what cannot be done, before Ray is started or a worker has begun; an
    error in a worker is raised here, with the worker's place. After either `model` is as `hg.fit`
    leaves it: with the weights of the last whole epoch.

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
            "checkpoint= and resume=, where shards are trained on",
            "storage=, the folder with the checkpoints of all workers, and name=",
            f"storage={str(settings.get('checkpoint') or 'runs')!r}, name='a'",
        )
    if workers == 0:
        if storage is not None:
            settings |= {"checkpoint": cluster.folder, "resume": True}
        with cores_at_most(cores), sharding.in_force():
            return fit_here(
                model,
                data,
                progress=progress,
                live_plot=live_plot,
                diagnose=diagnose,
                **settings,
            )
    config = _config(model, data, settings, live_plot=live_plot is not False)
    refuse_beside_a_stream(data, diagnose=diagnose, live_plot=live_plot)
    seen = diagnose or live_plot is not False
    run = cluster.run(NetJob(config, sharding, with_weights=seen))
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


def _config(model: Net, data: object, settings: FitSettings, *, live_plot: bool) -> FitConfig:
    """The settings of the training, checked, with some rows held out where that is asked."""
    try:
        config = FitConfig(net=model, data=data, **settings)
    except TypeError:
        if misuse := misused(fit_here, (model, data), settings):
            raise misuse from None
        raise
    config = with_rows_held_out(config)
    if config.evaluate_training is None:
        config = replace(config, evaluate_training=live_plot)
    return config


def catch_up(own: np.random.Generator, workers: np.random.Generator) -> None:
    """Let a Generator, which may be the caller's, stand where that of the workers has come to."""
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
    """Fit an estimator as its own `fit` does, its trainings in `shards` that `workers` share.

    Every worker fits it alike, and the fitted one is returned. It keeps no checkpoints: where a
    worker dies, the fit begins again.

    Parameters
    ----------
    model : estimator
        `TabularClassifier()`, say, or a pipeline of scikit-learn that ends in one.
    data : tuple of (X, y)
        The rows and their targets, as its `fit` takes them.
    workers, shards, sync_every, storage, name, address, cores
        As in `hg.cluster.fit`.
    **settings
        What else its `fit` takes, `sample_weight` say.

    Returns
    -------
    estimator
        The fitted one; with `workers=0` it is `model` itself.

    Raises
    ------
    SettingError
        For arguments that its `fit` does not take, before a worker has begun.
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


def _takes(model: Estimator, pair: Sequence[object], settings: Mapping[str, object]) -> bool:
    """Whether there is a `fit` for these arguments."""
    try:
        inspect.signature(model.fit).bind(*pair, **settings)
    except (AttributeError, TypeError):
        return False
    return True
