"""Cells are read in a page as Python reads them, and become the same numbers."""

import itertools
import random
import shutil
import struct
from typing import Any

import numpy as np
import pytest

from handgrad.engines.portable.model import portable_model
from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.exchange.exporting.portable.programs import encoding_module
from handgrad.files.cell_patterns import reading
from handgrad.files.features import Feature, Features
from handgrad.files.scripts import inlined
from handgrad.tables.data.frames import columns_of_records
from handgrad.tables.tabular.features import encoded
from handgrad.textbook.errors import DataError
from tests.exchange.exporting.odd_cells import FEATURES, odd_cell

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")

IMPORTED = 'import { cellRead, encodedRow } from "./table.js";\n'
EACH_CELL = """
const bits = (numbers) => [...new Uint32Array(Float32Array.from(numbers).buffer)];
export const main = ({ columns, cells, reading }) => cells.map((text) => {
  const { value, refused } = cellRead(columns[0], text, reading);
  return refused ? null : bits(encodedRow(columns, [value]));
});"""
WHOLE_ROWS = """
export const main = ({ columns, rows, reading }) => rows.map((row) =>
  encodedRow(columns, columns.map((c, i) => cellRead(c, row[i], reading).value)));"""


def page_of(features: dict[str, Feature], main: str) -> tuple[str, list[dict[str, Any]]]:
    """The page's scripts with the encoder of such columns, and the columns as it has them."""
    encoders = Features(features)
    model = portable_model(encoders.encoder, x=np.zeros((4, len(features))))
    made = {"main.js": IMPORTED + main, "encoding.js": encoding_module(model)}
    described = encoders.described()
    columns = [{"name": n, "kind": f.kind, **described[n]} for n, f in features.items()]
    return inlined("model/main.js", {f"model/{k}": text for k, text in made.items()}), columns


def in_python(name: str, text: str) -> list[int] | None:
    """The bits of the numbers of a cell, as float32; None where it is refused."""
    try:
        x = encoded(Features({name: FEATURES[name]}), columns_of_records({name: [text]}))
    except DataError:
        return None
    return [struct.unpack("<I", struct.pack("<f", number))[0] for number in x[0]]


def readable(name: str, n: int, rng: random.Random) -> list[str]:
    """So many cells that are not refused."""
    cells = (odd_cell(FEATURES[name], rng) for _ in range(10 * n))
    return [*itertools.islice((cell for cell in cells if in_python(name, cell) is not None), n)]


@pytest.mark.slow
@pytest.mark.parametrize("name", FEATURES)
def test_every_cell_becomes_the_same_bits_or_is_refused_by_both(name: str) -> None:
    rng = random.Random(name)
    cells = list(dict.fromkeys(odd_cell(FEATURES[name], rng) for _ in range(250)))
    script, columns = page_of({name: FEATURES[name]}, EACH_CELL)
    given = {"columns": columns, "cells": cells, "reading": reading()}
    found = dict(zip(cells, run_in_node(script, given), strict=True))
    expected = {cell: in_python(name, cell) for cell in cells}
    assert {cell: bits for cell, bits in found.items() if bits != expected[cell]} == {}
    assert len({*map(str, expected.values())}) > 2


@pytest.mark.slow
def test_a_row_has_its_numbers_first_and_its_codes_last() -> None:
    rng = random.Random(0)
    cells = {name: readable(name, 30, rng) for name in FEATURES}
    rows = [[*row] for row in zip(*cells.values(), strict=True)]
    script, columns = page_of(FEATURES, WHOLE_ROWS)
    found = run_in_node(script, {"columns": columns, "rows": rows, "reading": reading()})
    for row, numbers in zip(rows, found, strict=True):
        table = columns_of_records({name: [text] for name, text in zip(FEATURES, row, strict=True)})
        assert numbers == encoded(Features(FEATURES), table)[0].tolist()
