"""Tables in text are read in the page as Python reads them, and refused with their line."""

import base64
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handgrad.files.cell_patterns import reading
from handgrad.tables.data.csv_file import CsvFile
from tests.learn.playground.in_node import HAS_NODE, in_page

pytestmark = HAS_NODE
READ = """({ files, reading }) => files.map((file) => {
  try {
    const text = textOf(Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0)));
    const { columns, n, of } = tableIn(text, reading);
    const plain = columns.map(({ name, numbers, texts, gaps }) => {
      const values = numbers ? Array.from(numbers, String) : texts;
      return { name, gaps, values, isNumbers: Boolean(numbers) };
    });
    return { columns: plain, n, of };
  } catch (error) {
    if (!(error instanceof TableRefused)) throw error;
    return { key: error.key, values: error.values };
  }
})"""


def in_javascript(files: list[bytes]) -> list[dict[str, Any]]:
    modules = {"csv": "tableIn", "csv_parser": "TableRefused, textOf"}
    given = {"files": [base64.b64encode(file).decode() for file in files], "reading": reading()}
    found: list[dict[str, Any]] = in_page(modules, READ, given)
    return found


def in_python(content: bytes, path: Path) -> dict[str, list[Any]]:
    """The columns as Python reads them: numbers or texts, None where something is missing."""
    path.write_bytes(content)
    file = CsvFile(path, None, lambda size: None)
    (table,) = file.read(file.parts[0], file.schema.names, file.schema)
    return {name: table[name].to_pylist() for name in table.column_names}


def check(content: bytes, found: dict[str, Any], path: Path) -> None:
    expected = in_python(content, path)
    assert [column["name"] for column in found["columns"]] == [*expected]
    for column in found["columns"]:
        theirs = expected[column["name"]]
        gaps = sum(value is None or value == "" for value in theirs)
        assert column["gaps"] == gaps, column["name"]
        if column["isNumbers"]:
            mine = [
                None if v == "NaN" else float(v.replace("Infinity", "inf"))
                for v in column["values"]
            ]
            assert mine == theirs, column["name"]
        else:
            # blanks around a text, which Python keeps, are none of its letters here
            assert column["values"] == ["" if v is None else v.strip() for v in theirs]


TABLE = "a,b,Größe\n1,x,2.5\n-3,y,1e3\n,z,\n4.25,,7\n"
FILES: dict[str, bytes] = {
    "as usual": TABLE.encode(),
    "a mark of UTF-8": b"\xef\xbb\xbf" + TABLE.encode(),
    "UTF-16": TABLE.encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + TABLE.encode("utf-16-be"),
    "UTF-16 without a mark": TABLE.encode("utf-16-le"),
    "of the West": TABLE.encode("cp1252"),
    "of the East": "城市,人数\n北京,3\n上海,4\n北京,5\n".encode("gb18030"),
    "CRLF": TABLE.replace("\n", "\r\n").encode(),
    "CR": TABLE.replace("\n", "\r").encode(),
    "no end of the last line": TABLE.strip().encode(),
    "empty lines": TABLE.replace("\n", "\n\n").encode(),
    "semicolons, decimal commas": b"a;b\n1,5;x\n2,25;y\n-1.234,5;z\n",
    "semicolons, points": b"a;b\n1.5;x\n2.25;y\n",
    "tabs": b"a\tb\n1\tx, y\n2\tz\n",
    "bars": b"a|b\n1|x\n2|y\n",
    "said": b"sep=;\na;b\n1;2\n3;4\n",
    "quotes": b'a,b\n"1","x, ""y"""\n"2","two\nlines"\n3,"z"\n',
    "quotes with semicolons": b'"a b";"c;d"\n"1,5";"x"\n"2,5";"y;z"\n',
    "one column": b"a\n1\n2\n3\n",
    "thousands": b'a,b\n"1,000",1\n"12,345.5",2\n',
    "thousands of points": b"a;b\n1.000;1\n12.345,5;2\n",
    "thousands either way": b"a;b\n1.000;1,5\n12.345;2,5\n",
    "money": "a;b\n€ 3,50;x\n€ 4;y\n".encode(),
    "two moneys": "a;b\n€ 3;x\n$ 4;y\n".encode(),
    "per cent": b"a,b\n12.5%,x\n3%,y\n",
    "per cent and not": b"a,b\n12.5%,x\n3,y\n",
    "debits": b"a,b\n(5),x\n3-,y\n-2,z\n",
    "true minus": "a,b\n−5,x\n3,y\n".encode(),
    "codes": b"a,b\n007,x\n012,y\n",
    "missing": b"a,b\nNA,x\n3,NULL\nnan,n/a\n4,y\n",
    "not missing": b"a,b\n?,x\n3,-\n4,None\n",
    "texts and numbers": b"a,b\n1,x\ntwo,3\n3,4\n",
    "blanks": b"a , b\n 1 , x \n 2 ,y\n",
    "unbroken blanks": b"a;b\n1 000;x\n2 000,5;y\n",
    "large": b"a,b\n123456789012345678,x\n1234567890123456789012,y\n1e400,z\n",
    "no name for the rows": b",a\n1,5\n2,6\n",
    "separator at the ends": b"a,b\n1,x,\n2,y,\n",
}
DIFFERENT = {  # the page keeps what Python leaves out, or reads what it refuses
    "no name for the rows",
    "separator at the ends",
}


