"""Lines of each package beside a stored baseline: `python -m tests.house.lines`.

Physical lines, of Python in `src/handgrad/*/`, of JavaScript, CSS and HTML in `web/`.
"""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASELINE = tomllib.loads(Path(__file__).with_name("lines.toml").read_text("utf-8"))
SOURCE, WEB = {".py"}, {".js", ".mjs", ".css", ".html"}


def lines_of(folder: Path, suffixes: set[str]) -> int:
    """The lines of all files below a folder that end so."""
    files = (path for path in folder.rglob("*") if path.suffix in suffixes)
    return sum(len(path.read_bytes().splitlines()) for path in files)


def lines_of_packages() -> dict[str, int]:
    """The lines of each package, by its name."""
    folders = sorted(path.parent for path in (ROOT / "src" / "handgrad").glob("*/__init__.py"))
    return {folder.name: lines_of(folder, SOURCE) for folder in folders} | {
        "web": lines_of(ROOT / "web", WEB)
    }


def table(lines: dict[str, int], baseline: dict[str, int]) -> str:
    """The packages as lines of text, with the sums last."""
    sums = sum(lines.values()), sum(baseline.values())
    rows = [*((name, n, baseline.get(name, 0)) for name, n in lines.items()), ("in all", *sums)]
    return "\n".join(
        [
            f"{'package':10} {'lines':>7} {'baseline':>9} {'change':>7}",
            *(f"{name:10} {n:7,} {before:9,} {n - before:+7,}" for name, n, before in rows),
        ]
    )


if __name__ == "__main__":
    print(table(lines_of_packages(), BASELINE))
