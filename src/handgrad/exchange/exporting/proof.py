"""Checks of exported files on the test rows in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handgrad.textbook.display import shown_whole
from handgrad.textbook.errors import FileError
from handgrad.textbook.layers import Array

# Relative tolerances: sums in another order, another exp; layer norms amplify rounding errors.
MOST = {"float32": 1e-4, "float64": 1e-11}


@dataclass(frozen=True)
class Check:
    """One comparison of the outputs of an exported file.

    Parameters
    ----------
    ran : str
        Program that ran the file.
    against : str
        Reference of the comparison.
    rows : int
        Number of rows.
    largest : float
        Largest absolute difference.
    relative : float
        Largest difference relative to the largest reference value.
    same_bits : bool
        True if all bits are equal.
    most : float
        Tolerance of `relative`.
    not_run : str
        Reason why the file was not run, if it was not.
    of : str
        What was compared, of which `rows` is the number.
    """

    ran: str
    against: str
    rows: int = 0
    largest: float = 0.0
    relative: float = 0.0
    same_bits: bool = False
    most: float = 0.0
    not_run: str = ""
    of: str = "row"

    @property
    def holds(self) -> bool:
        """True if the outputs agree within the tolerance."""
        return bool(self.not_run) or self.same_bits or self.relative <= self.most

    def __str__(self) -> str:
        if self.not_run:
            return f"{self.ran}: not run, {self.not_run}"
        rows = f"{self.rows} {self.of}{'s' * (self.rows != 1)}"
        if self.same_bits:
            return f"{self.ran}: {rows}, same bits as {self.against}"
        return (
            f"{self.ran}: {rows}, {self.largest:.2g} at most from {self.against}, "
            f"{self.relative:.2g} of its largest value"
        )


@dataclass(frozen=True)
class QuantizationCheck(Check):
    """Deviation of an int8 file from the model with floats, on calibration rows.

    Parameters
    ----------
    mean : float
        Mean absolute difference.
    metric : str
        `accuracy` or `r2`; empty without labels.
    score : float
        The metric of the file.
    float_score : float
        The metric of the model.
    """

    mean: float = 0.0
    metric: str = ""
    score: float = 0.0
    float_score: float = 0.0

    @property
    def holds(self) -> bool:
        """True: a deviation is reported, not refused."""
        return True

    def __str__(self) -> str:
        text = (
            f"{self.ran}: {self.rows} row{'s' * (self.rows != 1)}, {self.largest:.2g} at most and "
            f"{self.mean:.2g} on average from {self.against}"
        )
        if not self.metric:
            return text
        return f"{text}; {self.metric} {self.score:.4f}, {self.float_score:.4f} with floats"


def compared(ran: str, found: Array, expected: Array, against: str, most: float = 0.0) -> Check:
    """Compare the outputs of an exported file with the expected ones.

    Parameters
    ----------
    ran : str
        Program that ran the file.
    found, expected : array, shape (n, …)
        Outputs of the file and of the model.
    against : str
        Name of the reference.
    most : float, default 0.0
        Tolerance, relative to the largest expected value.

    Examples
    --------
    >>> print(compared("NumPy", np.array([[1.0, 4.0]]), np.array([[1.0, 4.0]]), "predict"))
    NumPy: 1 row, same bits as predict
    >>> print(compared("node", np.array([[1.0, 4.5]]), np.array([[1.0, 4.0]]), "predict"))
    node: 1 row, 0.5 at most from predict, 0.12 of its largest value
    """
    if found.shape != expected.shape:
        raise FileError(
            f"{ran} gave an array of shape {found.shape}", f"{expected.shape}", "report it", against
        )
    same = (found == expected) | (np.isnan(found) & np.isnan(expected))
    bits = found.dtype == expected.dtype and bool(
        (same & ((found != 0) | (np.signbit(found) == np.signbit(expected)))).all()
    )
    a, b = found.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(a - b))
    largest = float(np.where(np.isnan(apart), np.inf, apart).max(initial=0.0))
    size = float(np.abs(b[np.isfinite(b)]).max(initial=0.0))
    relative = largest / size if size else largest
    return Check(ran, against, len(found), largest, relative, bits, most)


@dataclass(frozen=True, repr=False)
class Proof:
    """An exported file and the checks it passed.

    Parameters
    ----------
    path : Path
        The file.
    size : int
        Its size in bytes.
    checks : tuple of Check
        The comparisons, each printed as a line.
    """

    path: Path
    size: int
    checks: tuple[Check, ...]

    def __str__(self) -> str:
        lines = [f"{self.path}, {self.size:,} bytes", *map(str, self.checks)]
        return "\n  ".join(lines)

    __repr__ = __str__
    _repr_pretty_ = shown_whole
