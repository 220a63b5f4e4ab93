"""What the numbers were measured on."""

import importlib.metadata
import os
import platform
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
