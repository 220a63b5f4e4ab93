"""Failures of workers: which of them pass when they begin again, and what the others mean."""

from __future__ import annotations

import errno
import traceback

from handgrad.files.paths import reason
from handgrad.textbook.errors import FileError, HandgradError, SettingError
from handgrad.training.workers import WorkersError

# How often a training is begun again after a worker or a node has died.
RESTARTS = 10
FULL = {errno.ENOSPC, errno.EDQUOT}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
MORE_MEMORY = (
    "a smaller batch_size; rows that are streamed from a file; fewer workers a node, by more "
    "cores= for each; nodes with more memory"
)
GO_ON = "the same call again goes on from the last checkpoint in storage="


def passes(error: Exception) -> bool:
    """Whether a worker's error is another's death, or a storage out of reach: tried again."""
    from ray.exceptions import RayError
    from xgboost.core import XGBoostError

    if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
        return False
    return isinstance(error, RayError | XGBoostError | OSError | EOFError)


def lasting(error: Exception, storage: str) -> Exception:
    """What a worker's error is told as: the same again, whatever is begun anew."""
    if isinstance(error, MemoryError):
        return WorkersError(
            f"no memory left: {reason(error) or 'it could not be had'}",
            "room for the rows, the net, and a batch of each layer",
            MORE_MEMORY,
        )
    if isinstance(error, OSError) and error.errno in FULL:
        return FileError(
            f"{storage}: {reason(error)}",
            "room for checkpoints",
            f"more room there, or another storage=; {GO_ON}",
        )
    if isinstance(error, OSError) and error.errno in FORBIDDEN:
        return FileError(
            f"{storage}: {reason(error)}",
            "a folder that every node may write to",
            "its rights, or another storage=",
        )
    if isinstance(error, RuntimeError) and "cluster storage" in str(error):  # Ray's own words
        return SettingError(
            f"storage={storage!r}, which this node does not see",
            "a folder that all nodes see: a shared file system, or s3://…",
            "storage='/shared/runs'",
        )
    return error


def at_its_place(error: Exception, where: str) -> Exception:
    """The error of a worker with where that is, in a form that can be sent."""
    from ray import cloudpickle

    if isinstance(error, HandgradError):
        error.put_within(where)
        return error
    lines = "".join(traceback.format_exception(error)).rstrip()
    error.add_note(f"in {where}:\n{lines}")
    try:
        cloudpickle.loads(cloudpickle.dumps(error))
    except Exception:
        told = f"{type(error).__name__}: {error}"
        return WorkersError(told, "a training without errors", lines, where)
    return error


def explained(error: BaseException) -> WorkersError:
    """What Ray tells of a training that it gave up, in three parts."""
    from ray.train import ControllerError, WorkerGroupError

    failures = error.worker_failures if isinstance(error, WorkerGroupError) else {}
    dead = {rank: getattr(e, "health_check_failure", e) for rank, e in failures.items()}
    for rank, why in dead.items():
        if ran_out_of_memory(why):
            return WorkersError(
                f"worker {rank + 1} of a training that was begun again {RESTARTS} times was "
                "ended, as its node had no memory left",
                "room for the rows, the net, and a batch of each layer on every node",
                f"{MORE_MEMORY}; {GO_ON}",
            )
    if not isinstance(error, WorkerGroupError):
        cause = error.controller_failure if isinstance(error, ControllerError) else error
        if ran_out_of_memory(cause):
            return WorkersError(
                "Ray has ended the training, as the machine that called it had no memory left",
                "room there for the rows, the net, and what Ray keeps of them",
                f"{MORE_MEMORY}; {GO_ON}",
            )
        if isinstance(cause, OSError) and cause.errno in FULL | FORBIDDEN:
            return WorkersError(
                f"the storage cannot be written to: {reason(cause)}",
                "a folder with room for checkpoints, that this machine and every node may write to",
                f"more room there, or another storage=; {GO_ON}",
            )
        return WorkersError(
            f"Ray Train has failed: {last_line(cause)}",
            "a cluster that starts workers, and a storage that it can read and write",
            f"ray status, for what the cluster has; {GO_ON}",
        )
    told = next((f"worker {rank + 1}: {last_line(e)}" for rank, e in dead.items()), "")
    return WorkersError(
        f"workers have failed {RESTARTS + 1} times, the last time {told or last_line(error)}",
        f"workers that live on, or begin again at most {RESTARTS} times",
        f"{GO_ON}; more memory or fewer workers a node",
    )


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether the node says so of a process that is no more; of any it says that it may be so."""
    from ray.exceptions import OutOfMemoryError

    if isinstance(error, OutOfMemoryError):
        return True
    known, _, _ = str(error).partition("potential root causes")
    return "memory monitor" in known or "OOM" in known


def last_line(error: BaseException) -> str:
    """The last line of what an error says: the error itself, where a traceback precedes it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
