"""Columns whose values group similar rows on both sides of the split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.tables.data.table_options import option
from handgrad.tables.inspection.tables import IndexedTable
from handgrad.tables.reporting.leakage.dependent_rows import BETWEEN, REPEATED, Sides
from handgrad.textbook.layers import Array

FEWEST_GROUPS, GROUPED_ROWS, MOST_COLUMNS = 10, 4000, 40
# Constancy above which rows of a group count as nearly the same.
CONSTANT = 0.9
# Groups with a constant target: at least as many, and no larger; else they are categories.
MANY_GROUPS, SMALL_GROUP = 30, 50


def repeated_groups(sides: Sides, *, of_classes: bool) -> tuple[Finding, str] | None:
    """Finding for a column whose values group similar rows on both sides of the split.

    With the name of the column, or '' if only the target is constant, which may have other reasons.
    """
    candidates = [(name, g) for name in sides.places if (g := _Groups.of(sides, name))]
    candidates = sorted(candidates, key=lambda pair: (not pair[1].text, pair[1].n_groups))
    for name, groups in candidates[:MOST_COLUMNS]:
        by_columns = groups.columns_constant()
        if by_columns or groups.target_constant(of_classes):
            return _group_finding(name, groups), name if by_columns else ""
    return None


def _group_finding(name: str, groups: _Groups) -> Finding:
    sizes = groups.sizes
    times = f"{sizes.min()}" if sizes.min() == sizes.max() else f"about {np.mean(sizes):.0f}"
    one = f"“{name}”"
    return Finding(
        REPEATED,
        f"column {one}",
        f"{groups.n_groups:,} values occur {times} times each, and rows of the same {one} are in "
        "both training and held-out rows: the scores, with their intervals and comparisons, are "
        "valid for known values only, not for new ones",
        f"hold out whole groups: {option('group', name, quoted=True)}",
    )


class _Groups:
    """A sample of groups: rows with the same value of a column."""

    def __init__(self, sides: Sides, name: str, values: Sequence[Array], known: Array) -> None:
        self.sides, self.name = sides, name
        self.text = values[0].dtype == object
        held, learned = values
        both = np.concatenate([held[_there(held)], learned[_there(learned)]])
        different, counts = _different(both)
        self.n_groups = len(different)
        order = np.random.default_rng(0).permutation(np.flatnonzero(np.isin(different, known)))
        some = order[: max(FEWEST_GROUPS, int((np.cumsum(counts[order]) <= GROUPED_ROWS).sum()))]
        self.sizes, chosen = counts[some], different[some]
        self.rows = [np.flatnonzero(_is_in(side, chosen)) for side in values]
        of_rows = [side[rows] for side, rows in zip(values, self.rows, strict=True)]
        self.of_rows = _different(np.concatenate(of_rows), places=True)[1]

    @classmethod
    def of(cls, sides: Sides, name: str) -> _Groups | None:
        """Groups by a column, if it has many values that occur on both sides; else None."""
        values = [_values(table, name) for table in sides.places[name]]
        if any(side is None for side in values):
            return None
        held, learned = (side for side in values if side is not None)
        known, counts = _different(learned[_there(learned)])
        if len(known) < FEWEST_GROUPS or 2 * len(known) > len(learned) + len(held):
            return None
        if _is_in(held, known).mean() < BETWEEN or (counts > 1).mean() < BETWEEN:
            return None
        return cls(sides, name, [held, learned], known)

    def columns_constant(self) -> bool:
        """Return True if half of the other columns, at least two, are nearly constant in groups."""
        names = [name for name in self.sides.tables[0].names if name != self.name]
        places = np.linspace(0, len(names) - 1, min(len(names), MOST_COLUMNS)).round().astype(int)
        tables = [
            IndexedTable(table.take(rows)).columns()
            for table, rows in zip(self.sides.tables, self.rows, strict=True)
            if len(rows)
        ]
        constancies = list[float]()
        for i in places:
            parts = [table[names[i]] for table in tables]
            text = any(part.kind in ("text", "boolean") for part in parts)
            values = [part.values.astype(str) if text else part.values for part in parts]
            constancies.append(constancy(np.concatenate(values), self.of_rows, of_classes=text))
        varied = [value for value in constancies if not np.isnan(value)]
        constant = sum(value >= CONSTANT for value in varied)
        return constant >= 2 and 2 * constant >= len(varied)

    def target_constant(self, of_classes: bool) -> bool:
        """Return True if the target is nearly constant in small groups.

        Numbers whose neighbours have similar targets are measurements, not names of groups.
        """
        if self.n_groups < MANY_GROUPS or self.sizes.mean() > SMALL_GROUP:
            return False
        pairs = zip(self.sides.targets, self.rows, strict=True)
        y = np.concatenate([t[rows] for t, rows in pairs])
        if not constancy(y, self.of_rows, of_classes=of_classes) >= CONSTANT:
            return False
        neighbours = self.of_rows // 2
        return self.text or constancy(y, neighbours, of_classes=of_classes) < CONSTANT / 1.5


def _values(table: IndexedTable, name: str) -> Array | None:
    """Values of a column that may name groups, text or integers; else None."""
    if table.frame is None:
        values = table.array[:, table.place(name)]
        if values.dtype.kind not in "iuf":
            return None
        numbers = values.astype(float)
    else:
        column = table.frame[name]
        kind = column.dtype
        if kind.is_numeric():
            numbers = np.asarray(column.cast(_float()).to_numpy(), float)
        elif str(kind) in ("String", "Categorical", "Object") or str(kind).startswith("Enum"):
            values = np.empty(len(column), object)
            values[:] = column.to_list()
            return values
        else:
            return None
    there = ~np.isnan(numbers)
    return numbers if (numbers[there] == np.round(numbers[there])).all() else None


def _float() -> type:
    import narwhals.stable.v2 as nw

    return nw.Float64


def _there(values: Array) -> Array:
    if values.dtype == object:
        return np.array([isinstance(v, str) and bool(v.strip()) for v in values], bool)
    return ~np.isnan(values)


def _different(values: Array, *, places: bool = False) -> tuple[Array, Array]:
    """Distinct values and their counts, or with `places` the index of each value among them."""
    if values.dtype != object:
        different, of_rows, counts = np.unique(values, return_inverse=True, return_counts=True)
        return different, of_rows if places else counts
    texts = values.tolist()
    place = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    of_rows = np.array([place[text] for text in texts], int)
    names = np.empty(len(place), object)
    names[:] = [*place]
    return names, of_rows if places else np.bincount(of_rows, minlength=len(place))


def _is_in(values: Array, known: Array) -> Array:
    if values.dtype != object:
        return np.isin(values, known)
    names = {*known.tolist()}
    return np.array([value in names for value in values.tolist()], bool)


def constancy(values: Array, groups: Array, *, of_classes: bool) -> float:
    """Similarity of rows within groups: 1 if they are equal, 0 as by chance.

    For classes it compares how often two rows differ, for numbers the variance of their ranks. NaN
    if no group has two rows, or all rows are equal.

    >>> groups = np.array([0, 0, 1, 1])
    >>> constancy(np.array([3.0, 3.0, 5.0, 5.0]), groups, of_classes=False)
    1.0
    """
    from scipy.stats import rankdata

    n, sizes = len(values), np.bincount(groups)
    pairs = float((sizes * (sizes - 1)).sum())
    if not pairs or n < 2:
        return float("nan")
    if of_classes:
        codes = np.unique(values, return_inverse=True)[1]
        cells = np.unique(np.stack([groups, codes]), axis=1, return_counts=True)[1]
        counts = np.bincount(codes)
        within = 1 - float((cells * (cells - 1)).sum()) / pairs
        among_all = 1 - float((counts * (counts - 1)).sum()) / (n * (n - 1))
    else:
        ranks = rankdata(np.where(np.isnan(values), -np.inf, values))
        means = np.bincount(groups, ranks) / np.maximum(sizes, 1)
        free = max(n - int((sizes > 0).sum()), 1)
        within = float(((ranks - means[groups]) ** 2).sum()) / free
        among_all = float(ranks.var(ddof=1))
    return 1 - within / among_all if among_all else float("nan")
