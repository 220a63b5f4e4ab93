"""Runs that continue the training of a model with new rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from handgrad.files import inspect
from handgrad.tables.data import TableOptions
from handgrad.tables.data.table_options import option
from handgrad.tables.runs.models import Scores
from handgrad.tables.runs.table_model import TableModel, header_in, reading_in
from handgrad.tables.runs.training_table import TrainingTable
from handgrad.textbook.errors import DataError, SettingError

if TYPE_CHECKING:
    from handgrad.tables.runs.settings import RunSettings

OF_PICTURES = "PictureClassifier"
OF_TABLES = ("TabularClassifier", "TabularRegressor", "TabularSurvival")
# Settings that the model already has, or that need a training from the start.
WITHOUT = ("text", "quantile", "merge_case", "folds", "workers")


def with_settings_of_model(settings: RunSettings) -> RunSettings:
    """The settings, with the target and the reading of the model that is continued."""
    if settings.from_ is None:
        return settings
    header, asked = header_in(settings.from_), option("from_", settings.from_)
    names = [] if header is None else [one.name for one in header.estimators]
    of_pictures = settings.estimator == "pictures"
    kinds = (OF_PICTURES,) if of_pictures else OF_TABLES
    if (of_pictures or header is not None) and (len(names) != 1 or names[0] not in kinds):
        raise SettingError(
            f"{asked}, a {names[0] if names else 'net' if header else 'table or a folder'}",
            f"a model of {option('estimator', 'pictures' if of_pictures else 'tabular')}",
            f"without {option('from_')}, for a new model",
        )
    if of_pictures:
        return settings
    model = TableModel.of(Path(settings.from_))
    usual: Mapping[str, object] = {f.name: f.default for f in fields(settings)}
    others = {"target": model.target, "estimator": "tabular", "task": model.task}
    others |= {"loss": getattr(model.estimator, "loss", None), "exposure": model.exposure}
    others |= {"event": model.event}
    for name in (*WITHOUT, *others):
        value, known = getattr(settings, name), others.get(name)
        if value != usual[name] and value != known:
            raise SettingError(
                f"{option(name, value)} with {asked}",
                f"{option(name, known)}, as the model has it" if known else "the model as it is",
                f"without {option(name)}; or without {option('from_')}, for a new model",
            )
    names = [field.name for field in fields(TableOptions)]
    options = model.options(TableOptions(**{name: getattr(settings, name) for name in names}))
    reading = {name: getattr(options, name) for name in names}
    positive = None if model.positive is None else str(model.classes[model.positive])
    return replace(
        settings,
        target=model.target,
        task=model.task,
        positive=settings.positive or positive,
        quantile=getattr(model.estimator, "quantiles", None) or (),
        loss=getattr(model.estimator, "loss", settings.loss),
        exposure=model.exposure,
        event=model.event,
        merge_case=bool(reading_in(inspect(model.path).about).get("spellings")),
        **reading,
    )


def check_classes(settings: RunSettings, table: TrainingTable) -> None:
    """Refuse a table with other classes than the model that is continued; pictures may have any."""
    if settings.from_ is None or settings.estimator == "pictures":
        return
    known = [*map(str, TableModel.of(Path(settings.from_)).classes)]
    new = [*map(str, table.classes)]
    if known != new:
        raise DataError(
            f"{table.name}: the classes {', '.join(new[:20])}",
            f"those of {settings.from_}: {', '.join(known[:20])}",
            f"rows of each class; or without {option('from_')}, a new model of all rows",
        )


def note_on_scores(path: str, before: Scores, after: Scores) -> str:
    """Note on the scores for the held-out rows, before and after the training went on."""
    parts = [
        f"{name.replace('_', ' ')} {before[name]:.4g}, now {after[name]:.4g}" for name in after
    ]
    return f"continued {path}, whose scores for the held-out rows were {'; '.join(parts)}"
