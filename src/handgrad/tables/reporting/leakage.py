"""Leakage: columns that predict the target alone, and held-out rows that are not independent.

Target leakage is a column that is known only after the target. Train-test leakage is held-out rows
of the same groups as training rows, or between their dates: the scores are then not valid for new
groups or later dates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

import numpy as np

from handgrad.check.doctor import Finding
from handgrad.files.features import Column
from handgrad.tables.data.table_options import option
from handgrad.tables.inspection.tables import IndexedTable
from handgrad.tables.reporting.scores import ScoredRows, number, percent, rows_of
from handgrad.textbook.layers import Array

ROWS_COMPARED, FEWEST_ROWS, FEWEST_OF_A_CLASS = 2000, 20, 5
# Leakage: accuracy of one column, its mistakes as a fraction of those of guessing, and its ROC AUC
# or rank correlation.
RESTATES, OF_MISTAKES, SAME_ORDER = 0.99, 0.1, 0.98
# Probability that cells are filled in for one class only by chance.
BY_CHANCE = 1e-6
LEAKAGE = "target leakage"
REPEATED, IN_TIME = "repeated groups", "dates within the training period"
NEAR = "near-duplicate rows"
DEPENDENT = (REPEATED, IN_TIME, NEAR)
FEWEST_GROUPS, GROUPED_ROWS, MOST_COLUMNS = 10, 4000, 40
# Constancy above which rows of a group count as nearly the same.
CONSTANT = 0.9
# Groups with a constant target: at least as many, and no larger; else they are categories.
MANY_GROUPS, SMALL_GROUP = 30, 50
# Rank correlation of dates with the order of the rows, from which the rows count as sorted.
SORTED, FEWEST_DATES, ROWS_IN_ORDER = 0.999, 20, 5000
BETWEEN = 0.5  # fraction of held-out rows, at least, within the training rows
ALIKE = 2 / 3  # error of the previous row, at most, as a fraction of that of guessing


def leaking(sides: Sequence[ScoredRows], names: Sequence[str]) -> Iterator[Finding]:
    """Columns that leak the target through their values or their missing values.

    Held-out and training rows are treated the same.
    """
    class_names, ends = sides[0].class_names, np.cumsum([len(side) for side in sides])
    drawn = np.sort(np.random.default_rng(0).permutation(ends[-1])[:ROWS_COMPARED])
    rows = [
        part - end
        for part, end in zip(
            np.split(drawn, np.searchsorted(drawn, ends[:-1])), [0, *ends], strict=False
        )
    ]
    some = [(side, part) for side, part in zip(sides, rows, strict=True) if len(part)]
    t = np.concatenate([side.y[part] for side, part in some])
    if len(t) < FEWEST_ROWS or len(np.unique(t)) < 2:
        return
    order = np.random.default_rng(1).permutation(len(t))  # independent of the order of the rows
    t, tables = t[order], [IndexedTable(side.table.take(part)).columns() for side, part in some]
    for name in names:
        parts = [table[name] for table in tables]
        values = _as_numbers(parts)[order]
        evidence = _filled_in(~np.isnan(values), t, class_names)
        if not evidence:
            text = any(part.kind == "text" for part in parts)
            evidence = _where_there(values, t, class_names, text=text)
        if evidence:
            yield Finding(
                LEAKAGE,
                f"column “{name}”",
                f"{evidence}: is it known at the time of prediction?",
                "leave it out, if it is known only later or is derived from the target",
            )


def _as_numbers(parts: Sequence[Column]) -> Array:
    """Values of a column as numbers, held-out and training rows; NaN if missing."""
    if {part.kind for part in parts} & {"text"}:
        missing = np.concatenate([part.missing for part in parts])
        texts = np.concatenate([part.values.astype(str) for part in parts])
        return np.where(missing, np.nan, np.unique(texts, return_inverse=True)[1].astype(float))
    return np.concatenate([part.values.astype(float) for part in parts])


def _filled_in(there: Array, t: Array, class_names: Sequence[str]) -> str:
    """Evidence that missing values predict the target, in words; '' if they do not."""
    n = len(there)
    if min(there.sum(), n - there.sum()) < FEWEST_OF_A_CLASS:
        return ""
    if not class_names:
        return _numbers_filled_in(there, t)
    counts = np.bincount(t, minlength=len(class_names))
    filled = np.bincount(t, there, minlength=len(class_names))
    known = np.flatnonzero((counts >= FEWEST_OF_A_CLASS) & (n - counts >= FEWEST_OF_A_CLASS))
    if not len(known):
        return ""
    inside = filled[known] / counts[known]
    rest = (there.sum() - filled[known]) / (n - counts[known])
    best = int(np.lexsort((inside, np.abs(inside - rest).round(9)))[-1])
    k, apart = int(known[best]), abs(inside[best] - rest[best])
    if (1 + apart) / 2 < SAME_ORDER and not _of_one_class(there, t, counts / n):
        return ""
    others = [name for i, name in enumerate(class_names) if i != k]
    other = f"“{others[0]}”" if len(others) == 1 else "the other classes"
    return (
        f"it is filled in for {percent(inside[best])} of “{class_names[k]}”, "
        f"{percent(rest[best])} of {other}"
    )


def _of_one_class(there: Array, t: Array, shares: Array) -> bool:
    """Return True if all filled or all missing cells are of one class, and not by chance."""
    sides = (t[there], t[~there])
    return any(
        len(side) >= FEWEST_ROWS
        and bool((side == side[0]).all())
        and shares[side[0]] ** len(side) < BY_CHANCE
        for side in sides
    )


def _numbers_filled_in(there: Array, t: Array) -> str:
    if min(there.sum(), (~there).sum()) < FEWEST_ROWS or _auc(t, there) < SAME_ORDER:
        return ""
    middle = [number(float(np.median(t[side]))) for side in (there, ~there)]
    return (
        f"it is filled in for {percent(float(there.mean()))} of the rows, with a median target of "
        f"{middle[0]}; the others have {middle[1]}"
    )


def _where_there(values: Array, t: Array, class_names: Sequence[str], *, text: bool) -> str:
    """Evidence that the values predict the target, in words; '' if they do not."""
    there = ~np.isnan(values)
    seldom = bool(there.mean() < 0.5)
    if seldom:  # ignore missing values
        values, t = values[there], t[there]
    if len(t) < FEWEST_ROWS or len(np.unique(t)) < 2:
        return ""
    evidence = _class_leak(values, t, class_names, text) if class_names else _rank_leak(values, t)
    filled = f"where it is filled in, for {percent(float(there.mean()))} of the rows, "
    return filled * seldom + evidence if evidence else ""


def _class_leak(values: Array, t: Array, class_names: Sequence[str], text: bool) -> str:
    guessed = np.unique(t, return_counts=True)[1].max() / len(t)
    right, p = _alone(values, t, len(class_names))
    if right >= max(RESTATES, 1 - OF_MISTAKES * (1 - guessed)):
        return f"it alone predicts {right:.1%} of {rows_of(len(t))} correctly"
    if len(class_names) != 2 or min(np.bincount(t, minlength=2)) < FEWEST_OF_A_CLASS:
        return ""
    there = ~np.isnan(values)
    auc = _auc(p[:, 1], t == 1) if text or not there.all() else _auc(values, t == 1)
    if auc < SAME_ORDER:
        return ""
    return f"it alone separates the two classes, with a ROC AUC of {auc:.3f}"


def _rank_leak(values: Array, t: Array) -> str:
    """Evidence of a high rank correlation of a column with the target, in words; or ''."""
    from scipy.stats import spearmanr

    there = ~np.isnan(values)
    if len(np.unique(values[there])) < 2 or len(np.unique(t[there])) < 2:
        return ""
    alike = abs(float(spearmanr(values[there], t[there]).statistic))
    if alike < SAME_ORDER:
        return ""
    return (
        f"it alone orders {rows_of(len(t))} like the target, with a rank correlation of {alike:.3f}"
    )


def _alone(values: Array, t: Array, n_classes: int) -> tuple[float, Array]:
    """Accuracy and probabilities (n, n_classes) of a decision tree on one column.

    Each half of the rows is predicted by a tree trained on the other.
    """
    from sklearn.tree import DecisionTreeClassifier

    there = np.where(np.isnan(values), np.nanmin(values) - 1, values)
    x, p, half = there[:, None], np.zeros((len(t), n_classes)), np.arange(len(t)) % 2 == 0
    for learned in (half, ~half):
        tree = DecisionTreeClassifier(random_state=0).fit(x[learned], t[learned])
        p[np.ix_(~learned, tree.classes_)] = tree.predict_proba(x[~learned])
    return float((p.argmax(axis=1) == t).mean()), p


def _auc(values: Array, first: Array) -> float:
    """ROC AUC of `values` for the rows `first`, in the better of both directions."""
    from scipy.stats import rankdata

    n, others = int(first.sum()), int((~first).sum())
    area = (rankdata(values)[first].sum() - n * (n + 1) / 2) / max(n * others, 1)
    return float(max(area, 1 - area))


@dataclass(frozen=True)
class Sides:
    """Held-out and training rows, in order, with their targets: class indices or numbers.

    `tables` are their features; `beside` are the columns that are not features, if there are any.
    """

    tables: tuple[IndexedTable, IndexedTable]
    targets: tuple[Array, Array]
    beside: tuple[IndexedTable, IndexedTable] | None = None

    @property
    def places(self) -> dict[str, tuple[IndexedTable, IndexedTable]]:
        """Tables of each column."""
        left_out = () if self.beside is None else self.beside[0].names
        return {
            **dict.fromkeys(self.tables[0].names, self.tables),
            **{name: self.beside for name in left_out if self.beside is not None},
        }


def column_of(finding: Finding) -> str:
    """Name of the column of a finding of dependent rows."""
    return finding.where.removeprefix("column “").removesuffix("”")


class ScoresOfSplits(TypedDict):
    """Score of a small model on a random split, and on one that fits, by groups or in time."""

    by: str
    metric: str
    random: float
    fitting: float
    between: list[float] | None
    rows: int
    groups: int
    nets: int


def near_duplicates(measured: ScoresOfSplits) -> Finding:
    """Finding for groups of nearly equal rows, with scores on two splits."""
    n, n_groups = measured["rows"], measured["groups"]
    finding = Finding(
        NEAR,
        "the rows",
        f"{n:,} rows form {n_groups:,} groups of nearly equal values, with rows in both training "
        "and held-out rows: the scores, with their intervals and comparisons, are valid for more "
        "rows of these groups, not for new ones",
        f"add a column that says which rows belong together, and {option('group')} it",
    )
    return with_both_scores(finding, measured)


def with_both_scores(finding: Finding, measured: ScoresOfSplits) -> Finding:
    """The finding with the scores on a random split and on the one that fits."""
    show = percent if measured["metric"] == "accuracy" else number
    between = ""
    if measured["between"]:
        low, high = map(show, measured["between"])
        between = f" (between {low} and {high}, with 95% confidence)"
    known, new = ("known values", "new ones")
    if measured["by"] == "time":
        known, new = "dates in between", "later ones"
    values = [show(measured["random"]), show(measured["fitting"]) + between]
    net = f"a model of {measured['nets']} nets"
    if measured["metric"] == "accuracy":
        both = f"{net} is correct for {values[0]} of rows of {known}, for {values[1]} of {new}"
    else:
        both = f"{net} is off by {values[0]} on average for {known}, by {values[1]} for {new}"
    return replace(finding, evidence=f"{finding.evidence}; {both}")


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


def sorted_by_date(sides: Sides, held: ScoredRows) -> tuple[Finding, str] | None:
    """Finding for rows sorted by a date with held-out rows between training rows; the column."""
    for name, tables in sides.places.items():
        if all(_may_be_dates(table, name) for table in tables) and _lie_between(tables, name):
            alike = _neighbours(tables, name, sides.targets, held)
            if tables is sides.tables or alike:
                return _time_finding(name, alike), name
    return None


def _time_finding(name: str, alike: str) -> Finding:
    return Finding(
        IN_TIME,
        f"column “{name}”",
        f"the rows are sorted by it, and held-out rows lie between training rows{alike}: the "
        "scores, with their intervals and comparisons, are valid for dates within the training "
        "period, not for later ones",
        f"hold out the end: {option('time', name, quoted=True)}",
    )


def _may_be_dates(table: IndexedTable, name: str) -> bool:
    if table.frame is None:
        return table.array.dtype.kind in "MO"
    kind = str(table.frame[name].dtype)
    return kind == "String" or kind.startswith("Date")


def _dates(table: IndexedTable, name: str, most: int) -> tuple[Array, Array]:
    """Evenly spaced rows with a date, and their dates."""
    rows = np.linspace(0, len(table) - 1, min(most, len(table))).round().astype(int)
    column: Column = IndexedTable(table.take(rows)).columns()[name]
    if column.kind != "date":
        return np.zeros(0, int), np.zeros(0)
    there = ~column.missing
    return rows[there], column.values[there]


def _lie_between(tables: tuple[IndexedTable, IndexedTable], name: str) -> bool:
    from scipy.stats import spearmanr

    sides = [_dates(table, name, ROWS_IN_ORDER) for table in tables]
    signs = set[float]()
    for rows, days in sides:
        if len(np.unique(days)) < FEWEST_DATES or 2 * len(days) < len(rows):
            return False
        order = float(spearmanr(rows, days).statistic)
        if abs(order) < SORTED:
            return False
        signs.add(np.sign(order))
    held, learned = (days for _, days in sides)
    between = (held >= learned.min()) & (held <= learned.max())
    return len(signs) == 1 and bool(between.mean() >= BETWEEN)


def _neighbours(
    tables: tuple[IndexedTable, IndexedTable],
    name: str,
    targets: tuple[Array, Array],
    held: ScoredRows,
) -> str:
    """Error of the target of the previous training row, in words, if it is small; else ''."""
    if any(len(table) > ROWS_IN_ORDER for table in tables) or len(held) != len(tables[0]):
        return ""
    (rows, days), (learned, learned_days) = (_dates(t, name, ROWS_IN_ORDER) for t in tables)
    order = np.argsort(learned_days, kind="stable")
    place = np.searchsorted(learned_days[order], days, side="right") - 1
    t, before = targets[0][rows], targets[1][learned[order[np.maximum(place, 0)]]]
    if held.class_names:
        most = np.bincount(targets[1].astype(int)).argmax()
        wrong = [(guess != t).mean() for guess in (before, held.predicted[rows], most)]
        if wrong[0] > ALIKE * wrong[2]:
            return ""
        right = [percent(1 - float(share)) for share in wrong]
        return (
            f"; the class of the previous row is correct for {right[0]}, the model for {right[1]}, "
            f"guessing for {right[2]}"
        )
    guesses = before, held.predicted[rows], targets[1].mean()
    off = [np.abs(guess - t).mean() for guess in guesses]
    if off[0] > ALIKE * off[2]:
        return ""
    errors = [number(float(size)) for size in off]
    return (
        f"; the value of the previous row is off by {errors[0]} on average, the model by "
        f"{errors[1]}, guessing by {errors[2]}"
    )
