"""Diagnosis of a wrong answer: a factor, a sign, 1/n, a transpose or a term, found by fitting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context

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
    values: dict[str, object] = field(default_factory=dict)


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


def diagnose(answer: Array, measured: Array, n: int, known: Known) -> list[Remark]:
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
    explanation = next(_patterns(answer, measured, n, known), [])
    index = _first(~good)
    ratio = answer[index] / measured[index] if measured[index] else np.inf
    example = {"at": _place(index), "answer": format_number(answer[index])}
    example |= {"measured": format_number(measured[index]), "ratio": format_number(ratio)}
    wrong = int((~good).sum())
    opening = Remark("wrong", {"wrong": wrong, "count": measured.size, **example})
    return [opening, *explanation]


def _patterns(answer: Array, measured: Array, n: int, known: Known) -> Iterator[list[Remark]]:
    """The explanations that fit, the most specific first."""
    for mistake in known.mistakes:
        if mistake.values.shape == measured.shape and agrees(answer, mistake.values).all():
            yield [Remark("mistake", {"note": mistake.note})]
    if not answer.any():
        yield [Remark("zero")]
    square = measured.ndim == 2 and measured.shape == measured.T.shape
    if square and agrees(answer.T, measured).all():
        yield [Remark("transposed")]
    numbers = [factor for factor in known.factors if factor.values.size == 1]
    for remarks in _factors(answer, measured, n, numbers):
        if len(remarks) == 1:  # a known constant, and nothing besides
            yield remarks
    if (ratio := constant_ratio(answer, measured)) is not None:
        yield [ratio_remark(ratio, n, measured.shape)]
    yield from _factors(answer, measured, n, known.factors)
    if parts := fitted(answer, [term.values for term in known.terms]):
        shares = zip(known.terms, parts, strict=True)
        yield [_term_remark(t.note, c) for t, c in shares if abs(c - 1) > CLOSE]
    yield from _regions(answer, measured, n, known.regions)
    yield from _lines(answer, measured)


def constant_ratio(answer: Array, measured: Array) -> float | None:
    """The constant c with answer = c · measured everywhere, or None."""
    square = float((measured * measured).sum())
    if square == 0:
        return None
    c = float((answer * measured).sum()) / square
    return c if c and agrees(answer, c * measured).all() else None


def ratio_remark(ratio: float, n: int, shape: Sequence[int]) -> Remark:
    """The common mistake that a constant factor points to."""
    size = int(np.prod(shape, dtype=int))
    sizes = {"two": 2, "rows": n, "columns": shape[-1] if len(shape) > 1 else n, "entries": size}
    sign, factor = ("_sign" if ratio < 0 else ""), abs(ratio)
    if abs(factor - 1) <= CLOSE:
        return Remark("ratio_sign")
    for name, number in sizes.items():
        if number > 1 and abs(factor / number - 1) <= CLOSE:
            return Remark(f"ratio_times_{name}{sign}", {"n": number})
        if number > 1 and abs(factor * number - 1) <= CLOSE:
            return Remark(f"ratio_by_{name}{sign}", {"n": number})
    return Remark("ratio", {"ratio": format_number(ratio)})


def _factors(
    answer: Array, measured: Array, n: int, factors: Sequence[Hint]
) -> Iterator[list[Remark]]:
    """A missing or an extra factor, and a wrong constant beside it."""
    for factor in factors:
        if not _stretches(factor.values.shape, answer.shape):
            continue
        for key, sides in (
            ("factor_missing", (answer * factor.values, measured)),
            ("factor_extra", (answer, measured * factor.values)),
        ):
            if (ratio := constant_ratio(*sides)) is not None:
                besides = [] if abs(ratio - 1) <= CLOSE else [ratio_remark(ratio, n, answer.shape)]
                yield [Remark(key, {"note": factor.note}), *besides]


def _stretches(shape: Sequence[int], to: Sequence[int]) -> bool:
    """True if an array of `shape` broadcasts to the shape `to`."""
    sizes = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(a in (1, b) for a, b in sizes)


def fitted(answer: Array, terms: Sequence[Array]) -> list[float]:
    """Coefficients of the terms in the answer; empty if it is not a sum of them."""
    if len(terms) < 2:
        return []
    columns = np.stack([term.ravel() for term in terms], axis=1)
    square, right = columns.T @ columns, columns.T @ answer.ravel()
    try:
        shares = np.linalg.solve(square, right)
    except np.linalg.LinAlgError:
        return []
    whole = (columns @ shares).reshape(answer.shape)
    close = np.abs(answer - whole).max() <= CLOSE * np.abs(answer).max()
    return [float(share) for share in shares] if close else []


def _term_remark(note: str, share: float) -> Remark:
    if abs(share) <= CLOSE:
        return Remark("term_missing", {"note": note})
    if abs(share + 1) <= CLOSE:
        return Remark("term_sign", {"note": note})
    return Remark("term_ratio", {"note": note, "ratio": format_number(share)})


def _regions(
    answer: Array, measured: Array, n: int, regions: tuple[Hint, ...]
) -> Iterator[list[Remark]]:
    """Errors in one region only, such as x < 0, and their ratio there."""
    good = agrees(answer, measured)
    for region in regions:
        here = np.broadcast_to(region.values, good.shape).astype(bool)
        if not here.any() or not good[~here].all() or here.all():
            continue
        ratio = constant_ratio(answer[here], measured[here])
        zero = not answer[here].any()
        there = [Remark("there_zero")] if zero else []
        if ratio is not None:
            there = [Remark("there_ratio", {"ratio": format_number(ratio)})]
        yield [Remark("region", {"note": region.note}), *there]


def _lines(answer: Array, measured: Array) -> Iterator[list[Remark]]:
    """A constant factor for each row or each column."""
    if answer.ndim != 2 or 1 in answer.shape:
        return
    for key, a, b in (("by_row", answer, measured), ("by_column", answer.T, measured.T)):
        if all(constant_ratio(x, y) is not None for x, y in zip(a, b, strict=True)):
            yield [Remark(key)]


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
