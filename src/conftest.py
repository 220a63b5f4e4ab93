"""Modules whose examples run: those that need Ray or JAX, only where these are installed."""

import re
from importlib.util import find_spec
from pathlib import Path

MODULES = {str(path): path.read_text("utf-8") for path in Path(__file__).parent.rglob("*.py")}
MISSING = [name for name in ("ray", "jax") if not find_spec(name)]
collect_ignore = [
    path
    for path, text in MODULES.items()
    if any(re.search(rf"^(import|from) {name}\b", text, re.M) for name in MISSING)
]
