"""Folders of pictures with labels.csv: the classes of its rows, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from handgrad.tables.data import read_pictures
from handgrad.textbook.errors import DataError
from tests.bad_input.refused import refused
from tests.tables.data.picture_folders import bars, save


def labelled(folder: Path, csv: str, *names: str) -> Path:
    """A folder with pictures of these names, each of another grey, and labels.csv."""
    for i, name in enumerate(names):
        save(np.full((2, 2), 10 * i), folder / name)
    (folder / "labels.csv").write_text(csv)
    return folder


def test_each_picture_has_the_class_of_its_row(tmp_path: Path) -> None:
    csv = "image,kind\nb.png,night\nplate 1/a.png,007\nc.png,night\n"
    pictures = read_pictures(labelled(tmp_path, csv, "b.png", "plate 1/a.png", "c.png"))
    assert pictures.class_names == ("007", "night")
    assert pictures.y.tolist() == [0, 1, 1]
    np.testing.assert_array_equal(pictures.x[:, 0] * 255, [10, 0, 20])
    assert pictures.left_out == pictures.unlabelled == ()


def test_of_more_columns_file_and_class_are_used(tmp_path: Path) -> None:
    csv = "width;class;file\n2;x;a.png\n2;y;b.png\n"
    assert read_pictures(labelled(tmp_path, csv, "a.png", "b.png")).class_names == ("x", "y")


def test_a_name_may_lack_its_extension(tmp_path: Path) -> None:
    folder = labelled(tmp_path, "id,label\n007,x\n008,y\n", "007.png", "008.png")
    assert [path.name for path in read_pictures(folder).files] == ["007.png", "008.png"]
    save([[0]], tmp_path / "008.bmp")
    with refused(DataError, "'008': several files: 008.bmp, 008.png in row 2 below the header"):
        read_pictures(folder)


def test_other_files_and_pictures_without_a_class_are_listed(tmp_path: Path) -> None:
    folder = labelled(tmp_path, "f,c\na.png,x\nb.png,y\n", "a.png", "b.png", "new/c.png")
    (folder / "about.txt").write_text("of 2026")
    pictures = read_pictures(folder)
    assert pictures.left_out == ("about.txt",)
    assert pictures.unlabelled == ("new/c.png",)


@pytest.mark.parametrize(
    ("csv", "message"),
    [
        ("f,c\na.png,x\nd.png,y\n", "'d.png': no picture of that name in row 2 below the header"),
        ("f,c\na.png,x\n,y\n", "'': no picture of that name in row 2"),
        ("f,c\na.png,x\nb.png,\n", "no class of 'b.png' in row 2 below the header"),
        ("f,c\na.png,x\na,y\n", "'a', which is also in row 1 below the header, again in row 2"),
        ("f,c\na.png,x\nb.png,x\n", "only the class 'x'"),
        ("f,c\n", "no rows"),
        ("f,c,d\na.png,x,1\nb.png,y,2\n", "the columns f, c, d"),
        ("f,c\n../out.png,x\nb.png,y\n", "'../out.png': no picture of that name in row 1"),
    ],
)
def test_what_is_no_table_of_classes_is_refused(tmp_path: Path, csv: str, message: str) -> None:
    save([[0]], tmp_path / "out.png")
    folder = labelled(tmp_path / "all", csv, "a.png", "b.png")
    with refused(DataError, message):
        read_pictures(folder)


@pytest.mark.slow
def test_a_run_has_them(tmp_path: Path) -> None:
    folder = bars(tmp_path / "bars")
    rows = [f"{p.relative_to(folder).as_posix()},{p.parent.name}" for p in folder.rglob("*.png")]
    (folder / "labels.csv").write_text("\n".join(["file,class", *rows[1:]]))
    note = f"pictures that labels.csv does not name, ignored: {rows[0].split(',')[0]}"
    with pytest.warns(UserWarning, match=note):
        run = hg.tables.train_table(str(folder), epochs=1, report=False, out=tmp_path / "run")
    assert run.record["target"]["why"] == "from labels.csv"
    with pytest.warns(UserWarning, match=note):
        scores = hg.tables.evaluate_table(tmp_path / "run" / "model.safetensors", folder).scores
    assert 0 <= scores["accuracy"] <= 1
