"""Leaves these tests alone where more than the core is installed: `make core` runs them."""

from importlib.util import find_spec

OTHERS = ("sklearn", "scipy", "pyarrow", "matplotlib", "jinja2", "rich", "typer")
collect_ignore_glob = ["test_*.py"] if any(map(find_spec, OTHERS)) else []
