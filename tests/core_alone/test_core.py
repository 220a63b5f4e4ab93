"""With the core alone nets are built, trained by every engine, checked, explained and saved."""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.engines.dispatch import EngineName
from handgrad.textbook.metrics.registry import METRICS

X, Y = hg.data.make_moons(200, rng=0)
ENGINES: tuple[EngineName, ...] = ("eager", "compiled", "portable")
OF_NUMBERS = {
    *("r2", "mean_squared_error", "root_mean_squared_error", "mean_absolute_error"),
    "concordance_index",
}


def moons_net() -> hg.Net:
    return hg.Net(hg.Linear(2, 8, rng=0), hg.Tanh(), hg.Linear(8, 2, rng=1), hg.Softmax())


def trained(net: hg.Net, **settings: Any) -> hg.training.History:
    shared: dict[str, Any] = {"batch_size": 8, "epochs": 20, "rng": 0} | settings
    loss, optimizer = hg.CrossEntropyLoss(), hg.SGD(0.3)
    return hg.fit(net, (X, Y), loss=loss, optimizer=optimizer, **shared)


@pytest.mark.parametrize(
    "make",
    [
        *(hg.data.make_blobs, hg.data.make_moons, hg.data.make_circles, hg.data.make_xor),
        *(hg.data.make_spirals, hg.data.make_line, hg.data.make_sine),
    ],
)
def test_toy_data_is_made(make: Any) -> None:
    x, y = make(30, rng=0)
    assert len(x) == len(y) == 30


@pytest.mark.parametrize("engine", ENGINES)
def test_a_net_learns_by_every_engine(engine: EngineName) -> None:
    names = ["accuracy", "f1", "roc_auc", "log_loss"]
    history = trained(moons_net(), engine=engine, validation=0.2, metrics=names)
    assert history[-1].metrics["accuracy"] > 0.85
    assert history[-1].metrics.keys() == {*names}


def test_engines_agree() -> None:
    nets = [moons_net() for _ in ENGINES]
    for net, engine in zip(nets, ENGINES, strict=True):
        trained(net, engine=engine, epochs=2)
    for net in nets[1:]:
        assert net.parameters == pytest.approx(nets[0].parameters, abs=1e-5)


def test_training_is_an_iterator() -> None:
    loss, optimizer = hg.CrossEntropyLoss(), hg.Adam(0.01)
    losses = [
        report.train_loss
        for report in hg.train(moons_net(), (X, Y), loss=loss, optimizer=optimizer, epochs=3, rng=0)
    ]
    assert losses == sorted(losses, reverse=True)


def test_every_metric_is_counted() -> None:
    names = [name for name in METRICS if name not in {*OF_NUMBERS, "top_k_accuracy"}]
    found = hg.evaluate(moons_net(), (X, Y), loss=hg.CrossEntropyLoss(), metrics=names)
    assert np.isfinite([*found.metrics.values()]).all()
    assert found.metrics.keys() == {*names}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_prints_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    history = trained(moons_net(), progress=True)
    *_, last = terminal.getvalue().splitlines()
    assert last.startswith(f"epoch 20/20 loss {history[-1].train_loss:.4f}")


def test_progress_is_quiet_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    trained(moons_net(), progress=True)
    assert capfd.readouterr() == ("", "")


def test_many_nets_train_at_once() -> None:
    runs = [{"net": moons_net(), "rng": seed} for seed in (0, 1)]
    histories = hg.fit_many(
        runs, data=(X, Y), loss=hg.CrossEntropyLoss(), optimizer=hg.SGD(0.1), epochs=2
    )
    assert [len(history) for history in histories] == [2, 2]


def test_gradients_are_checked() -> None:
    assert hg.check_gradients(moons_net(), loss=hg.CrossEntropyLoss())


def test_a_step_is_traced_and_its_loops_are_printed() -> None:
    net, loss = moons_net(), hg.CrossEntropyLoss()
    assert "matmul" in str(hg.trace(net, loss)) or "@" in str(hg.trace(net, loss))
    assert "def epoch(" in hg.compiled_source(net, loss, hg.SGD(0.1))


def test_a_training_is_diagnosed() -> None:
    net = moons_net()
    history = trained(net)
    assert "no problems found" in str(hg.diagnose(net, history, (X, Y)))
    found = hg.diagnose(net, history, (X, Y), validation=(X[:40], Y[:40]))
    assert [finding.problem for finding in found.findings] == ["leakage"]


def test_an_explanation_is_text() -> None:
    explanation = hg.explain(moons_net(), X[:1], Y[:1])
    assert "dx" in str(explanation)
    with pytest.raises(NotImplementedError):  # so that a notebook shows the text
        explanation._repr_html_()
    with pytest.raises(ImportError, match=r"extra \[learn\]"):
        explanation.html()


def test_an_exercise_is_text() -> None:
    exercise = hg.exercise("linear")
    assert "dW" in str(exercise)
    with pytest.raises(NotImplementedError):
        exercise._repr_html_()


def test_a_net_is_saved_and_loaded(tmp_path: Path) -> None:
    net = moons_net()
    hg.save(net, tmp_path / "net.safetensors")
    again = hg.load(tmp_path / "net.safetensors")
    assert again.predict(X).tobytes() == net.predict(X).tobytes()


def test_a_training_is_resumed_from_its_checkpoint(tmp_path: Path) -> None:
    whole, parts = moons_net(), moons_net()
    trained(whole, epochs=4, engine="compiled")
    trained(parts, epochs=2, engine="compiled", checkpoint=tmp_path / "run")
    trained(parts, epochs=4, engine="compiled", checkpoint=tmp_path / "run", resume=True)
    assert parts.parameters.tobytes() == whole.parameters.tobytes()


@pytest.mark.parametrize("ending", ["py", "c", "js", "wasm"])
def test_a_net_is_exported(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"net.{ending}"
    proof = hg.export(moons_net(), path)
    assert path.stat().st_size > 0
    assert all(check.holds for check in proof.checks)


def test_rows_are_split_with_the_shares_of_their_classes() -> None:
    _, _, y_train, y_test = hg.data.train_test_split(X, Y, stratify=True, rng=0)
    assert (np.bincount(y_train) == 80).all()
    assert (np.bincount(y_test) == 20).all()


def test_versions_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    hg.check.show_versions()
    assert "llvmlite" in capsys.readouterr().out
