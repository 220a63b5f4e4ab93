"""Text files in windows of letters: which letters, what follows them, and what is refused."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.tables.data import texts
from handgrad.tables.data.encodings import likely_encoding
from tests.bad_input.refused import refused


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "text.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_windows_lie_side_by_side_with_the_letter_that_follows_each(tmp_path: Path) -> None:
    # 11 letters, none held out: windows begin at 0, 3 and 6; at 9 there is no fourth letter.
    text = hg.data.characters(written(tmp_path, "hello world"), length=3, validation=0)
    assert text.vocabulary == " dehlorw"
    x, y = text.train
    assert x.tolist() == [[3, 2, 4], [4, 5, 0], [7, 5, 6]]  # hel, lo_, wor
    assert y.tolist() == [[2, 4, 4], [5, 0, 7], [5, 6, 4]]  # ell, o_w, orl
    assert (str(x.dtype), str(y.dtype)) == ("int64", "int64")
    assert [part.shape for part in text.validation] == [(0, 3), (0, 3)]


def test_a_step_of_one_begins_a_window_at_each_letter(tmp_path: Path) -> None:
    text = hg.data.characters(written(tmp_path, "abcd"), length=2, step=1, validation=0)
    assert [text.decode(row) for row in text.train[0]] == ["ab", "bc"]
    assert [text.decode(row) for row in text.train[1]] == ["bc", "cd"]


@pytest.mark.parametrize("step", [1, 4])
def test_the_end_of_the_text_is_held_out_and_no_window_reaches_over(
    tmp_path: Path, step: int
) -> None:
    # Each letter tells its place: none of the last 20 may be trained on, as input or as answer.
    letters = "".join(chr(0x4E00 + i) for i in range(100))
    path = written(tmp_path, letters)
    text = hg.data.characters(path, length=4, step=step, validation=0.2)
    assert {*np.unique(text.train).tolist()} <= {*range(80)}
    assert {*np.unique(text.validation).tolist()} <= {*range(80, 100)}
    assert len(text.train[0]) == (76 if step == 1 else 19)
    assert len(text.validation[0]) == (16 if step == 1 else 4)
    np.testing.assert_array_equal(text.train[1], text.train[0] + 1)
    assert repr(text) == (
        f"<Characters text: 100 different characters, {len(text.train[0])} windows of 4 "
        f"to train on, {len(text.validation[0])} held out>"
    )


def test_the_vocabulary_has_the_letters_of_both_parts(tmp_path: Path) -> None:
    text = hg.data.characters(written(tmp_path, "aaaaaaaabb"), length=1, validation=0.2)
    assert text.vocabulary == "ab"
    assert text.validation[0].tolist() == [[1]]


def test_letters_beyond_ascii_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffß字😀\r\nß字\r😀\n".encode())
    text = hg.data.characters(path, length=2, validation=0)
    assert text.vocabulary == "\nß字😀"
    assert text.encode("😀\n").tolist() == [3, 0]
    assert text.decode(text.encode("字😀ß")) == "字😀ß"
    assert "".join(text.decode(row) for row in text.train[0]) == "ß字😀\nß字\n😀"
    assert text.encode("").shape == (0,)
    assert text.decode([]) == ""


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        ("", hg.errors.FileError, ("text.txt is empty",)),
        ("\ufeff", hg.errors.FileError, ("text.txt is empty",)),
        ("abc", hg.errors.DataError, ("3 characters", "windows of 4", "5 or more", "longer text")),
        ("abcde" * 4, hg.errors.DataError, ("20 characters", "2 of the last 0.1", "5 or more")),
        ("春眠不觉晓，朱镕基".encode("gb18030"), hg.errors.FileError, ("not in UTF-8", "gb18030")),
        (b"one\ntw\xe4\n", hg.errors.FileError, ("not in UTF-8", "line 2", "0xe4", "cp1252")),
    ],
)
def test_files_that_hold_no_windows_are_refused(
    tmp_path: Path, content: str | bytes, kind: type[hg.HandgradError], words: tuple[str, ...]
) -> None:
    with refused(kind, *words):
        hg.data.characters(written(tmp_path, content), length=4)


@pytest.mark.parametrize(
    "encoding", ["gbk", "gb2312", "gb18030", "utf-8", "utf-8-sig", "utf-16", "utf-32"]
)
def test_a_chinese_text_reads_in_each_encoding_that_its_bytes_show(
    tmp_path: Path, encoding: str
) -> None:
    verse = "春眠不觉晓，处处闻啼鸟。\n夜来风雨声，花落知多少。\n"
    path, guessed = written(tmp_path, verse.encode(encoding)), encoding.startswith("gb")
    told = pytest.warns(UserWarning, match="read as gb18030") if guessed else nullcontext()
    with told:
        text = hg.data.characters(path, length=4, validation=0)
    assert text.vocabulary == "".join(sorted({*verse}))


@pytest.mark.parametrize(
    ("text", "encoding", "likely"),
    [
        *[(text, "cp1252", "cp1252") for text in ("süß, café", "Äöü ÄÖÜ über Größe", "déjà créée")],
        *[(text, "gb18030", "gb18030") for text in ("朱镕基", "春眠不觉晓，朱镕基 said no", "夜")],
    ],
)
def test_the_encoding_to_try_is_that_of_a_text(text: str, encoding: str, likely: str) -> None:
    assert likely_encoding(text.encode(encoding)) == likely


def test_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with refused(hg.errors.FileError, "gone.txt", "check the name"):
        hg.data.characters(tmp_path / "gone.txt", length=4)
    with refused(hg.errors.FileError, str(tmp_path), "check the name"):
        hg.data.characters(str(tmp_path), length=4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"length": 0}, ("length = 0",)),
        ({"length": 2.5}, ("length = 2.5",)),
        ({"step": 0}, ("step = 0",)),
        ({"validation": 1}, ("validation = 1",)),
        ({"validation": -0.1}, ("validation = -0.1",)),
    ],
)
def test_settings_that_cut_no_windows_are_refused(
    tmp_path: Path, options: dict[str, Any], words: tuple[str, ...]
) -> None:
    with refused(hg.errors.SettingError, *words):
        hg.data.characters(written(tmp_path, "ab" * 100), **({"length": 4} | options))


@pytest.mark.parametrize("letter", [" ", "c", "z", "ß"])  # before, between and after the others
def test_a_letter_that_the_vocabulary_lacks_is_named_with_its_place(
    tmp_path: Path, letter: str
) -> None:
    text = hg.data.characters(written(tmp_path, "abde" * 10), length=4, validation=0)
    with refused(hg.errors.DataError, repr(letter), "position 2", "4 characters", "'abde'"):
        text.encode(f"ab{letter}a")


def test_what_is_no_text_and_what_are_no_codes_is_refused(tmp_path: Path) -> None:
    text = hg.data.characters(written(tmp_path, "abde" * 10), length=4, validation=0)
    not_text: Any = 7
    with refused(hg.errors.DataError, "7, of type int", "text"):
        text.encode(not_text)
    with refused(hg.errors.DataError, "(10, 4)", "decode(x[0])"):
        text.decode(np.zeros((10, 4), int))
    with refused(hg.errors.DataError, "float64", "argmax"):
        text.decode([0.5])
    for code in (-1, 4):
        with refused(hg.errors.DataError, f"the code {code}", "0 to 3"):
            text.decode([0, code])


def test_windows_that_take_too_much_memory_are_refused_with_a_step_that_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("ab" * 5000)
    monkeypatch.setattr(texts, "MOST_BYTES", 10**6)
    with refused(hg.errors.DataError, "10,000 windows, 0.00512 GB", "step=6, or shorter windows"):
        hg.data.characters(path, length=32, step=1)
    assert len(hg.data.characters(path, length=32, step=6).train[0]) > 1000
    with refused(hg.errors.DataError, "9,900 windows", "step=12"):
        hg.data.windows(np.arange(10_000.0), length=100, target=0)
