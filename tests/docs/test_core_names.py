"""What is around the core uses documented names of it, and no other."""

import inspect
from pathlib import Path

from docs.core_names import PAGE, page, used_names, value_of

from tests.house.test_levels import CORE


def test_imports_from_the_core_are_found(tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    (tmp_path / "graph").mkdir()
    (tmp_path / "plots" / "nets.py").write_text(
        "from handgrad.graph import trace, Graph\n"
        "from handgrad.plots.style import COLOURS\n"
        "def f():\n    from handgrad.graph.nodes import Node as N\n"
    )
    (tmp_path / "graph" / "trace.py").write_text("from handgrad.graph.nodes import Origin\n")
    expected = {"handgrad.graph": ["Graph", "trace"], "handgrad.graph.nodes": ["Node"]}
    assert used_names({"graph"}, tmp_path) == expected


def test_the_page_lists_every_name_that_is_used() -> None:
    assert PAGE.read_text("utf-8") == page(CORE), "run: python -m docs.core_names"


def test_every_function_and_class_that_is_used_is_public_and_documented() -> None:
    for module, names in used_names(CORE).items():
        for name in names:
            value = value_of(module, name)
            assert name == "__version__" or not name.startswith("_"), f"{module}.{name}"
            if inspect.isfunction(value) or inspect.isclass(value):
                assert inspect.getdoc(value), f"{module}.{name} has no docstring"
