"""Writing the report of a finished run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from handgrad.tables.data.files import Location
from handgrad.tables.runs.load_table import load_table
from handgrad.tables.runs.load_text import TextSplit
from handgrad.tables.runs.run import REPORT, Run, fingerprint
from handgrad.tables.runs.text_run import write_text_report
from handgrad.tables.runs.training_table import beside_of
from handgrad.textbook.errors import DataError

if TYPE_CHECKING:
    from handgrad.tables.estimators import LanguageModel


def report_run(folder: str | Path) -> Path:
    """Write the report of a run again, from its folder and its data.

    Parameters
    ----------
    folder : str or Path
        The folder of the run.

    Returns
    -------
    Path
        The file of the report.

    Raises
    ------
    DataError
        If the data has changed since the run.
    """
    from handgrad.tables.reporting.writing import write_page

    run = Run.of(folder)
    settings = run.settings
    if settings.estimator == "text":
        text = TextSplit.of(settings)
        _check_files(run, text.files)
        model = cast("LanguageModel", run.model)
        return write_text_report(run, text, model, run.history, run.folder / REPORT)
    table = load_table(settings)
    _check_files(run, table.table.files)
    learned, held_out = table.split(settings.test_size, settings.seed)
    rows = {"training": learned.to_evaluate(), "held_out": held_out.to_evaluate()}
    beside = beside_of(held_out, learned)
    evidence = run.evidence(rows, beside, run.model, run.history)
    return write_page(evidence, run.folder / REPORT)


def _check_files(run: Run, files: tuple[Location, ...]) -> None:
    source = run.settings.data
    before, now = run.record["data"]["files"], fingerprint(source, files)
    for old, new in zip(before, now, strict=False):
        if (old["bytes"], old["sha256"]) != (new["bytes"], new["sha256"]):
            change = f"{old['bytes']:,} bytes then, {new['bytes']:,} now"
            if old["bytes"] == new["bytes"]:
                change = f"still {old['bytes']:,} bytes, but different content"
            raise DataError(
                f"{new['path']} has changed since the run: {change}",
                "the data that the model was trained and evaluated on",
                "restore the file; or handgrad train, for a model of the new data",
            )
    if len(before) != len(now):
        raise DataError(
            f"{source}: {len(now)} files, was {len(before)}",
            "the files that the model was trained and evaluated on",
            "restore the files; or handgrad train, for a model of the new ones",
        )
