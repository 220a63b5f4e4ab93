"""The rows to learn from: in memory where they fit, else in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handgrad.cli.rows import Given, columns_kept, read
from handgrad.cli.settings import Settings, table_options
from handgrad.data import BUNDLED
from handgrad.data.files import check_asked, is_parquet, paths_of
from handgrad.data.packed_files import packing_of
from handgrad.data.table_stream import bytes_of, opened
from handgrad.errors import SettingError
from handgrad.files import FileError

if TYPE_CHECKING:
    from handgrad.cli.streaming import Streamed

# No row takes this many times as many bytes in memory, with all that is made of it, as in a file
# of text: files below that share of the memory fit, whatever stands in them.
SURELY = 500


def given_by(settings: dict[str, Any], data: str, *, progress: bool = False) -> Given | Streamed:
    """The rows of `data` that settings ask for; refused where they cannot be learned from."""
    target, task, ignore = (settings[name] for name in ("target", "task", "ignore"))
    memory, asked = settings["memory"], table_options(settings)
    if data in BUNDLED or _is_small(data, bytes_of(memory)):
        return read(data, target, task, ignore, asked)
    from handgrad.cli.streaming import read_in_pieces
    from handgrad.tabular import TabularClassifier
    from handgrad.tabular.streamed import fits

    table = opened(data, asked, memory, progress=progress)
    check_asked(data, table.names, asked)
    name, kept = columns_kept(data, table.names, table.n_rows, target, ignore)
    n_members = 1 if settings["estimator"] == "mlp" else TabularClassifier().n_members
    if fits(table.select([*kept, name]), name, n_members):
        return read(data, target, task, ignore, asked)
    return read_in_pieces(data, table, target, task, ignore)


def _is_small(data: str, memory: int) -> bool:
    """Whether it surely fits; also where there is no such file, which reading tells."""
    try:
        paths = paths_of(data)
    except FileError:
        return True
    of_text = all(not is_parquet(path) and not packing_of(path) for path in paths)
    return of_text and sum(path.stat().st_size for path in paths) * SURELY <= memory


def refuse_beside_a_stream(settings: Settings) -> None:
    """Refuse what needs all rows in memory."""
    for flag, value, instead in (
        ("--estimator mlp", settings.estimator == "mlp", "--estimator tabular"),
        (f"--folds {settings.folds}", settings.folds, "no --folds"),
        (f"--class-weight {settings.class_weight}", settings.class_weight, "no --class-weight"),
    ):
        if value:
            raise SettingError(
                f"{flag}, for a table that does not fit --memory {settings.memory!r}",
                "what can be done piece by piece",
                f"{instead}; or a larger --memory, if the machine has it",
            )
