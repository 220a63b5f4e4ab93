"""Drift between two tables: columns whose types, gaps, values or distributions differ.

A difference is reported if it is significant among all tests of all columns, by Holm's correction,
and large: in large tables every difference is significant, and in small ones many are large.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.files.features import Column, Columns
from handgrad.tables.data.frames import text_in
from handgrad.tables.data.out_of_range import shown
from handgrad.tables.inspection.distributions import Distribution, frequencies_of, histograms_of
from handgrad.textbook.layers import Array

MISSING, ADDED, CHANGED = "missing column", "new column", "type changed"  # always findings
# Probability that a difference is reported between rows of one distribution.
LEVEL = 0.01
# Smallest differences reported: of cumulative shares or those of categories; of the shares of
# missing values (Cohen's h, of which 0.2 is small); and the share of new or vanished values.
APART, GAPS, SHARE = 0.1, 0.2, 0.01
FEWEST_EXPECTED = 5  # rows in each category of the chi-squared test
MOST_EXACT = 1000  # rows for which a p-value is exact
MOST_VALUES, LONGEST = 3, 40
QUARTILES = (0.25, 0.5, 0.75)
KINDS = {"number": "numbers", "date": "dates", "text": "text"}


@dataclass(frozen=True)
class ColumnDrift:
    """Comparison of a column in a new and an old table; pairs are new and old.

    `missing` are the shares of missing values; `distance` is the largest difference of the
    cumulative shares of numbers and dates, or the share of rows whose category would have to
    change, and `p` the probability of one as large by chance; `quartiles` are those of numbers, or
    of dates in days. `new` and `vanished` are categories that only one table has, with their number
    of rows.
    """

    column: str
    kind: str
    missing: tuple[float, float]
    distance: float | None
    quartiles: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    new: Mapping[str, int] = field(default_factory=dict)
    vanished: Mapping[str, int] = field(default_factory=dict)
    p: float | None = None
    distribution: Distribution | None = None

    @property
    def place(self) -> str:
        """The column as its findings name it."""
        return f"column “{self.column}”"


@dataclass(frozen=True)
class Difference:
    """Finding with the probability `p` of a difference as large by chance, and if it is `large`."""

    finding: Finding
    p: float
    large: bool


@dataclass(frozen=True)
class Drift:
    """Comparison of two tables: columns that both have, and findings."""

    columns: tuple[ColumnDrift, ...]
    findings: tuple[Finding, ...]


def drift_between(new: Columns, old: Columns) -> Drift:
    """Compare the parsed columns of two tables."""
    findings = [*_other_columns(new, old)]
    compared, differences = list[ColumnDrift](), list[Difference]()
    for name in old:
        if name not in new:
            continue
        pair = _of_one_kind(new[name], old[name])
        if pair is None:
            findings.append(_other_type(name, new[name], old[name]))
            continue
        gaps = _gaps(name, *pair)
        column, others = (_categories if pair[0].kind == "text" else _numbers)(name, *pair)
        compared.append(column)
        differences += [gaps, *others]
    findings += [each.finding for each in significant(differences)]
    return Drift(tuple(compared), tuple(findings))


def significant(differences: Sequence[Difference]) -> list[Difference]:
    """Large differences that are significant among all of them, by Holm's correction (1979)."""
    order = sorted(range(len(differences)), key=lambda i: differences[i].p)
    chosen = set[int]()
    for rank, i in enumerate(order):
        if differences[i].p * (len(order) - rank) > LEVEL:
            break
        chosen.add(i)
    return [each for i, each in enumerate(differences) if i in chosen and each.large]


def _other_columns(new: Columns, old: Columns) -> Iterator[Finding]:
    for name in old:
        if name not in new:
            yield Finding(
                MISSING,
                f"column “{name}”",
                "only the old table has it",
                "add it, with empty cells where it is unknown",
            )
    for name in new:
        if name not in old:
            yield Finding(
                ADDED,
                f"column “{name}”",
                "only the new table has it",
                "train again to use it; a model ignores it",
            )


