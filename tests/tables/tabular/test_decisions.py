"""Decisions: the positive class, its threshold, class weights, and metrics that choose epochs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

import handgrad as hg
from handgrad.tables.tabular.decisions import best_threshold
from tests.bad_input.refused import refused

QUICK: dict[str, Any] = {"n_members": 4, "epochs": 8, "random_state": 0}


def rare(n: int = 800, seed: int = 0, cut: float = 2.5) -> tuple[Any, Any]:
    """A table whose class "fraud" is rare, and hard to tell."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    p = 1 / (1 + np.exp(cut - 1.5 * x[:, 0] - x[:, 1]))
    return x, np.where(rng.random(n) < p, "fraud", "ok")


def by_search(threshold: Any, p: Any, y: Any) -> float:
    """Worth of the best threshold, by trying the middles between all probabilities."""
    ends = np.concatenate([[0], np.unique(p), [1]])
    return max(worth(threshold, p > t, y) for t in (ends[:-1] + ends[1:]) / 2)


def worth(threshold: Any, predicted: Any, y: Any) -> float:
    if isinstance(threshold, dict):
        misses, alarms = (~predicted & y).sum(), (predicted & ~y).sum()
        return -float(threshold["miss"] * misses + threshold["false_alarm"] * alarms)
    scores = {
        "f1": metrics.f1_score,
        "accuracy": metrics.accuracy_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
    }
    return float(scores[threshold](y, predicted))


