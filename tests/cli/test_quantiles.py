"""`handgrad train --quantile`: quantiles are trained, told, written and refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow.csv import read_csv
from sklearn.metrics import mean_pinball_loss

import handgrad as hg
from tests.bad_input.refused import refused
from tests.cli.run import QUICK, handgrad, raised, record

LEVELS = (0.1, 0.75)
ASKED = ("--quantile", "0.75", "--quantile", "0.1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("quantiles")
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 300)
    lines = [f"{a:.3f},{a + 0.1 * b:.3f}" for a, b in zip(x, rng.normal(size=300), strict=True)]
    (folder / "table.csv").write_text("\n".join(["a,y", *lines]) + "\n", "utf-8")
    words = ("train", folder / "table.csv", "--target", "y", *QUICK, *ASKED)
    done = handgrad(*words, "--out", folder / "run")
    assert done.exit_code == 0, done.output
    return folder, done.stdout


def test_a_run_tells_how_many_true_values_are_below_each(run: tuple[Path, str]) -> None:
    folder, told = run
    found = record(folder / "run")
    assert found["settings"]["quantile"] == [*LEVELS]
    assert found["epochs_chosen_by"] == "pinball_loss"
    assert [one["level"] for one in found["quantiles"]] == [*LEVELS]
    assert "true values below" in told
    model = hg.load(folder / "run" / "model.safetensors")
    assert model.quantiles_ == LEVELS
    held_out = read_csv(folder / "table.csv")
    numbers = [int(row) - 1 for row in read_csv(folder / "run" / "held_out.csv")["row"].to_pylist()]
    held_out = held_out.take(numbers)
    p, y = model.predict_quantiles(held_out.select(["a"])), held_out["y"].to_numpy()
    for one, column in zip(found["quantiles"], p.T, strict=True):
        assert one["below"] == pytest.approx((y < column).mean())
        loss = mean_pinball_loss(y, column, alpha=one["level"])
        assert one["pinball_loss"] == pytest.approx(loss)
    assert handgrad("report", folder / "run").exit_code == 0
    page = (folder / "run" / "report.html").read_text("utf-8")
    assert "true values below" in page


def test_predictions_and_evaluations_have_them(run: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = run
    model, data, out = (
        folder / "run" / "model.safetensors",
        folder / "table.csv",
        tmp_path / "o.csv",
    )
    assert handgrad("predict", model, data, "-o", out, "--interval", "0.8").exit_code == 0
    found = read_csv(out)
    assert found.column_names == ["prediction", "low", "high", "quantile_0.1", "quantile_0.75"]
    expected = hg.load(model).predict_quantiles(read_csv(data).select(["a"]))
    for name, column in zip(found.column_names[3:], expected.T, strict=True):
        np.testing.assert_allclose(found[name].to_numpy(), column)
    evaluated = handgrad("evaluate", model, data, "--json")
    below = [one["below"] for one in json.loads(evaluated.stdout)["quantiles"]]
    y = read_csv(data)["y"].to_numpy()[:, None]
    np.testing.assert_allclose(below, (y < expected).mean(axis=0))


@pytest.mark.parametrize(
    ("data", "words", "said"),
    [
        ("diabetes", ("--quantile", "1.5"), "--quantile"),
        ("diabetes", ("--quantile", "nan"), "between 0 and 1"),
        ("diabetes", (*ASKED, "--estimator", "mlp"), "--quantile 0.1 for --estimator mlp"),
        ("iris", ASKED, "where target has 3 classes"),
    ],
)
def test_what_has_no_quantiles_is_refused(
    data: str, words: tuple[Any, ...], said: str, tmp_path: Path
) -> None:
    with refused(hg.errors.SettingError, said):
        raised("train", data, *QUICK, *words, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_python_takes_one_or_several_in_any_order() -> None:
    for given, levels in (((0.9, 0.1), (0.1, 0.9)), (0.9, (0.9,)), ([0.5], (0.5,)), ((), ())):
        assert hg.tables.runs.RunSettings("iris", quantile=given).quantile == levels  # type: ignore[arg-type]
    for wrong in (None, "0.9", (0.1, "a"), (None,), 1.0, [True]):
        with refused(hg.errors.SettingError, "quantile="):
            hg.tables.runs.RunSettings("iris", quantile=wrong)  # type: ignore[arg-type]