def test_files_are_read_as_python_reads_them(tmp_path: Path) -> None:
    for (name, content), found in zip(FILES.items(), in_javascript([*FILES.values()]), strict=True):
        assert "columns" in found, (name, found)
        if name not in DIFFERENT:
            check(content, found, tmp_path / "t.csv")


CELLS = (
    "1", "2.5", "-3", "1,5", "1.234", "1,234", "1.234,5", "1,234.5", "1'000", "12 345", ".5", ",5",
    "1e3", "1E-2", "007", "0", "-0", "+4", "(5)", "5-", "12%", "€3", "3 €", "$4", "NA", "", "nan",
    "x", "a b", "1a", "..", "1..2", "1,2,3", "12,34,567", "1.2.3", "−7", "9" * 25, "3 kr", "Rs 5",
)  # fmt: skip


def odd_table(rng: random.Random) -> bytes:
    separator = rng.choice([",", ";", "\t", "|"])
    columns = rng.randint(2, 4)
    kinds = [rng.sample(CELLS, rng.randint(1, 4)) for _ in range(columns)]
    lines = [[f"c{i}" for i in range(columns)]]
    lines += [[rng.choice(kind) for kind in kinds] for _ in range(rng.randint(3, 9))]
    lines += [["1", *["x"] * (columns - 1)]]  # so that no line is empty

    def written(cell: str) -> str:
        return f'"{cell}"' if separator in cell or rng.random() < 0.1 else cell

    end = rng.choice(["\n", "\r\n"])
    return end.join(separator.join(map(written, line)) for line in lines).encode() + b"\n"


@pytest.mark.slow
def test_odd_tables_are_read_as_python_reads_them(tmp_path: Path) -> None:
    rng = random.Random(0)
    files = [odd_table(rng) for _ in range(400)]
    for content, found in zip(files, in_javascript(files), strict=True):
        check(content, found, tmp_path / "t.csv")


def test_a_file_without_names_has_them_by_number() -> None:
    (found,) = in_javascript([b"1,2\n3,4\n5,6\n"])
    assert [column["name"] for column in found["columns"]] == ["column 1", "column 2"]
    assert found["n"] == 3


@pytest.mark.parametrize(
    ("content", "key", "values"),
    [
        (b"", "csv_empty", {}),
        (b"\n\n  \n", "csv_no_rows", {"rows": 0}),
        (b"a,b\n", "csv_no_rows", {"rows": 0}),
        (b"a,b\n1,2\n", "csv_no_rows", {"rows": 1}),
        (b"a,b\n1,2\n\n3\n4,5\n", "csv_ragged", {"line": 4, "cells": 1, "columns": 2}),
        (b'a,b\n1,"x\ny"\n3,4,5\n', "csv_ragged", {"line": 4, "cells": 3, "columns": 2}),
        (b"sep=;\na;b\n1;2\n3\n", "csv_ragged", {"line": 4, "cells": 1, "columns": 2}),
        (b'a,b\n1,2\n3,"x\n5,6\n', "csv_quote", {"line": 3}),
        (b"PAR1\x00\x01\x02\x15\x04", "csv_binary", {}),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "csv_binary", {}),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(
    content: bytes, key: str, values: dict[str, int]
) -> None:
    (found,) = in_javascript([content])
    assert found == {"key": key, "values": values}


MANY = """({ n, reading }) => {
  const text = "a,b\\n" + Array.from({ length: n }, (_, i) => `${i},${i % 3}`).join("\\n");
  const { columns, n: kept, of } = tableIn(text, reading);
  return { kept, of, first: [...columns[0].numbers.slice(0, 3)], last: columns[0].numbers.at(-1) };
}"""


def test_of_a_million_rows_evenly_spaced_ones_are_kept() -> None:
    found = in_page({"csv": "tableIn"}, MANY, {"n": 10**6, "reading": reading()})
    assert found == {"kept": 10000, "of": 10**6, "first": [0, 100, 200], "last": 999900}


def test_the_oracle_tells_gaps_from_numbers(tmp_path: Path) -> None:
    found = in_python(FILES["as usual"], tmp_path / "t.csv")
    assert found["a"] == [1, -3, None, 4.25]
    assert not any(isinstance(value, float) and math.isnan(value) for value in found["a"] if value)
    assert np.isfinite(found["a"][3])
    assert isinstance(pa.array(found["b"]), pa.StringArray)
