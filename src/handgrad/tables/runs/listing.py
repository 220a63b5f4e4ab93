"""The runs of a folder, side by side: scores, splits, and the settings that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Any

from handgrad.files.paths import as_path, kind_of, reason
from handgrad.tables.runs.finished_run import Run
from handgrad.tables.runs.partial_run import RUNS
from handgrad.tables.runs.record import RECORD, TARGETS, models_in, predicted_name
from handgrad.textbook.errors import FileError, HandgradError
from handgrad.textbook.metrics.registry import smaller_is_better

UNFINISHED = ".unfinished"
# Losses of language models and forecasters, which no metric of a table is called.
OF_OTHERS = ("loss", "bits_per_character", "perplexity", "mase")
# Settings that say where a result lies or how it is shown, not what it is.
OF_OUTPUT = ("report", "memory", "engine", "compare")


@dataclass(frozen=True)
class ListedRun:
    """A run in a list.

    Parameters
    ----------
    name : str
        Name of its folder; of one of several targets after that of the common folder.
    date : str
        Time at which its run.json was written, in the form of ISO 8601.
    data, target : str
        Name of the table, and of the column to predict.
    split : str
        How rows were held out: random, group, time, file, folder or end.
    rows : dict
        Number of `training` and `held_out` rows.
    metric : str
        First metric of the run.
    score : float or None
        Its value on the held-out rows; None if it is undefined.
    between : list or None
        95 % confidence interval of the score, if it is known.
    settings : dict
        Settings that differ from those of other runs with the same data, target and metric.
    seconds : float
        Duration.
    """

    name: str
    date: str
    data: str
    target: str
    split: str
    rows: dict[str, int]
    metric: str
    score: float | None
    between: list[float] | None
    settings: dict[str, object]
    seconds: float


@dataclass(frozen=True)
class RunList:
    """The runs of a folder.

    Parameters
    ----------
    folder : str
        The folder.
    runs : tuple of ListedRun
        Runs with the same data, target and metric in a row, the best score first.
    notes : tuple of str
        Notes on folders that are not listed, and on scores of different rows.
    """

    folder: str
    runs: tuple[ListedRun, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """The list as plain data, for JSON."""
        return asdict(self)

    def groups(self) -> list[list[ListedRun]]:
        """Runs whose scores are comparable, the best first."""
        groups: dict[tuple[str, str, str], list[ListedRun]] = {}
        for run in self.runs:
            groups.setdefault((run.data, run.target, run.metric), []).append(run)
        return [*groups.values()]


def list_runs(folder: str | Path = RUNS) -> RunList:
    """List the runs of a folder, to compare them.

    Parameters
    ----------
    folder : str or Path, default "runs"
        A folder with the folders of runs, written by `train_table` or `handgrad train`.

    Returns
    -------
    RunList
        The runs, sorted by score where data, target and metric agree, and notes on folders that
        cannot be read.

    Raises
    ------
    FileError
        If there is no run in the folder.

    Examples
    --------
    >>> import handgrad as hg, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for epochs in (1, 30):
    ...         out = f"{folder}/{epochs}-epochs"
    ...         run = hg.tables.train_table("iris", epochs=epochs, report=False, out=out)
    ...     [(run.name, run.settings) for run in hg.tables.list_runs(folder).runs]
    [('30-epochs', {'epochs': 30}), ('1-epochs', {'epochs': 1})]
    """
    path = as_path(folder)
    try:
        places = sorted(path.iterdir())
    except OSError as error:
        raise _no_runs(path, reason(error) if kind_of(path) else "no such folder") from error
    if kind_of(path / RECORD):  # the folder of a run
        places = [path]
    of_targets = {place: models_in(place).values() for place in places}
    places += [file.parent for files in of_targets.values() for file in files]
    finished, notes = list[Run](), list[str]()
    for place in places:
        if place.name.endswith(UNFINISHED):
            name = place.name[1:].removesuffix(UNFINISHED)
            notes.append(f"{name} is unfinished, or still running")
        elif kind_of(place / RECORD):
            try:
                run = Run.of(place)
                _listed(run, {}), _held_out(run)
                finished.append(run)
            except HandgradError as error:
                notes.append(f"not listed: {error.came}")
            except (KeyError, TypeError, ValueError, AttributeError, StopIteration):
                notes.append(f"not listed: {place / RECORD}: not the record of a run")
    if not finished:
        raise _no_runs(path, "; ".join(["no finished run in it", *notes]))
    groups = _grouped(finished)
    notes += [note for group in groups for note in _on_rows(group)]
    return RunList(str(path), tuple(run for group in groups for run in _sorted(group)), (*notes,))


def _no_runs(path: Path, why: str) -> FileError:
    return FileError(
        f"{path}: {why}",
        "a folder with the folders of runs, written by handgrad train",
        "handgrad train DATA, which writes runs/NAME-1; or another folder",
    )


def _grouped(runs: Sequence[Run]) -> list[list[Run]]:
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        of = run.record["data"]["name"], _target_of(run), _metric(run)
        groups.setdefault(of, []).append(run)
    return [groups[of] for of in sorted(groups)]


def _sorted(group: Sequence[Run]) -> list[ListedRun]:
    """The runs of a group, the best score first, with the settings that differ."""
    settings = [run.record["settings"] for run in group]
    names = [
        name
        for name in dict.fromkeys(name for each in settings for name in each)
        if name not in OF_OUTPUT
        and any(each.get(name) != settings[0].get(name) for each in settings)
    ]
    listed = [
        _listed(run, {name: each[name] for name in names if name in each})
        for run, each in zip(group, settings, strict=True)
    ]
    metric = listed[0].metric
    sign = 1 if metric in OF_OTHERS or smaller_is_better(metric) else -1
    return sorted(listed, key=lambda run: inf if run.score is None else sign * run.score)


def _listed(run: Run, settings: dict[str, object]) -> ListedRun:
    record = run.record
    metric = _metric(run)
    intervals: Mapping[str, Any] = record.get("intervals") or {}
    return ListedRun(
        name=_name_of(run.folder.absolute()),
        date=run.date,
        data=str(record["data"]["name"]),
        target=_target_of(run),
        split=str(record["split"]["by"]),
        rows={side: int(record["rows"][side]) for side in ("training", "held_out")},
        metric=metric,
        score=record["scores"]["held_out"][metric],
        between=intervals.get("scores", {}).get(metric),
        settings=settings,
        seconds=float(record["seconds"]),
    )


def _name_of(folder: Path) -> str:
    """Name of the folder of a run; after that of the common one, if it is of several targets."""
    of_several = kind_of(folder.parent / TARGETS) == "file"
    return f"{folder.parent.name}/{folder.name}" if of_several else folder.name


def _target_of(run: Run) -> str:
    return predicted_name(run.record["target"]["name"], run.record["settings"].get("exposure"))


def _metric(run: Run) -> str:
    return next(iter(run.scores["held_out"]))


def _on_rows(group: Sequence[Run]) -> list[str]:
    """Note on runs of a group whose scores are of different rows."""
    if len({_held_out(run) for run in group}) < 2:
        return []
    name = group[0].record["data"]["name"]
    return [f"{name}: not all scores are of the same held-out rows"]


def _held_out(run: Run) -> str:
    """Identity of the held-out rows: the files, the split, and the seed of a random one."""
    data, split = run.record["data"], run.record["split"]
    files = [file["sha256"] for file in (*data["files"], *data["test_files"])]
    seed = run.record["seed"] if split["by"] in ("random", "group") else None
    return repr((files, split, seed))
