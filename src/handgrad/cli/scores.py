"""How good predictions are: the asked metrics, and each class by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from handgrad.cli.output import harmless
from handgrad.data.predictions import AT_ONCE
from handgrad.data.targets import Task
from handgrad.errors import DataError, SettingError
from handgrad.layers import Array
from handgrad.metrics.choice import METRICS

if TYPE_CHECKING:
    import pyarrow

OF_NUMBERS = ("r2", "root_mean_squared_error", "mean_absolute_error", "mean_squared_error")
USUAL: dict[Task, tuple[str, ...]] = {
    "classification": ("accuracy", "balanced_accuracy", "log_loss", "roc_auc"),
    "regression": OF_NUMBERS[:3],
}
OF_TWO_CLASSES, OF_MORE_CLASSES = ("precision", "recall", "f1"), ("top_k_accuracy",)

FEWEST_ROWS, MOST_NAMED = 5, 5
WRITTEN_OUT, TOO_LONG = 1e4, 1e15  # numbers between them are shown in all their digits

Scores = dict[str, float]


def metrics_for(task: Task, asked: Sequence[str], n_classes: int) -> tuple[str, ...]:
    """The metrics to tell; refused where they are for another kind of target."""
    known = OF_NUMBERS if task == "regression" else [m for m in METRICS if m not in OF_NUMBERS]
    others = OF_TWO_CLASSES if n_classes > 2 else OF_MORE_CLASSES
    known = [name for name in known if name not in others]
    for name in asked:
        if name not in known:
            what = f"{n_classes} classes" if n_classes else "a number"
            other = f"{name}_macro" if f"{name}_macro" in known else USUAL[task][0]
            raise SettingError(
                f"--metric {name}, to predict {what}",
                f"one of {', '.join(known)}",
                f"--metric {other}",
            )
    return tuple(dict.fromkeys(asked)) or USUAL[task]


def outputs(model: Any, X: pyarrow.Table) -> Array:
    """What the model says of each row: probabilities (n, n_classes), or numbers (n,)."""
    ask = model.predict_proba if hasattr(model, "classes_") else model.predict
    return np.concatenate([ask(X.slice(i, AT_ONCE)) for i in range(0, len(X), AT_ONCE)])


def positions(model: Any, labels: Array) -> Array:
    """Which of the model's classes each label is, (n,); labels may have come as other types."""
    place = {str(name): i for i, name in enumerate(model.classes_)}
    found = [place.get(str(label), -1) for label in labels.tolist()]
    if -1 in found:
        label = labels.tolist()[found.index(-1)]
        raise DataError(
            f"the class {str(label)!r}, which the model does not know",
            f"one of {', '.join([*place][:20])}",
            "leave those rows out, or train with such rows too",
        )
    return np.asarray(found)


def scored(p: Array, y: Array, names: Sequence[str]) -> Scores:
    """The metrics of outputs for targets: positions of classes, or numbers; NaN where undefined."""
    found = {}
    for name in names:
        try:
            found[name] = float(METRICS[name](p, y))
        except DataError:
            if name != "roc_auc":
                raise
            found[name] = float("nan")
    return found


def guessed(learned: Array, y: Array, n_classes: int, names: Sequence[str]) -> Scores:
    """The metrics of guessing for targets `y`: the shares of the classes among the targets that
    were `learned`, or their mean.
    """
    if not n_classes:
        return scored(np.full(len(y), learned.mean()), y, names)
    shares = np.bincount(learned, minlength=n_classes) / len(learned)
    return scored(np.tile(shares, (len(y), 1)), y, names)


def few_rows(classes: Sequence[dict[str, Any]]) -> list[str]:
    """What is to be said of classes of which so few rows are judged that chance decides."""
    few = [row for row in classes if row["rows"] < FEWEST_ROWS]
    told = [f"{row['rows']} of {str(row['class'])!r}" for row in few[:MOST_NAMED]]
    told += ["…"] * (len(few) > MOST_NAMED)
    return [
        f"few rows of some classes are judged, {', '.join(told)}: what is said of them may be "
        "chance, and so may balanced accuracy and ROC AUC, in which each class counts alike"
    ][: len(few)]


def by_class(p: Array, y: Array, classes: Sequence[Any]) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each class, and how many rows it has."""
    from sklearn.metrics import precision_recall_fscore_support

    parts = precision_recall_fscore_support(
        y, p.argmax(axis=1), labels=np.arange(len(classes)), zero_division=0
    )
    return [
        {"class": name, "precision": a, "recall": b, "f1": c, "rows": int(n)}
        for name, a, b, c, n in zip(classes, *parts, strict=True)
    ]


def shown(value: float | None) -> str:
    """A score as people read it."""
    if value is None or np.isnan(value):
        return "–"
    return f"{value:,.0f}" if WRITTEN_OUT <= abs(value) < TOO_LONG else f"{value:.4g}"


def written(scores: Scores) -> dict[str, str]:
    """Scores as people read them."""
    return {name: shown(value) for name, value in scores.items()}


def score_table(columns: dict[str, dict[str, str]]) -> Any:
    """A table with a row for each metric and a column for each set of rows."""
    from rich.table import Table

    table = Table()
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right")
    for metric in next(iter(columns.values())):
        table.add_row(metric.replace("_", " "), *(column[metric] for column in columns.values()))
    return table


def class_table(rows: Sequence[dict[str, Any]]) -> Any:
    """A table with a row for each class."""
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    table.add_column("class")
    for name in ("precision", "recall", "f1", "rows"):
        table.add_column(name, justify="right")
    for row in rows:
        numbers = (shown(row[name]) for name in ("precision", "recall", "f1"))
        table.add_row(escape(harmless(str(row["class"]))), *numbers, f"{row['rows']:,}")
    return table
