"""`handgrad train FOLDER`, where the folder has a folder with pictures for each class."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import handgrad as hg
from handgrad.tables.estimators import fit_loop
from tests.bad_input.refused import refused
from tests.cli.kills import check_killed_ten_times
from tests.cli.run import WRITTEN, handgrad, raised, record
from tests.tables.data.picture_folders import bars, save
from tests.tables.reporting.pages import Page

QUICK = ("--no-report", "--engine", "eager", "--layers", "8")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on bars, with the folder of the pictures beside it."""
    folder = tmp_path_factory.mktemp("pictures")
    (bars(folder / "bars") / "level" / "notes.txt").write_text("words")
    result = handgrad("train", folder / "bars", *QUICK, "--epochs", 60, "--out", folder / "run")
    assert result.exit_code == 0, result.output
    (folder / "told.txt").write_text(result.output, "utf-8")
    return folder


def test_a_folder_of_pictures_leaves_the_run_of_a_table(trained: Path) -> None:
    told = (trained / "told.txt").read_text("utf-8")
    assert "bars: 40 pictures of 12 by 12 pixels, grey" in told
    assert "predicting class: 2 classes, level, upright (classification: each has a folder)" in told
    assert f"files that are not pictures, ignored: {Path('level', 'notes.txt')}\n" in told
    assert "picture  12 by 12 pixels, grey, each a number from 0 to 1" in told
    assert "trained on 32 rows, 8 held out" in told
    assert sorted(file.name for file in (trained / "run").iterdir()) == WRITTEN
    found = record(trained / "run")
    assert found["scores"]["held_out"]["accuracy"] > 0.9
    assert found["settings"]["estimator"] == "pictures"
    assert len(found["data"]["files"]) == 40
    model = hg.load(trained / "run" / "model.safetensors")
    assert isinstance(model, hg.PictureClassifier)
    assert model.shape == (1, 12, 12)
    with (trained / "run" / "held_out.csv").open(encoding="utf-8", newline="") as file:
        held_out = [row["file"] for row in csv.DictReader(file)]
    assert len({*held_out}) == 8
    assert all(Path(name).suffix == ".png" for name in held_out)


