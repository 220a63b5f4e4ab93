"""Leaves comparisons alone whose oracle is not installed; sums up how close they were."""

from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

import pytest

from tests.oracle.compare import LARGEST, Largest

TORCH_IS_HERE = find_spec("torch") is not None
ONNX_IS_HERE = find_spec("onnx") is not None and find_spec("onnxruntime") is not None
JAX_IS_HERE = find_spec("jax") is not None
collect_ignore_glob = [
    *([] if TORCH_IS_HERE else ["test_live_*.py"]),
    *([] if ONNX_IS_HERE else ["test_onnx.py"]),
    *([] if JAX_IS_HERE else ["test_jax_*.py"]),
]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # one of several processes
        session.config.workeroutput["largest"] = asdict(LARGEST)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    LARGEST.take(getattr(node, "workeroutput", {}).get("largest", asdict(Largest())))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TORCH_IS_HERE and LARGEST.numbers:
        terminalreporter.write_line(
            f"{LARGEST.numbers:,} numbers compared with the oracles'; the largest difference was "
            f"{LARGEST.absolute:.1e}, {LARGEST.relative:.1e} of the number"
        )
