"""Errors: each says what came, what was expected, and what to try."""

from collections.abc import Iterable

__all__ = [
    "HandgradError",
    "ShapeError",
    "SettingError",
    "DataError",
    "FileError",
    "DivergenceError",
    "RecordingError",
    "NotYetComputedError",
    "UnseenWarning",
]

MOST_SHOWN = 160  # letters of a value


class HandgradError(ValueError):
    """The base of all errors raised on purpose; `where` names the layer or file concerned."""

    def __init__(self, came: str, expected: str, hint: str, where: str = "") -> None:
        super().__init__(came, expected, hint, where)
        self.came, self.expected, self.hint, self.where = came, expected, hint, where

    def put_within(self, place: str) -> None:
        """Name what `where` is a part of, a run or a worker, before it."""
        self.where = f"{place}: {self.where}" if self.where else place

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"{where}{self.came}\n  expected: {self.expected}\n  try: {self.hint}"


class ShapeError(HandgradError):
    """An array has a shape that does not fit."""


class SettingError(HandgradError):
    """An argument (a size, a rate, a name, a combination of parts) cannot be used."""


class DataError(HandgradError):
    """The rows or labels cannot be used as they are."""

    def __init__(
        self, came: str, expected: str, hint: str, where: str = "", *, row: int | None = None
    ) -> None:
        super().__init__(came, expected, hint, where)
        self.row = row

    def put_at(self, place: str) -> None:
        """Name the row as it stands in a file, in place of its number among those handed over."""
        self.came = self.came.replace(f"row {self.row}, counted from 0", place)
        self.row = None


class FileError(HandgradError):
    """A file cannot be read or written as it is."""


class DivergenceError(HandgradError):
    """Training left the finite numbers."""


class RecordingError(HandgradError):
    """A page does something that cannot be recorded."""


class UnseenWarning(UserWarning):
    """Rows to predict have columns, or values of a category, that the training had not."""


class CannotLowerError(Exception):
    """An operation of a graph has no lowering to compiled code; `hint` is what to write instead."""

    def __init__(self, came: str, hint: str = "") -> None:
        super().__init__(came)
        self.hint = hint


# Where a page compares the rows of a batch with one another.
ROW_NUMBERS = "row numbers as targets, y of shape (n, 1), and (y == y[:, 0]) in place of np.eye(n)"


class NotYetComputedError(HandgradError, AttributeError):
    """A value was read before the method that computes it ran."""


def did_you_mean(
    word: object, known: Iterable[str], otherwise: str, *, likeness: float = 0.5
) -> str:
    """`did you mean 'accuracy'?` where a known name is close, in any case; else `otherwise`."""
    close = closest(word, known, likeness)
    return f"did you mean {close!r}?" if close else otherwise


def closest(word: object, known: Iterable[str], likeness: float = 0.5) -> str | None:
    """The known name that a mistyped word is closest to, if any is close."""
    from difflib import get_close_matches

    folded = {name.casefold(): name for name in known}
    close = get_close_matches(str(word).casefold(), folded, n=1, cutoff=likeness)
    return folded[close[0]] if close else None


def described(value: object) -> str:
    """A value that is not what was expected, as messages show it."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself, without brackets"
    return f"{_shown(value)}, of type {type(value).__name__}"


def _shown(value: object) -> str:
    """A value in Python's words, with the middle of many left out."""
    words = repr(value)
    if len(words) <= MOST_SHOWN:
        return words
    words = " ".join(words.split())
    return f"{words[: MOST_SHOWN // 2]} … {words[-MOST_SHOWN // 4 :]}"


def positive(name: str, value: object, *, whole: bool = False) -> None:
    """Refuse `value` unless it is a finite number above zero (`whole`: an integer)."""
    kind, example = ("whole number", "10") if whole else ("number", "0.1")
    number = _number(value)
    if number is None or (whole and isinstance(number, float)) or not 0 < number < float("inf"):
        came = value if number is None else number
        raise SettingError(
            f"{name} = {_shown(came)}", f"a {kind} above zero", f"{name}={example}, for example"
        )


def not_negative(name: str, value: object, below: float = float("inf")) -> None:
    """Refuse `value` unless it is a number from 0 up to, but not including, `below`."""
    if (number := _number(value)) is None or not 0 <= number < below:
        limit = "a finite number" if below == float("inf") else f"a number below {below:g}"
        raise SettingError(
            f"{name} = {_shown(value)}", f"{limit}, not below 0", f"{name}=0, for none"
        )


def between_0_and_1(name: str, value: object) -> None:
    """Refuse `value` unless it is a number between 0 and 1, neither of the two."""
    if (number := _number(value)) is None or not 0 < number < 1:
        raise SettingError(f"{name} = {value!r}", "a number between 0 and 1", f"{name}=0.1")


def is_number(value: object) -> bool:
    """Whether a value is a number, of Python's or of NumPy's, and no truth value."""
    return _number(value) is not None


def _number(value: object) -> int | float | None:
    """The number that a value is, of Python's or of NumPy's; None for anything else."""
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
