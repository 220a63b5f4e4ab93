"""Failures of workers: transient ones are retried, permanent ones are explained."""

from __future__ import annotations

import errno
import traceback

from handgrad.files.paths import reason
from handgrad.textbook.errors import FileError, HandgradError, SettingError
from handgrad.training.workers import WorkersError

# Restarts of a training after a worker or a node has died.
RESTARTS = 10
FULL = {errno.ENOSPC, errno.EDQUOT}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
MORE_MEMORY = (
    "a smaller batch_size; rows that are streamed from a file; fewer workers a node, by more "
    "cores= for each; nodes with more memory"
)
GO_ON = "the same call again, which resumes from the last checkpoint in storage="


def is_transient(error: Exception) -> bool:
    """Check for a transient error: another worker's death, or a storage out of reach."""
    from ray.exceptions import RayError
    from xgboost.core import XGBoostError

    if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
        return False
    return isinstance(error, RayError | XGBoostError | OSError | EOFError)


def permanent(error: Exception, storage: str) -> Exception:
    """Convert a worker's error that a restart would repeat into one that explains it."""
    if isinstance(error, MemoryError):
        return WorkersError(
            f"out of memory: {reason(error) or 'an allocation failed'}",
            "memory for the rows, the net, and a batch of each layer",
            MORE_MEMORY,
        )
    if isinstance(error, OSError) and error.errno in FULL:
        return FileError(
            f"{storage}: {reason(error)}",
            "space for checkpoints",
            f"more space there, or another storage=; {GO_ON}",
        )
    if isinstance(error, OSError) and error.errno in FORBIDDEN:
        return FileError(
            f"{storage}: {reason(error)}",
            "a folder that every node may write to",
            "other permissions, or another storage=",
        )
    if isinstance(error, RuntimeError) and "cluster storage" in str(error):  # Ray's own words
        return SettingError(
            f"storage={storage!r}, which this node cannot access",
            "a folder that all nodes can access: a shared file system, or s3://…",
            "storage='/shared/runs'",
        )
    return error


def located(error: Exception, where: str) -> Exception:
    """Error of a worker with its location, in a form that can be pickled."""
    from ray import cloudpickle

    if isinstance(error, HandgradError):
        error.put_within(where)
        return error
    lines = "".join(traceback.format_exception(error)).rstrip()
    error.add_note(f"in {where}:\n{lines}")
    try:
        cloudpickle.loads(cloudpickle.dumps(error))
    except Exception:
        text = f"{type(error).__name__}: {error}"
        return WorkersError(text, "a training without errors", lines, where)
    return error


def explain(error: BaseException) -> WorkersError:
    """Explain the error with which Ray Train gave up a training."""
    from ray.train import ControllerError, WorkerGroupError

    failures = error.worker_failures if isinstance(error, WorkerGroupError) else {}
    dead = {rank: getattr(e, "health_check_failure", e) for rank, e in failures.items()}
    for rank, why in dead.items():
        if ran_out_of_memory(why):
            return WorkersError(
                f"worker {rank + 1} of a training that was restarted {RESTARTS} times was "
                "killed because its node ran out of memory",
                "memory for the rows, the net, and a batch of each layer on every node",
                f"{MORE_MEMORY}; {GO_ON}",
            )
    if not isinstance(error, WorkerGroupError):
        cause = error.controller_failure if isinstance(error, ControllerError) else error
        if ran_out_of_memory(cause):
            return WorkersError(
                "Ray has ended the training because the calling machine ran out of memory",
                "memory there for the rows, the net, and Ray's copies of them",
                f"{MORE_MEMORY}; {GO_ON}",
            )
        if isinstance(cause, OSError) and cause.errno in FULL | FORBIDDEN:
            return WorkersError(
                f"the storage cannot be written to: {reason(cause)}",
                "a folder with space for checkpoints that this machine and every node may write to",
                f"more space there, or another storage=; {GO_ON}",
            )
        return WorkersError(
            f"Ray Train has failed: {last_line(cause)}",
            "a cluster that starts workers, and a storage that it can read and write",
            f"ray status, for the cluster's resources; {GO_ON}",
        )
    latest = next((f"worker {rank + 1}: {last_line(e)}" for rank, e in dead.items()), "")
    return WorkersError(
        f"workers have failed {RESTARTS + 1} times, the last time {latest or last_line(error)}",
        f"workers that survive, or are restarted at most {RESTARTS} times",
        f"{GO_ON}; more memory or fewer workers a node",
    )


def ran_out_of_memory(error: BaseException) -> bool:
    """Check for an out-of-memory kill; Ray also lists it as a possible cause of any death."""
    from ray.exceptions import OutOfMemoryError

    if isinstance(error, OutOfMemoryError):
        return True
    reported, _, _ = str(error).partition("potential root causes")
    return "memory monitor" in reported or "OOM" in reported


def last_line(error: BaseException) -> str:
    """Last line of an error's message: the error itself, after a traceback."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
