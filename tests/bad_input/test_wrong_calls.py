"""Arguments of a wrong kind end in the three parts, not in an error of what they were handed to."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import handgrad as hg
from handgrad.learn.playground import Playground
from tests.bad_input.refused import refused

X, Y = hg.data.make_moons(40, rng=0)
ANY: Any = None
NO_PATHS: list[Any] = [None, 5, "", "a\0b", b"a"]


def wrong(value: object) -> Any:
    """A value as what it is not."""
    return value


def net() -> hg.Net:
    return hg.Net(hg.Linear(2, 3, rng=0), hg.Tanh(), hg.Linear(3, 2, rng=1), hg.Softmax())


def fitted(**settings: Any) -> object:
    how: Any = {"loss": hg.CrossEntropyLoss(), "optimizer": hg.SGD(0.1), "epochs": 2} | settings
    return hg.fit(net(), (X, Y), **how)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text("a,b,y\n" + "".join(f"{i},{i * i},{'uv'[i % 2]}\n" for i in range(40)))
    return path


@pytest.mark.parametrize("path", NO_PATHS, ids=repr)
def test_what_is_no_path_is_refused_by_all_that_reads_and_writes(path: Any) -> None:
    calls: list[Callable[[], object]] = [
        lambda: hg.save(net(), path),
        lambda: hg.export(net(), path),
        lambda: hg.data.read_pictures(path),
        lambda: hg.data.characters(path, length=3),
        lambda: hg.data.open_table(path),
        lambda: hg.data.read_table(path, "y"),
        lambda: Playground().save(path),
        lambda: hg.load(path),
        lambda: hg.exchange.load_weights(net(), path),
        lambda: hg.training.History.from_json(path),
        lambda: hg.training.History([]).to_json(path),
        lambda: hg.tables.evaluate_table(path, "t.csv"),
        lambda: hg.tables.evaluate_table("run", path),
    ]
    if path is not None:  # which means none
        calls.append(lambda: fitted(checkpoint=path))
    for call in calls:
        with pytest.raises(hg.HandgradError) as caught:
            call()
        assert caught.value.hint


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    for place in (tmp_path, ".", "/"):
        with refused(hg.errors.FileError, "could not be written: Is a directory"):
            hg.save(net(), place)
    assert not [*tmp_path.iterdir()]


def runs(path: Path, **settings: Any) -> object:
    return hg.tables.train_table(str(path), "y", **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"estimator": "nope"}, ["estimator='nope'", "tabular, mlp"]),
        ({"estimator": "tabula"}, ["did you mean 'tabular'?"]),
        ({"estimator": 5}, ["estimator=5", "tabular, mlp"]),
        ({"estimator": []}, ["estimator=[]", "tabular, mlp"]),
        ({"epochs": "x"}, ["epochs='x'", "an integer"]),
        ({"folds": [2]}, ["folds=[2]", "at least 2 folds"]),
        ({"seed": True}, ["seed=True", "an integer"]),
        ({"estimator": "mlp", "batch_size": "x"}, ["batch_size='x'", "an integer"]),
    ],
)
def test_settings_of_runs_that_are_none(
    settings: dict[str, Any], words: list[str], table: Path
) -> None:
    with refused(hg.errors.SettingError, *words):
        runs(table, **settings)


@pytest.mark.parametrize("out", [5, "", "a\0b", ()], ids=repr)
def test_a_place_for_a_run_that_is_none(out: Any, table: Path) -> None:
    with refused(hg.errors.FileError, "for a file or a folder"):
        runs(table, out=out)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: hg.data.windows([1, 2, 3], length=2, target=ANY), ["no target"]),
        (lambda: fitted(schedule=lambda p: "a"), ["schedule gave 'a'", "one number"]),
        (lambda: fitted(schedule=lambda p: None), ["schedule gave"]),
        (lambda: fitted(schedule=lambda p: np.ones(3)), ["schedule gave array", "one number"]),
        (lambda: fitted(schedule=lambda p: [[1, 2]]), ["schedule gave [[1, 2]]", "one number"]),
        (lambda: hg.schedules.warm_up(0.1, wrong("x")), ["then = 'x'", "a schedule"]),
        (lambda: hg.fit_many(ANY), ["None, of type NoneType", "one or more"]),
        (lambda: hg.fit_many(wrong(5)), ["5, of type int", "one or more"]),
        (lambda: hg.compiled_source(net(), wrong("x"), wrong("y")), ["loss = 'x'"]),
        (lambda: hg.compiled_source(net(), hg.MSELoss(), wrong("y")), ["optimizer = 'y'"]),
        (lambda: hg.compiled_source(net(), wrong(hg.MSELoss), hg.SGD(0.1)), ["with parentheses"]),
        (lambda: hg.compiled_source(ANY, hg.MSELoss(), hg.SGD(0.1)), ["net = None"]),
        (lambda: hg.trace(net(), wrong(5)), ["as loss 5", "a loss, or None"]),
        (lambda: hg.trace(net(), wrong(hg.MSELoss)), ["the class MSELoss itself"]),
        (lambda: hg.explain(net(), X[:1], Y[:1])[wrong(5)], ["5"]),
        (lambda: hg.exercise(wrong([])), ["exercise '[]'"]),
        (lambda: hg.exercise(ANY), ["exercise 'None'"]),
        (lambda: hg.exercise("linear").check(hg.Net), ["raised layer 1: 3"]),
        (lambda: hg.learn.replay(wrong(5)), ["5, of type int", "a link"]),
        (lambda: hg.plot_training_progress(ANY), ["None, of type NoneType", "hg.fit("]),
        (lambda: hg.Conv2d(1, 1, 10**12), ["Conv2d(1, 1, 1000000000000)", "memory"]),
        (lambda: hg.layers.Conv1d(1, 1, 10**16), ["Conv1d", "memory"]),
        (lambda: hg.Linear(10**9, 10**9), ["Linear", "memory"]),
        (lambda: hg.LSTM(10**9, 10**9), ["LSTM", "memory"]),
        (lambda: hg.layers.PositionEmbedding(10**10, 10**8), ["PositionEmbedding", "memory"]),
        (lambda: hg.layers.SinusoidalEncoding(10**10, 10**8), ["SinusoidalEncoding", "memory"]),
        (lambda: hg.Embedding(10**9, 10**9), ["Embedding", "memory"]),
        (lambda: hg.LayerNorm(10**15), ["LayerNorm", "memory"]),
        (lambda: hg.MultiheadAttention(10**10, 1), ["MultiheadAttention", "memory"]),
        (
            lambda: hg.LanguageModel(random_state=wrong("x"), context=8, epochs=1).fit("abc " * 99),
            ["random_state='x'"],
        ),
        (
            lambda: hg.TabularClassifier(random_state=wrong("x"), epochs=1).fit(X, Y),
            ["random_state='x'"],
        ),
    ],
)
def test_arguments_of_a_wrong_kind(call: Callable[[], object], words: list[str]) -> None:
    with pytest.raises(hg.HandgradError) as caught:
        call()
    for word in (*words, "\n  expected: ", "\n  try: "):
        assert word in str(caught.value), str(caught.value)


def test_a_schedule_may_be_written_for_single_numbers_and_for_many() -> None:
    for schedule in (lambda p: 1.0, lambda p: 1 - p, lambda p: 1.0 if p < 0.5 else 0.5):
        fitted(schedule=schedule)


class Texts(hg.Layer):
    """Its backward gives no numbers."""

    def forward(self, x: Any) -> Any:
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy: Any) -> Any:
        return "text"


class Words(Texts):
    """Its forward gives none."""

    def forward(self, x: Any) -> Any:
        return np.full(x.shape, "text")


def test_an_answer_that_is_no_number_is_told_as_one() -> None:
    for page, method in ((Texts, "backward"), (Words, "forward")):
        said = str(hg.exercise("tanh").check(page))
        assert method in said
        assert "text" in said


@pytest.mark.parametrize("formula", ["-" * 20_000 + "x", "(" * 5000 + "x", "x\0", "x" * 10**6])
def test_a_formula_that_python_does_not_read_is_no_answer(formula: str) -> None:
    grade = hg.exercise("tanh").check(formula)
    assert not grade
    assert str(grade)


posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


@posix
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.csv.gz", "a.parquet", "a.safetensors"])
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    os.mkfifo(path)
    readers: dict[str, Callable[[], object]] = {
        ".txt": lambda: hg.data.characters(path, length=3),
        ".safetensors": lambda: hg.load(path),
    }
    with refused(hg.errors.FileError, f"{path}: "):
        readers.get(path.suffix, lambda: hg.data.open_table(path))()


@posix
def test_a_pipe_among_pictures_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        Image.new("L", (3, 2)).save(tmp_path / name / "1.png")
    os.mkfifo(pipe := tmp_path / "cat" / "2.png")
    with refused(hg.errors.FileError, f"{pipe}: not a regular file, but a pipe"):
        hg.data.read_pictures(tmp_path)
    with refused(hg.errors.FileError, f"{pipe}: not a regular file, but a pipe"):
        hg.tables.train_table(str(tmp_path), epochs=1, out=tmp_path / "run")


@posix
def test_a_device_has_no_end() -> None:
    with refused(hg.errors.FileError, "/dev/zero: not a regular file, but a device"):
        hg.data.characters("/dev/zero", length=3)
    with refused(hg.errors.FileError, "/dev/zero: not a regular file, but a device"):
        hg.data.open_table("/dev/zero")


@posix
def test_a_socket_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("a.txt")
        with refused(hg.errors.FileError, "a.txt: not a regular file, but a socket"):
            hg.data.characters("a.txt", length=3)
