"""What the last digits of the numbers depend on, beside the net, the rows and the seed."""

import platform
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info


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
