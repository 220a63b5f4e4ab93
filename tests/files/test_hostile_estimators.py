"""Estimators' files made to do harm, or that no fit could have left: each refused, with words."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

import handgrad as hg
from handgrad.files import inspect
from tests.bad_input.refused import refused
from tests.files.models import estimators
from tests.files.mutations import joined, split
from tests.files.nets import OWN, Scale
from tests.files.test_hostile import at_little_cost

Change = Callable[[Any], object]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    path = tmp_path_factory.mktemp("files") / "a"
    return {name: hg.save(model, path).read_bytes() for name, model in estimators().items()}


def changed(content: bytes, path: Path, change: Change) -> Path:
    """A file in whose description something was changed."""
    header, data = split(content)
    document = json.loads(header["__metadata__"]["handgrad"])
    change(document["model"])
    header["__metadata__"]["handgrad"] = json.dumps(document)
    path.write_bytes(joined(header, data, Random(0)))
    return path


def put(*keys: Any) -> Change:
    """A change that puts the last of `keys` in the place that the others lead to."""
    *way, key, value = keys

    def change(model: Any) -> None:
        for step in way:
            model = model[step]
        model[key] = value

    return change


CLASSIFIER, PERCEPTRON = "TabularClassifier", "MLPClassifier"
FITTED = ("fitted", "columns")


def classes(dtype: Any, *values: Any) -> Change:
    return put("fitted", "classes", {"array": {"dtype": dtype, "values": [*values]}})


WIDE = {"array": {"dtype": "U4000000", "values": ["a"]}}

LIES: dict[str, tuple[str, Change, str]] = {
    "no estimator": (CLASSIFIER, put("estimator", "Tanh"), "the estimator Tanh"),
    "a function": (CLASSIFIER, put("estimator", "fit_many"), "the estimator fit_many"),
    "code": (CLASSIFIER, put("estimator", "__import__('os')"), "the estimator __import__('os')"),
    "another": (CLASSIFIER, put("estimator", "TabularRegressor"), "a setting class_weight"),
    "no settings": (CLASSIFIER, put("settings", []), "the keys ["),
    "a key more": (CLASSIFIER, put("hooks", []), "the keys ["),
    "a setting more": (CLASSIFIER, put("settings", "hook", 1), "a setting hook"),
    "a setting of no kind": (CLASSIFIER, put("settings", "epochs", {"code": "x"}), "the value {"),
    "a setting that is refused": (CLASSIFIER, put("settings", "n_members", -1), "n_members"),
    "another metric": (CLASSIFIER, put("settings", "metric", "rmse"), "metric='rmse'"),
    "no net": (CLASSIFIER, put("net", None), "the net None"),
    "members too few": (CLASSIFIER, put("fitted", "best_epochs", [1]), "a net from"),
    "members too many": (CLASSIFIER, put("fitted", "best_epochs", [1] * 900_000), "a net from"),
    "no members": (CLASSIFIER, put("fitted", "best_epochs", []), "best_epochs is []"),
    "cold": (CLASSIFIER, put("fitted", "temperature", 0.0), "temperature is 0.0"),
    "a class more": (CLASSIFIER, classes("U1", "a", "b", "c"), "a positive class of 3"),
    "a class twice": (CLASSIFIER, classes("U1", "a", "a"), "the classes"),
    "no order": (CLASSIFIER, classes("U1", "b", "a"), "the classes"),
    "cut off": (CLASSIFIER, classes("U1", "high", "low"), "as an array"),
    "wide": (CLASSIFIER, classes("U99999999", "high", "low"), "with 199999998 characters"),
    "very wide": (CLASSIFIER, classes("U" + "9" * 5000, "high", "low"), "as an array"),
    "of no width": (CLASSIFIER, classes("U0", "high", "low"), "as an array"),
    "wide and wide": (
        PERCEPTRON,
        put("settings", "hidden_layer_sizes", [WIDE] * 400),
        "arrays of text with 1600000000 characters",
    ),
    "wide and wide within": (
        PERCEPTRON,
        put("settings", "class_weight", {"dict": [[i, {"tuple": [WIDE]}] for i in range(400)]}),
        "arrays of text with 1600000000 characters",
    ),
    "two kinds": (CLASSIFIER, classes("object", 1, "a"), "not supported between"),
    "other values": (CLASSIFIER, classes("int8", 1, 999), "as an array"),
    "fractions": (CLASSIFIER, classes("int64", 1, 1.5), "as an array"),
    "no such type": (CLASSIFIER, classes("V8", 1, 2), "as an array"),
    "columns of nothing": (CLASSIFIER, put(*FITTED, {}), "columns without any encoding"),
    "no column": (CLASSIFIER, put(*FITTED, "size", 3), "column size is 3"),
    "a layer as column": (
        CLASSIFIER, put(*FITTED, "size", {"read_as": "Linear", "n_in": 3}), "column size is"
    ),
    "a field more": (CLASSIFIER, put(*FITTED, "size", "hook", 1), "column size has"),
    "a number as text": (CLASSIFIER, put(*FITTED, "size", "center", "1"), "column size has 1"),
    "upside down": (CLASSIFIER, put(*FITTED, "size", "factor", -1.0), "column size is"),
    "a range upside down": (CLASSIFIER, put(*FITTED, "size", "lowest", 1e9), "column size is"),
    "half a range": (CLASSIFIER, put(*FITTED, "size", "highest", None), "column size is"),
    "a range of words": (CLASSIFIER, put(*FITTED, "size", "lowest", "a"), "column size has a"),
    "days upside down": (
        CLASSIFIER, put(*FITTED, "since", "time", "highest", -1e9), "column since is"
    ),
    "dates in no order": (
        CLASSIFIER, put(*FITTED, "since", "time", "written", "?"), "column since is"
    ),
    "a value twice": (
        CLASSIFIER, put(*FITTED, "colour", "values", ["red", "red", "blue"]), "column colour is"
    ),
    "one of two of one": (CLASSIFIER, put(*FITTED, "open", "values", ["0"]), "column open is"),
    "a clock of its own": (
        CLASSIFIER, put(*FITTED, "since", "cycles", ["of the moon"]), "column since is"
    ),
    "a column more": (
        CLASSIFIER, put(*FITTED, "more", {"read_as": "Binary", "values": ["0", "1"]}), "a net from"
    ),
    "columns with names": ("TabularRegressor", put("fitted", "named", 1), "named is 1"),
    "names that are none": (CLASSIFIER, put("fitted", "named", False), "columns with names"),
    "a target below its lowest": (
        "TabularRegressor", put("fitted", "target", [0.0, 1.0, 2.0, 1.0]), "target is"
    ),
    "intervals that end before they begin": (
        "TabularSurvival", put("fitted", "times", [2.0, 1.0]), "times is"
    ),
    "intervals more than outputs": ("TabularSurvival", put("fitted", "times", [1.0]), "a net from"),
    "buckets of no letters": ("texts", put(*FITTED, "review", "buckets", "!"), "column review is"),
    "weights too few": ("texts", put(*FITTED, "review", "weights", "AAA="), "column review is"),
    "no scores": ("texts", put(*FITTED, "review", "moments", ""), "column review is"),
    "scores without an end": (
        "texts", put(*FITTED, "review", "moments", "AAAAAAAA8H8" * 2 + "AAAAAAAA8D8="),
        "column review is",
    ),
    "a solver": (PERCEPTRON, put("settings", "solver", "newton"), "'solver' parameter"),
    "a layer of nobody": (
        PERCEPTRON,
        put("settings", "activation", {"own_layer": "Nobody", "settings": {}}),
        "Nobody, a custom layer",
    ),
    "a layer with sizes": (
        PERCEPTRON,
        put("settings", "activation", {"layer": "Linear", "settings": {"n_in": 99, "n_out": 99}}),
        "weights of shape (99, 99)",
    ),
    "other targets": (PERCEPTRON, put("fitted", "y_type", "binary"), "targets of 3 classes"),
    "targets of no kind": (PERCEPTRON, put("fitted", "y_type", "continuous"), "targets of 3"),
    "half an iteration": (PERCEPTRON, put("fitted", "n_iter_", 0.5), "n_iter_ is 0.5"),
    "losses in words": (PERCEPTRON, put("fitted", "loss_curve_", ["a"]), "loss_curve_ is"),
    "features too many": (PERCEPTRON, put("fitted", "n_features_in_", 5), "a net from 5"),
    "names too few": (
        PERCEPTRON,
        put("fitted", "feature_names_in_", {"array": {"dtype": "object", "values": ["a"]}}),
        "1 names for 4 columns",
    ),
    "outputs too many": ("MLPRegressor", put("fitted", "n_outputs", 2), "numbers to 2"),
    "a net in an encoder": (
        "Pipeline", lambda model: put("net", model["steps"][1][1]["net"])(model["steps"][0][1]),
        "a second net",
    ),
    "frozen without a net": ("TableEncoder", put("frozen", ["0"]), "['0'] as frozen"),
    "no steps": ("Pipeline", put("steps", []), "the steps []"),
    "a step twice": (
        "Pipeline", lambda model: model["steps"].append(copy.deepcopy(model["steps"][1])),
        "a name of its own",
    ),
    "a Pipeline within": (
        "Pipeline", lambda model: model["steps"].append(["a", copy.deepcopy(model)]), "the step {"
    ),
    "a name with parts": ("Pipeline", put("steps", 0, 0, "a__b"), "the steps ["),
    "a cache": ("Pipeline", put("settings", "memory", "/root"), "a Pipeline with {"),
    "steps that do not fit": (
        "Pipeline",
        lambda model: model["steps"][0][1]["fitted"]["columns"].pop("size"),
        "for 15 features",
    ),
    "no transformer": (
        "Pipeline",
        put("steps", 0, 1, "estimator", "TabularRegressor"),
        "transformers before the last",
    ),
    "a loss of another name": (PERCEPTRON, put("fitted", "loss", "MSELoss"), "a fit with MSELoss"),
    "a page of nobody": (
        PERCEPTRON, put("settings", "solver", {"page": ["Net", [], {"dict": []}]}), "the class Net"
    ),
    "a page that is refused": (
        PERCEPTRON, put("settings", "solver", {"page": ["Adam", [-1.0], {"dict": []}]}), "-1.0"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LIES)
def test_what_no_fit_leaves_is_refused_at_little_cost(
    case: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    name, change, words = LIES[case]
    path = changed(files[name], tmp_path / "a", change)
    with at_little_cost(), refused(hg.errors.FileError, f"{path}: ", words):
        hg.load(path)


@pytest.mark.parametrize(
    "case", ["no estimator", "no column", "two kinds", "no steps", "cut off", "wide and wide"]
)
def test_who_looks_into_a_file_is_told_too(
    case: str, files: dict[str, bytes], tmp_path: Path
) -> None:
    name, change, words = LIES[case]
    path = changed(files[name], tmp_path / "a", change)
    with refused(hg.errors.FileError, f"{path}: ", words):
        inspect(path)


def test_a_file_without_a_setting_that_came_later_has_its_default(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    path = changed(files[CLASSIFIER], tmp_path / "a", lambda model: model["settings"].pop("epochs"))
    assert hg.load(path).epochs is None


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_arrays_of_layers_among_settings_are_shown_apart(tmp_path: Path) -> None:
    x = np.arange(20.0)[:, None]
    own = Scale(3)
    model = hg.MLPRegressor(hidden_layer_sizes=(3,), activation=own, max_iter=2).fit(x, x[:, 0])
    path = hg.save(model, tmp_path / "a")
    assert [*inspect(path).other_tensors] == ["activation.s"]
    assert (hg.load(path, layers=OWN).activation.s == own.s).all()
