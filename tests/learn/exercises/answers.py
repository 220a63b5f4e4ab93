"""The answers for teachers, and the wrong ones that are told apart."""

import tomllib
from pathlib import Path
from typing import Any

import handgrad
from handgrad.learn.exercises import NAMES

ROOT = Path(handgrad.__file__).parents[2]
FILE = ROOT / "docs/lessons/answers/answers.toml"
ALL: dict[str, dict[str, Any]] = tomllib.loads(FILE.read_text("utf-8"))


def right(name: str) -> dict[str, str]:
    """The answer to each hole of an exercise."""
    found: dict[str, str] = ALL[name]["answer"]
    return found


def wrong() -> list[tuple[str, str, str, list[str]]]:
    """Exercise, hole, formula, and the keys of what must be said of it."""
    return [
        (name, hole, formula, entry["keys"])
        for name in NAMES
        for entry in ALL[name]["wrong"]
        for hole, formula in entry.items()
        if hole != "keys"
    ]
