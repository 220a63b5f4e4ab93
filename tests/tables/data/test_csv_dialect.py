"""`CsvDialect`: what a file shows of how it is written, and what other files are called."""

import bz2
import gzip
import lzma
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import feather, parquet

import handgrad as hg
from handgrad.tables.data.csv_dialect import CsvDialect, sniffed
from handgrad.tables.data.table_options import TableOptions
from handgrad.tables.data.tables import table_of
from tests.bad_input.refused import refused

PLAIN = 'Größe,town,y\n1.5,"Köln, Süd",u\n2.25,Ulm,v\n'
SEMICOLONS = "Größe;town;y\n1,5;Köln, Süd;u\n2,25;Ulm;v\n"


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, "zstd", asbytes=True))


WAYS: dict[str, tuple[bytes, CsvDialect]] = {
    "commas": (PLAIN.encode(), CsvDialect()),
    "a byte order mark": (PLAIN.encode("utf-8-sig"), CsvDialect()),
    "carriage returns alone": (PLAIN.replace("\n", "\r").encode(), CsvDialect()),
    "semicolons": (SEMICOLONS.encode(), CsvDialect(";", ",")),
    "semicolons and points": (SEMICOLONS.replace("1,5", "1.5").replace("2,25", "2.25").encode(),
                              CsvDialect(";")),
    "tabs": (SEMICOLONS.replace(";", "\t").encode(), CsvDialect("\t", ",")),
    "bars": (PLAIN.replace(",", "|").replace('"', "").encode(), CsvDialect("|")),
    "a first line of the separator": (b"sep=|\r\na|b\r\n1|2\r\n", CsvDialect("|")),
    "the same with a mark": ("sep=;\na;b\n1;2\n".encode("utf-8-sig"), CsvDialect(";")),
    "Latin-1": (SEMICOLONS.encode("latin-1"), CsvDialect(";", ",", "cp1252")),
    "cp1252": (SEMICOLONS.replace("u\n", "5 €\n").encode("cp1252"),
               CsvDialect(";", ",", "cp1252")),
    "GBK": ("编号,城市\n1,北京\n2,上海\n".encode("gbk"), CsvDialect(encoding="gb18030")),
    "UTF-16": (PLAIN.encode("utf-16"), CsvDialect(encoding="utf-16")),
    "UTF-16, the other way round": (b"\xfe\xff" + PLAIN.encode("utf-16-be"),
                                    CsvDialect(encoding="utf-16")),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), CsvDialect(encoding="utf-16-le")),
    "UTF-16 BE without a mark": (PLAIN.encode("utf-16-be"), CsvDialect(encoding="utf-16-be")),
    "UTF-32": (PLAIN.encode("utf-32"), CsvDialect(encoding="utf-32")),
    "gzip": (gzip.compress(PLAIN.encode()), CsvDialect(packing="gzip")),
    "bz2": (bz2.compress(PLAIN.encode()), CsvDialect(packing="bz2")),
    "xz": (lzma.compress(PLAIN.encode()), CsvDialect(packing="xz")),
    "zstd": (zstd(PLAIN.encode()), CsvDialect(packing="zstd")),
    "gzip of UTF-16": (gzip.compress(PLAIN.encode("utf-16")),
                       CsvDialect(encoding="utf-16", packing="gzip")),
    "a comma at the end of each row": (b"a,b\n1,2,\n3,4,\n",
                                       CsvDialect()),
    "one column": (b"a\n1\n2\n", CsvDialect()),
    "names alone": (b"a;b;c\n", CsvDialect(";")),
    "nothing": (b"", CsvDialect()),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_file_shows_how_it_is_written(way: str, tmp_path: Path) -> None:
    content, expected = WAYS[way]
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    assert replace(sniffed(path), names=(), skipped=0) == expected


@pytest.mark.parametrize("way", [w for w in WAYS if "Größe" in WAYS[w][0].decode("latin-1")
                                 or b"\0" in WAYS[w][0] or WAYS[w][1].packing])  # fmt: skip
