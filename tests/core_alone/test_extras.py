"""What needs an extra names it, with the line that installs it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.files.estimators import PACKAGES
from handgrad.textbook.install import MissingPackageError, install_command

X, Y = np.eye(2), np.arange(2)
COMMANDS = [[sys.executable, "-m", "handgrad"], [str(Path(sys.executable).with_name("handgrad"))]]


def net() -> hg.Net:
    return hg.Net(hg.Linear(2, 2, rng=0), hg.Softmax())


def fit(**settings: Any) -> hg.training.History:
    loss, optimizer = hg.CrossEntropyLoss(), hg.SGD(0.1)
    return hg.fit(net(), (X, Y), loss=loss, optimizer=optimizer, epochs=1, **settings)


NEEDED: list[tuple[list[str], Callable[[Path], object]]] = [
    (["plots"], lambda _: hg.plot_dataset),
    (["plots"], lambda _: fit(live_plot=True)),
    (["tables"], lambda _: hg.MLPClassifier),
    (["tables"], lambda _: hg.TabularRegressor),
    (["tables"], lambda _: hg.tables.Forecaster),
    (["tables"], lambda _: hg.data.read_table),
    (["tables"], lambda _: hg.data.load("iris")),
    (["tables"], lambda _: hg.make_classification(rng=0)),
    (["tables"], lambda _: hg.data.windows),
    (["tables"], lambda _: hg.tables.permutation_importance(net(), X, Y)),
    (["tables"], lambda _: hg.tables.partial_dependence(net(), X, 0)),
    (["tables"], lambda _: hg.data.predict_table),
    (["tables", "plots"], lambda _: hg.tables.train_table),
    (["tables", "plots"], lambda _: hg.tables.write_report),
    (["learn"], lambda _: hg.explain(net(), X, Y).html()),
    (["learn"], lambda _: hg.play),
    (["learn"], lambda path: hg.export(net(), path / "net.html")),
    (["cluster"], lambda _: hg.cluster.cluster().__enter__()),
    (["jax"], lambda _: fit(engine="jax")),
    (["jax"], lambda _: net().predict(X, engine="jax")),
    (["onnx"], lambda path: hg.export(net(), path / "net.onnx")),
    (["onnx"], lambda path: hg.exchange.from_onnx(path / "net.onnx")),
    (["keras"], lambda path: hg.exchange.from_keras(path / "net.keras")),
    (["mnist"], lambda _: hg.data.load("mnist")),
]


@pytest.mark.parametrize(("extras", "use"), NEEDED, ids=range(len(NEEDED)))
def test_the_extra_is_named(
    extras: list[str], use: Callable[[Path], object], tmp_path: Path
) -> None:
    with pytest.raises(MissingPackageError) as caught:
        use(tmp_path)
    assert install_command(*extras) in caught.value.hint
    assert all(f"[{extra}]" in caught.value.expected for extra in extras)
    assert isinstance(caught.value, hg.errors.SettingError)


def test_the_story_needs_all_four() -> None:
    with pytest.raises(MissingPackageError) as caught:
        import handgrad.learn.story  # noqa: F401
    assert install_command("plots", "tables", "learn", "cli") in caught.value.hint


@pytest.mark.parametrize("command", COMMANDS, ids=["module", "script"])
def test_the_command_line_says_what_to_install(command: list[str]) -> None:
    done = subprocess.run([*command, "train", "iris"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the command line without typer and rich")
    assert install_command("cli") in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("estimator", sorted(PACKAGES))
def test_a_file_of_any_estimator_can_be_inspected(estimator: str) -> None:
    assert estimator in PACKAGES[estimator]().SUMMARIES
