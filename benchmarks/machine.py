"""What the numbers were measured on."""

import importlib.metadata
import os
import platform
import time
from pathlib import Path
from typing import Any

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


def described(threads: int) -> dict[str, Any]:
    """The machine, the versions, the threads, and how busy it was."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": threads,
        "BLAS": _blas(),
        "load": [round(part, 2) for part in os.getloadavg()],
        "versions": {"Python": platform.python_version()} | _versions(),
    }


def cores_used_by_others(seconds: float = 0.3) -> float | None:
    """How many cores are busy while our own processes wait; None where that is not known."""
    file = Path("/proc/stat")
    if not file.exists():
        return None
    before = _idle(file)
    time.sleep(seconds)
    idle, whole = (b - a for a, b in zip(before, _idle(file), strict=True))
    return (1 - idle / whole) * (os.cpu_count() or 1) if whole else None


def _idle(file: Path) -> tuple[int, int]:
    """The ticks all cores together were idle, and all their ticks."""
    ticks = list(map(int, file.read_text(encoding="utf-8").splitlines()[0].split()[1:9]))
    return ticks[3] + ticks[4], sum(ticks)


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _processor() -> str:
    """Its name, and the widest vectors it has."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    of = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    name = of.get("model name") or platform.processor() or "unknown"
    widest = [flag for flag in ("avx512f", "avx2") if flag in of.get("flags", "").split()]
    return f"{name}, {widest[0]}" if widest else name


def _blas() -> list[str]:
    """The BLAS libraries of NumPy and SciPy, and the processor they take this one for."""
    import scipy.linalg  # noqa: F401  — so that its library is loaded
    from threadpoolctl import threadpool_info

    return sorted(
        f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip()
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    )
