"""Output of the comparison of two tables."""

from __future__ import annotations

from pathlib import Path

from handgrad.cli.output import Output, figure
from handgrad.tables import runs

MOST_COLUMNS = 20


def show_comparison(comparison: runs.TableComparison, output: Output, *, page: Path | None) -> None:
    """Show the columns of two tables, the scores of a model, the findings, and the page."""
    written = {} if page is None else {"page": str(page)}
    output.result(comparison.recorded() | {"notes": output.notes} | written)
    drift, (n_new, n_old) = comparison.drift, comparison.rows
    output.say(
        (comparison.new, "bold"),
        f", {n_new:,} rows, and ",
        (comparison.old, "bold"),
        f", {n_old:,}",
    )
    columns = comparison.by_drift
    rows = [
        [
            column.column,
            figure(column.distance),
            *(f"{share:.1%}" for share in column.missing),
        ]
        for column in columns[:MOST_COLUMNS]
    ]
    output.table(["column", "distance", "missing, new", "missing, old"], rows, numbers=True)
    if len(columns) > MOST_COLUMNS:
        output.say(f"… {len(columns)} columns in all")
    if comparison.auc is not None:
        output.say(
            f"a model tells new rows from old ones with a ROC AUC of {comparison.auc:.2f}; "
            "½ is guessing"
        )
    if scores := comparison.scores:
        of_both = [
            [name.replace("_", " "), *(figure(side[name]) for side in scores.values())]
            for name in scores["new"]
        ]
        output.table(["", *(side.replace("_", " ") for side in scores)], of_both, numbers=True)
    for finding in drift.findings:
        output.finding(**vars(finding))
    if not drift.findings:
        output.say("no difference is both large and significant")
    if page is not None:
        output.say("written: ", (str(page), "bold"))
