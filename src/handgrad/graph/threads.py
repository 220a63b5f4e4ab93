"""Thread limits: how many cores and BLAS threads the process may use."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from threading import Lock, get_ident
from typing import Any

from threadpoolctl import LibController, ThreadpoolController

from handgrad.textbook.net.predictor import BACKEND

HANDOVER = 1e-4  # seconds
CONTROL_GROUPS = Path("/sys/fs/cgroup")
# Limits of the active blocks: cores of the process, threads of each worker.
_allowed, _each = list[int](), list[int]()
# Multiplications: below the first OpenBLAS uses one thread; above the second several pay off.
SHARED, WORTH_SHARING = 9216, 1e8
NAMES_OF_BLAS = ("blas", "blis", "lapack", "mkl", "flexi", "armpl")
# Functions that set the number of threads for all callers.
SETTERS = {
    "mkl": ["MKL_Set_Num_Threads"],
    "openblas": [
        f"{prefix}openblas_set_num_threads{suffix}"
        for prefix in ("", "scipy_")
        for suffix in ("", "64_", "_64")
    ],
}


def available_cores() -> int:
    """The cores that this process may use: by its CPU affinity or the quota of its container.

    `cores_at_most` and OMP_NUM_THREADS reduce it: joblib, dask and Ray set the variable for
    processes that share a machine.
    """
    return min([_cores(), _quota(CONTROL_GROUPS), *_environment_limit(), *_allowed])


def _environment_limit() -> list[int]:
    """The limit of OMP_NUM_THREADS; the first number if it lists nested levels."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return [int(first)] if first.isdecimal() and int(first) > 0 else []


def _cores() -> int:
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache
def _quota(folder: Path) -> int:
    """The CPU quota of a Linux container, in cores.

    Reads quota and period of both versions of control groups.
    """
    for names in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        try:
            quota, period = map(int, " ".join((folder / n).read_text() for n in names).split())
        except (OSError, ValueError):  # no such file, or "max" for no quota
            continue
        if quota > 0:
            return -(-quota // period)
    return sys.maxsize


class _BlasLibrary:
    """A BLAS library: reads and limits its number of threads.

    Uses the library's own functions: threadpoolctl's setter works only in the first thread that
    called it, or for the calling thread only. OpenBLAS with OpenMP has a number for each calling
    thread: then the limit does not apply `everywhere`.
    """

    def __init__(self, controller: LibController) -> None:
        self.count: Callable[[], int] = controller.get_num_threads
        openmp = getattr(controller, "threading_layer", "") == "openmp"
        names = [] if openmp else SETTERS.get(controller.internal_api, [])
        functions = (getattr(controller.dynlib, name, None) for name in names)
        setter = next((function for function in functions if function is not None), None)
        self.everywhere = setter is not None
        self.limit: Callable[[int], Any] = setter or controller.set_num_threads


class _Libraries(ThreadpoolController):  # type: ignore[misc, unused-ignore]
    """The libraries whose names may be those of BLAS; to look up all takes 5 ms."""

    def _make_controller_from_path(self, filepath: str) -> None:
        library = filepath.replace("\\", "/").rpartition("/")[2].lower()
        if any(name in library for name in NAMES_OF_BLAS):
            super()._make_controller_from_path(filepath)


@lru_cache
def _libraries(with_scipys: bool) -> list[_BlasLibrary]:
    """All loaded BLAS libraries; searched again once SciPy has loaded its own."""
    controllers = _Libraries().select(user_api="blas").lib_controllers
    return [_BlasLibrary(controller) for controller in controllers]


class _RunningWork:
    """The threads in use: the thread that started each piece of work, and its number of threads."""

    def __init__(self) -> None:
        self.lock, self.entries = Lock(), list[tuple[int, int]]()

    def add(self) -> tuple[int, int]:
        """Reserve the free cores, at least one, within all limits."""
        with self.lock:
            free = available_cores() - sum(threads for _, threads in self.entries)
            entry = (get_ident(), max(1, min([free, *_each])))
            self.entries.append(entry)
        return entry

    def remove(self, entry: tuple[int, int]) -> None:
        with self.lock:
            self.entries.remove(entry)

    def after_a_fork(self) -> None:
        """Reset in a forked child, which has only the thread that forked."""
        self.lock = Lock()
        self.entries = [entry for entry in self.entries if entry[0] == get_ident()]


# A limit: the thread that set it, and the number of BLAS threads; None: one for each worker.
_Entry = tuple[int, int | None]


class _BlasLimits:
    """The active limits, and the number of threads of each library before them.

    BLAS threads are a setting of the process: of overlapping limits the smallest applies, and the
    last to end restores the original number.
    """

    def __init__(self) -> None:
        self.lock, self.entries = Lock(), list[_Entry]()
        self.before: list[tuple[_BlasLibrary, int]] = []

    def add(self, entry: _Entry) -> None:
        """Activate a limit."""
        with self.lock:
            if not self.entries:
                self.before = []
            limited = [library for library, _ in self.before]
            for library in _libraries("scipy.linalg.cython_blas" in sys.modules):
                if library not in limited:
                    self.before.append((library, library.count()))
            self.entries.append(entry)
            self._apply()

    def remove(self, entry: _Entry) -> None:
        with self.lock:
            self.entries.remove(entry)
            self._apply()

    def after_a_fork(self) -> None:
        """Reset in a forked child: drop the limits of other threads."""
        self.lock = Lock()
        self.entries = [entry for entry in self.entries if entry[0] == get_ident()]
        self._apply()

    def is_single(self) -> bool:
        """Return True if this thread has a limit of one BLAS thread."""
        own = get_ident()
        return any(thread == own and (most or 1) == 1 for thread, most in self.entries)

    def _most(self) -> list[int]:
        return [most for _, most in self.entries if most is not None]

    def _apply(self) -> None:
        alone = any(most is None for _, most in self.entries)
        for library, before in self.before:
            if library.everywhere:
                library.limit(1 if alone else min([before, *self._most()]))


_limits, _at_work = _BlasLimits(), _RunningWork()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_limits.after_a_fork)
    os.register_at_fork(after_in_child=_at_work.after_a_fork)


