"""The environment that last digits depend on: versions, processor, BLAS, threads."""

import os
import platform
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from handgrad.engines.compiled import cache
from handgrad.graph.threads import available_cores
from handgrad.textbook.version import NAME, VARIABLE_PREFIX, __version__

# Prefixes of environment variables that choose an engine or a BLAS kernel.
PREFIXES = (VARIABLE_PREFIX, "OPENBLAS_", "OMP_", "MKL_", "BLIS_", "VECLIB_", "NPY_")


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of the installed packages among `packages`, by name."""
    installed = {}
    for name in packages:
        with suppress(PackageNotFoundError):
            installed[name] = version(name)
    return installed


def processor() -> str:
    """The processor's name, from LLVM if llvmlite is installed, and NumPy's SIMD extensions."""
    try:
        from llvmlite import binding

        name = binding.get_host_cpu_name()
    except ImportError:
        name = platform.machine()
    config: Any = np.show_config(mode="dicts")
    return " ".join([name, *config["SIMD Extensions"].get("found", [])])


def blas_of(package: str) -> str:
    """The BLAS of `numpy` or `scipy`: library, version and kernel.

    The library in the package's wheel, else the one they share; "unknown" if threadpoolctl does
    not know it.
    """
    libraries = [info for info in threadpool_info() if info["user_api"] == "blas"]
    own = [info for info in libraries if _package_of(info) == package]
    shared = [info for info in libraries if _package_of(info) not in ("numpy", "scipy")]
    parts = ("internal_api", "version", "architecture")
    names = [" ".join(info[part] for part in parts if info.get(part)) for info in own or shared]
    return " or ".join(names) or "unknown"


def threads_of_blas() -> str:
    """The numbers of threads of the BLAS libraries in this process; "unknown" if there are none."""
    counts = {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}
    return " or ".join(map(str, sorted(counts))) or "unknown"


def _package_of(library: dict[str, Any]) -> str:
    """The package that a library is part of."""
    # numpy.libs beside the package in wheels for Linux and Windows, numpy/.dylibs within on macOS
    folder = Path(library["filepath"]).parent
    return folder.parent.name if folder.name == ".dylibs" else folder.name.removesuffix(".libs")


def show_versions() -> None:
    """Print versions, system, processor, BLAS, threads and cache, for a bug report.

    Lists the installed packages among the requirements of handgrad and its extras, and the
    environment variables that choose an engine or a BLAS kernel.
    """
    names = {re.split(r"[^\w.-]", line)[0] for line in requires(NAME) or []}
    set_here = {name: os.environ[name] for name in os.environ if name.startswith(PREFIXES)}
    lines = {
        "handgrad": __version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "executable": sys.executable,
        "system": platform.platform(),
        "processor": processor(),
        "cores": str(available_cores()),
        "BLAS of NumPy": blas_of("numpy"),
        "BLAS of SciPy": blas_of("scipy"),
        "threads of BLAS": threads_of_blas(),
        "cache": f"{cache.folder() or 'off'}, {len(cache.files())} files",
        "environment": ", ".join(f"{name}={set_here[name]}" for name in sorted(set_here)),
        **versions(sorted(names)),
    }
    width = max(map(len, lines))
    for name, value in lines.items():
        print(f"{name:{width}}  {value or 'nothing set'}")
