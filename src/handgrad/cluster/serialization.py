"""Serialization for workers: checks, and modules that only this process can import."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from handgrad.cluster.failures import last_line
from handgrad.textbook.errors import SettingError
from handgrad.textbook.net import Net

if TYPE_CHECKING:
    from ray import ObjectRef


def check_picklable(parts: Mapping[str, object]) -> None:
    """Refuse settings that cannot be pickled for workers."""
    for name, part in parts.items():
        if (error := _unpicklable(part)) is None:
            continue
        where = name
        if isinstance(part, Net):
            own = [i for i, layer in enumerate(part.layers) if _unpicklable(layer) is not None]
            where = f"{name}: {part.position(own[0])}" if own else name
        elif isinstance(part, tuple | list):
            each = [one for one in part if _unpicklable(one) is not None]
            where = f"{name}: {each[0]!r}" if each else name
        raise SettingError(
            f"{where}, which cannot be sent to workers: {last_line(error)}",
            "nets, losses, metrics and schedules that can be pickled",
            "functions and classes without open files, locks or generators in them",
        )


def _unpicklable(part: object) -> Exception | None:
    """Error that pickling raises, or None."""
    from ray import cloudpickle

    try:
        cloudpickle.dumps(part)
    except Exception as error:
        return error
    return None


def put(job: object) -> ObjectRef[Any]:
    """Put the job into Ray's object store, once for all workers."""
    import ray

    try:
        with own_modules_along():
            return ray.put(job)
    except Exception:  # a module with a lock in it: sent by name, for nodes that can import it
        return ray.put(job)


@contextmanager
def own_modules_along() -> Iterator[None]:
    """Pickle modules that are not installed by value within the block.

    These are modules next to a script or a notebook, which other machines cannot import.
    """
    from ray import cloudpickle

    own = [module for module in [*sys.modules.values()] if is_own(module)]
    for module in own:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in own:
            cloudpickle.unregister_pickle_by_value(module)


@lru_cache(None)
def is_own(module: ModuleType) -> bool:
    """Check whether a module was imported from a file that is not installed."""
    name, file = module.__name__, getattr(module, "__file__", None)
    if file is None or sys.modules.get(name) is not module or name.partition(".")[0] == "handgrad":
        return False
    paths = sysconfig.get_paths()
    installed = {*(Path(paths[kind]) for kind in ("stdlib", "platstdlib", "purelib", "platlib"))}
    parents = Path(file).parents
    return name != "__main__" and not (
        installed.intersection(parents)
        or any(part in ("site-packages", "dist-packages") for part in Path(file).parts)
    )
