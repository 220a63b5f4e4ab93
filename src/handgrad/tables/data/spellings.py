"""Spellings of texts that differ only in case or spaces, and their merging."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import pyarrow as pa

from handgrad.tables.data.files import Table
from handgrad.tables.data.table_stream import TableStream
from handgrad.tables.data.targets import is_text

# Texts with more distinct values are no categories: their spellings stay.
MOST_SPELLED = 1000
Spellings = Mapping[str, Mapping[str, str]]  # for each column, the spelling of each form
Counts = Mapping[str, int]  # rows of each text


def form_of(text: str) -> str:
    """The text without case, and without spaces around it and double ones.

    >>> form_of(" New  York") == form_of("new york ")
    True
    """
    return " ".join(text.split()).casefold()


def spelled_alike(counts: Counts) -> list[dict[str, int]]:
    """Groups of texts that differ only in case or spaces, each with the rows of its texts."""
    groups = dict[str, dict[str, int]]()
    for text, n in counts.items():
        groups.setdefault(form_of(text), {})[text] = n
    return [group for group in groups.values() if len(group) > 1]


def listing(groups: Iterable[Counts], most: int | None = None) -> str:
    """List groups of texts with their rows, at most so many of them.

    >>> listing(spelled_alike({"Yes": 2, "no": 30, "yes": 40, "NO": 1, "YES": 3, "perhaps": 1}))
    "'Yes' (2), 'yes' (40) and 'YES' (3); 'no' (30) and 'NO' (1)"
    """
    shown = [[f"{text!r} ({n:,})" for text, n in group.items()] for group in groups]
    parts = [f"{', '.join(group[:-1])} and {group[-1]}" for group in shown[:most]]
    more = len(shown) - len(parts)
    return "; ".join([*parts, *[f"{more} more such"] * bool(more)])


def counts_of(column: pa.ChunkedArray) -> Counts:
    """Rows of each text of a column of text or categories."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    pairs = column.value_counts().to_pylist()
    return {pair["values"]: pair["counts"] for pair in pairs if pair["values"] is not None}


def merged(table: Table, target: str) -> tuple[Table, Spellings]:
    """The table with one spelling for texts that differ only in case or spaces, and the spellings.

    It is the most frequent one, in the target and in categories; notes list what was merged.
    """
    counts = {
        name: counts_of(table.columns[name]) for name in table.names if _is_spelled(table, name)
    }
    spellings = _chosen(counts, target)
    columns = respelled(table.columns, spellings)
    table = table.with_columns(columns).noted(*_notes(counts, spellings))
    return table, spellings


def merged_stream(stream: TableStream, target: str) -> tuple[TableStream, Spellings]:
    """The same for a table in chunks."""
    names = [name for name in stream.names if _is_spelled(stream, name)]
    counts = {name: dict[str, int]() for name in names}
    for chunk in stream.chunks(names) if names else ():
        for name in names:
            if name == target or len(counts[name]) <= MOST_SPELLED:
                for text, n in counts_of(chunk.columns[name]).items():
                    counts[name][text] = counts[name].get(text, 0) + n
    spellings = _chosen(counts, target)
    notes = _notes(counts, spellings)
    return stream.mapped(partial(_respelled, spellings)).noted(*notes), spellings


def respelled(table: pa.Table, spellings: Spellings) -> pa.Table:
    """The table with these spellings; texts of other forms stay."""
    for i, name in enumerate(table.column_names):
        column = table.column(i)
        if name not in spellings or not _may_be_spelled(column.type):
            continue
        known, kind = spellings[name], column.type
        cells = column.cast(kind.value_type) if pa.types.is_dictionary(kind) else column
        encoded = cells.combine_chunks().dictionary_encode()
        texts = [known.get(form_of(text), text) for text in encoded.dictionary.to_pylist()]
        spelled = pa.array(texts, cells.type).take(encoded.indices)
        table = table.set_column(i, name, pa.chunked_array([spelled]).cast(kind))
    return table


def stream_respelled(stream: TableStream, spellings: Spellings) -> TableStream:
    """The stream with these spellings."""
    return stream.mapped(partial(_respelled, spellings)) if spellings else stream


def spellings_from(texts: Mapping[str, Iterable[str]]) -> Spellings:
    """Spellings by column, from the texts of each column."""
    return {name: {form_of(text): text for text in kept} for name, kept in texts.items()}


def _respelled(spellings: Spellings, chunk: Table) -> Table:
    return chunk.with_columns(respelled(chunk.columns, spellings))


def _may_be_spelled(kind: pa.DataType) -> bool:
    return is_text(kind.value_type if pa.types.is_dictionary(kind) else kind)


def _is_spelled(table: Table | TableStream, name: str) -> bool:
    return _may_be_spelled(table.schema.field(name).type)


def _chosen(counts: Mapping[str, Counts], target: str) -> Spellings:
    return {
        name: {form_of(text): text for text in _kept(texts)}
        for name, texts in counts.items()
        if name == target or len(texts) <= MOST_SPELLED
    }


def _kept(counts: Counts) -> Iterator[str]:
    """The most frequent spelling of each form."""
    groups = dict[str, dict[str, int]]()
    for text, n in counts.items():
        spelling = groups.setdefault(form_of(text), {})
        spelling[text.strip()] = spelling.get(text.strip(), 0) + n
    for group in groups.values():
        yield min(group, key=lambda text: (-group[text], text))


def _notes(counts: Mapping[str, Counts], spellings: Spellings) -> Iterator[str]:
    for name in spellings:
        if groups := spelled_alike(counts[name]):
            kept = {spellings[name][form_of(text)] for group in groups for text in group}
            yield (
                f"column {name!r}: {listing(groups)} are merged, each group into its most "
                f"frequent spelling: {', '.join(map(repr, sorted(kept)))}"
            )
