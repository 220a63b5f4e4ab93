"""What the last digits of the numbers depend on, beside the net, the rows and the seed."""

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

from handgrad.graph.threads import available_cores
from handgrad.textbook.version import __version__

# Variables that decide which code runs, by how their names begin.
VARIABLES = ("HANDGRAD_", "OPENBLAS_", "OMP_", "MKL_", "BLIS_", "VECLIB_", "NPY_")


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of those of the packages that are installed, by name."""
    found = {}
    for name in packages:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def processor() -> str:
    """The processor as LLVM names it, where there is llvmlite, and what NumPy uses of it."""
    try:
        from llvmlite import binding

        name = binding.get_host_cpu_name()
    except ImportError:
        name = platform.machine()
    found: Any = np.show_config(mode="dicts")
    return " ".join([name, *found["SIMD Extensions"].get("found", [])])


def blas_of(package: str) -> str:
    """The library that `numpy` or `scipy` multiplies matrices by, its version and its kernel.

    That which came with the package, else the one they share; of a library that threadpoolctl does
    not know only that.
    """
    libraries = [found for found in threadpool_info() if found["user_api"] == "blas"]
    own = [found for found in libraries if _came_with(found) == package]
    shared = [found for found in libraries if _came_with(found) not in ("numpy", "scipy")]
    parts = ("internal_api", "version", "architecture")
    told = [" ".join(found[part] for part in parts if found.get(part)) for found in own or shared]
    return " or ".join(told) or "unknown"


def _came_with(library: dict[str, Any]) -> str:
    """The package whose folder a library is in."""
    # numpy.libs beside the package in wheels for Linux and Windows, numpy/.dylibs within on macOS
    folder = Path(library["filepath"]).parent
    return folder.parent.name if folder.name == ".dylibs" else folder.name.removesuffix(".libs")


def show_versions() -> None:
    """Prints what a bug report needs: versions of packages, the system, processor and BLAS.

    Packages are those that handgrad requires, by itself or for an extra, as far as they are
    installed; variables of the environment are those that choose an engine or a kernel of BLAS.
    """
    names = {re.split(r"[^\w.-]", line)[0] for line in requires("handgrad") or []}
    set_here = {name: os.environ[name] for name in os.environ if name.startswith(VARIABLES)}
    lines = {
        "handgrad": __version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "executable": sys.executable,
        "system": platform.platform(),
        "processor": processor(),
        "cores": str(available_cores()),
        "BLAS of NumPy": blas_of("numpy"),
        "BLAS of SciPy": blas_of("scipy"),
        "environment": ", ".join(f"{name}={set_here[name]}" for name in sorted(set_here)),
        **versions(sorted(names)),
    }
    width = max(map(len, lines))
    for name, value in lines.items():
        print(f"{name:{width}}  {value or 'nothing set'}")
