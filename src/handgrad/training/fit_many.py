"""Training of many nets at once: on threads, or on joblib's workers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Event
from typing import Any, TypeVar

import numpy as np

from handgrad.engines.config import FitConfig, FitSettings
from handgrad.graph.threads import available_cores, quick_handover, threads_each_at_most
from handgrad.textbook.aliases import instead_of
from handgrad.textbook.errors import SettingError, described, positive
from handgrad.training.fit import Fitting
from handgrad.training.history import History
from handgrad.training.progress_bar import progress_bar
from handgrad.training.workers import NumberedFit, numbered, on_workers, workers_are_chosen

Prepared = TypeVar("Prepared")


def fit_many(
    runs: Iterable[Mapping[str, object]],
    *,
    threads: int | None = None,
    progress: bool = False,
    **shared: object,
) -> list[History]:
    """Train many nets at once, for several seeds, folds or settings; returns their histories.

    All runs are checked and compiled before the first is trained. Results do not depend on the
    number of threads, except for the last digits of eager nets whose batches take 1e8
    multiplications or more. A run that diverges ends alone: its `stopped_because` says so, and its
    net has the weights of the last complete epoch.

    Parameters
    ----------
    runs : iterable of dict
        For each run the arguments of `fit` that differ, at least its `net`.
    threads : int, optional
        Runs trained at the same time; by default one per core. BLAS uses the other cores.
    progress : bool, default False
        Show a progress bar.
    **shared
        Arguments of `fit` for all runs; a Generator as `rng` is spawned for each run.

    Returns
    -------
    list of History
        In the order of the runs.

    Notes
    -----
    With a joblib backend that has workers (loky, dask, or Ray in `hg.cluster.cluster()`) each
    run is sent to a worker and trained there in one thread, with the same bits. Layers, losses and
    metrics of your own must be picklable; those of a script or notebook are.

    Examples
    --------
    >>> import handgrad as hg
    >>> x, y = hg.data.load("iris")
    >>> nets = [hg.Net(hg.Standardize.of(x), hg.Linear(4, 3, rng=s), hg.Softmax()) for s in (0, 1)]
    >>> histories = fit_many([{"net": net, "rng": s} for s, net in enumerate(nets)],
    ...     data=(x, y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=40)
    >>> [history[-1].metrics["accuracy"] > 0.9 for history in histories]
    [True, True]
    """
    if threads is not None:
        positive("threads", threads, whole=True)
    listed = [*runs] if isinstance(runs, Iterable) else []
    if not listed:
        came = "no runs" if isinstance(runs, Iterable) else described(runs)
        raise SettingError(came, "one or more", "[{'net': net}], for a single one")
    if workers_are_chosen():
        sent = [*_prepared(listed, shared, NumberedFit.of)]
        with progress_bar(len(sent), "run", shown=progress) as show:
            return on_workers(sent, lambda ended: show(more=ended))
    fittings = [*_prepared(listed, shared, lambda _, config: Fitting(config))]
    with progress_bar(len(fittings), "run", shown=progress) as show:
        return _on_threads(fittings, threads or available_cores(), show)


def _on_threads(fittings: list[Fitting], threads: int, show: Callable[[], object]) -> list[History]:
    """Run all on threads of this process; `show` is called as each ends."""
    runs, stop = len(fittings), Event()
    at_once = min(threads, runs)
    each = max(1, available_cores() // at_once)

    def run(i: int, fitting: Fitting) -> History:
        with numbered(i, runs):
            return fitting.to_its_end(stop.is_set)

    with threads_each_at_most(each), quick_handover(), ThreadPoolExecutor(at_once) as pool:
        futures = [pool.submit(run, i, fitting) for i, fitting in enumerate(fittings)]
        fittings.clear()  # so that a run's memory and threads are freed when it ends
        try:
            for future in as_completed(futures):
                future.result()
                show()
        except BaseException:
            stop.set()
            raise
    return [future.result() for future in futures]


def check_names(given: Iterable[str], known: list[str], what: str) -> None:
    """Refuse an unknown argument."""
    for name in given:
        if name not in known:
            raise SettingError(
                f"the argument {name!r}",
                f"{what}: {', '.join(known)}",
                instead_of(name, known, "help(hg.fit)"),
            )


def _prepared(
    runs: Sequence[Mapping[str, object]],
    shared: Mapping[str, object],
    prepare: Callable[[int, FitConfig], Prepared],
) -> Iterator[Prepared]:
    """Prepare each run; errors name its number."""
    nets: list[object] = []
    for i, run in enumerate(runs):
        with numbered(i, len(runs)):
            config = _config(run, shared, nets)
            nets.append(config.net)
            yield prepare(i, config)


def _config(run: object, shared: Mapping[str, object], nets: list[object]) -> FitConfig:
    """Configuration of a run; refuses a net used by an earlier run."""
    if not isinstance(run, Mapping):
        raise SettingError(
            described(run), "a dictionary of arguments of fit", "{'net': net, 'rng': 0}"
        )
    arguments: dict[str, Any] = {**shared, **run}
    names = ["net", "data", *FitSettings.__annotations__]
    check_names(arguments, names, "arguments of fit")
    needed = {"net", "data", *FitSettings.__required_keys__} - {*arguments}
    if missing := [name for name in names if name in needed]:
        raise SettingError(
            f"no {' and no '.join(missing)}",
            "all required arguments of fit, in the run or for all",
            f"fit_many(runs, {missing[0]}=…), or {missing[0]!r} in each run",
        )
    if any(arguments["net"] is net for net in nets):
        raise SettingError(
            "the net of an earlier run",
            "a net of its own for each run",
            "copy.deepcopy(net), for one with the same initial weights",
        )
    # a loss stores its batch, and a Generator its state: neither can be shared
    arguments["loss"] = copy.deepcopy(arguments["loss"])
    if isinstance(arguments.get("rng"), np.random.Generator):
        arguments["rng"] = arguments["rng"].spawn(1)[0]
    return FitConfig(**arguments)
