"""Small fitted models of every kind that can be exported, and a table with all kinds of columns."""

import datetime
import warnings
from functools import cache
from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import handgrad as hg
from handgrad.textbook.layers import Array

N = 120


@cache
def table() -> dict[str, list[object]]:
    """Numbers with gaps, one of two, few values, many values, dates, and a column of nothing."""
    rng = np.random.default_rng(0)
    start = datetime.datetime(2020, 1, 1)
    hours = rng.integers(0, 20_000, N).tolist()
    return {
        "age": [None if rng.random() < 0.1 else float(a) for a in rng.normal(40, 12, N).round(1)],
        "town": rng.choice(["Ulm", "Bonn", 'the "Köln"\\'], N).tolist(),
        "size": rng.lognormal(3, 1, N).tolist(),
        "sex": rng.choice(["f", "m"], N).tolist(),
        "zip": [f"z{k}" for k in rng.integers(0, 15, N).tolist()],
        "when": [start + datetime.timedelta(hours=h) for h in hours],
        "same": [1.0] * N,
    }


@cache
def classes() -> tuple[str, ...]:
    """A class for each row of the table."""
    towns = [town == "Ulm" for town in table()["town"]]
    return tuple(np.where(towns, "yes", "no").tolist())


@cache
def matrix() -> Array:
    """Rows of three numbers, far from 0 and of different sizes."""
    return np.random.default_rng(1).normal(size=(N, 3)) * [1, 10, 100] + [0, 5, 1e3]


@cache
def pictures() -> Array:
    """Rows of 4 by 4 pixels, from 0 to 1."""
    return np.random.default_rng(3).random((N, 16), np.float32)


@cache
def model(name: str) -> Any:
    """A fitted model."""
    rng = np.random.default_rng(2)
    quick: dict[str, Any] = {"max_iter": 5, "random_state": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that five epochs are few
        match name:
            case "net":
                return hg.Net(hg.Linear(3, 4, rng=0), hg.Dropout(0.5), hg.Tanh(), hg.Softmax())
            case "embedding":
                return hg.Net(hg.Embedding(5, 2, rng=0), hg.Tanh())
            case "classifier of two":
                return hg.MLPClassifier((4,), **quick).fit(matrix() / 100, classes())
            case "classifier of three":
                return hg.MLPClassifier((4,), **quick).fit(matrix() / 100, rng.integers(4, 7, N))
            case "scores of two":
                given = quick | {"loss": "hinge"}
                return hg.MLPClassifier((4,), **given).fit(matrix() / 100, classes())
            case "scores of three":
                given = quick | {"loss": "hinge"}
                return hg.MLPClassifier((4,), **given).fit(matrix() / 100, rng.integers(0, 3, N))
            case "regressor":
                mlp = hg.MLPRegressor(hidden_layer_sizes=(4,), **quick)
                return mlp.fit(matrix() / 100, rng.normal(size=(N, 2)))
            case "float32":
                mlp = hg.MLPRegressor(hidden_layer_sizes=(4,), **quick)
                return mlp.fit(matrix().astype(np.float32) / 100, rng.normal(size=N))
            case "scaled rates":
                mlp = hg.MLPRegressor("poisson", (4,), **quick)
                return make_pipeline(StandardScaler(), mlp).fit(matrix(), rng.poisson(3, N))
            case "convolutions":
                convolutions = (
                    hg.Conv2d(1, 3, 3, padding=1, rng=0),
                    hg.layers.BatchNorm2d(3),
                    hg.ReLU(),
                )
                behind = hg.MaxPool2d(2), hg.Flatten(), hg.Linear(12, 4, rng=1)
                net = hg.Net(
                    hg.layers.Reshape(1, 4, 4), hg.layers.RandomShift(1), *convolutions, *behind
                )
                net.seed(0)
                net.forward(pictures())
                return net
            case "pictures":
                classifier = hg.PictureClassifier((4,), **quick)
                return classifier.fit(pictures(), rng.integers(4, 7, N))
            case "encoded":
                mlp = hg.MLPClassifier((4,), **quick)
                return make_pipeline(hg.tables.TableEncoder(), mlp).fit(table(), classes())
            case "encoded and scaled":
                mlp = hg.MLPClassifier((4,), **quick)
                steps = hg.tables.TableEncoder(), StandardScaler(with_mean=False), mlp
                return make_pipeline(*steps).fit(table(), classes())
            case "table of classes":
                tabular = hg.TabularClassifier(2, epochs=2, random_state=0)
                return tabular.fit(table(), classes())
            case "table of numbers":
                regressor = hg.TabularRegressor(3, epochs=2, random_state=0)
                return regressor.fit(table(), matrix()[:, 1])
            case "table of quantiles":
                levels = (0.1, 0.25, 0.75, 0.9)
                regressor = hg.TabularRegressor(3, quantiles=levels, epochs=2, random_state=0)
                return regressor.fit(table(), matrix()[:, 1])
            case "table of amounts":
                regressor = hg.TabularRegressor(3, loss="gamma", epochs=2, random_state=0)
                return regressor.fit(table(), np.exp(matrix()[:, 1]))
            case "table of times":
                survival = hg.TabularSurvival(3, epochs=2, random_state=0)
                return survival.fit(table(), np.abs(matrix()[:, 1]) * np.sign(matrix()[:, 0] + 0.5))
    raise KeyError(name)


OF_NUMBERS = (
    "net",
    "embedding",
    "classifier of two",
    "classifier of three",
    "scores of two",
    "scores of three",
    "regressor",
    "float32",
    "scaled rates",
    "convolutions",
    "pictures",
)
OF_TABLES = (
    *("encoded", "encoded and scaled", "table of classes", "table of numbers"),
    "table of quantiles",
    "table of amounts",
    "table of times",
)
NAMES = OF_NUMBERS + OF_TABLES


def random_table(seed: int) -> dict[str, list[object]]:
    """Columns of random kinds, with odd names, odd texts and gaps."""
    rng = np.random.default_rng(seed)
    odd = [
        "",
        "a'b",
        'c"d',
        "e\\f",
        "g\nh",
        "{i}",
        "%s",
        " j ",
        "ß\u0301",
        "\u2028",
        "3",
        "3.5",
        "-0",
    ]
    found: dict[str, list[object]] = {}
    for i in range(rng.integers(1, 6)):
        name = f"{odd[rng.integers(len(odd))]}{i}"
        values: list[object]
        match rng.integers(6):
            case 0:
                scale = 10.0 ** rng.integers(-30, 30)
                values = (rng.standard_t(2, N) * scale).tolist()
            case 1:
                values = rng.integers(-5, 2**40, N).tolist()
            case 2:
                values = rng.choice([True, False], N).tolist()
            case 3:
                values = rng.choice(odd[: rng.integers(3, len(odd) + 1)], N).tolist()
            case 4:
                values = [f"{odd[k % len(odd)]}{k}" for k in rng.integers(0, 30, N).tolist()]
            case _:
                seconds = rng.integers(-(10**10), 10**10, N).tolist()
                start = datetime.datetime(1970, 1, 1)
                values = [start + datetime.timedelta(seconds=s) for s in seconds]
        gaps = rng.random(N) < rng.choice([0.0, 0.2])
        found[name] = [None if gap else v for gap, v in zip(gaps, values, strict=True)]
    return found
