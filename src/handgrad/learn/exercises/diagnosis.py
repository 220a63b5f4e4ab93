"""Diagnosis of a wrong answer: which pattern of a mistake it fits, found by least squares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Context
from typing import TypeAlias

import numpy as np

from handgrad.textbook.layers import Array

FOUR_DIGITS = Context(4, ROUND_HALF_UP)
CLOSE = 1e-5  # relative tolerance of a fitted coefficient


@dataclass(frozen=True)
class Hint:
    """An array with a description: a term, a factor, a region, or a common mistake."""

    note: str
    values: Array


@dataclass(frozen=True)
class Known:
    """Terms, factors, regions and common mistakes of a correct answer."""

    terms: tuple[Hint, ...] = ()
    factors: tuple[Hint, ...] = ()
    regions: tuple[Hint, ...] = ()
    mistakes: tuple[Hint, ...] = ()


@dataclass(frozen=True)
class Remark:
    """One finding on one answer: a key of words.json and the values of its sentence."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


def format_number(number: float) -> str:
    """Format a number with four significant digits, as the page does.

    >>> format_number(0.33333), format_number(-2.0), format_number(1e-7), format_number(123456.0)
    ('0.3333', '-2', '1e-7', '123500')
    """
    if not np.isfinite(number):
        return "NaN" if np.isnan(number) else ("∞" if number > 0 else "-∞")
    rounded = float(FOUR_DIGITS.create_decimal_from_float(number)) + 0.0  # no −0
    size = abs(rounded)
    if size != 0 and not 1e-4 <= size < 1e16:
        digits, power = f"{rounded:.3e}".split("e")
        return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"
    return f"{rounded:.10f}".rstrip("0").rstrip(".")


def agrees(answer: Array, measured: Array) -> Array:
    """Mask of the entries that are equal within the error of finite differences."""
    scale = float(np.abs(measured).max(initial=0))
    both = np.maximum(np.abs(answer), np.abs(measured))
    with np.errstate(invalid="ignore"):
        close = np.abs(answer - measured) <= 1e-6 * both + 1e-8 * scale
    return close & np.isfinite(answer)


Remarks: TypeAlias = tuple[Remark, ...]
Cases: TypeAlias = tuple[tuple[float, Remarks | None], ...]


@dataclass(frozen=True)
class ColumnRemarks:
    """Remarks on the coefficient of a column: of the first close number of `cases`, or `other`.

    In `other` the coefficient is inserted as `ratio`; None means that the pattern does not fit.
    """

    cases: Cases = ()
    other: Remarks | None = None

    def remarks(self, coefficient: float) -> Remarks | None:
        """Remarks for a coefficient, or None."""
        for number, remarks in self.cases:
            if abs(coefficient - number) <= CLOSE * (abs(number) or 1):
                return remarks
        ratio = {"ratio": format_number(coefficient)}
        return self.other and tuple(replace(r, values={**r.values, **ratio}) for r in self.other)


ONE: Cases = ((1.0, ()),)  # the coefficient must be 1
ANY = ColumnRemarks(other=())


@dataclass(frozen=True)
class Pattern:
    """Answers that are a linear combination of columns: `opening`, and the remarks of each.

    `columns` (k, size) are flat arrays, `inverse` (k, size) their pseudo-inverse: its products
    with an answer are the coefficients. The page has this as data.
    """

    opening: Remarks
    column_remarks: tuple[ColumnRemarks, ...]
    columns: Array
    inverse: Array

    def remarks(self, answer: Array) -> Remarks | None:
        """Remarks on an answer, or None if it does not fit."""
        coefficients = self.inverse @ answer.ravel()
        if not agrees(answer.ravel(), coefficients @ self.columns).all():
            return None
        remarks = self.opening
        for column, coefficient in zip(self.column_remarks, coefficients, strict=True):
            if (more := column.remarks(float(coefficient))) is None:
                return None
            remarks += more
        return remarks


def diagnose(answer: Array, measured: Array, patterns: Sequence[Pattern]) -> list[Remark]:
    """Remarks on an answer: `right` alone if it is correct."""
    answer = np.asarray(answer, np.float64)
    if answer.shape != measured.shape:
        return [_wrong_shape(answer, measured)]
    good = agrees(answer, measured)
    if good.all():
        return [Remark("right", {"count": measured.size})]
    if not np.isfinite(answer).all():
        index = _first(~np.isfinite(answer))
        return [Remark("not_finite", {"at": _place(index), "came": format_number(answer[index])})]
    tried = (pattern.remarks(answer) for pattern in patterns)
    explanation: Remarks = next((remarks for remarks in tried if remarks is not None), ())
    index = _first(~good)
    ratio = answer[index] / measured[index] if measured[index] else np.inf
    example = {"at": _place(index), "answer": format_number(answer[index])}
    example |= {"measured": format_number(measured[index]), "ratio": format_number(ratio)}
    wrong = int((~good).sum())
    opening = Remark("wrong", {"wrong": wrong, "count": measured.size, **example})
    return [opening, *explanation]


def _wrong_shape(answer: Array, measured: Array) -> Remark:
    values: dict[str, object] = {"came": str(answer.shape), "expected": str(measured.shape)}
    if answer.ndim == 2 and answer.T.shape == measured.shape and agrees(answer.T, measured).all():
        return Remark("shape_transposed", values)
    for axis in range(answer.ndim):
        for keep in (False, True):
            summed = answer.sum(axis=axis, keepdims=keep)
            if summed.shape == measured.shape and agrees(summed, measured).all():
                return Remark("shape_sum", values | {"axis": axis})
    return Remark("shape", values)


