"""`handgrad train --loss` and `--exposure`: rates are trained, told, evaluated and refused."""

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from pyarrow.csv import read_csv, write_csv
from sklearn.metrics import mean_tweedie_deviance

import handgrad as hg
from handgrad.tables.runs import facts_of
from handgrad.tables.runs.table_model import TableModel
from handgrad.tables.service.openapi import openapi
from handgrad.tables.service.rows import PredictionRequest, RowPredictor
from tests.bad_input.refused import refused
from tests.cli.run import QUICK, handgrad, raised, record
from tests.tables.tabular.test_deviances import POWERS, claims

ASKED = ("--target", "claims", "--exposure", "years")


def table_of(loss: str, path: Path, seed: int = 0, n: int = 400) -> Path:
    """A table of policies; Poisson counts are whole numbers."""
    x, y, e = claims(loss, seed, n)
    y = y.astype(int) if loss == "poisson" else y.round(6)
    columns = {"a": x[:, 0].round(3), "b": x[:, 1].round(3), "years": e.round(3), "claims": y}
    write_csv(pa.table(columns), path)
    return path


@pytest.fixture(scope="module", params=POWERS)
def run(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, str]:
    folder, loss = tmp_path_factory.mktemp("claims"), request.param
    words = ("train", table_of(loss, folder / "table.csv"), *ASKED, "--loss", loss)
    done = handgrad(*words, "--epochs", 5, "--compare", "--out", folder / "run")
    assert done.exit_code == 0, done.output
    return loss, folder, done.stdout


def test_a_run_tells_the_deviance_of_the_rates(run: tuple[str, Path, str]) -> None:
    loss, folder, told = run
    found, metric = record(folder / "run"), f"mean_{loss}_deviance"
    settings = found["settings"]
    assert (settings["loss"], settings["exposure"]) == (loss, "years")
    assert settings["task"] == "regression"
    assert found["epochs_chosen_by"] == metric
    assert list(found["scores"]["held_out"]) == [
        metric, "r2", "root_mean_squared_error", "mean_absolute_error",
    ]  # fmt: skip
    assert [*found["columns"]] == ["a", "b"]
    assert any("claims / years" in note for note in found["notes"])
    assert metric.replace("_", " ") in told
    model = hg.load(folder / "run" / "model.safetensors")
    rows = read_csv(folder / "table.csv")
    numbers = [int(row) - 1 for row in read_csv(folder / "run" / "held_out.csv")["row"].to_pylist()]
    held_out = rows.take(numbers)
    e, y = held_out["years"].to_numpy(), held_out["claims"].to_numpy()
    p = model.predict(held_out.select(["a", "b"]))
    expected = mean_tweedie_deviance(y / e, p, sample_weight=e, power=POWERS[loss])
    assert found["scores"]["held_out"][metric] == pytest.approx(expected)
    assert found["scores"]["held_out"][metric] < found["scores"]["guessing"][metric]
    assert {one["larger_loss"]["of"] for one in found["references"].values()} == {metric}
    assert found["coverage"] is None
    assert found["intervals"]["scores"][metric][0] < expected
    page = (folder / "run" / "report.html").read_text("utf-8")
    assert metric.replace("_", " ").capitalize() in page
    assert "claims / years" in page


def test_reference_models_are_scikit_learns_of_the_same_loss(run: tuple[str, Path, str]) -> None:
    loss, folder, _ = run
    references = record(folder / "run")["references"]
    linear = {"poisson": "PoissonRegressor", "gamma": "GammaRegressor"}
    assert references["linear"]["model"] == linear.get(loss, "TweedieRegressor")
    guessing = record(folder / "run")["scores"]["guessing"]
    metric = f"mean_{loss}_deviance"
    assert references["linear"]["scores"][metric] < guessing[metric]


def test_evaluations_and_predictions_are_of_rates(
    run: tuple[str, Path, str], tmp_path: Path
) -> None:
    loss, folder, _ = run
    model, data = folder / "run" / "model.safetensors", folder / "table.csv"
    rows = read_csv(data)
    e, y = rows["years"].to_numpy(), rows["claims"].to_numpy()
    p = hg.load(model).predict(rows.select(["a", "b"]))
    evaluated = handgrad("evaluate", model, data, "--json")
    assert evaluated.exit_code == 0, evaluated.output
    found = json.loads(evaluated.stdout)
    scores = found["scores"]
    assert found["target"] == "claims / years"
    expected = mean_tweedie_deviance(y / e, p, sample_weight=e, power=POWERS[loss])
    assert scores[f"mean_{loss}_deviance"] == pytest.approx(expected)
    result = handgrad("predict", model, data, "-o", tmp_path / "o.csv")
    assert result.exit_code == 0, result.output
    assert "ignored" not in result.output
    told = "predictions are rates, claims / years: times 'years' they are totals"
    assert told in result.output
    np.testing.assert_allclose(read_csv(tmp_path / "o.csv")["prediction"].to_numpy(), p)
    write_csv(rows.drop_columns(["years"]), tmp_path / "without.csv")
    with refused(hg.errors.DataError, "years"):
        raised("evaluate", model, tmp_path / "without.csv")
    with refused(hg.errors.SettingError, "without exposure"):
        raised("predict", model, data, "--interval", "0.9")