def test_all_ways_to_write_a_table_give_the_same_rows(way: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(WAYS[way][0])
    table = table_of(path).columns
    assert table.to_pydict()["Größe"] == [1.5, 2.25]
    assert table.to_pydict()["town"][1] == "Ulm"


NUMBERS = {
    "1,5 2,25": ",", "1.5 2.25": ".", "1.234,5 12,0": ",", "1,234.5 12.0": ".", "12 1.234": ".",
    "1.234.567 12": ",", "1,234,567 12": ".", "€1.234,50": ",", "1 234,5": ",", "1'234.5": ".",
    "04.08.2023 31.12.2024": ".", "1.2.3.4": ".", "0,125": ",", "-2827,531": ",", "Ulm, West": ".",
    "12,5%": ",", "9,99 EUR": ",", "1\u202f234,5": ",", "abc 1,5x9": ".",
}  # fmt: skip


@pytest.mark.parametrize("numbers", NUMBERS)
def test_the_decimal_sign_is_that_of_numbers_that_read_one_way_only(
    numbers: str, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    cells = [numbers] if numbers[0] in "€U9" or "\u202f" in numbers else numbers.split()
    if numbers.startswith(("1 ", "1'")):
        cells = [numbers]
    path.write_text("a,b\n" + "".join(f'"{cell}",1\n' for cell in cells), "utf-8")
    assert sniffed(path).decimal == NUMBERS[numbers]


def test_thousands_or_fractions_are_what_the_separator_goes_with(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a;b\n1.234;x\n2.345;y\n")
    assert sniffed(path).decimal == ","
    path.write_text("a,b\n1.234,x\n2.345,y\n")
    assert sniffed(path).decimal == "."


def test_what_is_said_counts_more_than_what_is_found(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sep=;\n1,5;2,5\n3,5;4,5\n")
    asked = TableOptions(separator=",", decimal=".", encoding="latin-1", header=False)
    names = ("column_1", "column_2", "column_3")
    path.write_text("sep=;\n1,5;2,5\n3,5;4,5\n")
    assert sniffed(path, asked) == CsvDialect(",", ".", "latin-1", skipped=1, names=names)


def test_a_letter_far_down_a_long_file_shows_its_encoding(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"a,y\n" + b"1000000,x\n" * 150_000 + "2,süß\n".encode("cp1252"))
    assert sniffed(path).encoding == "utf-8"
    assert sniffed(path, whole=True).encoding == "cp1252"
    with pytest.warns(UserWarning, match="encoding cp1252"):
        assert hg.data.read_table(path, "y").class_names == ("süß", "x")


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("t.csv", PLAIN)


def content(data: bytes) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(data)


COLUMNS = pa.table({"a": [1, 2], "y": ["u", "v"]})
OTHER_KINDS: dict[str, tuple[Callable[[Path], Any], tuple[str, ...]]] = {
    "zip": (zipped, ("a ZIP archive", "unpack it")),
    "feather": (lambda p: feather.write_feather(COLUMNS, p), ("an Arrow", ".arrow")),
    "an old Feather file": (content(b"FEA1\0" + bytes(9)), ("a Feather", "pandas.read_feather")),
    "pickle": (content(pickle.dumps({"a": 1})), ("a Python pickle", "pandas.read_pickle")),
    "JSON": (content(b'{"a": 1,\n"y": 2}\n'), ("JSON, but", "pandas.read_json")),
    "a JSON array": (content(b'\n[{"a": 1}]'), ("a JSON array", "pandas.read_json")),
    "PDF": (content(b"%PDF-1.7\n"), ("a PDF document",)),
    "HTML": (content(b"<!DOCTYPE html>\n<html>"), ("a web page",)),
    "noise": (content(bytes(range(1, 256)) * 9), ("not a text file",)),
    "a picture": (content(b"\x89PNG\r\n\x1a\n"), ("a picture",)),
    "tar.gz": (content(gzip.compress(bytes(257) + b"ustar" + bytes(99))), ("a TAR archive",)),
    "JSON in gzip": (content(gzip.compress(b'{"a": 1,\n"y": 2}\n')), ("JSON, but",)),
    "Parquet": (lambda p: parquet.write_table(COLUMNS, p), ("Parquet", ".parquet")),
    "a part of a gzip file": (content(gzip.compress(PLAIN.encode() * 99)[:60]), ("gzip", "copied")),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_file_of_another_kind_is_called_by_its_name(kind: str, tmp_path: Path) -> None:
    write, words = OTHER_KINDS[kind]
    path = tmp_path / "t.csv"
    write(path)
    with refused(hg.errors.FileError, f"{path}: ", *words):
        hg.data.read_table(path, "y")


FULL_WIDTH = {
    "names": "年龄，收入，流失\n1,2,否\n3,4,是\n",
    "some names": "年龄,收入，流失\n1,2,否\n3,4,是\n",
    "all rows": "年龄，收入，流失\n1，2，否\n3，4，是\n",
    "semicolons": "年龄；收入；流失\n1;2;否\n3;4;是\n",
}


@pytest.mark.parametrize("case", FULL_WIDTH)
def test_full_width_signs_between_columns_are_named(case: str, tmp_path: Path) -> None:
    text, path = FULL_WIDTH[case], tmp_path / "t.csv"
    path.write_text(text, "utf-8")
    sign, separator = ("；", ";") if case == "semicolons" else ("，", ",")
    with refused(hg.errors.FileError, f"full-width “{sign}”", f"replace “{sign}” by “{separator}”"):
        hg.data.read_table(path, "流失")


def test_full_width_signs_within_names_and_cells_stay(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("大小（长，宽）,评语\n1,好，很好\n2,不，不好\n", "utf-8")
    assert sniffed(path).names == ("大小（长，宽）", "评语")
    path.write_text("评语，或别的\n好\n不，不好\n", "utf-8")
    assert sniffed(path).names == ("评语，或别的",)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a word as separator": ({"separator": "semicolons"}, "did you mean 'semicolon'?"),
    "a letter as separator": ({"separator": "a"}, "one character"),
    "no separator": ({"separator": ""}, "one character"),
    "a decimal sign that is none": ({"decimal": ";"}, "'.' or ','"),
    "an encoding that is none": ({"encoding": "utf-99"}, "did you mean 'utf-"),
    "an encoding that is no text": ({"encoding": "base64"}, "an encoding that Python knows"),
    "another order": ({"date_order": "dym"}, "did you mean '"),
    "two kinds": ({"category": ("a",), "number": ["a", "b"]}, "column 'a' as category and as"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_said_is_refused(case: str) -> None:
    options, words = WRONG[case]
    with refused(hg.errors.SettingError, words):
        TableOptions(**options)


def test_signs_have_names() -> None:
    said = TableOptions(separator="tab", decimal="comma", category="plz")
    assert (said.separator, said.decimal, said.category) == ("\t", ",", ("plz",))


ABOVE = {
    "a title": ("Customers 2024\n\n", ","),
    "a title as a spreadsheet writes it": ("Customers 2024;;\n;;\n", ";"),
    "merged cells above the names": (",Numbers,,\n", ","),
    "two lines": ("Customers\nas of 2024-05-01\n", "\t"),
}


@pytest.mark.parametrize("case", ABOVE)
def test_lines_above_the_names_are_named_with_what_to_do(case: str, tmp_path: Path) -> None:
    above, separator = ABOVE[case]
    rows = [["age", "town", "income", "left"]]
    rows += [[str(20 + i), "Ulm", f"{i}.5", "yes"] for i in range(20)]
    path = tmp_path / "t.csv"
    path.write_text(above + "".join(separator.join(row) + "\n" for row in rows))
    n = above.count("\n")
    with refused(
        hg.errors.DataError,
        f"and line {n + 1} looks like the column names: age, town, income, left",
        "remove the line above" if n == 1 else f"remove the {n} lines above the names",
    ):
        hg.data.open_table(path)
