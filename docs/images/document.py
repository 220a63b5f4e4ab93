"""Runs the code of a document, which saves its pictures beside this file."""

import os
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def run_document(name: str) -> dict[str, Any]:
    """What the Python blocks of a document in `docs` define, run one after another."""
    os.chdir(HERE)
    text, defined = (HERE.parent / name).read_text("utf-8"), {"__name__": "page"}
    for code in re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S):
        exec(code, defined)
    return defined
