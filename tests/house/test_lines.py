"""The lines of each package are counted beside a baseline."""

from pathlib import Path

from tests.house.lines import BASELINE, SOURCE, lines_of, lines_of_packages, table


def test_lines_of_a_folder_are_those_of_its_source_files(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.py").write_text("1\n\n2\n")
    (tmp_path / "inner" / "b.py").write_text("3\n")
    (tmp_path / "words.toml").write_text("a = 1\n")
    assert lines_of(tmp_path, SOURCE) == 4


def test_every_package_has_a_baseline() -> None:
    assert lines_of_packages().keys() == BASELINE.keys()


def test_the_table_says_what_grew() -> None:
    assert table({"net": 1200, "web": 5}, {"net": 1000, "web": 10}).splitlines() == [
        "package      lines  baseline  change",
        "net          1,200     1,000    +200",
        "web              5        10      -5",
        "in all       1,205     1,010    +195",
    ]
