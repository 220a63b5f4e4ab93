"""`handgrad train --config`: options from a file, which the command line overrules."""

from pathlib import Path

import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import QUICK, handgrad, messy_csv, record

FILE = """\
target = "left"
estimator = "mlp"
layers = "9"
epochs = 2
test-size = 0.3
metric = ["log_loss", "accuracy"]
ignore = "row"
class-weight = "balanced"
report = false
folds = 2
decimal = "."
category = "plan"
"""


def test_every_option_may_stand_in_a_file(tmp_path: Path) -> None:
    path = messy_csv(tmp_path / "messy.csv")
    (tmp_path / "run.toml").write_text(FILE)
    words = ("train", path, "--config", tmp_path / "run.toml", "--out")
    assert handgrad(*words, tmp_path / "run", "--seed", 3, "--folds", 3).exit_code == 0
    found = record(tmp_path / "run")["settings"]
    assert found == {
        "data": str(path), "target": "left", "task": None, "ignore": ["row"], "estimator": "mlp",
        "layers": "9", "epochs": 2, "batch_size": None, "learning_rate": None, "patience": None,
        "test_size": 0.3, "folds": 3, "metric": ["log_loss", "accuracy"],
        "class_weight": "balanced", "positive": None, "threshold": None, "quantile": [], "seed": 3,
        "engine": "auto", "memory": "1 GB", "report": False, "compare": False, "shards": None,
        "separator": None, "decimal": ".", "encoding": None, "date_order": None,
        "category": ["plan"], "number": [], "date": [], "header": True, "header_row": None,
        "missing": [], "sheet": None, "table": None, "merge_case": False, "size": None,
        "augment": "shift", "tokens": None, "time_limit": None, "horizon": None, "season": None,
        "group": None, "time": None, "test": None, "weight": None, "text": [],
        "from_": None, "loss": "squared_error", "exposure": None, "event": None,
    }  # fmt: skip
    command = " ".join(record(tmp_path / "run")["command"])
    assert "--config" not in command
    assert "--test-size 0.3 --folds 3 --metric log_loss --metric accuracy" in command
    assert "--no-report" in command


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("fold = 3\n", ("'fold'", "options of handgrad train", "did you mean 'folds'?")),
        ("class_weight = 'balanced'\n", ("'class_weight'", "did you mean 'class-weight'?")),
        ("config = 'a.toml'\n", ("'config'",)),
        ("epochs = 'many'\n", ("epochs = 'many'", "a value the command line accepts")),
        ("epochs = [1, 2]\n", ("epochs = [1, 2]", "a list")),
        ("[epochs]\na = 1\n", ("epochs = ",)),
        ("estimator = 'tree'\n", ("estimator = 'tree'", "tabular")),
        ("epochs = \n", ("line 1", "name = value, one per line")),
        ("epochs = " + "[" * 2000 + "]" * 2000, ("brackets nested too deeply", "name = value")),
        ("epochs = -3\n", ("--epochs -3",)),
    ],
)
def test_what_is_wrong_in_a_file_is_told(
    content: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "run.toml"
    path.write_text(content)
    result = handgrad("train", "iris", *QUICK[:1], "--config", path, "--out", tmp_path / "run")
    assert isinstance(result.exception, hg.HandgradError), result.output
    with refused(type(result.exception), *words):
        raise result.exception
    assert not (tmp_path / "run").exists()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = handgrad("train", "iris", "--config", tmp_path / "no.toml")
    assert isinstance(result.exception, hg.errors.FileError)
    assert "no.toml: No such file" in str(result.exception)
