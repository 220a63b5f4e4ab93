"""Errors in three parts: what was given, what was expected, what to try."""

from collections.abc import Iterable

from handgrad.textbook.language import ERRORS, LANGUAGES, language

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

MOST_SHOWN = 160  # characters of a value


class HandgradError(ValueError):
    """Base class of the errors of handgrad.

    Parameters
    ----------
    came : str
        What was given.
    expected : str
        What was expected.
    hint : str
        What to try.
    where : str, optional
        Name of the layer or file.
    """

    def __init__(self, came: str, expected: str, hint: str, where: str = "") -> None:
        super().__init__(came, expected, hint, where)
        self.came, self.expected, self.hint, self.where = came, expected, hint, where

    def put_within(self, place: str) -> None:
        """Put the name of an enclosing part, a run or a worker, before `where`."""
        self.where = f"{place}: {self.where}" if self.where else place

    def __str__(self) -> str:
        say = ERRORS.translated
        where = f"{say(self.where)}: " if self.where else ""
        expected = f"{say('expected: ')}{say(self.expected)}"
        return f"{where}{say(self.came)}\n  {expected}\n  {say('try: ')}{say(self.hint)}"


class ShapeError(HandgradError):
    """Error: an array has the wrong shape."""


class SettingError(HandgradError):
    """Error: an argument, or a combination of arguments, is invalid."""


class DataError(HandgradError):
    """Error: rows or labels are invalid.

    Parameters
    ----------
    came, expected, hint, where : str
        As for `HandgradError`.
    row : int, optional
        Number of the row, from 0, that `came` mentions.
    """

    def __init__(
        self, came: str, expected: str, hint: str, where: str = "", *, row: int | None = None
    ) -> None:
        super().__init__(came, expected, hint, where)
        self.row = row

    def put_at(self, place: str) -> None:
        """Replace the row number in the message by a place in a file."""
        self.came = self.came.replace(f"row {self.row}, counted from 0", place)
        self.row = None


class FileError(HandgradError):
    """Error: a file cannot be read or written."""


class DivergenceError(HandgradError):
    """Error: loss or weights became NaN or infinite in training."""


class RecordingError(HandgradError):
    """Error: a layer, loss or optimizer cannot be traced."""


class UnseenWarning(UserWarning):
    """Warning: rows to predict have columns, categories or numbers beyond the training rows."""


class CannotLowerError(Exception):
    """Error: an operation of a graph has no lowering to compiled code.

    Parameters
    ----------
    came : str
        The operation.
    hint : str, optional
        What to write instead.
    """

    def __init__(self, came: str, hint: str = "") -> None:
        super().__init__(came)
        self.hint = hint


# Hint for layers that compare the rows of a batch with one another.
ROW_NUMBERS = (
    "np.eye(len(x), dtype=x.dtype), or a comparison of row numbers, np.arange(len(x))[:, None] > "
    "np.arange(len(x)), in a product or sum with x"
)


class NotYetComputedError(HandgradError, AttributeError):
    """Error: an attribute was read before the method that computes it was called."""


def did_you_mean(
    word: object, known: Iterable[str], otherwise: str, *, likeness: float = 0.5
) -> str:
    """Return `did you mean 'accuracy'?` if a known name is similar, else `otherwise`.

    Parameters
    ----------
    word : object
        The unknown name; case does not matter.
    known : iterable of str
        The known names.
    otherwise : str
        Returned if none is similar.
    likeness : float, default 0.5
        Required similarity, from 0 to 1.
    """
    close = closest(word, known, likeness)
    return f"did you mean {close!r}?" if close else otherwise


def closest(word: object, known: Iterable[str], likeness: float = 0.5) -> str | None:
    """Return the known name most similar to a word, or None.

    Parameters
    ----------
    word : object
        The unknown name; case does not matter.
    known : iterable of str
        The known names.
    likeness : float, default 0.5
        Required similarity, from 0 to 1.
    """
    from difflib import get_close_matches

    folded = {name.casefold(): name for name in known}
    close = get_close_matches(str(word).casefold(), folded, n=1, cutoff=likeness)
    return folded[close[0]] if close else None


def described(value: object) -> str:
    """Describe an invalid value and its type for a message."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself, without parentheses"
    return f"{_shown(value)}, of type {type(value).__name__}"


def _shown(value: object) -> str:
    """Python's `repr`, with the middle of a long one left out."""
    words = repr(value)
    if len(words) <= MOST_SHOWN:
        return words
    words = " ".join(words.split())
    return f"{words[: MOST_SHOWN // 2]} … {words[-MOST_SHOWN // 4 :]}"


def positive(name: str, value: object, *, whole: bool = False) -> None:
    """Raise SettingError unless a setting is a finite number above zero.

    Parameters
    ----------
    name : str
        Name of the setting.
    value : object
        Its value.
    whole : bool, default False
        Require a whole number.
    """
    kind, example = ("whole number", "10") if whole else ("number", "0.1")
    number = _number(value)
    if number is None or (whole and isinstance(number, float)) or not 0 < number < float("inf"):
        came = value if number is None else number
        raise SettingError(f"{name} = {_shown(came)}", f"a {kind} above zero", f"{name}={example}")


def not_negative(name: str, value: object, below: float = float("inf")) -> None:
    """Raise SettingError unless a setting is a number of at least 0.

    Parameters
    ----------
    name : str
        Name of the setting.
    value : object
        Its value.
    below : float, optional
        Upper limit, excluded.
    """
    if (number := _number(value)) is None or not 0 <= number < below:
        limit = "a finite number" if below == float("inf") else f"a number below {below:g}"
        raise SettingError(f"{name} = {_shown(value)}", f"{limit}, at least 0", f"{name}=0")


def between_0_and_1(name: str, value: object) -> None:
    """Raise SettingError unless a setting is a number between 0 and 1, both excluded."""
    if (number := _number(value)) is None or not 0 < number < 1:
        raise SettingError(f"{name} = {value!r}", "a number between 0 and 1", f"{name}=0.1")


def checked_language(asked: str | None) -> str:
    """Return a language, by default that of texts; raise SettingError for an unsupported one.

    Parameters
    ----------
    asked : str or None
        "en" or "zh"; None is the language of texts.
    """
    if asked is not None and asked not in LANGUAGES:
        raise SettingError(
            f"language = {asked!r}",
            " or ".join(f"{name!r} ({own})" for name, own in LANGUAGES.items()),
            did_you_mean(str(asked), LANGUAGES, "language='zh'"),
        )
    return language() if asked is None else asked


def is_number(value: object) -> bool:
    """Return whether a value is a number of Python or NumPy, and not a bool."""
    return _number(value) is not None


def _number(value: object) -> int | float | None:
    """A Python or NumPy number as a Python number; None for anything else."""
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
