"""`handgrad train --from MODEL`: the training of a model goes on with new rows."""

from pathlib import Path

import numpy as np
import pytest

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import handgrad, raised, record

TOWNS = ["Jena", "Ulm", "Bonn"]


def rows(path: Path, seed: int, *, shift: float = 0.0, towns: list[str] = TOWNS) -> Path:
    """A German file of customers; those with a high bill leave, at a `shift` of it later."""
    rng = np.random.default_rng(seed)
    bills, town = rng.normal(50, 10, 300), rng.choice(towns, 300)
    left = np.where(bills > 50 + shift, "ja", "nein")
    lines = [
        f"{bill:.2f}".replace(".", ",") + f";{where};{yes}"
        for bill, where, yes in zip(bills, town, left, strict=True)
    ]
    path.write_text("\n".join(["bill;town;left", *lines]), "utf-8")
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("monday")
    words = ("--target", "left", "--epochs", 8, "--no-report", "--out", folder / "run")
    result = handgrad("train", rows(folder / "monday.csv", 0), *words)
    assert result.exit_code == 0, result.output
    return folder / "run" / "model.safetensors"


def test_new_rows_continue_the_training(model: Path, tmp_path: Path) -> None:
    new = rows(tmp_path / "tuesday.csv", 1, shift=8, towns=[*TOWNS, "Kiel"])
    words = ("train", new, "--from", model, "--epochs", 8, "--out", tmp_path / "run")
    result = handgrad(*words)
    assert result.exit_code == 0, result.output
    found, before = record(tmp_path / "run"), hg.load(model)
    loaded = hg.load(tmp_path / "run" / "model.safetensors")
    assert loaded.features_.described() == before.features_.described()
    assert loaded.classes_.tolist() == ["ja", "nein"]
    assert not loaded.warm_start
    scores = found["continued"]["held_out"], found["scores"]["held_out"]
    assert scores[0]["accuracy"] < 0.85 < scores[1]["accuracy"]
    note = next(note for note in found["notes"] if note.startswith("continued"))
    assert f"accuracy {scores[0]['accuracy']:.4g}, now {scores[1]['accuracy']:.4g}" in note
    assert "continued" in result.output
    assert "Kiel" in result.output
    assert note.split(", whose")[0] in (tmp_path / "run" / "report.html").read_text("utf-8")
    assert found["settings"]["target"] == "left"
    again = handgrad("evaluate", tmp_path / "run" / "model.safetensors", new)
    assert again.exit_code == 0, again.output


def test_what_does_not_fit_the_model_is_refused(model: Path, tmp_path: Path) -> None:
    new, out = rows(tmp_path / "new.csv", 2), ("--out", tmp_path / "run")
    for words, said in (
        (("--target", "town"), ("--target town with --from", "--target left")),
        (("--estimator", "mlp"), ("--estimator mlp with --from", "--estimator tabular")),
        (("--folds", 3), ("--folds 3 with --from", "without --folds")),
    ):
        with refused(hg.errors.SettingError, *said):
            raised("train", new, "--from", model, *words, *out)
    one = tmp_path / "one.csv"
    one.write_text(new.read_text("utf-8").replace("nein", "vielleicht"), "utf-8")
    with refused(hg.errors.DataError, "ja, vielleicht", "ja, nein", "without --from"):
        raised("train", one, "--from", model, *out)
    lost = tmp_path / "lost.csv"
    lost.write_text(new.read_text("utf-8").replace("bill;", "sum;"), "utf-8")
    with refused(hg.errors.DataError, "lacks 1 of the columns", "'bill'"):
        raised("train", lost, "--from", model, *out)
    with refused(hg.errors.FileError, "nothing.safetensors"):
        raised("train", new, "--from", tmp_path / "nothing.safetensors", *out)
    net = hg.Net(hg.Linear(2, 3), hg.ReLU(), hg.Linear(3, 1))
    x, other = np.arange(20.0).reshape(10, 2), tmp_path / "other.safetensors"
    writer = hg.LanguageModel(context=8, width=8, blocks=1, heads=2, epochs=1, engine="eager")
    writer.fit("to be or not to be. " * 9)
    mlp = hg.MLPRegressor(hidden_layer_sizes=(), solver="lbfgs").fit(x, x[:, 0])
    for saved, kind in ((net, "net"), (writer, "LanguageModel"), (mlp, "MLPRegressor")):
        hg.save(saved, other)
        with refused(
            hg.errors.SettingError,
            f"--from {other}, a {kind}\n",
            "a model of --estimator tabular",
            "try: without --from, for a new model",
        ):
            raised("train", new, "--from", other, *out)
    with refused(hg.errors.SettingError, f"{new} as MODEL, a table"):
        raised("train", new, "--from", new, *out)
    assert not (tmp_path / "run").exists()
