"""`handgrad train TEXT`: a file that is no table makes a model that goes on with it."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import handgrad as hg
from handgrad.files.byte_pairs import codes_of
from handgrad.tables.estimators import language_model
from handgrad.tables.runs.n_grams import n_gram
from handgrad.training.early_stopping import until_patience_ends
from tests.bad_input.refused import refused
from tests.cli.kills import check_killed_ten_times
from tests.cli.run import handgrad, raised, record
from tests.tables.estimators.verses import VERSE

QUICK = ("--engine", "eager", "--epochs", 1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on verses, with the file of the text beside it."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "verse.txt").write_text(VERSE * 14 + "\u00e9", "utf-8")
    result = handgrad("train", folder / "verse.txt", *QUICK, "--out", folder / "run")
    assert result.exit_code == 0, result.output
    (folder / "told.txt").write_text(result.output, "utf-8")
    return folder


@pytest.mark.slow
def test_a_text_leaves_a_run_with_a_report(trained: Path) -> None:
    told = (trained / "told.txt").read_text("utf-8")
    assert "verse: a text of 1,891 characters, 378 held out" in told
    assert "out of vocabulary, fewer than 4 times in the training text: 'é'" in told
    assert "characters  vocabulary of 25" in told
    assert "trained on 1,513 characters, 378 held out; 1 epoch" in told
    assert sorted(file.name for file in (trained / "run").iterdir()) == [
        *("held_out.txt", "history.csv", "history.json", "model.safetensors", "report.html"),
        "run.json",
    ]
    assert (trained / "run" / "held_out.txt").read_text("utf-8") == (VERSE * 14 + "é")[-378:]
    found = record(trained / "run")
    assert found["target"] == {"name": "next character", "task": "text"}
    assert found["settings"]["estimator"] == "text"
    assert [*found["scores"]["held_out"]] == [
        "loss",
        "bits_per_character",
        "perplexity",
        "accuracy",
    ]
    loss, guessing = (found["scores"][name]["loss"] for name in ("held_out", "guessing"))
    assert found["scores"]["held_out"]["bits_per_character"] == pytest.approx(loss * 1.442695)
    assert guessing == pytest.approx(2.85, abs=0.1)  # the entropy of its letters
    assert [*found["scores"]["n_gram"]] == ["n", "loss", "bits_per_character", "perplexity"]
    assert found["scores"]["n_gram"]["loss"] < 0.2  # of a verse that it has counted 11 times
    n = found["scores"]["n_gram"]["n"]
    assert f"{n}-gram" in told
    assert [*found["scores"]["xz"]] == ["loss", "bits_per_character", "perplexity"]
    assert re.search(rf"training\W+held out\W+{n}-gram\W+xz\W+guessing", told)
    assert found["rows"] == {"training": 1513, "held_out": 378}
    assert isinstance(hg.load(trained / "run" / "model.safetensors"), hg.LanguageModel)


@pytest.mark.slow
def test_the_run_ends_with_the_command_that_exports_the_model(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = (trained / "told.txt").read_text("utf-8")
    found = re.search(r"to export a page that generates text: handgrad (.*), or gpt.js", told)
    assert found is not None
    monkeypatch.chdir(tmp_path)
    command = shlex.split(found[1])
    assert "400 characters" in handgrad(*command).output
    assert (tmp_path / "gpt.html").exists()
    with refused(hg.errors.SettingError, "gpt.onnx", "an extension of .py ("):
        raised(*command[:-1], "gpt.onnx")


@pytest.mark.slow
def test_it_goes_on_with_a_beginning(trained: Path, tmp_path: Path) -> None:
    model = trained / "run" / "model.safetensors"
    result = handgrad("write", model, "--start", "two for ", "--length", 30)
    assert result.exit_code == 0, result.output
    known = hg.load(model)
    assert result.output == known.write("two for ", length=30, rng=0) + "\n"
    out = tmp_path / "written.txt"
    how = ("--temperature", 0, "--seed", 3, "--length", 9, "-o", out)
    assert "9 characters, written to" in handgrad("write", model, *how).output
    assert out.read_text("utf-8") == known.write(length=9, temperature=0)
    found = json.loads(handgrad("write", model, "--start", "a", "--length", 2, "--json").output)
    assert found["start"] == "a"
    assert len(found["text"]) == 3


def test_it_is_evaluated_on_another_text(trained: Path, tmp_path: Path) -> None:
    run, other = trained / "run", tmp_path / "other.txt"
    with pytest.warns(UserWarning, match="out of vocabulary.*: 'é'"):
        found = hg.tables.evaluate_table(run / "model.safetensors", run / "held_out.txt")
    assert (found.task, found.target, found.rows) == ("text", "next character", 377)
    assert found.scores == pytest.approx(record(run)["scores"]["held_out"])
    assert found.guessing == pytest.approx(record(run)["scores"]["guessing"])
    other.write_bytes("caf\u00e9 noir, caf\u00e9 au lait".encode("cp1252"))
    model = run / "model.safetensors"
    with refused(hg.errors.FileError, "other.txt is not in UTF-8: line 1", "--encoding cp1252"):
        raised("evaluate", model, other)
    result = handgrad("evaluate", model, other, "--encoding", "cp1252")
    assert "other.txt: 22 characters; next character is predicted by" in result.output
    with refused(hg.errors.SettingError, "--metric accuracy, for a language model"):
        raised("evaluate", model, other, "--metric", "accuracy")


@pytest.mark.slow
def test_it_is_inspected_explained_and_its_report_written_anew(trained: Path) -> None:
    model = trained / "run" / "model.safetensors"
    told = handgrad("inspect", model).output
    assert "LanguageModel, format version 2" in told
    assert "task: text" in told
    result = handgrad("explain", model, "--start", "one")
    assert result.exit_code == 0, result.output
    assert "attention.py" in result.output
    with refused(hg.errors.DataError, "--start o, of 1 characters", "2 to 65 characters"):
        raised("explain", model, "--start", "o")
    with refused(hg.errors.DataError, "with '\u00e9'"):
        raised("explain", model, "--start", "caf\u00e9")
    (trained / "run" / "report.html").unlink()
    assert handgrad("report", trained / "run").exit_code == 0
    page = (trained / "run" / "report.html").read_text("utf-8")
    n = record(trained / "run")["scores"]["n_gram"]["n"]
    gram = f"A {n}-gram model, which counts characters given the previous {n - 1}, has"
    assert re.search(gram + r" 0\.\d+ bits, less than this model\.", page)
    assert re.search(r"The compressor xz has \d+(\.\d+)? bits, (less|more) than this model\.", page)
    for words in (
        "Language model of",
        "Bits per character",
        "Temperature 0.8",
        "Attention weights",
    ):
        assert words in page
    assert '<span class="bits bits-' in page


@pytest.mark.slow
def test_a_table_stays_a_table_whatever_its_name(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i % 7},{'ab'[i % 2]}\n" for i in range(40))
    table, out = tmp_path / "rows.txt", tmp_path / "run"
    table.write_text("x,y,kind\n" + rows, "utf-8")
    with refused(hg.errors.DataError, "--target is missing", "--estimator text, if it is a text"):
        raised("train", table)
    assert handgrad("train", table, "--target", "kind", *QUICK, "--no-report", "--out", out)
    assert record(out)["target"]["task"] == "classification"
    table.write_text("target\ty\n" + rows.replace(",", "\t"), "utf-8")  # a broken one
    with refused(hg.errors.FileError, "line 2 has 3 of 2 fields"):
        raised("train", table)
    prose = tmp_path / "prose.csv"
    prose.write_text(VERSE * 14, "utf-8")
    with pytest.raises(hg.HandgradError, match="fields"):
        raised("train", prose)
    again = ("--estimator", "text", *QUICK, "--no-report", "--out", tmp_path / "prose")
    assert handgrad("train", prose, *again).exit_code == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ("is empty",)),
        (b"a", ("a text of 1 characters, 0 of them held out", "a longer text")),
        (b"a\n" * 20, ("for validation", "--target, if it is a table")),
        (b"a" * 2000, ("one distinct character, 'a'", "--target, if it is a table")),
        ("caf\u00e9, noir\n".encode("cp1252") * 400, ("not in UTF-8", "--encoding cp1252")),
        ("春眠不觉晓，朱镕基\n".encode("gb18030") * 99, ("not in UTF-8", "--encoding gb18030")),
        (b"one\n\0two" * 400, ("not text", "0x00")),
        (bytes(range(256)) * 40, ("not in UTF-8",)),
    ],
)
def test_what_is_no_text_is_refused_and_leaves_nothing(
    tmp_path: Path, content: bytes, words: tuple[str, ...]
) -> None:
    path, out = tmp_path / "text.txt", tmp_path / "run"
    path.write_bytes(content)
    with pytest.raises(hg.HandgradError) as caught:
        raised("train", path, "--estimator", "text", *QUICK, "--out", out)
    for word in words:
        assert word in str(caught.value)
    assert not out.exists()
    assert [*tmp_path.iterdir()] == [path]


def test_what_is_table_setting_is_refused_for_a_text(trained: Path, tmp_path: Path) -> None:
    text, model = trained / "verse.txt", trained / "run" / "model.safetensors"
    with refused(hg.errors.SettingError, "--folds 3, for a text", "--estimator text, for a table"):
        raised("train", text, "--estimator", "text", "--folds", 3)
    with refused(hg.errors.FileError, "none.txt: no such file"):
        raised("train", tmp_path / "none.txt", "--estimator", "text")
    with refused(hg.errors.SettingError, "a language model", "handgrad write", "--start 'the '"):
        raised("predict", model, text)
    with refused(hg.errors.SettingError, "as DATA, for a language model", "--start 'the '"):
        raised("explain", model, text)
    with refused(hg.errors.SettingError, "--row 3, for a language model"):
        raised("explain", model, "--row", "3")
    with refused(hg.errors.DataError, "the character '\u00e9'", "remove it"):
        raised("write", model, "--start", "\u00e9")
    run = hg.tables.train_table("iris", epochs=1, report=False, out=tmp_path / "iris")
    table = run.folder / "model.safetensors"
    with refused(hg.errors.SettingError, "which is not a language model", "handgrad predict"):
        raised("write", table, "--start", "a")
    with refused(hg.errors.SettingError, "--start a, for", "which is not a language model"):
        raised("explain", table, "--start", "a")
    with refused(hg.errors.SettingError, "without DATA", "a table, or pictures"):
        raised("explain", table)


def test_the_net_in_it_can_be_exported_alone(trained: Path, tmp_path: Path) -> None:
    model = trained / "run" / "model.safetensors"
    with refused(hg.errors.SettingError, "model.net_, for its logits alone"):
        raised("export", model, tmp_path / "model.onnx")
    assert hg.export(hg.load(model).net_, tmp_path / "net.py").path.exists()


@pytest.mark.slow
def test_sub_words_are_an_option(tmp_path: Path) -> None:
    text, run, content = tmp_path / "verse.txt", tmp_path / "run", VERSE * 28 + "\u00e9"
    text.write_text(content, "utf-8")
    result = handgrad("train", text, *QUICK, "--tokens", 45, "--out", run)
    assert result.exit_code == 0, result.output
    assert re.search(r"sub-words\W+19, by byte-pair encoding", result.output)
    known, found = hg.load(run / "model.safetensors"), record(run)
    assert len(known.pairs_.tokens) == found["settings"]["tokens"] == 45
    # scores are of characters, as those of the baselines
    assert found["judged"] == {"training": 3024, "held_out": 755}
    counted = n_gram(codes_of(content, known.vocabulary_), 3025, len(known.vocabulary_))
    assert found["scores"]["n_gram"]["loss"] == counted.loss
    page = (run / "report.html").read_text("utf-8")
    for words in ("predicts the next sub-word", "Loss per token", "divided equally among"):
        assert words in page
    out = handgrad("write", run / "model.safetensors", "--start", "two for ", "--length", 30).output
    assert out == known.write("two for ", length=30, rng=0) + "\n"
    assert handgrad("evaluate", run / "model.safetensors", text).exit_code == 0
    assert handgrad("explain", run / "model.safetensors", "--start", "one for").exit_code == 0


def test_sub_words_are_of_texts(tmp_path: Path, trained: Path) -> None:
    with refused(hg.errors.SettingError, "--tokens 90, for iris", "a text", "without --tokens"):
        raised("train", "iris", "--tokens", 90)
    with refused(hg.errors.SettingError, "--tokens 5000", "up to 4096"):
        raised("train", trained / "verse.txt", "--tokens", 5000)
    with refused(hg.errors.SettingError, "tokens=9", "more tokens than characters"):
        raised("train", trained / "verse.txt", "--tokens", 9, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def stopping(after: int, end: BaseException) -> Callable[..., Iterator[hg.training.EpochReport]]:
    """`until_patience_ends` of a training that is told to stop after so many epochs."""

    def until(
        reports: Iterator[hg.training.EpochReport], *how: Any
    ) -> Iterator[hg.training.EpochReport]:
        def passed() -> Iterator[hg.training.EpochReport]:
            for report in reports:
                if report.epoch > after:
                    raise end
                yield report

        return until_patience_ends(passed(), *how)

    return until


@pytest.mark.slow
def test_a_stopped_training_on_a_text_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language_model, "CHECKPOINT_SECONDS", 0.0)
    (tmp_path / "verse.txt").write_text(VERSE * 14, "utf-8")
    words = ("train", tmp_path / "verse.txt", "--engine", "eager", "--epochs", 3, "--no-report")
    with monkeypatch.context() as patch:
        patch.setattr(language_model, "until_patience_ends", stopping(2, SystemExit(143)))
        stopped = handgrad(*words, "--out", tmp_path / "run")
    assert stopped.exit_code == 143
    assert "note: the training so far is saved; to resume: handgrad train" in stopped.stderr
    with refused(hg.errors.FileError, "has an unfinished run", "--resume"):
        raised(*words, "--out", tmp_path / "run")
    for name, more in (("run", ("--resume",)), ("other", ())):
        result = handgrad(*words, "--out", tmp_path / name, *more)
        assert result.exit_code == 0, result.output
    model, history = "model.safetensors", "history.json"
    for name in (model, "held_out.txt"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    epochs = hg.training.History.from_json(tmp_path / "run" / history)
    assert [report.epoch for report in epochs] == [1, 2, 3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "run", "verse.txt"]


@pytest.mark.slow
def test_killed_ten_times_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    (tmp_path / "verse.txt").write_text(VERSE * 14, "utf-8")
    check_killed_ten_times(tmp_path, "verse.txt", "--epochs", "12", same="held_out.txt")


def test_a_text_that_is_interrupted_ends_with_what_was_learned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(language_model, "until_patience_ends", stopping(1, KeyboardInterrupt()))
    model = hg.LanguageModel(context=16, width=8, heads=2, blocks=1, epochs=3, random_state=0)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(VERSE * 14)
    assert len(model.history_ or ()) == model.best_epoch_ == 1
    assert model.write("a", length=4)