def _of_one_kind(new: Column, old: Column) -> tuple[Column, Column] | None:
    """Both columns, as text if one is text or truth values that the other has too; else None."""
    if new.missing.all() or old.missing.all():
        kind = old.kind if new.missing.all() else new.kind
        kind = "text" if kind == "boolean" else kind
        return _as_kind(new, kind), _as_kind(old, kind)
    if "boolean" in (new.kind, old.kind) and "date" not in (new.kind, old.kind):
        new, old = (c if c.kind == "text" else text_in(c) for c in (new, old))
    return (new, old) if new.kind == old.kind else None


def _as_kind(column: Column, kind: str) -> Column:
    """A column as `kind`, where it is empty or truth values."""
    if column.kind == kind:
        return column
    if kind == "text":
        return text_in(column)
    return Column("date" if kind == "date" else "number", np.full(len(column.values), np.nan))


def _other_type(name: str, new: Column, old: Column) -> Finding:
    first = str(new.values[~new.missing][0])
    example = f", such as {_short(first)}" if new.kind == "text" else ""
    kinds = [KINDS.get(column.kind, "truth values") for column in (old, new)]
    return Finding(
        CHANGED,
        f"column “{name}”",
        f"{kinds[0]} in the old table, {kinds[1]} in the new one{example}",
        "correct these cells, or read the column in the same way",
    )


def _gaps(name: str, new: Column, old: Column) -> Difference:
    """Difference of the shares of missing values."""
    from scipy.stats import chi2_contingency, fisher_exact

    counts = [[int(column.missing.sum()), int((~column.missing).sum())] for column in (new, old)]
    shares = [gone / max(gone + there, 1) for gone, there in counts]
    h = abs(2 * np.arcsin(np.sqrt(shares[0])) - 2 * np.arcsin(np.sqrt(shares[1])))
    p = 1.0
    if shares[0] != shares[1]:
        few = min(min(row) for row in counts) < MOST_EXACT
        p = float((fisher_exact if few else chi2_contingency)(counts)[1])
    finding = Finding(
        "missing values",
        f"column “{name}”",
        f"{percentage(shares[0])} of its cells are empty, {percentage(shares[1])} in the old table",
        "check where the values come from",
    )
    return Difference(finding, p, bool(h >= GAPS))


def _numbers(name: str, new: Column, old: Column) -> tuple[ColumnDrift, list[Difference]]:
    """Comparison of numbers or dates, by the test of Kolmogorov and Smirnov."""
    from scipy.stats import ks_2samp

    sides = [column.values[~column.missing].astype(float) for column in (new, old)]
    gaps = float(new.missing.mean()), float(old.missing.mean())
    if not all(map(len, sides)):
        return ColumnDrift(name, new.kind, gaps, None), []
    exact = min(map(len, sides)) <= MOST_EXACT and max(map(len, sides)) <= 10 * MOST_EXACT
    test = ks_2samp(*sides, method="auto" if exact else "asymp")
    quartiles = [tuple(np.quantile(side, QUARTILES).tolist()) for side in sides]
    distance = float(test.statistic)
    middle = shown(quartiles[1][1], quartiles[0][1], is_date=new.kind == "date")
    half = [shown(q[0], q[2], is_date=new.kind == "date") for q in quartiles]
    finding = Finding(
        "other distribution",
        f"column “{name}”",
        f"the median is {middle[1]}, half of the values lie between {half[0][0]} and {half[0][1]}; "
        f"in the old table it is {middle[0]}, between {half[1][0]} and {half[1][1]}",
        "check the unit and the source; if the world has changed, train again with new rows",
    )
    p = float(test.pvalue)
    column = ColumnDrift(
        name,
        new.kind,
        gaps,
        distance,
        (quartiles[0], quartiles[1]),
        p=p,
        distribution=histograms_of(*sides),
    )
    return column, [Difference(finding, p, distance >= APART)]


