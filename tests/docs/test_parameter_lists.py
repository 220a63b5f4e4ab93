"""Public functions, methods and classes list their parameters as their signatures have them."""

from dataclasses import dataclass

from handgrad.textbook.layers import Layer
from tests.docs.parameter_lists import fault, faults


def listed_right(a: int, b: float = 1.0, *, c: str | None = None) -> int:
    """Return a number.

    Parameters
    ----------
    a, b : float
        Summands.
    c : str, optional
        A name.

    Returns
    -------
    int
        The sum.
    """
    raise NotImplementedError


def listed_in_another_order(b: int, a: int, c: int) -> None:
    """Do nothing.

    Parameters
    ----------
    a, b, c : int
        Numbers.
    """


def without_a_type(a: int, b: int, c: int) -> None:
    """Do nothing.

    Parameters
    ----------
    a
        A number.
    b, c : int
        Numbers.
    """


def not_listed(a: int, b: int, c: int) -> None:
    """Do nothing with a, b and c."""


def with_others(a: int, b: int, c: int, **settings: int) -> None:
    """Do nothing.

    Parameters
    ----------
    a : int
        A number.
    **settings
        All others.
    """


@dataclass
class Report:
    """A report.

    Attributes
    ----------
    epoch, rows, seconds : int
        Numbers.
    """

    epoch: int
    rows: int
    seconds: int


class Shift(Layer):
    """y = x + s, with s filled with `value`."""

    def __init__(self, n: int, value: float = 0.0) -> None:
        super().__init__()


def test_lists_are_compared_with_signatures() -> None:
    assert fault(listed_right, listed_right) == ""
    assert fault(Report, Report) == fault(with_others, None) == ""
    assert "lists a, b, c, takes b, a, c" in fault(listed_in_another_order, None)
    assert fault(without_a_type, None) == "lists b, c, takes a, b, c"
    assert fault(not_listed, None) == "lists nothing, takes a, b, c"
    assert fault(Shift, Shift) == "does not explain n"


def test_every_public_name_lists_its_parameters() -> None:
    assert faults() == []
