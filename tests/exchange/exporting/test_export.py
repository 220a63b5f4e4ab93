"""`hg.export`: kinds of files by their endings, whole and proved, or not at all."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.exchange.exporting import Check, ModelSpec, TrainSpec, compared
from handgrad.exchange.exporting.formats import ENDINGS, Ending
from handgrad.textbook.layers import Array
from tests.exchange.exporting.models import model


def half_right(spec: ModelSpec, path: Path, train_spec: TrainSpec | None) -> Sequence[Check]:
    """Writes something, and finds that one answer is off."""
    path.write_text("0", "utf-8")
    found = spec.answers.copy()
    found[3, 0] += 0.5
    return [compared("half", found, spec.answers, "predict", 0.1)]


def test_what_says_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENDINGS, ".half", Ending("half a file", lambda: half_right))
    path = tmp_path / "net.half"
    with pytest.raises(hg.errors.FileError, match=r"half: 64 rows, 0\.5 at most from predict"):
        hg.export(model("net"), path)
    path.write_text("before", "utf-8")
    with pytest.raises(hg.errors.FileError, match="the outputs of the file differ"):
        hg.export(model("net"), path)
    assert path.read_text("utf-8") == "before"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize("ending", [".py", ".c", ".wasm"])
def test_without_a_folder_to_try_it_in_nothing_is_written(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(hg.errors.FileError, match=r"could not be checked.*\n.*\n.*TMPDIR"):
        hg.export(model("net"), tmp_path / f"net{ending}")
    assert [*tmp_path.iterdir()] == []


def test_nothing_is_written_of_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(hg.errors.SettingError):
        hg.export(hg.Linear(2, 3), tmp_path / "net.py")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("net.exe", r"\.py \("),
        ("net", r"\.py \("),
        ("net.xyz", r"net\.py"),
        ("net.pyy", r"did you mean '\.py'"),
    ],
)
def test_other_endings_are_refused_with_those_there_are(
    name: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(hg.errors.SettingError, match=words):
        hg.export(model("net"), tmp_path / name)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "net.py").mkdir()
    with pytest.raises(hg.errors.FileError, match="is a folder"):
        hg.export(model("net"), tmp_path / "net.py")


def test_a_loss_is_for_files_that_train(tmp_path: Path) -> None:
    x, y = np.zeros((4, 3)), np.zeros(4, int)
    net, loss, path = model("net"), hg.CrossEntropyLoss(), tmp_path / "net.py"
    with pytest.raises(hg.errors.SettingError, match="a format that can train"):
        hg.export(net, path, x, y, loss=loss, optimizer=hg.SGD(0.1))
    with pytest.raises(hg.errors.SettingError, match="no y, optimizer, for a file that trains"):
        hg.export(net, path, x, loss=loss)


@pytest.mark.parametrize("ending", [ending for ending, kind in ENDINGS.items() if kind.learns])
def test_what_a_file_is_to_train_with_is_checked_as_for_a_training(
    ending: str, tmp_path: Path
) -> None:
    net = hg.Net(hg.Linear(3, 2, rng=0), hg.BatchNorm(2), hg.Softmax())
    x, y, path = np.zeros((5, 3)), [0, 1, 0, 1, 0], tmp_path / f"net{ending}"
    loss, sgd = hg.CrossEntropyLoss(), hg.SGD(0.1)

    def export(y: Any = y, loss: Any = loss, optimizer: Any = sgd, batch_size: int = 5) -> None:
        hg.export(net, path, x, y, loss=loss, optimizer=optimizer, batch_size=batch_size)

    with pytest.raises(hg.errors.DataError, match="5 rows of x and 4 targets"):
        export(y[:4])
    with pytest.raises(hg.errors.DataError, match="label 7 in row 2"):
        export([0, 1, 7, 0, 1])
    with pytest.raises(hg.errors.DataError, match="'no'"):
        export(["no", "yes", "no", "no", "no"])
    with pytest.raises(hg.errors.SettingError, match=r"derives from hg\.losses\.Loss"):
        export(loss=sgd, optimizer=loss)
    with pytest.raises(hg.errors.SettingError, match="with parentheses"):
        export(optimizer=hg.SGD)
    with pytest.raises(hg.errors.ShapeError, match="the last of 1"):
        export(batch_size=4)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("ending", [".js", ".wasm", ".html", ".c"])
def test_tools_that_do_not_run_are_told_as_absent(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("node", "cc", "gcc", "clang"):
        tool = tmp_path / name
        tool.write_text("#!/bin/sh\nexit 1\n", "utf-8")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    absent, portable = hg.export(model("net"), tmp_path / f"net{ending}").checks
    assert absent.not_run
    assert portable.rows == 64


@pytest.mark.parametrize("ending", [".py", "_torch.py", ".js", ".onnx"])
def test_classes_that_a_file_cannot_name_are_refused(ending: str, tmp_path: Path) -> None:
    if ending == ".onnx":
        pytest.importorskip("onnx")
    days = np.array(["2020-01-01", "2021-01-01"], "datetime64[D]")
    mlp = hg.MLPClassifier((2,), solver="lbfgs", max_iter=1, tol=1, random_state=0)
    fitted = mlp.fit(np.eye(2), days)
    with pytest.raises(hg.errors.SettingError, match=r"classes of type datetime64\[D\]"):
        hg.export(fitted, tmp_path / f"net{ending}")


class Branching(hg.Layer):
    """It does not record."""

    def forward(self, x: Array) -> Array:
        return x if x.sum() > 0 else -x


class Exponential(hg.Layer):
    """Rows that lie far off overflow."""

    def forward(self, x: Array) -> Array:
        return np.exp(x * 10)


def test_a_layer_that_does_not_record_is_named_once(tmp_path: Path) -> None:
    net = hg.Net(hg.Linear(2, 2, rng=0), Branching())
    with pytest.raises(
        hg.errors.RecordingError, match=r"^layer 2 of 2, Branching\(\): test_export"
    ):
        hg.export(net, tmp_path / "net.py")


def test_rows_that_overflow_warn_nobody(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    hg.export(hg.Net(hg.Linear(2, 2, rng=0), Exponential()), path)
    command = [sys.executable, "-W", "error", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "64 rows: same bits\n"


@pytest.mark.parametrize(
    ("name", "module"), [("class.py", "model"), ("a b.py", "model"), ("my_net.py", "my_net")]
)
def test_python_says_how_it_is_imported(name: str, module: str, tmp_path: Path) -> None:
    hg.export(model("net"), tmp_path / name)
    assert f"    from {module} import predict" in (tmp_path / name).read_text("utf-8")


@pytest.mark.parametrize(
    ("found", "expected", "same", "largest"),
    [
        ([1.0, np.nan], [1.0, np.nan], True, 0),
        ([1.0, np.nan], [1.0, 2.0], False, np.inf),
        ([1.0, 2.0], [1.0, np.nan], False, np.inf),
        ([1.0, np.inf], [1.0, np.inf], True, 0),
        ([1.0, -np.inf], [1.0, np.inf], False, np.inf),
        ([0.0, 4.0], [-0.0, 4.0], False, 0),
        ([1.0, 4.5], [1.0, 4.0], False, 0.5),
        ([], [], True, 0),
    ],
)
def test_the_same_bits_and_how_far_apart(
    found: list[float], expected: list[float], same: bool, largest: float
) -> None:
    check = compared("it", np.array(found), np.array(expected), "that")
    assert (check.same_bits, check.largest) == (same, largest)
    assert check.holds == (largest == 0)
    assert check.relative == largest / 4 or not np.isfinite(largest) or largest == 0


def test_numbers_of_another_type_are_not_the_same_bits() -> None:
    x = np.array([[1.0, 2.0]])
    assert not compared("it", x.astype(np.float32), x, "that").same_bits
    with pytest.raises(hg.errors.FileError, match=r"it gave an array of shape \(1, 1\)"):
        compared("it", x[:, :1], x, "that")


def test_what_did_not_run_says_why() -> None:
    check = Check("node", "portable", not_run="it is not installed")
    assert str(check) == "node: not run, it is not installed"
    assert check.holds


ALONE = """
import sys
absent = "sklearn scipy pyarrow narwhals pandas jinja2 markupsafe matplotlib rich typer onnx torch"
sys.modules.update(dict.fromkeys(absent.split()))
import handgrad as hg
net = hg.Net(hg.Linear(2, 3, rng=0), hg.Tanh())
for ending in (".py", ".c", ".js", ".wasm"):
    assert all(check.holds for check in hg.export(net, sys.argv[1] + ending).checks)
try:
    hg.export(net.layers[0], sys.argv[1] + ".py")
except hg.errors.SettingError as error:
    assert "hg.export(hg.Net(layer), path)" in str(error)
print(*(name for name in sys.modules if name.startswith("handgrad.tables")))
"""


def test_a_net_is_exported_where_no_package_for_tables_or_pages_is_installed(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-c", ALONE, str(tmp_path / "net")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "\n", "")
    assert {path.suffix for path in tmp_path.iterdir()} == {".py", ".c", ".js", ".wasm"}
