"""Compares what was printed with what a document shows."""

import math
import re

NUMBER = r"-?\d+\.\d+"
PARTS = re.compile(
    r"(?P<any>\.\.\.)"
    r"|(?P<file>\w+\.py:)\d+"
    r"|(?P<epochs>\d+(?= epochs: )|(?<=of epoch )\d+)"
    rf"|(?P<space> *)(?P<number>{NUMBER})"
)


def assert_shown(printed: str, shown: str) -> None:
    """Fail unless `printed` is what is `shown`.

    In the shown text `...` stands for anything. Numbers with a decimal point may differ by a
    twentieth, since another CPU rounds differently; the epoch at which a training ends by itself
    may be another for the same reason. After `linear.py:` any line number will do, since lines
    move with every change above them. Everything else is the same to the letter.
    """
    printed, shown = _tidy(printed), _tidy(shown)
    match = re.fullmatch(_pattern(shown), printed, re.DOTALL)
    assert match, f"shown:\n{shown}\n\nprinted:\n{printed}"
    expected = [part["number"] for part in PARTS.finditer(shown) if part["number"]]
    for found, number in zip(match.groups(), expected, strict=True):
        close = math.isclose(float(found), float(number), rel_tol=0.05, abs_tol=0.011)
        assert close, f"shown {number}, printed {found}, in:\n{printed}"


def _tidy(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def _pattern(shown: str) -> str:
    pattern, end = "", 0
    for part in PARTS.finditer(shown):
        pattern += re.escape(shown[end : part.start()])
        if part["any"]:
            pattern += ".*?"
        elif part["file"]:
            pattern += re.escape(part["file"]) + r"\d+"
        elif part["epochs"]:
            pattern += r"\d+"
        else:
            pattern += f"{' *' if part['space'] else ''}({NUMBER})"
        end = part.end()
    return pattern + re.escape(shown[end:])
