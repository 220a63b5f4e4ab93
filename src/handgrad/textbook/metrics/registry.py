"""Metrics by name, and whether smaller is better."""

from collections.abc import Callable, Iterable
from functools import partial

from handgrad.textbook import metrics
from handgrad.textbook.errors import SettingError, did_you_mean

Metric = Callable[..., float]

METRICS: dict[str, Metric] = {name: getattr(metrics, name) for name in metrics.__all__}
METRICS |= {
    f"{name}_{average}": partial(METRICS[name], average=average)
    for name in ("precision", "recall", "f1")
    for average in ("macro", "weighted")
}

# Metrics that use the probability of each class, not only the largest.
OF_PROBABILITIES = frozenset(("roc_auc", "log_loss", "brier_score_loss"))


def smaller_is_better(name: str) -> bool:
    """Return whether smaller is better: names that end in _loss, _error or _deviance.

    >>> smaller_is_better("validation_loss"), smaller_is_better("accuracy")
    (True, False)
    """
    return name.endswith(("_loss", "_error", "_deviance"))


def metrics_of(choices: str | Metric | Iterable[str | Metric]) -> dict[str, Metric]:
    """Return metrics by name; a function has its own name."""
    if isinstance(choices, str) or callable(choices):
        choices = [choices]
    if not isinstance(choices, Iterable):
        raise SettingError(
            f"metrics = {choices!r}", "a list of names or functions", "metrics=['accuracy']"
        )
    chosen: dict[str, Metric] = {}
    for name, metric in map(_named, choices):
        if name == "loss" or chosen.get(name, metric) is not metric:
            raise SettingError(
                f"a metric of the name {name!r}, which is taken",
                "a name of its own for each metric",
                "def my_metric(p, y): ..., under another name",
            )
        chosen[name] = metric
    return chosen


def _named(choice: object) -> tuple[str, Metric]:
    if isinstance(choice, type):
        raise SettingError(
            f"metric {choice!r}, a class", "a name, or a function of (p, y)", "an object of it"
        )
    if callable(choice):
        known = {id(metric): name for name, metric in METRICS.items()}
        return known.get(id(choice), getattr(choice, "__name__", repr(choice))), choice
    if not isinstance(choice, str) or choice not in METRICS:
        word = str(choice).lower()
        initials = {"".join(part[0] for part in name.split("_")): name for name in METRICS}
        raise SettingError(
            f"metric {choice!r}",
            f"one of {', '.join(METRICS)}, or a function of (p, y)",
            did_you_mean(initials.get(word, word), METRICS, "'accuracy', or 'r2' for numbers"),
        )
    return choice, METRICS[choice]
