"""Input checks of plots: tables, targets, names, and the model or its predictions."""

from collections.abc import Sequence, Sized
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from handgrad.engines.config import check_kinds
from handgrad.plots.labels import label
from handgrad.textbook.errors import DataError, SettingError, ShapeError, described
from handgrad.textbook.kinds import Probabilities
from handgrad.textbook.layers import Array, Softmax
from handgrad.textbook.losses import Loss
from handgrad.textbook.metrics.shapes import decided
from handgrad.textbook.net import Net
from handgrad.textbook.net.minibatches import array_of, check_consistent_length
from handgrad.training.results import Classifier, HasNet, Predictions, Predictor, is_classifier

Model = Net | Predictor | Predictions


def table_of(x: object) -> Array:
    """Check `x` as a table of finite numbers, (rows, features)."""
    if isinstance(x, Figure | Axes):
        raise SettingError(
            f"a {type(x).__name__} instead of the rows x",
            "numbers of shape (rows, features), then their targets; axes by keyword",
            "hg.plot_decision_boundary(net, x, y, ax=ax)",
        )
    x = array_of(x, "x")
    if x.dtype.kind not in "fiub" or x.ndim != 2 or 0 in x.shape:
        raise ShapeError(
            f"x of shape {x.shape} and type {x.dtype}",
            "numbers of shape (rows, features), at least one row",
            "x[:, None], for a single feature"
            if x.ndim == 1 and x.size
            else "hg.data.make_moons()",
        )
    if not np.isfinite(x).all():
        raise DataError(
            f"x: NaN or infinity in {(~np.isfinite(x)).any(axis=1).sum()} of {len(x)} rows",
            "finite numbers",
            "drop those rows, x[np.isfinite(x).all(axis=1)]",
        )
    return x


def targets_of(y: object, x: Sized) -> Array:
    """Check `y` as finite numbers, one or several for each row of `x`."""
    y = array_of(y, "y")
    check_consistent_length(y, x)
    if y.dtype.kind not in "fiub" or not np.isfinite(y).all():
        raise DataError(
            f"targets of type {y.dtype}"
            + (", some of them NaN or infinite" if y.dtype.kind == "f" else ""),
            "finite numbers",
            "names, y = np.unique(y, return_inverse=True) turns names into 0, 1, 2 …",
        )
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def numbers_of(y: object, x: Sized) -> Array:
    """Check `y` as one finite number per row of `x`, (n,)."""
    y = targets_of(y, x)
    if y.ndim != 1:
        raise ShapeError(f"y of shape {y.shape}", "one number per row", "y[:, 0], for one column")
    return y


def classes_of(y: object, x: Array, n_classes: float = np.inf) -> Array:
    """Check `y` as classes 0, 1, 2 …, (n,) int64, below `n_classes`."""
    y = targets_of(y, x)
    if y.ndim != 1:
        raise ShapeError(
            f"targets of shape {y.shape}",
            "one class per row",
            "y.argmax(axis=1), if the targets are one-hot",
        )
    odd = y[(y < 0) | (y != np.floor(y)) | (y >= n_classes)]
    if odd.size:
        below = "" if n_classes == np.inf else f", below the net's {n_classes}"
        raise DataError(
            f"a target of {odd[0]:g}",
            f"classes 0, 1, 2 …{below}",
            "names, y = np.unique(y, return_inverse=True) numbers them; "
            "plot_predictions(net, x, y), for numbers",
        )
    return y.astype(np.int64)


def names_of(names: Sequence[str] | None, n: int, what: str) -> list[str]:
    """Names of `n` features or classes; by default numbers, features from 1, classes from 0."""
    if names is None:
        return [label(f"{what} {{}}", i + (what == "feature")) for i in range(n)]
    if isinstance(names, str) or len(names) < n:
        raise SettingError(
            f"{what}_names = {names!r}",
            f"{n} names, one for each {what}",
            "names in the order of the columns" if what == "feature" else "('no', 'yes')",
        )
    return [str(name) for name in names]


def probabilities(model: Net | Classifier, x: object) -> Array:
    """Probabilities of the classes, (n, n_classes), predicted for rows `x`."""
    if isinstance(model, Net):
        return as_probabilities(model, np.asarray(model.predict(x)))
    return np.asarray(model.predict_proba(x))


def as_probabilities(net: Net, p: Array) -> Array:
    """Convert the output `p` of `net` to probabilities of the classes, (n, n_classes).

    One column is the probability of class 1; other numbers are logits for a softmax.
    """
    shape, known = p.shape, isinstance(net.output_kind, Probabilities)
    p = p[:, None] if p.ndim == 1 else p
    if p.ndim == 2 and p.shape[1] == 1 and (known or (p.min() >= 0 and p.max() <= 1)):
        return np.hstack([1 - p, p])
    if p.ndim != 2 or p.shape[1] < 2:
        raise SettingError(
            f"a net whose predictions, of shape {shape}, are not probabilities of classes",
            "a column for each class, or one column with the probability of class 1",
            "plot_predictions(net, x, y), for a net that predicts a number",
        )
    if known or (p.min() >= 0 and np.allclose(p.sum(axis=1), 1, atol=1e-3)):
        return p
    return Softmax().forward(p)


