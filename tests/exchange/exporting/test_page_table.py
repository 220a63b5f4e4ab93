"""Cells are read in a page as Python reads them, and become the same numbers."""

import itertools
import random
import shutil
import struct
from typing import Any

import numpy as np
import pytest

from handgrad.exchange.exporting.portable.node import run_in_node
from handgrad.files.cell_patterns import reading
from handgrad.files.features import CYCLES, Features
from handgrad.files.web import WEB
from handgrad.tables.data.frames import columns_of_records
from handgrad.tables.tabular.features import encoded
from handgrad.textbook.errors import DataError
from tests.exchange.exporting.odd_cells import FEATURES, odd_cell

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="there is no node here")

PAGE = WEB / "model"
TABLE = f'import {{ cellRead, encodedRow }} from "{(PAGE / "table.js").as_uri()}";\n'
EACH_CELL = """
const bits = (numbers) => [...new Uint32Array(Float32Array.from(numbers).buffer)];
const main = ({ columns, cells, reading }) => cells.map(([name, text]) => {
  const { value, refused } = cellRead(columns[name], text, reading);
  return refused ? null : bits(encodedRow([columns[name]], [value], reading));
});"""
WHOLE_ROWS = """
const main = ({ columns, rows, reading }) => rows.map((row) =>
  encodedRow(columns, columns.map((c, i) => cellRead(c, row[i], reading).value), reading));"""
HANDS = """
const main = ({ days, cycles }) => days.map((day) => Object.values(cycles).flatMap((length) => {
  const turn = 2 * Math.PI * day / length;
  return [Math.sin(turn), Math.cos(turn)];
}));"""


def columns() -> dict[str, Any]:
    return {name: {"name": name, **said} for name, said in Features(FEATURES).described().items()}


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
    given = {"columns": columns(), "cells": [[name, c] for c in cells], "reading": reading()}
    found = dict(zip(cells, run_in_node(TABLE + EACH_CELL, given), strict=True))
    expected = {cell: in_python(name, cell) for cell in cells}
    assert {cell: bits for cell, bits in found.items() if bits != expected[cell]} == {}
    assert len({*map(str, expected.values())}) > 2


def test_a_row_has_its_numbers_first_and_its_codes_last() -> None:
    rng = random.Random(0)
    cells = {name: readable(name, 30, rng) for name in FEATURES}
    rows = [[*row] for row in zip(*cells.values(), strict=True)]
    given = {"columns": [*columns().values()], "rows": rows, "reading": reading()}
    found = run_in_node(TABLE + WHOLE_ROWS, given)
    for row, numbers in zip(rows, found, strict=True):
        table = columns_of_records({name: [text] for name, text in zip(FEATURES, row, strict=True)})
        assert numbers == encoded(Features(FEATURES), table)[0].tolist()


def test_sine_and_cosine_of_a_date_are_within_an_ulp_of_numpy() -> None:
    days = np.random.default_rng(0).uniform(-100_000, 100_000, 2000)
    found = run_in_node(HANDS, {"days": days.tolist(), "cycles": CYCLES})
    for length, hands in zip(
        CYCLES.values(), np.array(found).reshape(-1, 3, 2).swapaxes(0, 1), strict=True
    ):
        turn = 2 * np.pi * days / length
        expected = np.stack([np.sin(turn), np.cos(turn)], axis=1)
        assert abs(hands - expected).max() <= np.finfo(float).eps
