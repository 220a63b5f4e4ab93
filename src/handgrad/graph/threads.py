"""How many threads there are for the work, and how many of them BLAS may use."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from threading import Lock, get_ident
from typing import Any

from threadpoolctl import LibController, ThreadpoolController

HANDOVER = 1e-4  # seconds
CONTROL_GROUPS = Path("/sys/fs/cgroup")
# Limits by the blocks that last: cores of the process, threads of each that works.
_allowed, _each = list[int](), list[int]()
# Multiplications: of fewer, OpenBLAS makes one thread's work; so many are worth several threads.
SHARED, WORTH_SHARING = 9216, 1e8
# Functions that set how many threads are used for whoever multiplies.
SETTERS = {
    "mkl": ["MKL_Set_Num_Threads"],
    "openblas": [
        f"{prefix}openblas_set_num_threads{suffix}"
        for prefix in ("", "scipy_")
        for suffix in ("", "64_", "_64")
    ],
}


def available_cores() -> int:
    """How many cores this process may use: those it is bound to, or as its container allows.

    Fewer within `cores_at_most`, or where OMP_NUM_THREADS says so: joblib, dask and Ray set it for
    processes that share a machine.
    """
    return min([_cores(), _quota(CONTROL_GROUPS), *_environment_limit(), *_allowed])


def _environment_limit() -> list[int]:
    """What the environment allows; of a list, one a level of nested teams, the first number."""
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
    """How many cores the time that a container is given would keep busy, in Linux.

    Of both versions of its control groups: the quota, and the period that it is for.
    """
    for names in (["cpu.max"], ["cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"]):
        try:
            quota, period = map(int, " ".join((folder / n).read_text() for n in names).split())
        except (OSError, ValueError):  # no such file; or "max", for no quota
            continue
        if quota > 0:
            return -(-quota // period)
    return sys.maxsize


class _BlasLibrary:
    """Something that multiplies matrices: how many threads it may use, and how that is set.

    Through its own functions: threadpoolctl's setter does nothing in any other thread than the
    first that called it, or sets the number of the calling thread alone. With OpenMP, OpenBLAS has
    a number for each thread that multiplies: then it is not set `everywhere`.
    """

    def __init__(self, controller: LibController) -> None:
        self.count: Callable[[], int] = controller.get_num_threads
        openmp = getattr(controller, "threading_layer", "") == "openmp"
        names = [] if openmp else SETTERS.get(controller.internal_api, [])
        found = (getattr(controller.dynlib, name, None) for name in names)
        setter = next((function for function in found if function is not None), None)
        self.everywhere = setter is not None
        self.limit: Callable[[int], Any] = setter or controller.set_num_threads


@lru_cache
def _libraries(with_scipys: bool) -> list[_BlasLibrary]:
    """All that multiply matrices; looked for anew when SciPy has brought its own."""
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return [_BlasLibrary(controller) for controller in found]


class _RunningWork:
    """The threads that share some work right now: with whose work, and how many."""

    def __init__(self) -> None:
        self.lock, self.entries = Lock(), list[tuple[int, int]]()

    def add(self) -> tuple[int, int]:
        """As many as there are cores that nobody's work has, one at least, within all limits."""
        with self.lock:
            free = available_cores() - sum(threads for _, threads in self.entries)
            entry = (get_ident(), max(1, min([free, *_each])))
            self.entries.append(entry)
        return entry

    def remove(self, entry: tuple[int, int]) -> None:
        with self.lock:
            self.entries.remove(entry)

    def after_a_fork(self) -> None:
        """Of the threads, the child has the one that forked."""
        self.lock = Lock()
        self.entries = [entry for entry in self.entries if entry[0] == get_ident()]


# Who asked for a limit: the thread, and so many threads of BLAS; none, where others share the work.
_Entry = tuple[int, int | None]


class _BlasLimits:
    """The limits in force, and how many threads each library used before there were any.

    Threads of BLAS are a setting of the whole process; of limits that overlap in time the
    smallest holds, and the last to end puts back what was there before the first.
    """

    def __init__(self) -> None:
        self.lock, self.entries = Lock(), list[_Entry]()
        self.before: list[tuple[_BlasLibrary, int]] = []

    def add(self, entry: _Entry) -> None:
        """Put a limit in force."""
        with self.lock:
            if not self.entries:
                self.before = []
            known = [library for library, _ in self.before]
            for library in _libraries("scipy.linalg.cython_blas" in sys.modules):
                if library not in known:
                    self.before.append((library, library.count()))
            self.entries.append(entry)
            self._apply()

    def remove(self, entry: _Entry) -> None:
        with self.lock:
            self.entries.remove(entry)
            self._apply()

    def after_a_fork(self) -> None:
        """Of the threads, the child has the one that forked: what the others asked for is over."""
        self.lock = Lock()
        self.entries = [entry for entry in self.entries if entry[0] == get_ident()]
        self._apply()

    def is_single(self) -> bool:
        """Whether this thread has asked for one thread of BLAS already, or set a limit of one."""
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
    """No more than `most` threads in the matrix products of NumPy and SciPy, for a while.

    None: one, as others share the work. Who allows fewer already keeps that; afterwards all is as
    it was. Where a library has a number for each thread only, that of this thread is changed.
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
    """The process uses no more than `most` cores for a while: others of the machine need theirs."""
    return _at_most(_allowed, most)


def threads_each_at_most(most: int) -> AbstractContextManager[None]:
    """Whoever works shares it among `most` threads at most, for a while: others work as well."""
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
    """How many threads may share the work of the caller, for a while; it is one of them.

    The work of others in the process has the other cores; together they have no more than there
    are, unless even those who run it are more. What is multiplied `by_blas` is in one thread each.
    """
    with blas_threads(None) if by_blas else nullcontext():
        entry = _at_work.add()
        try:
            yield entry[1]
        finally:
            _at_work.remove(entry)


def threads_for(multiplications: int) -> AbstractContextManager[Any]:
    """NumPy's products in one thread for a while, where a batch is too small to share it.

    OpenBLAS's threads wait for each other by spinning: on a busy machine for milliseconds. And how
    many there are decides on the last digits.
    """
    small = SHARED < multiplications < WORTH_SHARING
    return blas_threads(None) if small and not _limits.is_single() else nullcontext()


def threads_of_a_batch(multiplications: int) -> int:
    """Among how many threads NumPy's products of a batch are shared, where nothing limits them."""
    if multiplications < WORTH_SHARING:
        return 1
    with blas_threads(sys.maxsize):  # which tells how many there were before any limit
        return max((count for _, count in _limits.before), default=1)


_turns, _asking = Lock(), list[float]()  # the interval that each found who asked for a shorter one


@contextmanager
def quick_handover() -> Iterator[None]:
    """Threads of Python take turns more often, for a while.

    NumPy lets other threads go on while it shuffles or compares, and must then wait for its turn
    again: beside a busy thread 5 ms each time, where an epoch of a small net takes 0.06 ms.
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