@pytest.mark.parametrize(
    "threshold",
    ["f1", "accuracy", "balanced_accuracy", {"miss": 10, "false_alarm": 1}],
    ids=["f1", "accuracy", "balanced_accuracy", "costs"],
)
@pytest.mark.parametrize("seed", range(5))
def test_the_best_threshold_is_that_of_a_search(threshold: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y = rng.random(60) < 0.3
    p = np.round(np.clip(0.3 * y + rng.random(60) * 0.6, 0.01, 0.99), 2)  # with ties
    t = best_threshold(threshold, p, y)
    assert worth(threshold, p > t, y) == pytest.approx(by_search(threshold, p, y))
    twice = best_threshold(threshold, p, y, np.full(60, 2.0))
    assert twice == t


def test_the_rarer_class_is_positive_wherever_it_stands() -> None:
    x, y = rare()
    model = hg.TabularClassifier(**QUICK).fit(x, y)
    assert model.classes_[model.positive_] == "fraud"
    renamed = hg.TabularClassifier(**QUICK).fit(x, np.where(y == "fraud", "z", "a"))
    assert renamed.classes_[renamed.positive_] == "z"
    asked = hg.TabularClassifier(**QUICK, positive="ok").fit(x, y)
    assert asked.classes_[asked.positive_] == "ok"
    three = hg.TabularClassifier(**QUICK).fit(x, np.arange(len(x)) % 3)
    assert three.positive_ is None


def test_a_threshold_decides_and_changes_no_probability() -> None:
    x, y = rare()
    usual = hg.TabularClassifier(**QUICK).fit(x, y)
    model = hg.TabularClassifier(**QUICK, threshold=0.2).fit(x, y)
    np.testing.assert_array_equal(model.predict_proba(x), usual.predict_proba(x))
    fraud = model.predict_proba(x)[:, model.positive_] > 0.2
    np.testing.assert_array_equal(model.predict(x) == "fraud", fraud)
    assert (usual.predict(x) == "fraud").sum() < fraud.sum()


def test_costs_lead_to_cheaper_decisions_on_new_rows() -> None:
    x, y = rare(2000)
    x_new, y_new = rare(2000, seed=1)
    costs = {"miss": 10, "false_alarm": 1}
    model = hg.TabularClassifier(**QUICK, threshold=costs).fit(x, y)
    usual = hg.TabularClassifier(**QUICK).fit(x, y)
    new = [-worth(costs, m.predict(x_new) == "fraud", y_new == "fraud") for m in (model, usual)]
    assert new[0] < 0.7 * new[1]
    # calibrated probabilities: that of equal costs is 1/11
    assert model.threshold_ is not None
    assert 0.03 < model.threshold_ < 0.25


def test_the_threshold_is_in_the_file(tmp_path: Path) -> None:
    x, y = rare()
    model = hg.TabularClassifier(**QUICK, threshold="f1").fit(x, y)
    hg.save(model, tmp_path / "model.safetensors")
    loaded = hg.load(tmp_path / "model.safetensors")
    assert (loaded.threshold_, loaded.positive_) == (model.threshold_, model.positive_)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


@pytest.mark.parametrize("ending", ["py", "onnx", "js"])
def test_exports_decide_alike(ending: str, tmp_path: Path) -> None:
    if ending == "onnx":
        onnxruntime = pytest.importorskip("onnxruntime", reason="only where ONNX is tested")
    x, y = rare(300)
    model = hg.TabularClassifier(2, epochs=8, random_state=0, threshold=0.15).fit(x, y)
    path = tmp_path / f"model.{ending}"
    hg.export(model, path)
    expected = model.predict(x)
    assert 0 < (expected == "fraud").sum() < len(x)
    if ending == "py":
        parts: dict[str, Any] = {"__name__": "model"}
        exec(path.read_text("utf-8"), parts)
        columns = {f"x{i}": x[:, i] for i in range(3)}
        assert parts["predict"](columns).tolist() == expected.tolist()
    elif ending == "onnx":
        session = onnxruntime.InferenceSession(path.read_bytes())
        inputs = {f"x{i}": x[:, [i]] for i in range(3)}
        label = session.run(None, {i.name: inputs[i.name] for i in session.get_inputs()})[0]
        assert label.tolist() == expected.tolist()
    else:
        assert "export const thresholds = [0.15, 0.85];" in path.read_text("utf-8")


def test_class_weights_are_weights_of_rows() -> None:
    x, y = rare()
    weights = {"fraud": 4.0, "ok": 1.0}
    model = hg.TabularClassifier(**QUICK, class_weight=weights).fit(x, y)
    rows = hg.TabularClassifier(**QUICK).fit(x, y, np.where(y == "fraud", 4.0, 1.0))
    np.testing.assert_array_equal(model.predict_proba(x), rows.predict_proba(x))
    balanced = hg.TabularClassifier(**QUICK, class_weight="balanced").fit(x, y)
    assert (balanced.predict(x) == "fraud").sum() > (model.predict(x) == "fraud").sum()


@pytest.mark.slow
def test_any_metric_chooses_the_epochs() -> None:
    x, y = rare()
    seen = list[Any]()

    def found(model: Any, X: Any, y: Any) -> float:
        seen.append({*y.tolist()})
        return float((model.predict(X) == y).mean())

    accuracy = hg.TabularClassifier(**QUICK, metric="accuracy").fit(x, y)
    own = hg.TabularClassifier(**QUICK, metric=found).fit(x, y)
    assert own.best_epochs_ == accuracy.best_epochs_
    assert seen[-1] == {"fraud", "ok"}
    scorer = hg.TabularClassifier(**QUICK, metric="neg_log_loss").fit(x, y)
    assert scorer.best_epochs_ == hg.TabularClassifier(**QUICK).fit(x, y).best_epochs_
    for metric in ("roc_auc", "f1", "average_precision"):
        model = hg.TabularClassifier(**QUICK, metric=metric).fit(x, y)
        assert len(model.best_epochs_) == 4
    t = x[:, 0] * 100 + 7
    usual = hg.TabularRegressor(**QUICK).fit(x, t)
    for metric in ("root_mean_squared_error", "neg_root_mean_squared_error"):
        model = hg.TabularRegressor(**QUICK, metric=metric).fit(x, t)
        assert model.best_epochs_ == usual.best_epochs_
    robust = hg.TabularRegressor(**QUICK, metric="mean_absolute_error").fit(x, t)
    mae = hg.TabularRegressor(**QUICK, metric="mae").fit(x, t)
    np.testing.assert_array_equal(robust.predict(x), mae.predict(x))


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        (hg.errors.SettingError, {"threshold": 1.5}, ("threshold=1.5", "between 0 and 1")),
        (hg.errors.SettingError, {"threshold": True}, ("threshold=True",)),
        (hg.errors.SettingError, {"threshold": "f2"}, ("threshold='f2'", "did you mean 'f1'")),
        (hg.errors.SettingError, {"threshold": {"miss": 1}}, ("both at least 0",)),
        (hg.errors.SettingError, {"threshold": {"miss": 0, "false_alarm": 0}}, ("one above",)),
        (
            hg.errors.SettingError,
            {"threshold": {"miss": -1, "false_alarm": 1}},
            ("both at least 0",),
        ),
        (
            hg.errors.DataError,
            {"positive": "no"},
            ("which is no class of the target", "one of fraud, ok"),
        ),
        (
            hg.errors.DataError,
            {"class_weight": {"yes": 2}},
            ("class_weight for 'yes'", "'fraud', 'ok'"),
        ),
        (
            hg.errors.SettingError,
            {"metric": "f3"},
            ("metric='f3'", "scorer of scikit-learn", "did you mean 'f1'"),
        ),
        (hg.errors.SettingError, {"metric": 3}, ("metric=3",)),
        (
            hg.errors.SettingError,
            {"metric": lambda model, X, y: np.nan},
            ("is undefined for the rows of a member",),
        ),
    ],
)
def test_what_cannot_decide_is_refused(kind: Any, settings: Any, words: tuple[str, ...]) -> None:
    x, y = rare(100)
    model = hg.TabularClassifier(**QUICK, **settings)
    with refused(kind, *words):
        model.fit(x, y)
    assert not hasattr(model, "net_")


def test_a_threshold_needs_two_classes() -> None:
    x, _ = rare(90)
    with refused(hg.errors.DataError, "with 3 classes", "two classes"):
        hg.TabularClassifier(**QUICK, threshold=0.2).fit(x, np.arange(90) % 3)
    with refused(hg.errors.DataError, "with 3 classes", "two classes"):
        hg.TabularClassifier(**QUICK, positive=1).fit(x, np.arange(90) % 3)