def test_new_pictures_are_predicted_in_a_folder_by_a_pattern_and_one_by_one(
    trained: Path, tmp_path: Path
) -> None:
    new = bars(tmp_path / "new", n=5, seed=1)
    save(np.zeros((30, 40, 3)), new / "large.jpg")
    model, out = trained / "run" / "model.safetensors", tmp_path / "predictions.csv"
    result = handgrad("predict", model, new, "--probabilities", "-o", out)
    assert result.exit_code == 0, result.output
    with out.open(encoding="utf-8", newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert [*rows] == sorted(map(str, [*new.glob("*/*.png"), new / "large.jpg"]))
    right = [Path(name).parent.name == row["prediction"] for name, row in rows.items()]
    assert sum(right) >= 9
    one = rows[str(new / "level" / "00.png")]
    shares = float(one["probability_level"]), float(one["probability_upright"])
    assert sum(shares) == pytest.approx(1)

    result = handgrad("predict", model, new / "level" / "*.png")
    assert result.output.splitlines()[1].endswith(f'level/00.png","{one["prediction"]}"')
    assert len(result.output.splitlines()) == 6
    assert len(handgrad("predict", model, new / "large.jpg").output.splitlines()) == 2
    with refused(hg.errors.SettingError, "a name that ends in .csv or .parquet"):
        raised("predict", model, new, "-o", tmp_path / "predictions.txt")
    (tmp_path / "none").mkdir()
    with refused(hg.errors.DataError, "none: no pictures in this folder", ".png"):
        raised("predict", model, tmp_path / "none")
    with refused(hg.errors.SettingError, "--keep size, for pictures", "without --keep"):
        raised("predict", model, new, "--keep", "size")
    with refused(
        hg.errors.FileError,
        "predictions.csv: not a picture, for a picture classifier",
        "for a table",
    ):
        raised("predict", model, out)
    with refused(
        hg.errors.FileError, "gone: no such folder, for a picture classifier", "a folder of"
    ):
        raised("predict", model, tmp_path / "gone")
    single = new / "level" / "00.png"
    for command in ("evaluate", "explain"):
        for data in (out, single):
            with refused(hg.errors.FileError, f"{data.name}: a file", "a folder for each class"):
                raised(command, model, data)
    with refused(hg.errors.SettingError, "without DATA", "or pictures for a picture classifier"):
        raised("explain", model)


def test_the_report_names_the_files_of_misclassified_pictures(tmp_path: Path) -> None:
    folder, out = tmp_path / "bars", tmp_path / "run"
    bars(folder / "train", n=20)
    bars(folder / "test", n=4, seed=1)
    for name, other in (("level", "upright"), ("upright", "level")):
        picture = folder / "test" / name / "00.png"
        picture.rename(folder / "test" / other / f"from {name} & <i>.png")
    quick = ("--engine", "eager", "--layers", "8", "--epochs", 60)
    result = handgrad("train", folder, *quick, "--out", out)
    assert result.exit_code == 0, result.output
    assert record(out)["scores"]["held_out"]["accuracy"] == 0.75
    page = Page(out / "report.html")
    (told,) = [a["aria-label"] for a in page.all("svg") if "Misclass" in a.get("aria-label", "")]
    for name, other in (("level", "upright"), ("upright", "level")):
        file = f"test/{other}/from {name} & <i>.png"
        ((number, true),) = re.findall(
            rf"([12]) {re.escape(file)} (.*?) {name} \([> \d]+%\)", page.text
        )
        assert true.startswith(f"{other} (probability ")
        assert f"{number}: {other} → {name}" in told


@pytest.mark.slow
def test_a_model_is_evaluated_and_its_report_written_anew(trained: Path, tmp_path: Path) -> None:
    model = trained / "run" / "model.safetensors"
    found = hg.tables.evaluate_table(model, bars(tmp_path / "new", n=10, seed=2))
    assert (found.target, found.rows) == ("class", 20)
    assert found.scores["accuracy"] > 0.8
    assert [row["class"] for row in found.classes] == ["level", "upright"]
    result = handgrad("report", trained / "run")
    assert result.exit_code == 0, result.output
    page = (trained / "run" / "report.html").read_text("utf-8")
    assert "upright" in page
    assert "from pictures of 12 by 12 pixels, grey" in page
    assert "pixel_" not in page
    (trained / "run" / "report.html").unlink()


def test_pictures_of_many_sizes_are_scaled_and_in_colour(tmp_path: Path) -> None:
    folder = bars(tmp_path / "bars", n=5, colour=True)
    save(np.zeros((9, 50, 3)), folder / "level" / "wide.png")
    run = hg.tables.train_table(
        str(folder), epochs=1, layers="4", engine="eager", report=False, out=tmp_path / "run"
    )
    assert run.model.shape == (3, 32, 32)  # type: ignore[attr-defined]
    assert run.record["columns"]["picture"].startswith("32 by 32 pixels, in colour")


def test_pictures_are_scaled_to_the_size_that_is_asked_for(tmp_path: Path) -> None:
    folder, out = bars(tmp_path / "bars", n=5), tmp_path / "run"
    run = hg.tables.train_table(
        str(folder), size=20, epochs=1, layers="4", engine="eager", report=False, out=out
    )
    assert run.model.shape == (1, 20, 20)  # type: ignore[attr-defined]
    model, to = tmp_path / "run" / "model.safetensors", tmp_path / "p.csv"
    assert handgrad("predict", model, folder, "--out", to).exit_code == 0
    assert len(to.read_text("utf-8").splitlines()) == 11
    with refused(hg.errors.SettingError, "--size 20, for iris", "a folder of pictures"):
        raised("train", "iris", "--size", 20)
    with refused(hg.errors.SettingError, "--size 0", "a number of pixels from 1 to 1024"):
        raised("train", folder, "--size", 0)


@pytest.mark.parametrize(
    ("augment", "layers"),
    [("none", []), ("shift", ["RandomShift"]), ("flip", ["RandomShift", "RandomHorizontalFlip"])],
)
def test_random_changes_are_chosen(tmp_path: Path, augment: str, layers: list[str]) -> None:
    folder, out = bars(tmp_path / "bars", n=5), tmp_path / "run"
    assert handgrad("train", folder, *QUICK, "--augment", augment, "--out", out).exit_code == 0
    net = hg.load(out / "model.safetensors").net_
    assert [type(layer).__name__ for layer in net.layers if "Random" in str(layer)] == layers


def test_a_training_begins_with_the_convolutions_of_a_model(trained: Path, tmp_path: Path) -> None:
    model, out = trained / "run" / "model.safetensors", tmp_path / "run"
    folder = bars(tmp_path / "bars", n=5)
    (folder / "level").rename(folder / "flat")
    words = ("--size", 12, "--learning-rate", 1e-12, "--epochs", 1, "--out", out)
    result = handgrad("train", folder, *QUICK, "--from", model, *words)
    assert result.exit_code == 0, result.output
    assert "the initial convolutions are those of" in result.output
    assert record(out)["continued"] == {"model": str(model)}
    new, before = hg.load(out / "model.safetensors"), hg.load(model)
    assert new.classes_.tolist() == ["flat", "upright"]
    for mine, theirs in zip(new.net_.layers, before.net_.layers, strict=True):
        if isinstance(mine, hg.Conv2d):
            np.testing.assert_allclose(mine.W, theirs.W, rtol=1e-6)
    run = hg.tables.train_table("iris", epochs=1, report=False, out=tmp_path / "iris")
    of_rows = run.folder / "model.safetensors"
    with refused(hg.errors.SettingError, "a TabularClassifier", "a model of --estimator pictures"):
        raised("train", folder, "--from", of_rows, "--out", tmp_path / "other")
    with refused(hg.errors.SettingError, "a PictureClassifier", "a model of --estimator tabular"):
        raised("train", "iris", "--from", model, "--out", tmp_path / "other")


def test_random_changes_are_of_pictures_in_a_convolutional_net(tmp_path: Path) -> None:
    with refused(hg.errors.SettingError, "--augment flip, for iris", "a folder of pictures"):
        raised("train", "iris", "--augment", "flip")
    folder = bars(tmp_path / "bars", n=5)
    with refused(hg.errors.SettingError, "--augment none for --estimator mlp", "without --augment"):
        raised("train", folder, "--augment", "none", "--estimator", "mlp")


def test_a_perceptron_alone_takes_pictures_too(tmp_path: Path) -> None:
    folder, out = bars(tmp_path / "bars", n=5), tmp_path / "run"
    result = handgrad("train", folder, *QUICK, "--estimator", "mlp", "--epochs", 1, "--out", out)
    assert result.exit_code == 0, result.output
    assert record(out)["columns"]["pixel_0_0"] == "number"
    for command in ("predict", "evaluate", "explain"):
        with refused(hg.errors.SettingError, "bars, a folder of pictures", "without --estimator"):
            raised(command, out / "model.safetensors", folder)
    with refused(hg.errors.FileError, "a folder written by handgrad train", f"try: {out}"):
        raised("report", out / "model.safetensors")


def test_what_cannot_be_learned_from_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    folder = bars(tmp_path / "bars", n=3)
    out = tmp_path / "run"
    with refused(hg.errors.SettingError, "--target kind, for a folder of pictures", "'class'"):
        raised("train", folder, "--target", "kind", "--out", out)
    with refused(hg.errors.SettingError, "--ignore age, for a folder of pictures"):
        raised("train", folder, "--ignore", "age", "--out", out)
    alone = save(np.zeros((12, 12)), folder / "dot" / "one.png")
    with refused(hg.errors.DataError, f"has one row only: 'dot' in {alone}", "at least two rows"):
        raised("train", folder, "--out", out)
    (folder / "level" / "odd.png").write_text("words")
    with refused(hg.errors.FileError, "odd.png: not a picture in a supported format"):
        raised("train", folder, "--out", out)
    with refused(hg.errors.SettingError, "--estimator pictures, for iris", "a folder of pictures"):
        raised("train", "iris", "--estimator", "pictures", "--out", out)
    with refused(hg.errors.DataError, "no folder in it", "a folder for each class"):
        raised("train", folder / "upright", "--out", out)
    with refused(hg.errors.FileError, "00.png: a picture", "one folder of pictures for each class"):
        raised("train", folder / "upright" / "00.png", "--out", out)
    with refused(hg.errors.DataError, "is neither a file nor", "check the spelling"):
        raised("train", "minst/", "--out", out)
    assert not out.exists()


def microscope(folder: Path, n: int = 24) -> Path:
    """Pictures of 12 bits in files of 16: a ground of 300, and cells of 90 more in one class."""
    generator = np.random.default_rng(0)
    for name in ("cells", "ground"):
        (folder / name).mkdir(parents=True)
        for i in range(n):
            values = generator.normal(300, 8, (12, 12))
            if name == "cells":
                values[generator.integers(1, 8) :, generator.integers(1, 8) :][:3, :3] += 90
            Image.fromarray(values.astype(np.uint16)).save(folder / name / f"{i:02}.tif")
    return folder


def test_pictures_of_twelve_bits_are_learned_and_predicted_by_the_levels_of_the_training(
    tmp_path: Path,
) -> None:
    folder, out = microscope(tmp_path / "twelve"), tmp_path / "run"
    result = handgrad("train", folder, *QUICK, "--epochs", 60, "--out", out)
    assert result.exit_code == 0, result.output
    assert "files of more than 8 bits:" in result.output
    assert "are scaled to 0 to 1" in result.output
    assert record(out)["scores"]["held_out"]["accuracy"] > 0.9
    model, to = out / "model.safetensors", tmp_path / "predictions.csv"
    dark = folder / "ground" / "00.tif"  # alone it has a range of its own
    assert handgrad("predict", model, dark, "-o", to).exit_code == 0
    with to.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["prediction"] == "ground"
    found = handgrad("evaluate", model, folder, "--json")
    assert found.exit_code == 0, found.output
    assert hg.load(model).shape == (1, 12, 12)


def test_folders_train_and_test_say_what_is_learned_and_what_is_held_out(tmp_path: Path) -> None:
    folder, out = tmp_path / "split", tmp_path / "run"
    bars(folder / "train", n=10)
    bars(folder / "Test", n=3, seed=1)
    (folder / "notes").mkdir()
    result = handgrad("train", folder, *QUICK, "--epochs", 2, "--out", out)
    assert result.exit_code == 0, result.output
    assert "trained on the folder train, held out Test" in result.output
    assert "other folders, ignored: notes" in result.output
    assert record(out)["rows"] == {"training": 20, "held_out": 6}
    with (out / "held_out.csv").open(encoding="utf-8", newline="") as file:
        assert {Path(row["file"]).parts[-3] for row in csv.DictReader(file)} == {"Test"}
    with refused(hg.errors.SettingError, "--test-size 0.5", "without --test-size"):
        raised("train", folder, "--test-size", 0.5, "--out", tmp_path / "other")
    for path in (folder / "Test" / "upright").iterdir():
        path.unlink()
    (folder / "Test" / "upright").rename(folder / "Test" / "round")
    save(np.zeros((12, 12)), folder / "Test" / "round" / "x.png")
    with refused(
        hg.errors.DataError, "the class 'round' is in Test but not in train", "same classes"
    ):
        raised("train", folder, "--out", tmp_path / "other")


def test_a_few_pictures_of_many_classes_leave_one_of_each_to_judge_by(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name in "abcde":
        for i in range(4):
            save(generator.integers(0, 256, (8, 8)), tmp_path / "zoo" / name / f"{i}.png")
    out = tmp_path / "run"
    result = handgrad("train", tmp_path / "zoo", *QUICK, "--epochs", 1, "--out", out)
    assert result.exit_code == 0, result.output
    assert record(out)["rows"] == {"training": 15, "held_out": 5}
    assert [row["rows"] for row in record(out)["classes"]] == [1] * 5


def test_pictures_that_are_all_alike_are_refused(tmp_path: Path) -> None:
    for name in "ab":
        for i in range(3):
            save(np.full((8, 8), 7), tmp_path / "same" / name / f"{i}.png")
    with refused(hg.errors.DataError, "all 6 pictures are identical", "differ between classes"):
        raised("train", tmp_path / "same", "--out", tmp_path / "run")


def test_a_stopped_training_on_pictures_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit_loop, "CHECKPOINT_SECONDS", 0.0)
    folder, said, last = bars(tmp_path / "bars", n=5), list[str](), 2
    words = ("train", folder, *QUICK, "--epochs", 3, "--folds", 2, "--out")

    def stopped(m: object, what: str) -> None:
        said.append(what)
        if len(said) == last:
            raise SystemExit(143)

    # each time in the second epoch: of a fold, of the next, and of the final training
    for last, more, kept in (  # noqa: B007  `stopped` reads it
        (2, (), "the training so far is saved"),
        (4, ("--resume",), "1 finished part saved"),
        (4, ("--resume",), "2 finished parts saved"),
    ):
        said.clear()
        with monkeypatch.context() as patch:
            patch.setattr(fit_loop, "_print", stopped)
            result = handgrad(*words, tmp_path / "run", *more)
        assert result.exit_code == 143
        assert f"note: {kept}; to resume:" in result.stderr
        assert not (tmp_path / "run").exists()
    for name, more in (("run", ("--resume",)), ("other", ())):
        result = handgrad(*words, tmp_path / name, *more)
        assert result.exit_code == 0, result.output
    model = "model.safetensors"
    assert (tmp_path / "run" / model).read_bytes() == (tmp_path / "other" / model).read_bytes()
    assert record(tmp_path / "run")["scores"] == record(tmp_path / "other")["scores"]
    assert record(tmp_path / "run")["epochs"] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bars", "other", "run"]


def test_a_training_on_pictures_that_diverges_is_not_resumed(tmp_path: Path) -> None:
    words = ("train", bars(tmp_path / "bars", n=5), *QUICK, "--learning-rate", 1e38, "--out")
    with refused(hg.errors.DivergenceError, "at --learning-rate 1e+38", "--learning-rate 1e+37"):
        raised(*words, tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["bars"]


@pytest.mark.slow
def test_pictures_killed_ten_times_end_with_the_same_bits(tmp_path: Path) -> None:
    bars(tmp_path / "bars", n=60)
    words = ("bars", "--size", "64", "--epochs", "60", "--learning-rate", "0.0001")
    check_killed_ten_times(tmp_path, *words, same="held_out.csv")
