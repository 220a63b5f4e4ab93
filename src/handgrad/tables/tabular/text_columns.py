"""Free text columns: scores of a linear model that never saw the row it scores.

Logistic regressions, or a ridge regression, on hashed words and n-grams are fitted to all rows but
those of a fold, and score that fold; at prediction one fitted to all rows does. So the scores of
training rows are as uncertain as those of new rows, also of rows that a member holds out.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss

from handgrad.files.features import Column, Columns, Feature
from handgrad.files.text_scores import (
    AT_ONCE,
    BUCKETS,
    MOST_CHARACTERS,
    Grams,
    LinearScores,
    TextScores,
    grams_of,
)
from handgrad.tables.data.dependent_rows import Units
from handgrad.tables.data.frames import different, read
from handgrad.tables.data.table_options import option
from handgrad.tables.tabular.features import MergedRows, are_sentences, number_of
from handgrad.textbook.errors import DataError, SettingError
from handgrad.textbook.layers import Array, Softmax
from handgrad.textbook.net.minibatches import batches

# Free text has this many distinct values, for this fraction of the rows.
FEWEST_TEXTS, SHARE_OF_ROWS = 50, 0.5
# Most characters that a linear model is fitted to, also times its scores; and most classes.
MOST_READ, MOST_WORK, MOST_CLASSES = 10**7, 10**8, 100
FOLDS = 5
# Inverse strengths of the penalty, and temperatures of several classes, that are tried.
STRENGTHS, TEMPERATURES = (1.0, 10.0, 100.0), (0.25, 0.5, 1.0)
# Bytes of all linear models in a file, before they are written as text.
MOST_BYTES = 3 * 2**19
FEWEST_TEXTS_WITH_A_GRAM = 2


@dataclass(frozen=True)
class TextColumns:
    """Features of the free text columns, and the scores of the training rows, by name."""

    features: dict[str, Feature]
    scores: dict[str, Array]


def is_free_text(column: Column) -> bool:
    """Return True for a column of mostly distinct texts of several words."""
    if column.kind != "text" or column.categorical:
        return False
    texts = column.values[~column.missing]
    distinct = {*texts.tolist()}
    if len(distinct) < max(FEWEST_TEXTS, SHARE_OF_ROWS * len(texts)):
        return False
    return are_sentences(distinct) and read(column).kind == "text"


def text_columns(
    rows: MergedRows, t: Array, rng: np.random.Generator, asked: Sequence[str] = ()
) -> TextColumns:
    """Fit the free text columns of a table to targets: numbers (n, 1), or one-hot classes.

    Columns that are `asked` for are free text too.
    """
    asked = _checked(asked, rows.table, t.shape[1])
    names = [name for name, column in rows.table.items() if name in asked or is_free_text(column)]
    features, scores = dict[str, Feature](), dict[str, Array]()
    for name in names if t.shape[1] <= MOST_CLASSES else ():
        column = rows.table[name]
        fit = _Fit(column, t, rows.w, _folds(rows, column, t, rng), rng, MOST_BYTES // len(names))
        if not len(fit.buckets):  # no word or character n-gram is in two texts
            continue
        model, scores[name] = fit.best()
        there = ~column.missing
        scales = _scales(scores[name][there], rows.w[there])
        features[name] = TextScores.of(model, scales, marks_missing=not there.all())
    return TextColumns(features, scores)


def _checked(asked: Sequence[str], table: Columns, n_outputs: int) -> list[str]:
    """Columns that are to be free text; those with fewer than two texts have nothing to learn."""
    asked = [asked] if isinstance(asked, str) else [*asked]
    for name in asked:
        if name not in table or (table[name].kind != "text" and not table[name].missing.all()):
            is_what = f"holds {table[name].kind}s" if name in table else "is not there"
            raise DataError(
                f"{option('text', name)}: column {name!r} {is_what}",
                f"columns of text, of {', '.join(map(repr, [*table][:20]))}",
                f"without {option('text', name)}",
            )
    if asked and n_outputs > MOST_CLASSES:
        raise SettingError(
            f"{option('text', asked[0])}, with {n_outputs} classes",
            f"at most {MOST_CLASSES} classes",
            f"without {option('text')}: the column is left out, or a category",
        )
    cells = {name: table[name].values[~table[name].missing].tolist() for name in asked}
    return [name for name in asked if len({*cells[name]}) > 1]


def refuse_streamed(asked: Sequence[str]) -> None:
    """Refuse columns of free text in a table larger than memory."""
    if asked:
        raise SettingError(
            f"{option('text', asked if isinstance(asked, str) else asked[0])}, for a table larger "
            "than memory",
            "a table in memory",
            f"a larger {option('memory')}, or without {option('text')}",
        )


def _scales(scores: Array, w: Array) -> Array:
    """Center and factor of each score, (2, k): those of a number, or by the number of classes."""
    k = scores.shape[1]
    if k > 1:
        return np.array([np.full(k, k**-0.5), np.full(k, k**0.5)])
    number = number_of(Column("number", scores[:, 0]), w)
    return np.array([[number.center], [number.factor]])


class _Fit:
    """Linear models of a column: TF-IDF `x` of a sample of its texts, and targets `y`, (n, k)."""

    def __init__(
        self,
        column: Column,
        t: Array,
        w: Array,
        fold: Array,
        rng: np.random.Generator,
        most_bytes: int,
    ) -> None:
        self.texts, self.w, self.fold, self.of_classes = column.values, w, fold, t.shape[1] > 1
        self.y = t[:, 1:] if t.shape[1] == 2 else t
        self.k = self.y.shape[1]
        order = rng.permutation(np.flatnonzero(~column.missing))
        characters = np.cumsum([min(len(text), MOST_CHARACTERS) for text in self.texts[order]])
        self.sample = np.sort(
            order[characters <= max(characters[0], min(MOST_READ, MOST_WORK / self.k))]
        )
        texts = self.texts[self.sample].tolist()
        grams = [grams_of(texts[some]) for some in batches(len(texts), AT_ONCE)]
        self.buckets, self.idf = _vocabulary(grams, most_bytes // (6 + 2 * self.k))
        self.x = _matrix(grams, self.buckets, self.idf)

    def model(self, inside: Array, strength: float) -> LinearScores:
        """Model of those rows of the sample that are `inside`."""
        rows, x = self.sample[inside], self.x[inside]
        w = self.w[rows] / self.w[rows].mean()
        fit = _logistic if self.of_classes else _ridge
        W, b = zip(*(fit(x, y, w, strength) for y in self.y[rows].T), strict=True)
        return LinearScores(self.buckets, self.idf, np.stack(W, axis=1), np.array(b))

    def of_others(self, strength: float) -> tuple[list[LinearScores], Array]:
        """Models of all rows but those of each fold, and what they say of the sample, (n, k)."""
        fold = self.fold[self.sample]
        models = [self.model(fold != i, strength) for i in range(self.fold.max() + 1)]
        z = np.empty((len(fold), self.k))
        for i, model in enumerate(models):
            z[fold == i] = self.x[fold == i] @ model.W + model.b
        return models, z

    def best(self) -> tuple[LinearScores, Array]:
        """Model of all rows, and the score of each row by a model of others, (n, k)."""
        tried = {strength: self.of_others(strength) for strength in STRENGTHS}
        pairs = product(STRENGTHS, TEMPERATURES if self.k > 1 else (1.0,))
        strength, heat = min(pairs, key=lambda pair: self._error(tried[pair[0]][1] / pair[1]))
        scores = np.empty((len(self.texts), self.k))
        for i, model in enumerate(tried[strength][0]):
            rows = self.fold == i
            scores[rows] = _tempered(model, heat).scores(self.texts[rows])
        everything = np.ones(len(self.sample), bool)
        return _tempered(self.model(everything, strength), heat), scores

    def _error(self, z: Array) -> float:
        """Loss of outputs for the sample, (n, k)."""
        y, w = self.y[self.sample], self.w[self.sample]
        if not self.of_classes:
            return float(np.average((y - z)[:, 0] ** 2, weights=w))
        if self.k == 1:
            y, z = np.hstack([1 - y, y]), np.hstack([0 * z, z])
        p = Softmax().forward(z)
        return float(log_loss(y.argmax(axis=1), p, sample_weight=w, labels=range(p.shape[1])))


def _tempered(model: LinearScores, temperature: float) -> LinearScores:
    return replace(model, W=model.W / temperature, b=model.b / temperature)


def _logistic(x: csr_matrix, y: Array, w: Array, strength: float) -> tuple[Array, float]:
    """Weights (m,) and bias of a logistic regression, of one class against the others."""
    n_of_class = y.sum()
    if not 0 < n_of_class < len(y):
        return np.zeros(x.shape[1]), float(np.log((n_of_class + 0.5) / (len(y) - n_of_class + 0.5)))
    # by coordinate descent in the dual, which takes a hundredth of the time of L-BFGS
    model = LogisticRegression(C=strength, solver="liblinear", dual=True, tol=0.1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x, y, w)
    return model.coef_[0], float(model.intercept_[0])


def _ridge(x: csr_matrix, y: Array, w: Array, strength: float) -> tuple[Array, float]:
    """Weights (m,) and bias of a ridge regression."""
    model = Ridge(1 / strength, solver="sparse_cg", tol=1e-4).fit(x, y, w)
    return model.coef_, float(model.intercept_)


def _folds(rows: MergedRows, column: Column, t: Array, rng: np.random.Generator) -> Array:
    """Fold of each row, (n,): units, or equal texts, are not divided."""
    units = rows.units
    if units is None or len(units) < 2:
        units = Units(different(np.where(column.missing, "", column.values))[1])
    fold = units.folds(FOLDS, t.argmax(axis=1), rng)
    fold = fold if len(np.unique(fold)) > 1 else units.codes % FOLDS
    return np.asarray(np.unique(fold, return_inverse=True)[1])


def _vocabulary(grams: list[Grams], most: int) -> tuple[Array, Array]:
    """Buckets of words and n-grams that most texts have, sorted, and their idf, (m,) each."""
    n = sum(part.n for part in grams)
    counts = np.zeros(2 * BUCKETS, int)
    for part in grams:
        counts += np.bincount(part.bucket, minlength=2 * BUCKETS)
    chosen = []
    for half in (slice(0, BUCKETS), slice(BUCKETS, 2 * BUCKETS)):
        order = np.argsort(-counts[half], kind="stable")[: most // 2]
        common = order[counts[half][order] >= FEWEST_TEXTS_WITH_A_GRAM]
        chosen.append(half.start + np.sort(common))
    buckets = np.concatenate(chosen)
    idf = np.log((1 + n) / (1 + counts[buckets])) + 1
    return buckets, idf.astype(np.float16).astype(float)


def _matrix(grams: list[Grams], buckets: Array, idf: Array) -> csr_matrix:
    """TF-IDF of texts as a sparse matrix, (n, m)."""
    rows, places, values, before = [], [], [], 0
    for part in grams:
        row, place, value = part.weighted(buckets, idf)
        rows.append(row + before)
        places.append(place)
        values.append(value)
        before += part.n
    where = np.concatenate(rows), np.concatenate(places)
    return csr_matrix((np.concatenate(values), where), (before, len(buckets)))