def test_pages_lists_and_services_name_the_rate(run: tuple[str, Path, str]) -> None:
    loss, folder, _ = run
    path = folder / "run" / "model.safetensors"
    facts = facts_of(path)
    assert (facts["target"], facts["metric"]) == ("claims / years", f"mean_{loss}_deviance")
    (listed,) = hg.tables.list_runs(folder).runs
    assert listed.target == "claims / years"
    model = TableModel.of(path)
    service = RowPredictor(model)
    title = cast("dict[str, str]", openapi(model, service, 1)["info"])["title"]
    assert title == "Predictions of claims / years"
    row = {"a": 0.5, "b": 0.5}
    for more, told in (({"years": 1.0, "claims": 2}, []), ({"c": 1}, ["'c'"])):
        answer = service(PredictionRequest.of({"rows": [row | more]}, 1))
        warnings = cast("list[str]", answer["warnings"])
        assert [warning.rpartition(" ")[2] for warning in warnings] == told


def test_new_rows_are_compared_by_their_rates(run: tuple[str, Path, str]) -> None:
    loss, folder, _ = run
    new = table_of(loss, folder / "new.csv", 3)
    compared = handgrad("compare", new, folder / "run", "--json")
    assert compared.exit_code == 0, compared.output
    found = json.loads(compared.stdout)
    assert f"mean_{loss}_deviance" in found["scores"]["new"]
    rows = read_csv(new)
    worse = 30 * rows["claims"].to_numpy()[::-1]
    write_csv(rows.set_column(3, "claims", pa.array(worse)), new)
    told = handgrad("compare", new, folder / "run").output
    assert f"the mean {loss} deviance is" in " ".join(told.split())


def test_explanations_are_of_rates(run: tuple[str, Path, str]) -> None:
    _, folder, _ = run
    done = handgrad("explain", folder / "run" / "model.safetensors", folder / "table.csv", "--json")
    assert done.exit_code == 0, done.output


def test_the_report_may_be_written_again(run: tuple[str, Path, str]) -> None:
    _, folder, _ = run
    assert handgrad("report", folder / "run").exit_code == 0


def test_new_rows_continue_with_the_loss_and_the_exposure(tmp_path: Path) -> None:
    data = table_of("gamma", tmp_path / "a.csv")
    words = (*ASKED, "--loss", "gamma", *QUICK, "--out", tmp_path / "run")
    assert handgrad("train", data, *words).exit_code == 0
    model, new = tmp_path / "run" / "model.safetensors", table_of("gamma", tmp_path / "b.csv", 1)
    done = handgrad("train", new, "--from", model, *QUICK, "--out", tmp_path / "again")
    assert done.exit_code == 0, done.output
    settings = record(tmp_path / "again")["settings"]
    assert (settings["loss"], settings["exposure"]) == ("gamma", "years")
    with refused(hg.errors.SettingError, "--loss poisson", "--loss gamma"):
        raised("train", new, "--from", model, "--loss", "poisson", *QUICK)
    with refused(hg.errors.SettingError, "--exposure a", "--exposure years"):
        raised("train", new, "--from", model, "--exposure", "a", *QUICK)


def test_exposure_of_another_file_and_of_weighted_rows(tmp_path: Path) -> None:
    data, test = table_of("tweedie", tmp_path / "a.csv"), table_of("tweedie", tmp_path / "b.csv", 1)
    words = ("--loss", "tweedie", "--test", test, "--weight", "b", *QUICK)
    rows = [read_csv(path) for path in (data, test)]
    for path, table in zip((data, test), rows, strict=True):
        b = pa.array(np.abs(table["b"].to_numpy()))
        write_csv(table.set_column(1, "b", b), path)
    done = handgrad("train", data, *ASKED, *words, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    e, y, b = (rows[1][name].to_numpy() for name in ("years", "claims", "b"))
    p = hg.load(tmp_path / "run" / "model.safetensors").predict(rows[1].select(["a"]))
    expected = mean_tweedie_deviance(y / e, p, sample_weight=e * np.abs(b), power=1.5)
    scores = record(tmp_path / "run")["scores"]["held_out"]
    assert scores["mean_tweedie_deviance"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--loss", "gamma"), ("the target 'claims' is 0", "positive amounts", "row")),
        (("--loss", "poisson", "--exposure", "b"), ("--exposure b", "a number above 0")),
        (("--loss", "poisson", "--exposure", "claims"), ("--exposure claims and --target claims",)),
        (("--loss", "poisson", "--exposure", "c"), ("'c'",)),
    ],
)
def test_rows_that_have_no_rates_are_refused(
    words: tuple[str, ...], said: tuple[str, ...], tmp_path: Path
) -> None:
    data = table_of("poisson", tmp_path / "a.csv")
    with pytest.raises(hg.HandgradError) as caught:
        raised("train", data, "--target", "claims", *words, *QUICK, "--out", tmp_path / "run")
    assert all(word in str(caught.value) for word in said), str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("data", "words", "said"),
    [
        ("diabetes", ("--loss", "gamma", "--estimator", "mlp"), "--loss gamma for --estimator mlp"),
        ("diabetes", ("--exposure", "bmi", "--estimator", "mlp"), "--exposure bmi for --estimator"),
        ("diabetes", ("--loss", "gamma", "--quantile", "0.5"), "--loss gamma with --quantile 0.5"),
        ("diabetes", ("--metric", "mean_gamma_deviance"), "--loss gamma"),
        (
            "iris",
            ("--loss", "poisson", "--task", "classification"),
            "--loss poisson, where target has 3 classes",
        ),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    data: str, words: tuple[Any, ...], said: str, tmp_path: Path
) -> None:
    with refused(hg.errors.SettingError, said):
        raised("train", data, *QUICK, *words, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_loss_is_refused() -> None:
    assert handgrad("train", "diabetes", "--loss", "gama").exit_code == 2
    with refused(hg.errors.SettingError, "loss='gama'", "did you mean 'gamma'?"):
        hg.tables.train_table("diabetes", loss="gama")  # type: ignore[arg-type]
