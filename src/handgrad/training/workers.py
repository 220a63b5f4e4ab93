"""Runs of many nets on joblib's workers: other processes or machines."""

from __future__ import annotations

import copy
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from traceback import format_exception
from typing import Self

import numpy as np

from handgrad.engines.config import FitConfig
from handgrad.graph.threads import cores_at_most
from handgrad.textbook.errors import HandgradError, SettingError
from handgrad.textbook.layers import Array
from handgrad.textbook.version import __version__
from handgrad.training.fit import Fitting
from handgrad.training.history import History

BATCHES = 4  # batches of runs per worker, so that no worker waits long for the last
Result = tuple[dict[str, Array], History]


def versions() -> str:
    """Versions that determine the bits and must be the same on all workers."""
    return f"handgrad {__version__}, NumPy {np.__version__}"


class WorkersError(HandgradError, RuntimeError):
    """Workers died, or could not be started."""


class RunError(Exception):
    """Error of a run, as a worker sends it to the caller."""

    def __init__(self, number: int, error: Exception) -> None:
        super().__init__(number, error)
        self.number, self.error = number, error

    @classmethod
    def of(cls, number: int, error: Exception) -> Self:
        """Wrap the error of a run with its traceback, in a form that can be pickled."""
        if isinstance(error, HandgradError):
            return cls(number, error)
        import cloudpickle

        lines = "".join(format_exception(error)).rstrip()
        try:
            cloudpickle.loads(cloudpickle.dumps(error))
        except Exception:
            error = RuntimeError(f"{type(error).__name__}: {error}")
        error.add_note(lines)
        return cls(number, error)


@contextmanager
def numbered(i: int, runs: int) -> Iterator[None]:
    """Add a run's number to its errors; `i` counts from 0."""
    try:
        yield
    except HandgradError as error:
        error.put_within(f"run {i + 1} of {runs}")
        raise
    except Exception as error:
        error.add_note(f"in run {i + 1} of {runs}")
        raise


def workers_are_chosen() -> bool:
    """Check whether a joblib backend with other processes or machines is active."""
    if "joblib" not in sys.modules:
        return False
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend(prefer="threads")  # threads by default
    return not getattr(backend, "supports_sharedmem", False)


@dataclass(frozen=True)
class NumberedFit:
    """Checked run: its number, counted from 0, and its configuration."""

    number: int
    config: FitConfig

    @classmethod
    def of(cls, number: int, config: FitConfig) -> Self:
        """Check a configuration; returns its run."""
        import cloudpickle

        rng = copy.deepcopy(config.rng)  # the check draws from it
        checked = Fitting(config)
        # the check has written a first checkpoint
        resume = config.resume or config.checkpoint is not None
        engine = checked.training.engine.name
        config = replace(config, rng=rng, resume=resume, engine=engine)
        try:
            cloudpickle.dumps(replace(config, data=None, validation=None, sample_weight=None))
        except Exception as error:
            raise SettingError(
                f"something that cannot be sent to workers: {error}",
                "nets, losses, metrics and schedules that can be pickled",
                "functions and classes without open files, locks or generators in them; or no "
                "joblib.parallel_config, for threads of this process",
            ) from error
        return cls(number, config)

    @property
    def form(self) -> tuple[object, ...]:
        """Key of the runs that share rows and machine code."""
        return (id(self.config.data), repr(self.config.net))

    def result(self) -> Result:
        """Train; returns the net's state and the history."""
        history = Fitting(self.config).to_its_end()
        return self.config.net.state(), history


def on_workers(runs: list[NumberedFit], show: Callable[[int], object]) -> list[History]:
    """Train all runs on the active backend's workers, each in one thread.

    Runs that share rows and machine code are batched, the largest nets first. `show` gets the
    number of runs that have ended since its last call.
    """
    from joblib import Parallel, delayed, effective_n_jobs
    from joblib.parallel import get_active_backend

    n_jobs = get_active_backend(prefer="threads")[1]
    reported = 0

    def report() -> None:
        nonlocal reported
        ended = min(parallel.n_completed_tasks * len(batches[0]), len(runs))
        show(ended - reported)
        reported = ended

    try:
        with Parallel(n_jobs=-1 if n_jobs is None else n_jobs, batch_size=1) as parallel:
            batches = _batches(runs, BATCHES * effective_n_jobs(parallel.n_jobs))
            parallel.print_progress = report
            results = parallel(delayed(_results)(batch, versions()) for batch in batches)
    except RunError as failed:
        with numbered(failed.number, len(runs)):
            raise failed.error from None
    except HandgradError:
        raise
    except Exception as error:
        raise WorkersError(
            f"the workers have failed: {type(error).__name__}: {str(error).partition(chr(10))[0]}",
            "workers that survive until their runs have ended",
            "fewer workers, n_jobs=2, if memory ran out; or the same call again",
        ) from error
    histories: dict[int, History] = {}
    for run, (state, history) in zip(chain(*batches), chain(*results), strict=True):
        run.config.net.load_state(state)
        histories[run.number] = history
    return [histories[run.number] for run in runs]


def _batches(runs: list[NumberedFit], most: int) -> list[list[NumberedFit]]:
    """Split the runs, sorted by size and form, into at most `most` batches."""
    first = {run.form: run.number for run in reversed(runs)}
    ordered = sorted(runs, key=lambda run: (-run.config.net.parameters.size, first[run.form]))
    size = -(-len(runs) // most)
    return [ordered[i : i + size] for i in range(0, len(runs), size)]


def _results(batch: list[NumberedFit], expected: str) -> list[Result]:
    """Train a batch in a worker."""
    if (here := versions()) != expected:
        raise SettingError(
            f"a worker on {socket.gethostname()} has {here}, but the caller has {expected}",
            "the same versions everywhere, for the same bits",
            "install the same versions on all nodes",
        )
    results = []
    with cores_at_most(1):
        for run in batch:
            try:
                results.append(run.result())
            except Exception as error:
                raise RunError.of(run.number, error) from error
    return results