@contextmanager
def blas_threads(most: int | None) -> Iterator[None]:
    """Context manager: limit the BLAS threads of NumPy and SciPy.

    Smaller limits stay in force, and the original number is restored afterwards. If a library has
    a number for each thread, only that of this thread changes.

    Parameters
    ----------
    most : int or None
        The limit; None: one, because workers share the work.
    """
    entry = (get_ident(), most)
    _limits.add(entry)
    of_this_thread = [
        (library, library.count()) for library, _ in _limits.before if not library.everywhere
    ]
    try:
        for library, count in of_this_thread:
            library.limit(min(count, most or 1))
        yield
    finally:
        for library, count in of_this_thread:
            library.limit(count)
        _limits.remove(entry)


def cores_at_most(most: int) -> AbstractContextManager[None]:
    """Context manager: use at most `most` cores, because other processes need the rest."""
    return _at_most(_allowed, most)


def threads_each_at_most(most: int) -> AbstractContextManager[None]:
    """Context manager: use at most `most` threads for each training, because others run too."""
    return _at_most(_each, most)


@contextmanager
def _at_most(limits: list[int], most: int) -> Iterator[None]:
    limits.append(most)
    try:
        with blas_threads(most):
            yield
    finally:
        limits.remove(most)


@contextmanager
def worker_threads(*, by_blas: bool) -> Iterator[int]:
    """Context manager: reserve threads for the caller's work, including its own thread.

    All work of the process shares the available cores; each piece gets at least one.

    Parameters
    ----------
    by_blas : bool
        The work calls BLAS, which is then limited to one thread per worker.

    Yields
    ------
    int
        The number of threads.
    """
    with blas_threads(None) if by_blas else nullcontext():
        entry = _at_work.add()
        try:
            yield entry[1]
        finally:
            _at_work.remove(entry)


def threads_for(multiplications: int) -> AbstractContextManager[Any]:
    """Context manager: limit NumPy's products to one thread if a batch is small.

    OpenBLAS's threads spin while they wait for each other: milliseconds on a busy machine. And
    last digits depend on their number.

    Parameters
    ----------
    multiplications : int
        Multiplications of a batch.
    """
    small = SHARED < multiplications < WORTH_SHARING
    return blas_threads(None) if small and not _limits.is_single() else nullcontext()


BACKEND.threads_for = threads_for


def threads_of_a_batch(multiplications: int) -> int:
    """The number of BLAS threads of a batch without any limit."""
    if multiplications < WORTH_SHARING:
        return 1
    with blas_threads(sys.maxsize):  # so that `before` has the numbers without limits
        return max((count for _, count in _limits.before), default=1)


_turns, _asking = Lock(), list[float]()  # the switch interval at the entry of each active block


@contextmanager
def quick_handover() -> Iterator[None]:
    """Context manager: shorten Python's thread switch interval.

    NumPy releases the GIL while it shuffles or compares, and must then wait to get it back: 5 ms
    each time with another busy thread, while an epoch of a small net takes 0.06 ms.
    """
    with _turns:
        _asking.append(sys.getswitchinterval())
        sys.setswitchinterval(min(_asking[0], HANDOVER))
    try:
        yield
    finally:
        with _turns:
            before = _asking[0]
            _asking.pop()
            if not _asking:
                sys.setswitchinterval(before)
