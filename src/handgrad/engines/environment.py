"""What the last digits of the numbers depend on, beside the net, the rows and the seed."""

import platform
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info


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
    own = [found for found in libraries if _came_with(found, package)]
    shared = [
        found
        for found in libraries
        if not any(_came_with(found, other) for other in ("numpy", "scipy"))
    ]
    return " or ".join(map(_described, own or shared)) or "unknown"


def _came_with(library: dict[str, Any], package: str) -> bool:
    # numpy.libs beside the package in wheels for Linux and Windows, numpy/.dylibs within on macOS
    folder = Path(library["filepath"]).parent
    return folder.name == f"{package}.libs" or (folder.parent.name, folder.name) == (
        package,
        ".dylibs",
    )


def _described(library: dict[str, Any]) -> str:
    parts = (library["internal_api"], library["version"], library.get("architecture"))
    return " ".join(part for part in parts if part)
