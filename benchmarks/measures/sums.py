"""How far sums of products are from exact ones, beside OpenBLAS's."""

import json

from benchmarks.part import Part, Settings, markdown, significant
from benchmarks.processes import run

TEXT = """Products of a 56 × K and a K × 64 matrix of float32 against the same in float64: the root
mean square of the errors, divided by that of the results, in units of 2⁻²⁴. The numbers are drawn
from a normal distribution, or uniformly from [0, 1)."""


def measure(settings: Settings) -> Part:
    """One process; nothing is timed."""
    found = json.loads(run("errors_of_sums", held=settings.held).printed)
    rows = [
        [
            f"{error['kind']}, K = {error['k']}",
            significant(error["handgrad"]),
            significant(error["OpenBLAS"]),
        ]
        for error in found
    ]
    return Part("Errors of sums", TEXT, markdown(["", "handgrad", "OpenBLAS"], rows), found)
