"""What is wrong with an answer: a factor, a sign, 1/n, a transpose, a term, found by fitting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context

import numpy as np

from handgrad.textbook.layers import Array

FOUR_DIGITS = Context(4, ROUND_HALF_UP)
CLOSE = 1e-5  # how far, of itself, a number fitted may be from the one it is taken for


@dataclass(frozen=True)
class Hint:
    """Numbers with a name in words: a term, a factor, a region, or a mistake known beforehand."""

    note: str
    values: Array


@dataclass(frozen=True)
class Known:
    """What is known of the right answer beside its numbers."""

    terms: tuple[Hint, ...] = ()
    factors: tuple[Hint, ...] = ()
    regions: tuple[Hint, ...] = ()
    mistakes: tuple[Hint, ...] = ()


@dataclass(frozen=True)
class Remark:
    """One finding on one answer: a key of words.json and the values of its sentence."""

    key: str
    values: dict[str, object] = field(default_factory=dict)


def said(number: float) -> str:
    """A number in four digits, as the page writes it too.

    >>> said(0.33333), said(-2.0), said(1e-7), said(123456.0)
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
    """Where the two are the same but for the errors of measuring."""
    scale = float(np.abs(measured).max(initial=0))
    both = np.maximum(np.abs(answer), np.abs(measured))
    with np.errstate(invalid="ignore"):
        close = np.abs(answer - measured) <= 1e-6 * both + 1e-8 * scale
    return close & np.isfinite(answer)


def diagnose(answer: Array, measured: Array, n: int, known: Known) -> list[Remark]:
    """What there is to say of an answer; one remark `right` if it is."""
    answer = np.asarray(answer, np.float64)
    if answer.shape != measured.shape:
        return [_wrong_shape(answer, measured)]
    good = agrees(answer, measured)
    if good.all():
        return [Remark("right", {"count": measured.size})]
    if not np.isfinite(answer).all():
        index = _first(~np.isfinite(answer))
        return [Remark("not_finite", {"at": _place(index), "came": said(answer[index])})]
    found = next(_patterns(answer, measured, n, known), [])
    index = _first(~good)
    ratio = answer[index] / measured[index] if measured[index] else np.inf
    example = {"at": _place(index), "answer": said(answer[index])}
    example |= {"measured": said(measured[index]), "ratio": said(ratio)}
    wrong = int((~good).sum())
    opening = Remark("wrong", {"wrong": wrong, "count": measured.size, **example})
    return [opening, *found]


def _patterns(answer: Array, measured: Array, n: int, known: Known) -> Iterator[list[Remark]]:
    """The explanations that hold, the most telling first."""
    for mistake in known.mistakes:
        if mistake.values.shape == measured.shape and agrees(answer, mistake.values).all():
            yield [Remark("mistake", {"note": mistake.note})]
    if not answer.any():
        yield [Remark("zero")]
    square = measured.ndim == 2 and measured.shape == measured.T.shape
    if square and agrees(answer.T, measured).all():
        yield [Remark("transposed")]
    numbers = [factor for factor in known.factors if factor.values.size == 1]
    for found in _factors(answer, measured, n, numbers):
        if len(found) == 1:  # a known constant, and nothing besides
            yield found
    if (ratio := constant_ratio(answer, measured)) is not None:
        yield [ratio_remark(ratio, n, measured.shape)]
    yield from _factors(answer, measured, n, known.factors)
    if parts := fitted(answer, [term.values for term in known.terms]):
        shares = zip(known.terms, parts, strict=True)
        yield [_term_remark(t.note, c) for t, c in shares if abs(c - 1) > CLOSE]
    yield from _regions(answer, measured, n, known.regions)
    yield from _lines(answer, measured)


def constant_ratio(answer: Array, measured: Array) -> float | None:
    """c, where answer = c · measured everywhere; None where there is no such number."""
    square = float((measured * measured).sum())
    if square == 0:
        return None
    c = float((answer * measured).sum()) / square
    return c if c and agrees(answer, c * measured).all() else None


def ratio_remark(ratio: float, n: int, shape: Sequence[int]) -> Remark:
    """The classic mistake that a constant factor looks like."""
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
    return Remark("ratio", {"ratio": said(ratio)})


def _factors(
    answer: Array, measured: Array, n: int, factors: Sequence[Hint]
) -> Iterator[list[Remark]]:
    """A factor that the answer lacks, or has too many; and what constant is off besides."""
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
    """Whether an array of a shape, multiplied into one of another, leaves it its shape."""
    sizes = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(a in (1, b) for a, b in sizes)


def fitted(answer: Array, terms: Sequence[Array]) -> list[float]:
    """How many times each term is in the answer; nothing, where it is no sum of them."""
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
    return Remark("term_ratio", {"note": note, "ratio": said(share)})


def _regions(
    answer: Array, measured: Array, n: int, regions: tuple[Hint, ...]
) -> Iterator[list[Remark]]:
    """Right everywhere but where something holds, and what it looks like there."""
    good = agrees(answer, measured)
    for region in regions:
        here = np.broadcast_to(region.values, good.shape).astype(bool)
        if not here.any() or not good[~here].all() or here.all():
            continue
        ratio = constant_ratio(answer[here], measured[here])
        zero = not answer[here].any()
        there = [Remark("there_zero")] if zero else []
        if ratio is not None:
            there = [Remark("there_ratio", {"ratio": said(ratio)})]
        yield [Remark("region", {"note": region.note}), *there]


def _lines(answer: Array, measured: Array) -> Iterator[list[Remark]]:
    """One constant factor a row, or one a column: what it depends on is off."""
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