def refuse_other(given: object, kind: type, example: str) -> None:
    """Refuse an argument that is not of a `kind`, which the call in `example` returns."""
    if not isinstance(given, kind):
        made_by = example.partition("(")[0].rpartition(".")[2]
        raise SettingError(described(given), f"the result of {made_by}", example)


def class_predictions(
    model: Model, x: object, y: object, class_names: Sequence[str] | None
) -> Predictions:
    """Predict the classes of the rows `x`, with the true classes `y`."""
    if isinstance(model, Predictions):
        return model
    if is_classifier(model):
        p, known = probabilities(model, x), [*model.classes_]
        predicted, true = (_places(values, known) for values in (model.predict(x), y))
        names = names_of(known if class_names is None else class_names, len(known), "class")
        return Predictions(true, predicted, p, tuple(names))
    check_kinds(net=(model, Net))
    net, x = cast(Net, model), table_of(x)
    output = np.asarray(net.predict(x))
    p = as_probabilities(net, output)
    true = classes_of(y, x, p.shape[1])
    predicted = decided(output, true)[1].ravel().astype(np.int64)
    names = names_of(class_names, p.shape[1], "class")[: p.shape[1]]
    return Predictions(true, predicted, p, tuple(names))


def number_predictions(model: Model, x: object, y: object) -> Predictions:
    """Predict the numbers of the rows `x`, with the true numbers `y`."""
    if isinstance(model, Predictions):
        return model
    predicted = predicted_numbers(model, x)
    return Predictions(numbers_of(y, predicted), predicted)


def predicted_numbers(model: Net | Predictor, x: object) -> Array:
    """Predict one number per row, (n,)."""
    if isinstance(model, Net | type) or not hasattr(model, "predict"):
        check_kinds(net=(model, Net))
        x = table_of(x)
    p = np.asarray(model.predict(x))
    if p.ndim not in (1, 2) or p.size != len(p) or p.dtype.kind not in "fiu":
        raise ShapeError(
            f"predictions of shape {p.shape}"
            + ("" if p.dtype.kind in "fiu" else f", such as {str(p.flat[0])!r}"),
            "one number per row",
            "plot_decision_boundary(net, x, y), for classes",
        )
    return p.reshape(len(p))


def net_of(model: Net | Predictor) -> Net:
    """Net of a model: itself, or that of a fitted estimator."""
    return model if isinstance(model, Net) else _with_net(model).net_


def _with_net(model: Predictor) -> HasNet:
    if isinstance(model, type) or not isinstance(model, HasNet):
        raise SettingError(
            described(model),
            "a net, or a fitted estimator that has one",
            "MLPClassifier().fit(X, y), or hg.Net(…)",
        )
    return model


def net_and_row(model: Net | Predictor, x: object) -> tuple[Net, Array]:
    """Net of a model, and a single row in the form it takes."""
    net, rows, _, _ = net_and_rows(model, x)
    if rows.ndim < 2 or len(rows) != 1:
        raise ShapeError(
            f"x of shape {rows.shape}",
            "a single row, (1, …)",
            "x[None], where x is the row itself" if rows.ndim < 2 else "x[:1], for the first row",
        )
    return net, rows


def net_and_rows(
    model: Net | Predictor, x: object, y: object = None
) -> tuple[Net, Array, Array | None, Loss | None]:
    """Net of a model, rows in the form it takes, and for an estimator targets and loss."""
    if isinstance(model, Net):
        return model, array_of(x, "x"), None if y is None else array_of(y, "y"), None
    estimator = _with_net(model)
    known = np.zeros(len(cast(Sized, x)), int) if y is None else array_of(y, "y")
    if y is not None and is_classifier(model):
        known = _places(y, [*model.classes_])
    rows = estimator.net_rows(x, known)
    return estimator.net_, np.asarray(rows.x), None if y is None else rows.y, rows.loss


def _places(values: object, known: Sequence[object]) -> Array:
    """Index of each row's class in the `known` classes."""
    place = {label: i for i, label in enumerate(known)}
    places = np.array([place.get(label, -1) for label in array_of(values, "y").ravel()], np.int64)
    if (places < 0).any():
        odd = array_of(values, "y").ravel()[places < 0][0]
        raise DataError(
            f"a target of {odd}",
            f"one of the model's classes: {', '.join(map(str, known))}",
            "the rows of those classes, y[np.isin(y, model.classes_)]",
        )
    return places
