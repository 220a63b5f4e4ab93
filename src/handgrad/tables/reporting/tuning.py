"""Search for settings: its record, a table and a sentence."""

from __future__ import annotations

from typing import TypedDict

DEFAULT = "default"  # name of the trial of the default settings
MOST_TRIALS = 5  # in the table, beside the default one
SETTINGS = ("layers", "learning_rate", "batch_size")


class Trial(TypedDict):
    """Settings that were tried; None where they are the default or not searched.

    `score` is that of the best epoch; both are None after divergence.
    """

    trial: str
    layers: str | None
    learning_rate: float | None
    batch_size: int | None
    epochs: int
    best_epoch: int | None
    score: float | None
    stopped_because: str


class Round(TypedDict):
    """Round of successive halving: its trials, those kept, and the epochs of each at its end."""

    epochs: int
    trials: int
    kept: int


class Tuning(TypedDict):
    """Search: the metric that decided, numbers of rows and folds, and the trials, best first.

    `winner` is the trial whose settings were `chosen`, with its best epoch.
    """

    metric: str
    training_rows: int
    validation_rows: int
    folds: int
    rounds: list[Round]
    trials: list[Trial]
    winner: str
    chosen: dict[str, str | float | int]
    command: list[str]
    seconds: float


def table_of_trials(tuning: Tuning) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table: the best trials, and the one of the default settings."""
    shown = [
        trial
        for place, trial in enumerate(tuning["trials"])
        if place < MOST_TRIALS or trial["trial"] == DEFAULT
    ]
    head = ["trial", *(name.replace("_", " ") for name in SETTINGS), "best epoch"]
    return [*head, tuning["metric"].replace("_", " ")], [_cells(trial) for trial in shown]


def _cells(trial: Trial) -> list[str]:
    from handgrad.tables.reporting.scores import number  # the help of the command line needs none

    values = [
        *(trial["layers"], trial["learning_rate"], trial["batch_size"]),
        *(trial["best_epoch"], trial["score"]),
    ]
    return [
        trial["trial"],
        *("–" if v is None else v if isinstance(v, str) else number(v) for v in values),
    ]


def trials_in_words(tuning: Tuning) -> str:
    """Sentences on the trials, the rows that decided, and the winner."""
    folds = f", in {tuning['folds']} folds" * (tuning["folds"] > 1)
    best, winner = tuning["trials"][0]["trial"], tuning["winner"]
    text = (
        f"{len(tuning['trials'])} settings were tried by successive halving, and scored on "
        f"{tuning['validation_rows']:,} of the training rows{folds}"
    )
    if winner == best:
        named = "the default ones" if winner == DEFAULT else f"those of trial {winner}"
        return f"{text}; {named} are the best"
    return f"{text}; the default ones stay, as none are better by more than a standard error"