def _categories(name: str, new: Column, old: Column) -> tuple[ColumnDrift, list[Difference]]:
    """Comparison of categories, by a chi-squared test and one for values of one table only."""
    gaps = float(new.missing.mean()), float(old.missing.mean())
    counts = [Counter(column.values[~column.missing].tolist()) for column in (new, old)]
    totals = [sum(count.values()) for count in counts]
    if not all(totals):
        return ColumnDrift(name, "category", gaps, None), []
    values = sorted({*counts[0], *counts[1]})
    rows = np.array([[count[value] for value in values] for count in counts], float)
    shares = rows / rows.sum(axis=1, keepdims=True)
    p, pooled = _chi_squared(rows)
    changes = np.argsort(-np.abs(shares[0] - shares[1]), kind="stable")[:MOST_VALUES]
    listed = ", ".join(
        f"{_short(values[i])} {percentage(shares[0, i])} instead of {percentage(shares[1, i])}"
        for i in changes
        if shares[0, i] != shares[1, i]
    )
    finding = Finding(
        "other distribution",
        f"column “{name}”",
        f"the categories have other shares: {listed}",
        "check the source; if the world has changed, train again with new rows",
    )
    alone = [
        {
            value: count[value]
            for value in sorted(count, key=lambda v: -count[v])
            if not other[value]
        }
        for count, other in (counts, counts[::-1])
    ]
    drawn = frequencies_of(*counts)
    column = ColumnDrift(name, "category", gaps, pooled, None, alone[0], alone[1], p, drawn)
    differences = [Difference(finding, p, pooled >= APART)]
    for which, (of_side, n, m) in enumerate(zip(alone, totals, totals[::-1], strict=True)):
        if of_side:
            differences.append(_alone(name, of_side, n, m, len(values), is_new=which == 0))
    return column, differences


def _chi_squared(rows: Array) -> tuple[float, float]:
    """Probability of the counts (2, n_values) by chance, and the share of rows that differ.

    Rare values are pooled, so that many of them are no difference.
    """
    from scipy.stats import chi2_contingency

    expected = rows.sum(axis=0) * rows.sum(axis=1).min() / rows.sum()
    rare = expected < FEWEST_EXPECTED
    pooled = np.column_stack([rows[:, ~rare], rows[:, rare].sum(axis=1)])
    pooled = pooled[:, pooled.sum(axis=0) > 0]
    if pooled.shape[1] < 2:
        return 1.0, 0.0
    shares = pooled / pooled.sum(axis=1, keepdims=True)
    p = float(chi2_contingency(pooled, correction=False)[1])
    return p, float(np.abs(shares[0] - shares[1]).sum() / 2)


def _alone(
    name: str, values: Mapping[str, int], n: int, m: int, n_values: int, *, is_new: bool
) -> Difference:
    """Values that only one table has, of `n` rows, where the other has `m`.

    The probability is that of the most frequent one, among `n_values`, in rows of one distribution.
    """
    most = next(iter(values.values()))
    drawn = np.arange(most)
    p = float(np.exp(np.log((n - drawn) / (n + m - drawn)).sum()))
    large = {value: count for value, count in values.items() if count >= SHARE * n}
    several = ", ".join(f"{_short(v)} ({c:,} rows)" for v, c in [*large.items()][:MOST_VALUES])
    more = ", …" * (len(large) > MOST_VALUES)
    where, other = ("old", "new") if is_new else ("new", "old")
    finding = Finding(
        "new values" if is_new else "vanished values",
        f"column “{name}”",
        f"the {where} table does not have {several}{more} of the {other} one",
        "check the spelling; a model treats unseen values as missing"
        if is_new
        else "check the spelling, and whether rows were left out",
    )
    return Difference(finding, min(1.0, p * n_values), bool(large))


def percentage(share: float) -> str:
    """Format a share in per cent, with a decimal below 10 and above 90.

    >>> [percentage(share) for share in (0, 0.0001, 0.085, 0.5, 0.915, 0.9999, 1)]
    ['0%', '< 0.1%', '8.5%', '50%', '91.5%', '> 99.9%', '100%']
    """
    if 0 < share < 0.0005:
        return "< 0.1%"
    if 0.9995 <= share < 1:
        return "> 99.9%"
    return f"{100 * share:.{0 if share in (0, 1) or 0.1 <= share <= 0.9 else 1}f}%"


def _short(value: str) -> str:
    return f"“{value if len(value) <= LONGEST else value[: LONGEST - 1] + '…'}”"
