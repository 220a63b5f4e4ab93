"""What the numbers were measured on, and how busy other programs kept it meanwhile."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from benchmarks.held import Held

PACKAGES = (
    "numpy",
    "scipy",
    "llvmlite",
    "scikit-learn",
    "torch",
    "jax",
    "jaxlib",
    "onnxruntime",
)
# Cores. Where other programs keep more of them busy, times say nothing: load slows some parties
# more than others.
QUIET = 0.2
PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100  # a second

T = TypeVar("T")


def described() -> dict[str, Any]:
    """The machine, the versions, and how busy it was."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "BLAS": _blas(),
        "load": [round(part, 2) for part in os.getloadavg()],
        "versions": {"Python": platform.python_version()} | _versions(),
    }


class Others:
    """How many cores other programs keep busy while this one and those it started are watched."""

    patience: ClassVar[float] = 600.0  # seconds that all wait for a quiet machine, together

    def __init__(self) -> None:
        self.busy = self.seconds = 0.0

    def undisturbed(self, run: Callable[[], T]) -> T:
        """Return what `run` returns, of the first time that other programs are quiet meanwhile.

        It runs again if they were not, after waiting until they are; the last time counts where
        the patience ends.
        """
        while True:
            latest = Others()
            with latest.watched():
                result = run()
            if (latest.cores or 0.0) <= QUIET or not self._quiet_again():
                self.busy, self.seconds = self.busy + latest.busy, self.seconds + latest.seconds
                return result

    @staticmethod
    def _quiet_again() -> bool:
        """Wait until other programs are quiet; False if the patience ends before."""
        while Others.patience > 0:
            latest, started = Others(), time.perf_counter()
            with latest.watched():
                time.sleep(1)
            Others.patience -= time.perf_counter() - started
            if (latest.cores or 0.0) <= QUIET:
                return True
            if Others.patience <= 0:
                print("  the machine did not become quiet: from here on, bounds may be undecided")
        return False

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Count what the processor does meanwhile, but for this process and those it started."""
        before, started = _busy_with_others(), time.perf_counter()
        yield
        after = _busy_with_others()
        if before is not None and after is not None:
            self.busy += after - before
            self.seconds += time.perf_counter() - started

    @property
    def cores(self) -> float | None:
        """The mean while it was watched; None where the system does not tell."""
        return max(0.0, self.busy / self.seconds) if self.seconds else None


def _busy_with_others() -> float | None:
    """The seconds that all cores together were busy, without those for us; from Linux alone."""
    if not (PROC / "stat").exists():
        return None
    times = (PROC / "stat").read_text(encoding="utf-8").splitlines()[0].split()[1:9]
    user, nice, system, _, _, *rest = map(int, times)
    return (user + nice + system + sum(rest) - _ours()) / TICKS


def _ours() -> int:
    """The ticks of this process and of all that it started, also of those that have ended."""
    parents, ticks = {}, {}
    for folder in PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(folder.name)] = int(fields[1])
        ticks[int(folder.name)] = sum(map(int, fields[11:15]))  # its own, and of ended children
    return sum(ticks[process] for process in ticks if os.getpid() in _line(process, parents))


def _line(process: int, parents: dict[int, int]) -> list[int]:
    """The process, its parent, its parent's parent, ..."""
    found = [process]
    while found[-1] in parents:
        found.append(parents[found[-1]])
    return found


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def has_wider_than_avx2() -> bool:
    """Whether holding to AVX2 takes something away."""
    return "avx512f" in _cpuinfo().get("flags", "").split()


def _processor() -> str:
    """Its name, and the widest vectors it has."""
    of = _cpuinfo()
    name = of.get("model name") or platform.processor() or "unknown"
    widest = [flag for flag in ("avx512f", "avx2") if flag in of.get("flags", "").split()]
    return f"{name}, {widest[0]}" if widest else name


def _cpuinfo() -> dict[str, str]:
    file = PROC / "cpuinfo"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}


def _blas() -> list[str]:
    """The BLAS libraries of NumPy and SciPy, and the processor they take this one for."""
    command = [sys.executable, "-m", "benchmarks.machine"]
    printed = subprocess.run(command, env=Held(1).environment(), stdout=subprocess.PIPE, check=True)
    found: list[str] = json.loads(printed.stdout)
    return found


def _loaded_blas() -> list[str]:
    import scipy.linalg  # noqa: F401  — so that its library is loaded
    from threadpoolctl import threadpool_info

    return sorted(
        f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip()
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    )


if __name__ == "__main__":
    print(json.dumps(_loaded_blas()))
