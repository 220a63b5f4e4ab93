"""Runs `docs/pictures.md`, which saves its pictures: `python docs/images/pictures.py`."""

import os
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parent / "pictures.md"


def main() -> None:
    """Everything is written beside this file."""
    os.chdir(HERE)
    page: dict[str, Any] = {"__name__": "page"}
    for code in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S):
        exec(code, page)


if __name__ == "__main__":
    main()
