"""Target leakage: a target of numbers that is a sum, a product or a ratio of a few columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.tables.reporting.checklist import NotApplicableError, SkippedCheckError
from handgrad.tables.reporting.leakage.single_columns import LEAKAGE
from handgrad.tables.reporting.leakage.target_sample import FEWEST_ROWS, TargetSample
from handgrad.tables.reporting.scores import number, percent, rows_of
from handgrad.textbook.layers import Array

# Columns of a sum and of a product or ratio, and those compared at most, also as factors of a sum.
MOST_TERMS, MOST_FACTORS, MOST_COLUMNS, MOST_SCALED = 5, 3, 100, 30
# A row agrees if it is off by at most this fraction of the spread; so many must, and after the
# first fit half must by ten times as much.
OFF, OF_ROWS, AT_FIRST = 0.02, 0.98, 0.5
ROWS_PER_COLUMN = 3
# Fraction of the rows that is left out of the next fit, since they may be exceptions.
TRIMMED, ROUNDS = 0.05, 6
# Parts of a sum below this fraction of the spread are none; so are differences from a round number.
NO_PART, ROUNDED = 0.005, 0.01
EXPONENTS = {0.5: "^½", 1.0: "", 2.0: "²", 3.0: "³"}


@dataclass(frozen=True)
class TargetFormula:
    """A formula of columns: its words, its columns, and the fraction of rows where it holds."""

    words: str
    columns: tuple[str, ...]
    holds: float


def formula_leaks(sample: TargetSample, names: Sequence[str]) -> Iterator[Finding]:
    """Finding for a target that is a formula of a few columns."""
    if sample.class_names:
        raise NotApplicableError("the target is a class")
    sample.check_size()
    columns = {name: sample.values(name) for name in names if not sample.is_text(name)}
    if not columns:
        raise NotApplicableError("no column of numbers")
    if len(columns) > MOST_COLUMNS:
        raise SkippedCheckError(f"over {MOST_COLUMNS} columns of numbers")
    formula = formula_of(columns, sample.t.astype(float))
    if formula is not None:
        several = len(formula.columns) > 1
        yield Finding(
            LEAKAGE,
            f"column{'s' * several} {', '.join(f'“{name}”' for name in formula.columns)}",
            f"the target is {formula.words} in {percent(formula.holds)} of "
            f"{rows_of(len(sample.t))}: {'are they' if several else 'is it'} known at the time of "
            "prediction?",
            "leave out what is known only with the target; if all is known before, no model is "
            "needed",
        )


def formula_of(columns: Mapping[str, Array], y: Array) -> TargetFormula | None:
    """The sum, product or ratio of a few columns that the target is, or None.

    >>> price, pieces = np.arange(1.0, 31), np.arange(30) % 7 + 1.0
    >>> formula_of({"price": price, "pieces": pieces}, price * pieces)
    TargetFormula(words='“price” × “pieces”', columns=('price', 'pieces'), holds=1.0)
    """
    with np.errstate(all="ignore"):
        x, y = _complete(columns, y)
        return (_sum(x, y) or _product(x, y) or _scaled_sum(x, y)) if x else None


def _complete(columns: Mapping[str, Array], y: Array) -> tuple[dict[str, Array], Array]:
    """Columns of which enough rows are complete, and the target, of these rows."""
    values, counts = np.unique(y, return_counts=True)
    rows = np.ones(len(y), bool)
    if 2 * counts.max() > len(y):  # most are one value, such as 0
        rows = y != values[counts.argmax()]
    n, chosen = rows.sum(), list[str]()
    for name in sorted(columns, key=lambda name: int(np.isnan(columns[name]).sum())):
        with_it = rows & np.isfinite(columns[name])
        fewest = max(FEWEST_ROWS, n / 2, ROWS_PER_COLUMN * (len(chosen) + 2))
        if with_it.sum() >= fewest and np.ptp(columns[name][with_it]):
            chosen.append(name)
            rows = with_it
    return {name: columns[name][rows] for name in columns if name in chosen}, y[rows]


@dataclass(frozen=True)
class _LinearFit:
    """Linear models of columns `x` for `b`, from which `to_y` computes the target `y`."""

    x: Mapping[str, Array]
    b: Array
    y: Array
    to_y: Callable[[Array], Array]

    def holds(self, total: Array, tolerance: float = OFF) -> float:
        """Fraction of the rows where a sum gives the target."""
        low, high = np.quantile(self.y, (0.25, 0.75))
        off = np.abs(self.to_y(total) - self.y)
        return float((off <= tolerance * (high - low) / 1.35).mean())

    def total(self, terms: Mapping[str, float]) -> Array:
        """The sum of a model: coefficients of columns, that of the constant under ""."""
        columns = (b * self.x[name] for name, b in terms.items() if name)
        return np.asarray(sum(columns, np.full(len(self.y), terms[""])))

    def of(self, names: Sequence[str]) -> dict[str, float] | None:
        """The model of some columns, without exceptions; None if it does not give the target."""
        x = np.stack([self.x[name] for name in names], axis=1)
        mean, spread = x.mean(axis=0), x.std(axis=0)
        a = np.column_stack([(x - mean) / spread, np.ones(len(x))])
        low, high = np.quantile(self.b, (TRIMMED / 2, 1 - TRIMMED / 2))
        rows, solved = (low <= self.b) & (self.b <= high), np.zeros(a.shape[1])
        for i in range(ROUNDS):
            some = a[rows]
            gram, moments = some.T @ some, some.T @ self.b[rows]
            if not (np.isfinite(gram).all() and np.isfinite(moments).all()):
                return None  # numbers that are too large to be squared
            solved = np.linalg.lstsq(gram, moments, rcond=1e-12)[0]
            total = a @ solved
            if not i and self.holds(total, 10 * OFF) < AT_FIRST:
                return None
            off = np.abs(self.to_y(total) - self.y)
            rows = off <= np.quantile(off, 1 - TRIMMED)
        if self.holds(a @ solved) < OF_ROWS:
            return None
        coefficients = solved[:-1] / spread
        constant = solved[-1] - float(mean @ coefficients)
        return dict(zip([*names, ""], [*coefficients.tolist(), float(constant)], strict=True))

    def few(self, most: int) -> dict[str, float] | None:
        """The model of at most so many columns; None if none gives the target.

        From that of all columns those without a part are left out, then the smallest one at a time.
        """
        terms, least = self.of([*self.x]), NO_PART * float(np.std(self.b))
        while terms is not None:
            parts = {name: abs(b) * np.std(self.x[name]) for name, b in terms.items() if name}
            by_size = sorted(parts, key=parts.__getitem__, reverse=True)
            large = [name for name in by_size if parts[name] >= least]
            fewer = [names for names in (large, by_size[:-1]) if 0 < len(names) < len(parts)]
            smaller = next(filter(None, map(self.of, fewer)), None)
            if smaller is None:
                return _in_order(terms, self.x) if len(parts) <= most else None
            terms = smaller
        return None


def _in_order(terms: Mapping[str, float], names: Iterable[str]) -> dict[str, float]:
    return {name: terms[name] for name in [*names, ""] if name in terms}


def _sum(x: Mapping[str, Array], y: Array) -> TargetFormula | None:
    fit = _LinearFit(x, y, y, lambda total: total)
    terms = fit.few(MOST_TERMS)
    if terms is None:
        return None
    columns = tuple(name for name in terms if name)
    return TargetFormula(
        _sum_in_words(terms, float(np.std(y))), columns, fit.holds(fit.total(terms))
    )


def _product(x: Mapping[str, Array], y: Array) -> TargetFormula | None:
    """The target as a product of powers, by logarithms."""
    usual = {name: values for name, values in x.items() if (values != 0).mean() >= OF_ROWS}
    rows = np.all([y != 0, *(values != 0 for values in usual.values())], axis=0)
    if not usual or rows.mean() < OF_ROWS**2:
        return None
    usual, y = {name: values[rows] for name, values in usual.items()}, y[rows]
    logs = {name: np.log(np.abs(values)) for name, values in usual.items()}
    logs = {name: values for name, values in logs.items() if np.ptp(values)}
    if not logs:
        return None
    fit = _LinearFit(logs, np.log(np.abs(y)), y, lambda total: np.sign(y) * np.exp(total))
    terms = fit.few(MOST_FACTORS)
    if terms is None:
        return None
    factor = float(np.exp(terms.pop("")))
    powers = {name: round(2 * power) / 2 for name, power in terms.items()}
    if any(
        abs(power) not in EXPONENTS or abs(power - terms[name]) > ROUNDED
        for name, power in powers.items()
    ):
        return None
    above = [f"“{name}”{EXPONENTS[p]}" for name, p in powers.items() if p > 0]
    below = [f"“{name}”{EXPONENTS[-p]}" for name, p in powers.items() if p < 0]
    if abs(factor - 1) > ROUNDED or not above:
        above.insert(0, number(factor))
    words = " / ".join([" × ".join(above), *below])
    return TargetFormula(
        words, tuple(powers), fit.holds(fit.total({**terms, "": float(np.log(factor))}))
    )


def _scaled_sum(x: Mapping[str, Array], y: Array) -> TargetFormula | None:
    """The target as a sum of columns, divided by one or multiplied by another."""
    scales = {name: scale for name, scale in x.items() if (scale != 0).all()}
    for name, scale in scales.items() if len(x) <= MOST_SCALED else ():
        others = {other: values for other, values in x.items() if other != name}
        for form, among, factor in (
            ("({}) / “{}”", x, 1 / scale),
            ("({}) × “{}”", others, scale),
        ):
            fit = _LinearFit(among, y / factor, y, partial(np.multiply, factor))
            terms = fit.few(MOST_FACTORS) if among else None
            columns = dict.fromkeys([*filter(None, terms or ()), name])
            if terms is not None and 2 <= len(columns) <= MOST_FACTORS:
                words = form.format(_sum_in_words(terms, float(np.std(fit.b))), name)
                return TargetFormula(words, tuple(columns), fit.holds(fit.total(terms)))
    return None


def _sum_in_words(terms: Mapping[str, float], spread: float) -> str:
    """A sum in words; a constant that is small beside the spread is left out."""
    words = ""
    for name, b in terms.items():
        if not name and abs(b) < NO_PART * spread:
            continue
        size = abs(b)
        whole = round(size) if size >= 0.5 and abs(size - round(size)) <= ROUNDED else size
        text = f"“{name}”" if name and whole == 1 else number(whole) + f" × “{name}”" * bool(name)
        sign = ("−" if b < 0 else "") if not words else (" − " if b < 0 else " + ")
        words += sign + text
    return words
