"""What a user may type wrong: a message on standard error, no traceback, no folder."""

import json
from pathlib import Path
from typing import Any

import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import handgrad, process


def mlp(*words: Any) -> list[Any]:
    return ["iris", "--estimator", "mlp", *words]


MISTAKES: dict[str, tuple[list[Any], tuple[str, ...]]] = {
    "unknown data": (
        ["nope"],
        ("'nope' is neither a file nor a bundled", "SQLite; a folder of pictures", "breast_cancer"),
    ),
    "bundled set misspelt": (["irsi"], ("did you mean 'iris'?",)),
    "bundled set with a dash": (["breast-cancer"], ("did you mean 'breast_cancer'?",)),
    "a name too long for a file": (["a" * 300], ("neither a file nor a bundled data set",)),
    "missing file": (["nope.csv"], ("nope.csv: no such file", ".xlsx, .xls", "check the spelling")),
    "folder": (["."], (".: a folder",)),
    "no target": (["table.csv"], ("--target is missing", "x, kind", "--target 'kind'")),
    "target misspelt": (["table.csv", "--target", "kin"], ("did you mean 'kind'?",)),
    "target of a bundled set": (["iris", "--target", "species"], ("no column named 'species'",)),
    "ignored column misspelt": (
        ["table.csv", "--target", "kind", "--ignore", "xx"],
        ("no column named 'xx'",),
    ),
    "ignored column nearly right": (
        ["table.csv", "--target", "kind", "--ignore", "knd"],
        ("no column named 'knd'", "did you mean 'kind'?"),
    ),
    "the target ignored": (
        ["table.csv", "--target", "kind", "--ignore", "kind"],
        ("--ignore kind, which is the target",),
    ),
    "all columns ignored": (
        ["table.csv", "--target", "kind", "--ignore", "x"],
        ("4 rows, 0 feature columns",),
    ),
    "one value": (["same.csv", "--target", "y"], ("the target 'y' is 2 in every row",)),
    "one class": (["one.csv", "--target", "y"], ("the target 'y' is u in every row",)),
    "names as target": (
        ["ids.csv", "--target", "y"],
        ("4 of the 4 classes of 'y' have one row only: 'Ann' in row 1", "if these are names"),
    ),
    "words as numbers": (
        ["table.csv", "--target", "kind", "--task", "regression"],
        ("the target 'kind' is 'u' in row 1 below the header", "a number in every row"),
    ),
    "zero units": (mlp("--layers", "0,relu"), ("--layers 0,relu: '0'", "1 to 10000")),
    "too many units": (mlp("--layers", "99999999,relu"), ("1 to 10000",)),
    "activation misspelt": (mlp("--layers", "32,relux"), ("did you mean 'relu'?",)),
    "activation in capitals": (mlp("--layers", "32,ReLU"), ("did you mean 'relu'?",)),
    "no number": (mlp("--layers", "²"), ("--layers '²': '²'", "--layers 64,tanh,32,tanh")),
    "empty word": (mlp("--layers", "32,,relu"), ("--layers 32,,relu: ''",)),
    "activation first": (mlp("--layers", "tanh,32"), ("'tanh'", "try: --layers 64,tanh")),
    "layers of several nets": (
        ["iris", "--layers", "32"],
        ("--layers 32 for --estimator tabular", "try: --estimator mlp"),
    ),
    "batches of several nets": (["iris", "--batch-size", 32], ("for --estimator tabular",)),
    "no epochs": (["iris", "--epochs", 0], ("--epochs 0", "try: --epochs 32")),
    "epochs without end": (
        ["iris", "--epochs", 10**26],
        ("--epochs 100000000000000000000000000", "from 1 to 2147483647", "try: --epochs 32"),
    ),
    "a batch without end": (mlp("--batch-size", 2**31), ("--batch-size 2147483648", "from 1 to")),
    "patience without end": (mlp("--patience", 2**31), ("--patience 2147483648", "from 1 to")),
    "several columns ignored at once": (
        ["three.csv", "--target", "kind", "--ignore", "x,z z"],
        ("--ignore 'x,z z': no column of that name", "try: --ignore x --ignore 'z z'"),
    ),
    "columns ignored with a full-width comma": (
        ["three.csv", "--target", "kind", "--ignore", "x，z z"],
        ("--ignore 'x，z z': no column of that name", "try: --ignore x --ignore 'z z'"),
    ),
    "epochs below zero": (["iris", "--epochs", -1], ("--epochs -1",)),
    "no batch": (mlp("--batch-size", 0), ("--batch-size 0", "try: --batch-size 200")),
    "no patience": (mlp("--patience", 0), ("--patience 0", "try: --patience 10")),
    "no learning": (mlp("--learning-rate", 0), ("--learning-rate 0.0", "above zero")),
    "rate not a number": (mlp("--learning-rate", "nan"), ("--learning-rate nan",)),
    "infinite rate": (mlp("--learning-rate", "inf"), ("--learning-rate inf",)),
    "nothing held out": (["iris", "--test-size", 0], ("--test-size 0.0", "--test-size 0.2")),
    "all held out": (["iris", "--test-size", 1.5], ("--test-size 1.5", "between 0 and 1")),
    "one fold": (["iris", "--folds", 1], ("--folds 1", "at least 2 folds", "try: --folds 5")),
    "more folds than rows of a class": (
        ["iris", "--folds", 41],
        ("--folds 41, with 40 rows of the smallest class", "try: --folds 40"),
    ),
    "seed below zero": (["iris", "--seed", -1], ("--seed -1", "try: --seed 0")),
    "seed too large": (["iris", "--seed", 2**31], ("to 2147483647",)),
    "metric misspelt": (["iris", "--metric", "acuracy"], ("did you mean 'accuracy'?",)),
    "metric by its initials": (["iris", "--metric", "rmse"], ("'root_mean_squared_error'?",)),
    "a metric of numbers": (["iris", "--metric", "r2"], ("--metric r2, to predict 3 classes",)),
    "a metric of classes": (
        ["diabetes", "--metric", "accuracy"],
        ("--metric accuracy, to predict a number", "try: --metric r2"),
    ),
    "a metric of two classes": (["iris", "--metric", "f1"], ("try: --metric f1_macro",)),
    "a class without a name": (["iris", "--class-weight", "=2"], ("for ''",)),
    "a weight without a class": (["iris", "--class-weight", "2"], ("CLASS=WEIGHT",)),
    "weights misspelt": (["iris", "--class-weight", "balance"], ("did you mean 'balanced'?",)),
    "a weight below 0": (["iris", "--class-weight", "setosa=-1"], ("with weights of at least 0",)),
    "a class misspelt": (["iris", "--class-weight", "setos=2"], ("did you mean 'setosa'?",)),
    "weights for numbers": (["diabetes", "--class-weight", "balanced"], ("predicts a number",)),
    "a full folder": (["iris", "--out", "full"], ("full already exists and is not empty",)),
    "a file as folder": (["iris", "--out", "table.csv"], ("table.csv already exists as a file",)),
    "a folder below a file": (
        ["iris", "--out", "table.csv/a/b"],
        ("table.csv/a/b cannot be created", "is a file"),
    ),
    "a full folder to go on": (
        ["iris", "--out", "full", "--resume"],
        ("full already exists and is not empty",),
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "table.csv").write_text("x,kind\n1,u\n2,v\n3,u\n4,v\n")
    (tmp_path / "three.csv").write_text("x,z z,kind\n1,5,u\n2,6,v\n3,7,u\n4,8,v\n")
    (tmp_path / "same.csv").write_text("x,y\n1,2\n2,2\n")
    (tmp_path / "one.csv").write_text("x,y\n1,u\n2,u\n")
    (tmp_path / "ids.csv").write_text("x,y\n1,Ann\n2,Bob\n3,Cid\n4,Dora\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("as it was")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): path.read_text() for path in files}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_met_with_help_and_leaves_nothing(case: str, folder: Path) -> None:
    words, expected = MISTAKES[case]
    before = contents(folder)
    result = handgrad("train", *words)
    assert isinstance(result.exception, hg.HandgradError), result.output
    kind = type(result.exception)
    with refused(kind, *expected):
        raise result.exception
    assert contents(folder) == before
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["full"]


def test_nothing_is_printed_before_the_options_were_checked(folder: Path) -> None:
    for words in (["--epochs", "0"], ["--folds", "1"], ["--metric", "x"], ["--out", "full"]):
        assert handgrad("train", "iris", *words).output == ""


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["nope.csv"], "error: nope.csv: no such file"),
        (["iris", "--folds", "99"], "error: --folds 99, with 40 rows of the smallest class"),
        (["iris", "--out", "table.csv/a"], "error: table.csv/a cannot be created"),
    ],
)
def test_a_process_ends_with_1_and_three_lines_on_standard_error(
    words: list[str], first: str, folder: Path
) -> None:
    done = process("train", *words, folder=folder)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 3, done.stderr
    assert lines[0].startswith(first)
    assert lines[1].startswith("  expected: ")
    assert lines[2].startswith("  try: ")
    assert not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["trian", "iris"], "Did you mean 'train'?"),
        (["train"], "Missing argument 'DATA'"),
        (["train", "iris", "--epochs", "many"], "--epochs"),
        (["train", "iris", "--epochs", "2.5"], "--epochs"),
        (["train", "iris", "--epoch", "2"], "--epochs"),
        (["train", "iris", "wine"], "wine"),
        (["train", "iris", "--estimator", "tree"], "--estimator"),
        (["train", "iris", "--task", "guess"], "--task"),
        (["evaluate", "model.safetensors"], "Missing argument 'DATA'"),
    ],
)
def test_words_that_the_command_line_does_not_know_end_with_2(
    words: list[str], expected: str, folder: Path
) -> None:
    result = handgrad(*words)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert result.stdout == ""
    assert not (folder / "runs").exists()


def test_a_folder_that_turns_out_unwritable_leaves_nothing(folder: Path) -> None:
    result = handgrad("train", "iris", "--epochs", 1, "--out", "a" * 300)
    assert isinstance(result.exception, hg.errors.FileError)
    with refused(hg.errors.FileError, "could not be written: File name too long"):
        raise result.exception
    assert sorted(path.name for path in folder.iterdir()) == [
        "full", "ids.csv", "one.csv", "same.csv", "table.csv", "three.csv",
    ]  # fmt: skip


def test_as_json_a_mistake_is_one_object_too(folder: Path) -> None:
    done = process("train", "table.csv", "--target", "kin", "--json", folder=folder)
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "error": {
            "came": "table.csv: no column named 'kin'",
            "expected": "one of x, kind",
            "try": "did you mean 'kind'?",
        }
    }
    assert done.stderr.startswith("error: table.csv: no column named 'kin'\n  expected: ")
