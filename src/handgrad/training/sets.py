"""Sets of rows that are looked at after each epoch: by name, the first of them to validate with."""

from collections.abc import Collection, Mapping
from typing import Any

from handgrad.base.errors import SettingError
from handgrad.training.checks import VALIDATION

TRAINING_SET, VALIDATION_SET = "training", "validation"


def named_sets(validation: object) -> dict[str, Any]:
    """The sets in `validation`: several of them by name, or the one that has no other name."""
    if validation is None:
        return {}
    if isinstance(validation, list) and all(isinstance(part, tuple) for part in validation):
        raise SettingError(
            f"validation: a list of {len(validation)} sets",
            "a name for each set of rows",
            "validation={'spring': (x_spring, y_spring), 'autumn': (x_autumn, y_autumn)}",
        )
    if not isinstance(validation, Mapping):
        return {VALIDATION_SET: validation}
    odd = [name for name in validation if not isinstance(name, str) or name in ("", "train")]
    if odd or not validation:
        raise SettingError(
            f"validation with a set named {odd[0]!r}" if odd else "validation = {}",
            "a name for each set of rows, which is not 'train'",
            "validation={'spring': (x_spring, y_spring), 'autumn': (x_autumn, y_autumn)}",
        )
    return dict(validation)


def first_set(validation: object) -> Any:
    """The rows that steer a training, of all in `validation`; None without any."""
    return next(iter(named_sets(validation).values()), None)


def described_set(name: str) -> str:
    """What messages call the rows of a set."""
    return VALIDATION if name == VALIDATION_SET else f"{VALIDATION} {name!r}"


def check_columns(names: Collection[str], metrics: Collection[str], *, training: bool) -> None:
    """Refuse names by which two columns of a history would be called the same."""
    if training and TRAINING_SET in names:
        raise SettingError(
            f"evaluate_training=True beside a set named {TRAINING_SET!r}",
            f"another name: {TRAINING_SET!r} is what the training rows are called",
            "evaluate_training=False, if these are the training rows",
        )
    known = {"epoch", "learning_rate", "seconds"}
    for name in ("train", *names):
        for column in (f"{name}_{what}" for what in ("loss", *metrics)):
            if column in known:
                raise SettingError(
                    f"two columns named {column!r} in the history",
                    "names of sets and metrics that tell them apart",
                    f"another name for the set {name!r}",
                )
            known.add(column)
