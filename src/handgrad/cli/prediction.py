"""`handgrad predict`: what a model says of each row of a table, however large it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from handgrad.cli.models import errors_name, model_in
from handgrad.cli.output import Output
from handgrad.cli.rows import refuse_joined
from handgrad.data import predict_table
from handgrad.data.files import check_asked, listed
from handgrad.data.table_options import TableOptions
from handgrad.data.table_stream import opened
from handgrad.errors import SettingError

SCREEN = "-"


def run_prediction(
    path: Path,
    data: str,
    out: str,
    asked: TableOptions,
    output: Output,
    *,
    probabilities: bool,
    keep: Sequence[str],
    memory: str,
) -> None:
    """Write the predictions to a file, or to standard output once all of them are made."""
    named = model_in(path)
    model = named.model
    if probabilities and not hasattr(model, "classes_"):
        raise SettingError(
            f"--probabilities, of {path}, which predicts a number",
            "a model that predicts classes",
            "without --probabilities",
        )
    table = opened(data, named.asked(asked), memory, progress=output.shows_progress)
    check_asked(data, table.names, asked)
    for note in table.notes:
        output.note(note)
    refuse_joined("--keep", keep, table.names)
    with TemporaryDirectory() as folder:
        to = Path(out) if out != SCREEN else Path(folder) / "predictions.csv"
        with output.warnings_as_notes(), errors_name(data):
            predict_table(
                model,
                table,
                to=to,
                probabilities=probabilities,
                keep=keep,
                progress=output.shows_progress,
            )
        known = {*map(str, getattr(model, "feature_names_in_", table.names)), *keep, named.target}
        if more := [name for name in table.names if name not in known]:
            output.note(f"columns that were not there in training are ignored: {listed(more)}")
        _show(to, table.n_rows, output, on_screen=out == SCREEN)


def _show(to: Path, rows: int, output: Output, *, on_screen: bool) -> None:
    if output.as_json and on_screen:
        from pyarrow import csv

        predictions = csv.read_csv(to).to_pylist()
        output.result({"rows": rows, "predictions": predictions, "notes": output.notes})
    elif on_screen:
        output.copy(to)
    else:
        output.result({"rows": rows, "written": str(to), "notes": output.notes})
        output.say(f"{rows:,} rows predicted, written to ", (str(to), "bold"))
