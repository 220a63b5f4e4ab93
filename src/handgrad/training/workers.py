"""Workers of joblib: runs of many nets, sent to other processes or machines in batches."""

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

BATCHES = 4  # of runs, a worker: the last to end leaves the others little to wait for
Result = tuple[dict[str, Array], History]


def versions() -> str:
    """What decides on bits, and must be alike on all workers."""
    return f"handgrad {__version__}, NumPy {np.__version__}"


class WorkersError(HandgradError, RuntimeError):
    """Workers have died, or could not be started."""


class RunError(Exception):
    """What a run has raised, on its way back from a worker."""

    def __init__(self, number: int, error: Exception) -> None:
        super().__init__(number, error)
        self.number, self.error = number, error

    @classmethod
    def of(cls, number: int, error: Exception) -> Self:
        """The error of a run, with the lines it went through, in a form that can be sent."""
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
    """Tell what a run raises with its number; `i` counts from 0."""
    try:
        yield
    except HandgradError as error:
        error.put_within(f"run {i + 1} of {runs}")
        raise
    except Exception as error:
        error.add_note(f"in run {i + 1} of {runs}")
        raise


def workers_are_chosen() -> bool:
    """Whether a backend of joblib is chosen that has other processes, or machines, for workers."""
    if "joblib" not in sys.modules:  # so nobody has
        return False
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend(prefer="threads")  # what it gives where none is chosen
    return not getattr(backend, "supports_sharedmem", False)


@dataclass(frozen=True)
class Run:
    """A run that has been checked: its number, counted from 0, and what is sent of it."""

    number: int
    config: FitConfig

    @classmethod
    def of(cls, number: int, config: FitConfig) -> Self:
        """The run of this configuration."""
        import cloudpickle

        rng = copy.deepcopy(config.rng)  # which the check draws from
        checked = Fitting(config)
        # where it was to keep checkpoints the check has begun with them
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
        """What runs have in common that share rows and machine code."""
        return (id(self.config.data), repr(self.config.net))

    def result(self) -> Result:
        """The state of the trained net, and the history."""
        history = Fitting(self.config).to_its_end()
        return self.config.net.state(), history


def on_workers(runs: list[Run], show: Callable[[int], object]) -> list[History]:
    """Train all runs on the workers chosen, each in one thread; `show` how many more have ended.

    Those that share rows and machine code go together, the largest nets first.
    """
    from joblib import Parallel, delayed, effective_n_jobs
    from joblib.parallel import get_active_backend

    n_jobs = get_active_backend(prefer="threads")[1]
    told = 0

    def tell() -> None:
        nonlocal told
        ended = min(parallel.n_completed_tasks * len(batches[0]), len(runs))
        show(ended - told)
        told = ended

    try:
        with Parallel(n_jobs=-1 if n_jobs is None else n_jobs, batch_size=1) as parallel:
            batches = _batches(runs, BATCHES * effective_n_jobs(parallel.n_jobs))
            parallel.print_progress = tell
            found = parallel(delayed(_results)(batch, versions()) for batch in batches)
    except RunError as failed:
        with numbered(failed.number, len(runs)):
            raise failed.error from None
    except HandgradError:
        raise
    except Exception as error:
        raise WorkersError(
            f"the workers have failed: {type(error).__name__}: {str(error).partition(chr(10))[0]}",
            "workers that live until their runs have ended",
            "fewer workers, n_jobs=2, where memory ran out; or the same call again",
        ) from error
    histories: dict[int, History] = {}
    for run, (state, history) in zip(chain(*batches), chain(*found), strict=True):
        run.config.net.load_state(state)
        histories[run.number] = history
    return [histories[run.number] for run in runs]


def _batches(runs: list[Run], most: int) -> list[list[Run]]:
    """The runs in at most so many batches, of neighbours in the order of nets' sizes and forms."""
    first = {run.form: run.number for run in reversed(runs)}
    ordered = sorted(runs, key=lambda run: (-run.config.net.parameters.size, first[run.form]))
    size = -(-len(runs) // most)
    return [ordered[i : i + size] for i in range(0, len(runs), size)]


def _results(batch: list[Run], expected: str) -> list[Result]:
    """What a worker makes of a batch."""
    if (own := versions()) != expected:
        raise SettingError(
            f"a worker on {socket.gethostname()} has {own}, and this process has {expected}",
            "the same versions everywhere, for the same bits",
            "install the same versions on all nodes",
        )
    found = []
    with cores_at_most(1):
        for run in batch:
            try:
                found.append(run.result())
            except Exception as error:
                raise RunError.of(run.number, error) from error
    return found