def _first(where: Array) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(where)[0])


def _place(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]" if index else ""


def patterns(measured: Array, n: int, known: Known) -> tuple[Pattern, ...]:
    """Patterns of mistakes for a correct answer, in the order in which they are tried."""
    noise = agrees(np.zeros(measured.shape), measured)
    return tuple(filter(None, _patterns(np.where(noise, 0, measured), n, known)))


def _patterns(measured: Array, n: int, known: Known) -> Iterator[Pattern | None]:
    for mistake in known.mistakes:
        if mistake.values.shape == measured.shape:
            yield _pattern(_with_note("mistake", mistake), (mistake.values, ColumnRemarks(ONE)))
    nothing = np.empty((0, measured.size))
    yield Pattern((Remark("zero"),), (), nothing, nothing)
    if measured.ndim == 2 and measured.shape == measured.T.shape:
        yield _pattern((Remark("transposed"),), (measured.T, ColumnRemarks(ONE)))
    ratios = _ratios(n, measured.shape)
    yield from _factors(
        measured, [f for f in known.factors if f.values.size == 1], ColumnRemarks(ONE)
    )
    yield _pattern((), (measured, ratios))
    yield from _factors(measured, known.factors, replace(ratios, cases=ONE + ratios.cases))
    if len(known.terms) > 1:
        yield _pattern((), *((term.values, _term_remarks(term)) for term in known.terms))
    for region in known.regions:
        yield from _region(measured, region)
    if measured.ndim == 2 and 1 not in measured.shape:
        for key, axis in (("by_row", 0), ("by_column", 1)):
            yield _lines(key, measured, axis)


def _pattern(opening: Remarks, *columns: tuple[Array, ColumnRemarks]) -> Pattern | None:
    """The pattern of some columns; None if they are not linearly independent numbers."""
    matrix = np.array([column.ravel() for column, _ in columns], np.float64)
    if not np.isfinite(matrix).all() or np.linalg.matrix_rank(matrix) < len(columns):
        return None
    return Pattern(
        opening, tuple(remarks for _, remarks in columns), matrix, np.linalg.pinv(matrix).T
    )


def _with_note(key: str, hint: Hint) -> Remarks:
    return (Remark(key, {"note": hint.note}),)


def _ratios(n: int, shape: Sequence[int]) -> ColumnRemarks:
    """The common mistakes that a constant factor points to."""
    columns, size = shape[-1] if len(shape) > 1 else n, int(np.prod(shape, dtype=int))
    cases: list[tuple[float, Remarks | None]] = [(-1.0, (Remark("ratio_sign"),))]
    for name, k in {"two": 2, "rows": n, "columns": columns, "entries": size}.items():
        for way, factor in (("times", k), ("by", 1 / k)) if k > 1 else ():
            for sign, end in ((1, ""), (-1, "_sign")):
                cases.append((sign * factor, (Remark(f"ratio_{way}_{name}{end}", {"n": k}),)))
    return ColumnRemarks(tuple(cases), (Remark("ratio"),))


def _factors(
    measured: Array, factors: Sequence[Hint], remarks: ColumnRemarks
) -> Iterator[Pattern | None]:
    """A missing or an extra factor, and a wrong constant beside it."""
    for factor in factors:
        try:
            values = np.broadcast_to(factor.values, measured.shape)
        except ValueError:  # a factor of another shape
            continue
        zero = values == 0
        if not measured[zero].any():
            divided = measured / np.where(zero, 1, values)
            free = [(column, ANY) for column in _units(zero)]
            yield _pattern(_with_note("factor_missing", factor), (divided, remarks), *free)
        yield _pattern(_with_note("factor_extra", factor), (measured * values, remarks))


def _units(where: Array) -> Iterator[Array]:
    """For each true entry an array with a single 1: any number may be there."""
    return (np.asarray(one.reshape(where.shape)) for one in np.eye(where.size)[where.ravel()])


def _term_remarks(term: Hint) -> ColumnRemarks:
    cases = ((0.0, _with_note("term_missing", term)), (-1.0, _with_note("term_sign", term)))
    return ColumnRemarks(ONE + cases, _with_note("term_ratio", term))


def _region(measured: Array, region: Hint) -> Iterator[Pattern | None]:
    """Errors in one region only, such as x < 0, and their ratio there."""
    here = np.broadcast_to(region.values, measured.shape).astype(bool)
    if here.all() or not here.any():
        return
    opening = _with_note("region", region)
    outside = [(measured * ~here, ColumnRemarks(ONE))] if measured[~here].any() else []
    there = ColumnRemarks(((0.0, (Remark("there_zero"),)),), (Remark("there_ratio"),))
    yield _pattern(opening, *outside, (measured * here, there))
    yield _pattern(opening, *outside, *((column, ANY) for column in _units(here)))


def _lines(key: str, measured: Array, axis: int) -> Pattern | None:
    """A constant factor, which is not 0, for each row or each column."""
    place = np.indices(measured.shape)[axis]
    remarks = ColumnRemarks(((0.0, None),), ())
    lines = [(np.where(place == i, measured, 0), remarks) for i in range(measured.shape[axis])]
    return _pattern((Remark(key),), *lines)
