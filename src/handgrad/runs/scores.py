"""Scores of a model on rows of a table: the metrics, and each class by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from handgrad.base.errors import DataError, SettingError
from handgrad.data.predictions import AT_ONCE
from handgrad.data.table_options import Task, option
from handgrad.layers import Array
from handgrad.metrics.choice import METRICS
from handgrad.results import Predictor

if TYPE_CHECKING:
    import pyarrow

OF_NUMBERS = ("r2", "root_mean_squared_error", "mean_absolute_error", "mean_squared_error")
USUAL: dict[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "balanced_accuracy", "log_loss", "roc_auc"),
    "regression": OF_NUMBERS[:3],
}
OF_TWO_CLASSES, OF_MORE_CLASSES = ("precision", "recall", "f1"), ("top_k_accuracy",)
FEWEST_ROWS, MOST_NAMED = 5, 5

Scores = dict[str, float]

# The scores of one class.
ClassScores = TypedDict(
    "ClassScores",
    {"class": object, "precision": float, "recall": float, "f1": float, "rows": int},
)


def metrics_for(task: Task, asked: Sequence[str], n_classes: int) -> tuple[str, ...]:
    """The metrics that are asked for, or the usual ones of the task.

    Raises a SettingError where one is for another kind of target.
    """
    known = OF_NUMBERS if task == "regression" else [m for m in METRICS if m not in OF_NUMBERS]
    others = OF_TWO_CLASSES if n_classes > 2 else OF_MORE_CLASSES
    known = [name for name in known if name not in others]
    for name in asked:
        if name not in known:
            what = f"{n_classes} classes" if n_classes else "a number"
            other = f"{name}_macro" if f"{name}_macro" in known else USUAL[task][0]
            raise SettingError(
                f"{option('metric', name)}, to predict {what}",
                f"one of {', '.join(known)}",
                option("metric", other),
            )
    return tuple(dict.fromkeys(asked)) or USUAL[task]


@dataclass(frozen=True)
class ScoredRows:
    """A model's outputs `p` for rows whose targets `y` (n,) are known.

    With classes: probabilities (n, n_classes), and places among the classes. Without: numbers (n,).
    """

    p: Array
    y: Array
    classes: Sequence[object]

    @classmethod
    def of(
        cls, model: Predictor, X: pyarrow.Table, y: Array, classes: Sequence[object]
    ) -> ScoredRows:
        """What the model says of these rows, whose targets may be labels, of another type too."""
        ask = getattr(model, "predict_proba", model.predict)
        p = np.concatenate([ask(X.slice(i, AT_ONCE)) for i in range(0, len(X), AT_ONCE)])
        if not classes:
            return cls(p, y, classes)
        place = {str(name): i for i, name in enumerate(classes)}
        labels = [*map(str, y.tolist())]
        if unknown := [label for label in labels if label not in place]:
            raise DataError(
                f"the class {unknown[0]!r}, which the model does not know",
                f"one of {', '.join([*place][:20])}",
                "leave those rows out, or train with such rows too",
            )
        return cls(p, np.asarray([place[label] for label in labels]), classes)

    def guessed(self, learned: Array) -> ScoredRows:
        """The same rows by guessing: the shares of the classes in `learned`, or its mean."""
        if not self.classes:
            return replace(self, p=np.full(len(self.y), learned.mean()))
        shares = np.bincount(learned, minlength=len(self.classes)) / len(learned)
        return replace(self, p=np.tile(shares, (len(self.y), 1)))

    def scores(self, names: Sequence[str]) -> Scores:
        """The metrics of these names; NaN where one is undefined."""
        found = {}
        for name in names:
            try:
                found[name] = float(METRICS[name](self.p, self.y))
            except DataError:
                if name != "roc_auc":
                    raise
                found[name] = float("nan")
        return found

    def by_class(self) -> list[ClassScores]:
        """Precision, recall and F1 of each class, and how many rows it has."""
        from sklearn.metrics import precision_recall_fscore_support

        if not self.classes:
            return []
        parts = precision_recall_fscore_support(
            self.y, self.p.argmax(axis=1), labels=np.arange(len(self.classes)), zero_division=0
        )
        return [
            {"class": name, "precision": a, "recall": b, "f1": c, "rows": int(n)}
            for name, a, b, c, n in zip(self.classes, *parts, strict=True)
        ]


def notes_on_few_rows(classes: Sequence[ClassScores]) -> list[str]:
    """A note on classes of which so few rows are evaluated that chance decides."""
    few = [row for row in classes if row["rows"] < FEWEST_ROWS]
    named = [f"{row['rows']} of {str(row['class'])!r}" for row in few[:MOST_NAMED]]
    named += ["…"] * (len(few) > MOST_NAMED)
    return [
        f"few rows of some classes are judged, {', '.join(named)}: what is said of them may be "
        "chance, and so may balanced accuracy and ROC AUC, in which each class counts alike"
    ][: len(few)]
